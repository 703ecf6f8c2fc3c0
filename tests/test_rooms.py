"""Who may import whom. Each room knows only what lies below it, so each can be read, tested and replaced alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOW = {"confinement", "runtime", "semantic", "rewards", "tasks"}
MAY = {
    "confinement": set(),
    "clients": set(),
    "runtime": {"confinement"},
    "semantic": {"runtime"},
    "rewards": {"runtime", "confinement"},
    "tasks": LOW,
    "envs": LOW,
    "suites": {"runtime", "rewards", "tasks", "clients"},
    "rollouts": LOW | {"envs", "clients"},
    "evaluation": LOW | {"envs", "clients", "rollouts"},
    "training": LOW | {"envs", "clients", "rollouts", "evaluation"},
}
FREE = {"cli", "", "__main__"}  # they hand names on


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "cave_rl").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


KNOWN = modules()


def room(module: str) -> str:
    return [*module.split("."), ""][1]


def imports(module: str) -> Iterator[tuple[str, int, bool]]:
    """Every import of a module of ours: what, on which line, and whether it runs when the module is imported."""
    path = KNOWN[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    later: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            later.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [node.module])]
                )
            targets = [f"{base}.{each.name}" if f"{base}.{each.name}" in KNOWN else base for each in node.names]
        yield from ((each, node.lineno, id(node) not in later) for each in targets if each in KNOWN and each != module)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted({room(module) for module in KNOWN} - FREE))
def test_a_room_imports_only_what_lies_below_it(name: str) -> None:
    assert name in MAY, f"{name} is a room that the table does not know"
    wrong = [
        f"{KNOWN[module].relative_to(ROOT)}:{line}: {name} imports {target}"
        for module in KNOWN
        if room(module) == name
        for target, line, _ in imports(module)
        if room(target) != name and room(target) not in MAY[name]
    ]
    assert wrong == []


def test_what_runs_beside_hostile_code_imports_nothing_of_the_host() -> None:
    wrong = [
        f"{module} imports {target}"
        for module in KNOWN
        if module.startswith("cave_rl.runtime.inside")
        for target, _, _ in imports(module)
        if not target.startswith(("cave_rl.runtime.inside", "cave_rl.confinement"))
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {target for target, _, eager in imports(module) if eager and not module.startswith(target + ".")}
        for module in KNOWN
    }
    state: dict[str, str] = {}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert state.get(module) != "open", " -> ".join([*trail[trail.index(module) :], module])
        if module in state:
            return
        state[module] = "open"
        for target in sorted(graph[module]):
            visit(target, (*trail, module))
        state[module] = "done"

    for module in graph:
        visit(module, ())


def test_importing_the_package_pulls_no_heavy_library() -> None:
    heavy = ("torch", "pandas", "transformers", "trl", "matplotlib", "scipy")
    code = f"import sys, cave_rl; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_runtime_holds_nothing_of_the_host() -> None:
    from cave_rl.runtime import Base, Setup

    with Base() as base, base.template(Setup()) as template, template.start() as runtime:
        value = runtime.execute("import sys\nsorted(n for n in sys.modules if n.startswith('cave_rl'))").value
    loaded = ast.literal_eval(str(value))
    assert {"cave_rl", "cave_rl.runtime"} < set(loaded)
    assert all(
        name.startswith(("cave_rl.runtime.inside", "cave_rl.confinement"))
        for name in set(loaded) - {"cave_rl", "cave_rl.runtime"}
    )
