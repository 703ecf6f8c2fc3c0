"""`cave-rl export` writes a file that every verb takes for a suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.rewards import equals
from cave_rl.suites.types.tasks import suite as types
from cave_rl.tasks import Suite, Task, Turn, registry


def call(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments), prog_name="cave-rl")


def test_what_is_exported_is_evaluated_shown_and_listed(tmp_path: Path) -> None:
    file = str(tmp_path / "types.jsonl")
    result = call("export", "Types-v0", "--split", "heldout", "--tag", "core", "-n", "12", "-o", file)
    assert (result.exit_code, result.stdout) == (0, f"{file}: 12 tasks of Types-v0, split heldout\n")
    listed = json.loads(call("list", "--families", file, "--json").stdout)
    assert [each["name"] for each in listed] == types.select("heldout", tags=["core"])[:12]
    assert {tuple(each["splits"]) for each in listed} == {("heldout",)}
    shown = json.loads(call("show", file, listed[0]["name"], "--run", "--json").stdout)
    assert (shown["split"], shown["run"]["solved"]) == ("heldout", True)
    assert shown["id"] == types.task("heldout", listed[0]["name"], 0).id
    run = str(tmp_path / "run")
    evaluated = call("eval", file, "--split", "heldout", "--model", "gold", "-n", "12", "--json", "-o", run)
    assert json.loads(evaluated.stdout)["success"]["mean"] == 1.0
    more = call("eval", file, "--split", "heldout", "--model", "gold", "-n", "13")
    assert (more.exit_code, more.stderr) == (
        2,
        "cave-rl: Types-v0 is a fixed set of tasks: it has 12 of split 'heldout', not 13; "
        "ask for 12 or fewer (--tasks)\n",
    )


def test_without_a_family_the_first_that_there_is_is_shown(tmp_path: Path) -> None:
    file = str(tmp_path / "types.jsonl")
    assert call("export", "Types-v0", "--family", "sort_list", "-n", "1", "-o", file).exit_code == 0
    assert json.loads(call("show", file, "--json").stdout)["id"] == types.task("test", "sort_list", 0).id


def test_what_cannot_be_written_is_one_line_on_stderr(tmp_path: Path, monkeypatch: Any) -> None:
    suite = Suite("Live-v0")

    @suite.family
    def live(rng: Any) -> Task:
        return Task([Turn(f"Call {rng.random()}.", equals("f", print))])

    monkeypatch.setattr(registry, "_registered", {"Live-v0": suite})
    result = call("export", "Live-v0", "-n", "3", "-o", str(tmp_path / "live.jsonl"))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("cave-rl: task live/")
    assert line.endswith(
        "turns.0.assertions.0: it holds a builtin_function_or_method, which cannot be carried "
        "(is it an instance of a class that is not among the task's types?)"
    )
    assert list(tmp_path.iterdir()) == []
