"""The trusted direction: what a set-up may hand over, and what it may not."""

from __future__ import annotations

import importlib
import py_compile
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cave_rl.rewards import equals
from cave_rl.runtime import Base, Fault, Function, Setup, SetupFault, TransferError, Type, Variable
from cave_rl.runtime.transfer import answer_files, pack
from cave_rl.tasks import Suite, Task, Turn

TASK = Task([Turn("q", equals("x", 5), gold="x = 5")], variables=[Variable("x", 1)])
EXPECTED = equals("x", 5)


def helper(x: int) -> int:
    return x + OFFSET


OFFSET = 3


def uses_helper() -> dict[str, int]:
    return {"made": helper(1)}


def reaches_a_task() -> dict[str, object]:
    return {"made": TASK.turns[0].query}


def reaches_an_assertion() -> dict[str, object]:
    return {"made": EXPECTED}


class Beside:
    """A class in a module that also holds tasks."""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """Writes a module and imports it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make(name: str, source: str) -> ModuleType:
        path = tmp_path.joinpath(*name.split("."))
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent != tmp_path:
            (path.parent / "__init__.py").touch()
            made.append(name.partition(".")[0])
        path.with_suffix(".py").write_text(textwrap.dedent(source))
        made.append(name)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield make
    for name in made:
        sys.modules.pop(name, None)


def test_functions_of_a_module_that_holds_tasks_go_by_value_with_what_they_refer_to(base: Base) -> None:
    setup = Setup(functions=(Function(helper),), run=uses_helper)
    with base.template(setup) as template, template.start() as runtime:
        assert runtime.execute("helper(2), made").value == "(5, 4)"
        assert runtime.execute(f"import sys\n{__name__!r} in sys.modules").value == "False"


def test_closures_lambdas_and_local_classes_go_by_value(base: Base) -> None:
    secret_free = {"k": [1, 2]}

    def more() -> dict[str, object]:
        return {"made": secret_free["k"], "later": lambda: secret_free}

    with base.template(Setup(run=more)) as template, template.start() as runtime:
        assert runtime.execute("made, later()").value == "([1, 2], {'k': [1, 2]})"


@pytest.mark.parametrize(
    "setup",
    [
        Setup(variables=(Variable("t", TASK),)),
        Setup(variables=(Variable("t", [{"deep": TASK.turns}]),)),
        Setup(variables=(Variable("e", EXPECTED),)),
        Setup(variables=(Variable("s", Suite("Some-v0")),)),
        Setup(variables=(Variable("cls", Task),)),
        Setup(functions=(Function(lambda: TASK, name="f"),)),
        Setup(run=reaches_a_task),
        Setup(run=reaches_an_assertion),
    ],
    ids=["task", "turns", "assertion", "suite", "class", "function", "set-up", "set-up with assertion"],
)
def test_a_set_up_that_reaches_tasks_or_assertions_is_refused(base: Base, setup: Setup) -> None:
    with pytest.raises(TransferError, match="belongs to the tasks"):
        base.template(setup)


def test_a_closure_over_a_task_is_refused(base: Base) -> None:
    held = [TASK]

    def run() -> dict[str, object]:
        return {"n": len(held)}

    with pytest.raises(TransferError, match="belongs to the tasks"):
        base.template(Setup(run=run))


def test_a_class_beside_tasks_is_refused_and_told_where_to_go(base: Base) -> None:
    with pytest.raises(TransferError, match=r"class Beside .* holds tasks or assertions.*module of its own"):
        base.template(Setup(types=(Type(Beside),)))


def test_a_world_that_imports_a_name_from_tasks_is_refused(base: Base, module: Callable[..., ModuleType]) -> None:
    module("answers_a", "from cave_rl.tasks import Suite\nsuite = Suite('A-v0')")
    world = module("world_a", "from answers_a import suite\nclass W:\n    pass")
    with pytest.raises(TransferError, match="holds tasks or assertions"):
        base.template(Setup(types=(Type(world.W),)))


def test_a_world_that_imports_the_tasks_module_is_refused(base: Base, module: Callable[..., ModuleType]) -> None:
    module("answers_b", "from cave_rl.tasks import Suite\nsuite = Suite('B-v0')")
    world = module("world_b", "import answers_b\nclass W:\n    pass\ndef f():\n    return 1")
    with pytest.raises(Fault, match=r"answers_b.*tasks or assertions|cave_rl has no"):
        base.template(Setup(types=(Type(world.W),)))


def test_a_world_that_imports_tasks_of_plain_data_is_refused_by_what_they_import(
    base: Base, module: Callable[..., ModuleType]
) -> None:
    world = module("world_c", "from cave_rl.rewards import equals\nclass W:\n    pass")
    with pytest.raises(Fault, match=r"tasks or assertions|cave_rl has no"):
        base.template(Setup(types=(Type(world.W),)))


def test_a_world_that_imports_the_host_side_is_told_why_it_cannot(
    base: Base, module: Callable[..., ModuleType]
) -> None:
    world = module("world_d", "from cave_rl.runtime import Function\nclass W:\n    pass\ndef f():\n    return W()")
    with pytest.raises(SetupFault, match="cave_rl has no Function in a runtime"):
        base.template(Setup(types=(Type(world.W),)))


def test_the_files_of_tasks_cannot_be_read_even_in_a_package_that_may_be(
    base: Base, module: Callable[..., ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    package = site / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "world.py").write_text("class Item:\n    price = 3\n")
    (package / "tasks.py").write_text("from cave_rl.tasks import Suite\nsuite = Suite('Shop-v0')\nCANARY = 4711\n")
    importlib.invalidate_caches()
    world, tasks = importlib.import_module("shop.world"), importlib.import_module("shop.tasks")
    compiled = py_compile.compile(str(package / "tasks.py"))
    try:
        with base.template(Setup(types=(Type(world.Item),))) as template, template.start() as runtime:
            assert runtime.execute("Item.price").value == "3"
            assert runtime.execute(f"len(open({str(package / 'world.py')!r}).read()) > 0").value == "True"
            for path in [tasks.__file__, compiled]:
                assert runtime.execute(f"open({path!r}, 'rb').read()").error.type == "PermissionError"  # type: ignore[union-attr]
            assert runtime.execute("import shop.tasks").error is not None
    finally:
        for name in ("shop", "shop.world", "shop.tasks"):
            sys.modules.pop(name)


def test_answer_files_are_the_modules_that_hold_tasks() -> None:
    assert __file__ in answer_files()


def test_what_cannot_be_pickled_is_a_fault_that_names_the_variable(base: Base) -> None:
    with pytest.raises(TransferError, match=r"cannot hand the set-up \(gen\)"):
        base.template(Setup(variables=(Variable("gen", (x for x in "abc")),)))


def test_a_packed_value_can_never_be_written_again() -> None:
    import os

    packed = pack({"a": 1})
    with pytest.raises(PermissionError):
        os.pwrite(packed.fd, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(packed.fd, 0)
    packed.close()


def test_the_judge_may_be_handed_tasks_and_is_told_which_modules_they_need() -> None:
    packed = pack((TASK.turns[0].assertions, Beside), to_judge=True)
    assert {__name__, "cave_rl.rewards.assertions"} <= packed.modules
    packed.close()
