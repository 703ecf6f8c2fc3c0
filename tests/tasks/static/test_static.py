"""Tasks go to a file and come back the same; a file is a suite; reading one runs nothing that was not allowed."""

from __future__ import annotations

import functools
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cave_rl.envs import CaveEnv
from cave_rl.evaluation import choose, evaluate
from cave_rl.rewards import answer_contains, close, deleted, equals, satisfies
from cave_rl.rewards.statements import Statements
from cave_rl.rollouts import gold, play_messages
from cave_rl.runtime import Function, Pool, Type, Variable
from cave_rl.suites.types.tasks import suite as types
from cave_rl.suites.types.world import Account
from cave_rl.tasks import Episode, EpisodeConfig, Mixture, NearMiss, SuiteError, Task, Turn, draw_rows, find, split_of
from cave_rl.tasks.static import StaticError, StaticSuite, dump, load
from tests.tasks.static.test_portable import VALUES

HERE = __name__
NAMES = st.sampled_from(["a", "b", "c"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def even(value: Any) -> bool:
    return value % 2 == 0


def doubled(state: Any, before: Any) -> None:
    assert state.n == 2 * before.n, "twice"


def helper(x: int) -> int:
    """Adds one."""
    return x + 1


def make() -> dict[str, Any]:
    return {"made": 1}


ASSERTIONS = st.one_of(
    st.builds(equals, NAMES, VALUES),
    st.builds(
        close, NAMES, st.floats(-9, 9), relative=st.sampled_from([1e-6, 0.1]), weight=st.sampled_from([1.0, 2.0])
    ),
    st.builds(deleted, NAMES),
    st.builds(answer_contains, TEXT),
    st.just(satisfies("a", even, "even")),
    st.just(Statements.of(doubled, weight=3.0, reads={"other"})),
)
TURNS = st.builds(
    Turn,
    TEXT,
    st.lists(ASSERTIONS, min_size=1, max_size=3),
    changes=st.sets(NAMES),
    gold=st.lists(TEXT, max_size=2),
    near_misses=st.lists(st.builds(NearMiss, st.lists(TEXT, max_size=2), st.none() | TEXT), max_size=2),
    event=st.sampled_from([None, "a = 1"]),
    max_steps=st.none() | st.integers(1, 9),
    weight=st.sampled_from([1.0, 0.5]),
    refusal=st.booleans(),
)
TASKS = st.builds(
    Task,
    st.lists(TURNS, min_size=1, max_size=2),
    st.dictionaries(NAMES, st.tuples(VALUES, st.none() | TEXT), max_size=2).map(
        lambda each: [Variable(name, *rest) for name, rest in each.items()]
    ),
    st.sampled_from([(), (Function(helper),), (Function(helper, "adds", name="plus"),)]),
    st.sampled_from([(), (Type(Account, "money"),)]),
    setup=st.sampled_from([None, "import math", make]),
    modules=st.sampled_from([(), ("numpy", "pandas")]),
    tags=st.lists(TEXT, max_size=2),
    difficulty=st.sampled_from([None, 1, 2.5]),
    suite=st.sampled_from(["", "Made-v0"]),
    family=st.sampled_from(["", "f", "g"]),
    seed=st.none() | st.integers(0, 9),
)


def told(task: Task) -> list[Any]:
    """All that a task holds, in a form that can be compared; values by their encoding, in `content`."""
    turns = [
        [getattr(turn, each.name) for each in fields(turn) if each.name != "assertions"]
        + [(each.names, each.weight, each.reads) for each in turn.assertions]
        for turn in task.turns
    ]
    plain = [getattr(task, each.name) for each in fields(task) if each.name not in ("turns", "variables")]
    return [task.content, turns, plain, [(each.name, each.description) for each in task.variables]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(TASKS)
def test_a_task_comes_back_as_it_was(tmp_path: Path, task: Task) -> None:
    file = tmp_path / "tasks.jsonl"
    dump([task], file)
    (back,) = load(file, allow=[HERE], setup=True).tasks(split_of(task))
    assert told(back) == told(task)
    text = file.read_text()
    dump([back], file)
    assert file.read_text() == text


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test split of the shipped suite, each family twice."""
    file = tmp_path_factory.mktemp("static") / "types.jsonl"
    chosen = choose(types, "test", 2 * len(types.names("test")))
    assert dump(chosen, file, split="test", examples=types.examples) == len(chosen)
    return file


def test_a_file_of_the_shipped_suite_is_the_suite(exported: Path, pool: Pool) -> None:
    back = load(exported)
    count = 2 * len(types.names("test"))
    assert (back.name, back.names("test"), back.names("train")) == ("Types-v0", types.names("test"), [])
    assert [task.id for task in back.tasks("test")] == [task.id for task in types.tasks("test", n=count)]
    assert [task.id for task in back.examples] == [task.id for task in types.examples]
    assert {name: set(family.tags) for name, family in back.families.items()} == {
        name: set(back.families[name].tags) for name in types.names("test")
    }
    assert back.select("test", tags=["core"]) == types.select("test", tags=["core"])
    chosen = choose(back, "test", count)[::2]
    found = evaluate(lambda each: play_messages(each, gold), chosen, pool=pool, config=EpisodeConfig())
    assert (found.success().mean, found.faults) == (1.0, 0)


def test_a_file_is_found_wherever_a_suite_is(exported: Path) -> None:
    assert isinstance(find(str(exported)), StaticSuite)
    env = CaveEnv(str(exported), split="test", families=["sort_list"])
    assert len({env.reset(seed=seed)[1]["task"]["id"] for seed in range(12)}) == 2
    env.close()
    mixed = Mixture({load(exported, name="Fixed-v0"): 1.0, types: 2.0})
    parts = [name.partition(":")[0] for name in islice(mixed.turns(mixed.names("test")), 9)]
    assert Counter(parts) == {"Fixed-v0": 3, "Types-v0": 6}
    assert next(mixed.tasks("test", families=["Fixed-v0:sort_list"])).id in {t.id for t in load(exported).tasks("test")}
    rows = draw_rows(load(exported), "test", 6, families=["sort_list", "increase", "multiply"])
    assert len({row["task"] for row in rows}) == 6
    with pytest.raises(SuiteError, match="'sort_list' of Types-v0 gave no new task"):
        draw_rows(load(exported), "test", 3, families=["sort_list"])


def numbered(n: int, family: str = "f", **changes: Any) -> Task:
    turn = Turn("Double n.", equals("n", 2 * n), changes=["n"], gold="n *= 2")
    return Task([turn], [Variable("n", n)], family=family, **changes)


def test_its_numbers_come_round_and_its_tasks_come_once(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    dump([numbered(1), numbered(2), numbered(3, "g")], file, split="test")
    back = load(file)
    assert [back.task("test", "f", index).content for index in (0, 2, 10**6)] == [numbered(1).content] * 3
    assert [task.variables[0].value for task in back.tasks("test")] == [1, 2, 3]
    assert len(list(back.tasks("test", n=2))) == len(list(back.tasks("test", families=["f"]))) == 2
    with pytest.raises(SuiteError, match="it has 3 of split 'test', not 4"):
        list(back.tasks("test", n=4))
    with pytest.raises(SuiteError, match="no level can be asked for"):
        back.task("test", "f", 0, difficulty=1)
    with pytest.raises(SuiteError, match="no family 'f' in split 'train'"):
        back.task("train", "f", 0)


def test_a_split_is_what_the_line_says_or_by_content(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    tasks = [numbered(n) for n in range(60)]
    dump(tasks, file)
    back = load(file)
    for split in ("train", "validation", "test"):
        assert [t.content for t in back.tasks(split)] == [t.content for t in tasks if split_of(t) == split]
    dump(tasks, file, split="heldout")
    assert len(list(load(file).tasks("heldout"))) == 60
    assert load(file).families["f"].held_out


# what cannot be written


@dataclass(frozen=True)
class Odd:
    """An assertion of one's own."""

    names: tuple[str, ...] = ("odd",)
    weight: float = 1.0
    reads: frozenset[str] = frozenset({"n"})

    def check(self, evidence: Any) -> list[Any]:
        return []


@dataclass(frozen=True)
class Later(Task):
    """What a task may be one day."""

    worlds: tuple[str, ...] = ()


def local_assertion() -> Any:
    expected = 2

    def check(state: Any) -> None:
        assert state.n == expected

    return check


SHARED = [1, 2]


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (numbered(1).but(variables=[Variable("n", print)]), "variables.n: it holds a builtin_function_or_method"),
        (numbered(1).but(variables=[Variable("n", Account("Ada"))]), "variables.n: it holds a .*Account.*task's types"),
        (numbered(1).but(functions=[Function(lambda: 1, name="f")]), "functions.f: .* is a lambda"),
        (numbered(1).but(types=[Type(type("Local", (), {}))]), "types.Local: .*leads to something else"),
        (numbered(1).but(setup=functools.partial(make)), "setup: a partial has no name"),
        (
            numbered(1).but(variables=[Variable("n", SHARED), Variable("m", SHARED)]),
            "variables: two of them share an object",
        ),
        (numbered(1).but(turns=[Turn("?", local_assertion())]), "turns.0.assertions.0: local_assertion.*as data"),
        (numbered(1).but(turns=[Turn("?", Odd())]), "turns.0.assertions.0: a Odd is no assertion that is data"),
        (numbered(1).but(turns=[Turn("?", [equals("n", 1), equals("n", print)])]), "turns.0.assertions.1: it holds a"),
        (numbered(1).but(turns=[Turn("?", satisfies("n", lambda n: n, "x"))]), "turns.0.assertions.0: .* a lambda"),
        (Later(numbered(1).turns, worlds=("bank",)), "worlds: a file cannot hold it"),
    ],
)
def test_what_cannot_be_written_is_told_by_task_field_and_reason(tmp_path: Path, task: Task, reason: str) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text("as it was")
    with pytest.raises(StaticError, match=rf"task \w+/\w+ cannot be written: {reason}"):
        dump([numbered(7), task], file)
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.jsonl"]
    assert file.read_text() == "as it was"


def test_a_field_that_is_not_used_is_no_hindrance(tmp_path: Path) -> None:
    dump([Later(numbered(1).turns)], tmp_path / "tasks.jsonl")


# what cannot be read


def line(**changes: Any) -> str:
    turn = {"query": "Double n.", "assertions": [{"kind": "Equals", "variable": "n", "expected": 2}]}
    data = {"version": 1, "family": "f", "variables": [{"name": "n", "value": 1}], "turns": [turn]}
    return json.dumps({**data, **changes})


def asserting(**assertion: Any) -> str:
    return line(turns=[{"query": "?", "assertions": [assertion]}])


def test_a_line_can_be_written_by_hand(tmp_path: Path, pool: Pool) -> None:
    turn = {"query": "Double n.", "assertions": [{"kind": "Equals", "variable": "n", "expected": 2}]}
    file = tmp_path / "tasks.jsonl"
    file.write_text(f"{line(split='test', turns=[{**turn, 'changes': ['n'], 'gold': ['n *= 2']}])}\n\n{line()}")
    back = load(file)
    assert back.name == "Static-v0"
    (task,) = back.tasks("test")
    found = evaluate(lambda each: play_messages(each, gold), [task], pool=pool, config=EpisodeConfig())
    assert found.success().mean == 1.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", r"Expecting property name"),
        ("[1]", "TaskLine|dictionary"),
        (line(version=2), "version: Input should be 1"),
        (line(turns=[]), "a task needs at least one turn"),
        (line(familly="f"), "familly: there is no such key; did you mean 'family'"),
        (line(variables=[{"name": "n", "val": 1}]), "variables.0.value: Field required"),
        (line(variables=[{"name": "n", "value": 1, "vlue": 2}]), "variables.0.vlue: .*did you mean 'value'"),
        (line(variables=[{"name": "n-1", "value": 1}]), "'n-1' is not a Python identifier"),
        (line(variables=[{"name": "n", "value": {"$claim": "?"}}]), "variables.n: its claim cannot be read"),
        (line(split="dev"), "split: Input should be"),
        (line(difficulty="hard"), "difficulty"),
        (line(turns=[{"query": "?", "assertions": []}]), "asserts nothing"),
        (line(turns=[{"query": "?", "asertions": []}]), "turns.0"),
        (asserting(kind="Equal", variable="n", expected=1), "turns.0.assertions.0: kind: .*did you mean 'Equals'"),
        (asserting(variable="n"), "kind: no assertion None"),
        (asserting(kind="Equals", variable="n"), "turns.0.assertions.0: .*missing .*'expected'"),
        (asserting(kind="Equals", variable="n", expcted=1), "Equals has no 'expcted'; did you mean 'expected'"),
        (asserting(kind="Satisfies", variable="n", predicate="os:system", description="x"), "a reference looks like"),
        (asserting(kind="Statements", function="x"), "missing .*'names'"),
        (asserting(kind="Statements", function="x", names=[]), "a reference looks like 'module:name', not 'x'"),
        (asserting(kind="Statements", function=f"{HERE}:doubled", names=["thrice"]), "asserts .'twice'. now, and did"),
        (asserting(kind="Statements", function=f"{HERE}:helper", names=["x"]), "takes 'x'; it may take state"),
        (line(types=[{"type": f"{HERE}:helper"}]), f"types: {HERE}:helper is no type"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_its_number(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(f"{line()}\n{text}\n")
    with pytest.raises(StaticError, match=rf"tasks.jsonl, line 2: .*{reason}"):
        load(file, allow=[HERE])


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(StaticError, match=r"cannot read .*gone.jsonl: No such file"):
        find(str(tmp_path / "gone.jsonl"))
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(StaticError, match="holds no task"):
        load(tmp_path / "empty.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(StaticError, match="cannot read"):
        load(tmp_path / "binary.jsonl")
    with pytest.raises(StaticError, match=r"cannot write .*No such file"):
        dump([numbered(1)], tmp_path / "no" / "where.jsonl")


# what a file may do


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that leaves a mark when it is imported."""
    mark = tmp_path / "mark"
    (tmp_path / "trap.py").write_text(
        f"import os\nopen({str(mark)!r}, 'w').close()\ndef check(state):\n    assert state.n\nclass Thing: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield mark
    sys.modules.pop("trap", None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (asserting(kind="Statements", function="trap:check", names=["state.n"]), "would import trap, which was not"),
        (
            asserting(kind="Satisfies", variable="n", description="x", predicate={"$function": "trap:check"}),
            "would import trap",
        ),
        (line(types=[{"type": "trap:Thing"}]), r"types: .*would import trap.*load\(..., allow=\['trap'\]\)"),
        (line(functions=[{"function": "trap:check", "name": "f"}]), "functions: .*would import trap"),
        (line(modules=["trap"]), "modules: trap was not allowed"),
        (line(setup_function="trap:check"), "setup: it would run unconfined"),
        (line(setup="import trap"), "setup: it would run unconfined"),
        (line(functions=[{"function": "trap.os:system", "name": "f"}]), "functions: .*would import trap.os"),
    ],
)
def test_nothing_is_imported_and_nothing_set_up_that_was_not_allowed(
    tmp_path: Path, trap: Path, text: str, reason: str
) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(text)
    for read in (load, lambda path: find(str(path))):
        with pytest.raises(StaticError, match=rf"line 1: .*{reason}"):
            read(file)
    assert not trap.exists()


def test_what_is_allowed_is_imported_and_only_what_it_defines_is_reached(tmp_path: Path, trap: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(asserting(kind="Statements", function="trap:check", names=["state.n"]))
    assert load(file, allow=["trap"]).names("train") + load(file, allow=["trap"]).names("test") != []
    assert trap.exists()
    file.write_text(line(functions=[{"function": "trap:os.system", "name": "f"}]))
    with pytest.raises(StaticError, match=r"trap:os\.system is no function or class that is defined there"):
        load(file, allow=["trap"])


def test_source_runs_when_a_task_is_played_and_not_when_it_is_read(tmp_path: Path, pool: Pool) -> None:
    mark = tmp_path / "mark"
    touch = f"open({str(mark)!r}, 'w').close()"
    task = numbered(1).but(setup=touch, turns=[with_gold(numbered(1).turns[0], f"{touch}\nn *= 2")])
    file = tmp_path / "tasks.jsonl"
    dump([task], file, split="test")
    (back,) = load(file, setup=True).tasks("test")
    assert not mark.exists()
    (rollout,) = play_messages([episode_of(back.but(setup=None), pool)], gold)
    assert rollout.outcomes[0] == "error", "gold is confined"
    assert not mark.exists()
    (rollout,) = play_messages([episode_of(back, pool)], gold)
    assert mark.exists(), "a set-up is not, which is why a file's must be allowed"


def with_gold(turn: Turn, cell: str) -> Turn:
    return Turn(turn.query, turn.assertions, changes=turn.changes, gold=cell)


def episode_of(task: Task, pool: Pool) -> Any:
    return Episode(task, pool=pool, config=EpisodeConfig())


def test_no_rollout_may_read_the_file_though_it_lies_in_a_package_that_it_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: Pool
) -> None:
    package = tmp_path / "site-packages" / "cave_static_shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "world.py").write_text("class Thing:\n    pass\n")
    (package / "words.txt").write_text("may be read")
    monkeypatch.syspath_prepend(package.parent)
    look = f"n = [open(file).read()[:3] for file in ({str(package / 'words.txt')!r}, {str(package / 'tasks.jsonl')!r})]"
    task = numbered(1).but(turns=[with_gold(numbered(1).turns[0], look)])
    file = package / "tasks.jsonl"
    dump([task], file, split="test")
    data = json.loads(file.read_text())
    file.write_text(json.dumps({**data, "types": [{"type": "cave_static_shop.world:Thing"}]}))
    (back,) = load(file, allow=["cave_static_shop"]).tasks("test")
    (rollout,) = play_messages([episode_of(back, pool)], gold)
    assert rollout.outcomes[0] == "error"
    said = rollout.episode.messages[-2]["content"]
    assert "PermissionError" in said
    assert "tasks.jsonl" in said
