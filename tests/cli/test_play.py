"""`cave-rl play`: a person as the policy. Runtimes and judges are real; what is typed comes from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.cli import human
from cave_rl.evaluation.report import read
from cave_rl.rewards.assertions import answer_contains, equals
from cave_rl.runtime.primitives import Function, Variable
from cave_rl.tasks import registry
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task, Turn
from tests.tasks.shop import suite as shop_suite

SOLVED = ["n = 2 * n", "", ":answer", ":answer it is 84"]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(autouse=True)
def _suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    suite = Suite("Play-v0")

    @suite.family
    def double(rng: Any) -> Task:
        first = Turn("Double n.", equals("n", 84), changes=["n"])
        second = Turn("What is n now?", answer_contains("84"))
        variables = [Variable("n", 42, "a number"), Variable("other", rng.random())]
        return Task([first, second], variables=variables, functions=[Function(add)])

    @suite.family(held_out=True)
    def broken(rng: Any) -> Task:
        return Task([Turn(f"{rng.random()}?", equals("x", 1))], setup="raise OSError('disk')")

    registry.register(suite)


def play(typed: list[str], *arguments: object) -> Any:
    text = "".join(f"{each}\n" for each in typed)
    return CliRunner().invoke(cli.app, ["play", "Play-v0", *map(str, arguments)], input=text, prog_name="cave-rl")


def test_a_task_is_played_to_its_verdicts() -> None:
    result = play(SOLVED)
    assert result.exit_code == 0, result.output
    text = result.stdout
    for part in ("n: int", "a number", "def add(a: int, b: int) -> int", "Turn 1 of 2", "Double n.", "What is n now?"):
        assert part in text
    assert text.index("What is n now?") < text.index("pass  assertion  n equals"), "verdicts come at the end"
    assert text.splitlines()[-1] == "reward 1, solved"


def test_what_is_not_solved_exits_1_and_says_why() -> None:
    result = play(["n = 3", "", ":answer", ":answer"])
    assert result.exit_code == 1
    assert "FAIL  assertion  n equals: n: expected int 84, got int 3" in result.stdout
    assert result.stdout.splitlines()[-1] == "reward 0, NOT SOLVED"


def test_a_cell_goes_on_until_an_empty_line_outside_brackets_and_strings() -> None:
    cell = [
        "def f(x):",
        "    return [",
        "        x,",
        "",
        "    ]",
        "text = '''a",
        "",
        "b'''",
        "print(f(1), repr(text))",
        "",
    ]
    assert "[1] 'a\\n\\nb'" in play([*cell, ":quit"]).stdout


def test_what_is_no_python_is_sent_too_and_the_runtime_says_so() -> None:
    assert "SyntaxError" in play(["x ===", "", ":quit"]).stdout


def test_the_state_is_looked_at_without_being_changed() -> None:
    """Even a value that changes when it is shown does not."""
    cell = [
        "class Shy:",
        "    seen = 0",
        "    def __repr__(self):",
        "        Shy.seen += 1",
        "        return 'shy'",
        "s = Shy()",
        "",
    ]
    result = play([*cell, ":state", ":state", "print('seen', Shy.seen)", "", ":quit"])
    assert result.stdout.count("n = 42") == 2
    assert result.stdout.count("s = shy") == 2
    assert "seen 0" in result.stdout
    assert "add = " not in result.stdout


def test_a_value_that_cannot_be_shown_does_not_hide_the_others() -> None:
    cell = ["class Bad:", "    def __repr__(self):", "        raise OSError", "a_bad = Bad()", ""]
    text = play([*cell, ":state", ":quit"]).stdout
    assert "a_bad = (error when looked at)" in text
    assert "n = 42" in text


def test_a_state_that_is_lost_is_told() -> None:
    result = play(["import os; os._exit(1)", "", ":quit"])
    assert result.exit_code == 1
    assert "reward 0, NOT SOLVED" in result.stdout, "that ends the episode"


def test_threads_make_the_state_impossible_to_look_at() -> None:
    cell = ["import threading, time", "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()", ""]
    assert "it cannot be shown: cells left 1 threads running" in play([*cell, ":state", ":quit"]).stdout


def test_help_and_the_prompt_are_shown_and_are_no_steps() -> None:
    result = play([":help", ":prompt", ":halp", "", *SOLVED], "--max-steps", 2)
    assert result.exit_code == 0, "asking costs nothing"
    assert "an empty line runs it" in result.stdout
    assert "[system]" in result.stdout
    assert "there is no :halp" in result.stdout


@pytest.mark.parametrize("typed", [[":quit"], [], ["n = 84", "", ":quit"], ["n = 84"]])
def test_giving_up_judges_nothing_and_exits_1(typed: list[str]) -> None:
    result = play(typed)
    assert result.exit_code == 1
    assert "given up" in result.stdout
    assert "assertion" not in result.stdout


def test_an_interrupt_forgets_what_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["n = 5", KeyboardInterrupt(), *SOLVED])

    def asked(prompt: str) -> str:
        said = next(typed)
        if isinstance(said, BaseException):
            raise said
        return said

    monkeypatch.setattr(human, "input", asked, raising=False)
    assert play([]).exit_code == 0


def test_what_was_played_is_kept_where_asked_and_can_be_reported(tmp_path: Path) -> None:
    for _ in range(2):
        assert play(SOLVED, "double/0", "-o", tmp_path / "me").exit_code == 0
    (run,) = read([tmp_path / "me"])
    assert [each.result for each in run.episodes] == ["solved", "solved"]
    assert [m["content"] for m in run.episodes[0].row["messages"] if m["role"] == "assistant"][-1] == "it is 84"


def test_a_fault_of_ours_is_no_failure_of_the_players() -> None:
    result = play([], "broken")
    assert (result.exit_code, "disk" in result.stderr) == (2, True)
    assert "NOT SOLVED" not in result.stdout


def test_a_task_that_is_not_there_is_told() -> None:
    result = play([], "duoble")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean 'double'?" in result.stderr


def test_a_person_talks_with_the_tasks_user() -> None:
    price = shop_suite.task("train", "lamps", 0).variables[0].value
    typed = [":answer How many?", "total = 3 * price", "", f":answer That is {3 * price}."]
    text = "".join(f"{each}\n" for each in typed)
    result = CliRunner().invoke(cli.app, ["play", "tests.tasks.shop:suite", "lamps"], input=text, prog_name="cave-rl")
    assert result.exit_code == 0, result.output
    at = [result.stdout.index(part) for part in ("I want lamps.", "Three.", "Thanks!", "reward 1, solved")]
    assert at == sorted(at)
