"""What the commands print and how they exit. Suites and runtimes are real; in places `doctor` has a made-up machine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest
from typer.testing import CliRunner

from cave_rl import cli, confinement
from cave_rl.cli import doctor, play
from cave_rl.confinement import Confinement
from cave_rl.envs.env import CaveEnv
from cave_rl.rewards.assertions import answer_contains, equals
from cave_rl.runtime.primitives import Variable
from cave_rl.tasks import registry
from cave_rl.tasks.config import EpisodeConfig, PromptConfig
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import NearMiss, Task, TaskError, Turn
from tests.tasks.shop import SYSTEM


def call(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments), prog_name="cave-rl")


def told(*arguments: str) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite of a good family, a bad one and a held-out one."""
    monkeypatch.setattr(registry, "_registered", {})
    suite = Suite("Cli-v0", description="for tests of the command line")

    @suite.family(tags=("core",))
    def double(rng: Any) -> Task:
        n = rng.randrange(1000)
        first = Turn(
            "Double n.", equals("n", 2 * n), changes=["n"], gold=["m = n", "n = 2 * m"],
            near_misses=[NearMiss("n += 2", fails="n equals")],
        )  # fmt: skip
        second = Turn("What is n now?", answer_contains(str(2 * n)), gold="print(n)", event="print('hello')")
        return Task([first, second], variables=[Variable("n", n)])

    @suite.family
    def wrong(rng: Any) -> Task:
        n = rng.randrange(1000)
        return Task([Turn("Double n.", equals("n", 2 * n), changes=["n"], gold="n += 1")], variables=[Variable("n", n)])

    @suite.family(held_out=True)
    def triple(rng: Any) -> Task:
        n = rng.randrange(1000)
        return Task([Turn("Triple n.", equals("n", 3 * n), changes=["n"])], variables=[Variable("n", n)])

    registry.register(suite)
    return suite


# list


def test_list_tells_suites_with_families_per_split(suite: Suite) -> None:
    (found,) = [each for each in told("list") if each["name"] == "Cli-v0"]
    assert found["description"] == "for tests of the command line"
    assert found["families"] == {"train": 2, "validation": 2, "test": 2, "heldout": 1}
    assert found["module"] == __name__


def test_list_is_plain_off_a_terminal() -> None:
    result = call("list")
    assert result.exit_code == 0
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    assert result.stdout.splitlines()[0].split() == [
        "suite", "train", "validation", "test", "heldout", "module", "description",
    ]  # fmt: skip


def test_families_are_listed_with_an_example(suite: Suite) -> None:
    found = told("list", "--families", "Cli-v0")
    assert found[0] == {
        "name": "double",
        "splits": ["train", "validation", "test"],
        "tags": ["core"],
        "example": "Double n. / What is n now?",
    }
    assert found[2]["splits"] == ["heldout"]
    assert "Triple n." in call("list", "--families", "Cli-v0").stdout


def test_a_family_whose_package_is_missing_does_not_hide_the_others(suite: Suite) -> None:
    @suite.family
    def framed(rng: Any) -> Task:
        raise ModuleNotFoundError("No module named 'pandas'", name="pandas")

    assert [each["example"] for each in told("list", "--families", "Cli-v0")][-1] == "(needs pandas)"


def test_a_broken_suite_does_not_hide_the_others(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, "Broken-v0", suite)
    whole = registry.find

    def find(name: str) -> Suite:
        if name == "Broken-v0":
            raise RuntimeError("its data is gone")
        return whole(name)

    monkeypatch.setattr(registry, "find", find)
    found = {each["name"]: each["description"] for each in told("list")}
    assert found["Broken-v0"] == "cannot be loaded: RuntimeError: its data is gone"
    assert "Cli-v0" in found
    assert call("list").exit_code == 0


# show


@pytest.mark.parametrize("style", ["cave", "compact"])
def test_show_tells_the_very_messages_an_episode_opens_with(suite: Suite, style: str) -> None:
    shown = told("show", "Cli-v0", "double/2", "--style", style)
    env = CaveEnv("Cli-v0", config=EpisodeConfig(prompt=PromptConfig(style=style)))
    env.reset(seed=0, options={"family": "double", "index": 2})
    assert shown["messages"] == env.messages
    assert shown["id"] == env.episode.task.id
    env.close()


def test_show_tells_how_it_is_judged(suite: Suite) -> None:
    first, second = told("show", "Cli-v0", "double")["turns"]
    assert first["gold"] == ["m = n", "n = 2 * m"]
    assert first["changes"] == ["n"]
    assert first["assertions"] == [{"name": "n equals", "weight": 1.0, "reads": ["n"]}]
    assert first["near_misses"] == [{"cells": ["n += 2"], "fails": "n equals"}]
    assert second["event"] == "print('hello')"
    text = call("show", "Cli-v0", "double").stdout
    for part in ("Double n.", "n = 2 * m", "n += 2", "n equals", "print('hello')", "Turn 2 of 2", "May change: n"):
        assert part in text
    assert "\x1b" not in text


def test_show_tells_who_the_user_is_and_plays_it_by_its_script() -> None:
    shown = told("show", "tests.tasks.shop:suite", "lamps", "--run")
    (turn,) = shown["turns"]
    assert (turn["query"], turn["user"][0], turn["user"][1]["system"]) == ("", "LLMUser", SYSTEM)
    assert turn["gold"][:2] == [{"say": "How many?"}, "total = 3 * price"]
    assert shown["run"]["solved"]
    text = call("show", "tests.tasks.shop:suite", "lamps").stdout
    for part in ("(what the user says first)", "User: LLMUser", SYSTEM[:40], "Says: How many?"):
        assert part in text


def test_show_finds_a_task_by_family_number_and_split(suite: Suite) -> None:
    def path(*arguments: str) -> str:
        shown = told("show", "Cli-v0", *arguments)
        return f"{shown['split']} {shown['family']} {shown['index']}"

    assert path() == "train double 0"
    assert path("--index", "4") == "train double 4"
    assert path("wrong/3") == path("wrong", "--index", "3") == "train wrong 3"
    assert path("triple") == path("--split", "heldout") == "heldout triple 0"
    assert told("show", "Cli-v0", "double", "--split", "test")["id"] == suite.task("test", "double", 0).id


def test_run_plays_gold_for_real(suite: Suite) -> None:
    run = told("show", "Cli-v0", "double", "--run")["run"]
    assert run["solved"]
    assert run["reward"] == 1.0
    assert [step["outcome"] for step in run["steps"]] == ["ok", "ok", "answered", "ok", "answered"]
    assert [len(step["verdicts"]) > 0 for step in run["steps"]] == [False, False, True, False, True]
    text = call("show", "Cli-v0", "double", "--run").stdout
    assert text.splitlines()[-1] == "reward 1, solved"
    assert "pass  assertion  n equals" in text


def test_gold_that_does_not_solve_its_task_exits_1(suite: Suite) -> None:
    result = call("show", "Cli-v0", "wrong", "--run")
    assert result.exit_code == 1
    assert "FAIL  assertion  n equals: n: expected" in result.stdout
    assert result.stdout.splitlines()[-1] == "reward 0, NOT SOLVED"


def test_a_turn_without_gold_cannot_be_played(suite: Suite) -> None:
    result = call("show", "Cli-v0", "triple", "--run")
    assert result.exit_code == 2
    assert "has no gold to play" in result.stderr


def test_gold_past_the_step_limit_goes_on_with_the_next_turn() -> None:
    turns = [
        Turn("Set a.", equals("a", 1), gold=["a = 1", "never = 'sent'"], max_steps=1),
        Turn("Set b.", equals("b", 2), gold="b = 2"),
    ]
    run = play.gold(Task(turns), config=EpisodeConfig(), confinement=Confinement())
    assert run["solved"]
    assert not any("never" in step["message"] for step in run["steps"])
    with pytest.raises(TaskError, match="turn 1"):
        play.gold(Task([Turn("Set a.", equals("a", 1))]), config=EpisodeConfig(), confinement=Confinement())


# doctor


def test_doctor_tells_rungs_and_versions() -> None:
    result = call("doctor", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == (0 if found["contained"] else 1)
    assert [each["name"] for each in found["rungs"]] == [rung.name for rung in confinement.doctor().rungs]
    assert found["versions"]["cave-rl"] == version("cave-rl")
    assert found["versions"]["python"] == sys.version.split()[0]


def test_doctor_exits_1_and_says_what_to_do_where_contained_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    real = confinement.doctor()
    rungs = tuple(
        replace(rung, available=rung.name not in ("landlock", "cgroup"), detail=f"detail of {rung.name}")
        for rung in real.rungs
    )
    monkeypatch.setattr(confinement, "doctor", lambda: replace(real, rungs=rungs))
    result = call("doctor")
    assert result.exit_code == 1
    assert "runs nothing here" in result.stdout
    assert "confinement: landlock: detail of landlock. What to do: use Linux 5.13" in result.stdout
    assert "confinement: cgroup" not in result.stdout  # not needed for it
    found = json.loads(call("doctor", "--json").stdout)
    assert not found["contained"]
    assert found["level"] == "limits"
    assert len(found["refusals"]) == 1


def test_doctor_exits_0_where_all_that_is_needed_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    real = confinement.doctor()
    needed = confinement.RUNGS_OF_LEVEL["contained"]
    rungs = tuple(replace(rung, available=rung.name in needed) for rung in real.rungs)
    monkeypatch.setattr(confinement, "doctor", lambda: replace(real, rungs=rungs))
    result = call("doctor")
    assert result.exit_code == 0
    assert "runs here" in result.stdout


def test_what_is_not_installed_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("cave-rl", "no-such-package-of-ours"))
    assert doctor.versions()["no-such-package-of-ours"] is None
    assert "not installed" in call("doctor").stdout


# errors


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "Type-v0"], "did you mean 'Types-v0'?"),
        (["list", "--families", "Cly-v0"], "did you mean 'Cli-v0'?"),
        (["show", "Cli-v0", "doubel"], "did you mean 'double'?"),
        (["show", "Cli-v0", "qqqq"], "cave-rl list --families Cli-v0"),
        (["show", "Cli-v0", "double/first"], "such as double/3"),
        (["show", "Cli-v0", "double", "--split", "tran"], "did you mean 'train'?"),
        (["show", "Cli-v0", "double", "--split", "heldout"], "no family 'double' in split 'heldout'"),
        (["show", "Cli-v0", "triple", "--split", "test"], "is held out"),
        (["show", "Cli-v0", "--style", "compac"], "did you mean 'compact'?"),
        (["show", "Cli-v0", "--run", "--require", "containd"], "none, limits, contained"),
        (["show", "no.such.module:suite"], "No module named"),
    ],
)
def test_what_is_wrong_with_a_request_is_one_line_on_stderr(suite: Suite, arguments: list[str], expected: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("cave-rl: ")
    assert expected in line


def test_a_missing_extra_is_told(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(play, "gold", missing)
    result = call("show", "Cli-v0", "--run")
    assert result.exit_code == 2
    assert result.stderr == "cave-rl: torch is not installed; it comes with: pip install 'cave-rl[train]'\n"


def test_a_bug_keeps_its_traceback(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'cave_rl.typo'", name="cave_rl.typo")

    monkeypatch.setattr(play, "gold", bug)
    assert isinstance(call("show", "Cli-v0", "--run").exception, ModuleNotFoundError)


# help, and the whole


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_every_verb_teaches_by_examples(verb: str) -> None:
    result = call(verb, "--help")
    assert result.exit_code == 0
    shown = [line.strip() for line in result.stdout.splitlines()]
    assert any(line.startswith(f"cave-rl {verb}") for line in shown[shown.index("Examples:") :])
    assert result.stdout.isascii()


def test_the_version() -> None:
    assert call("--version").stdout == f"cave-rl {version('cave-rl')}\n"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_as_a_process() -> None:
    listed = run("-m", "cave_rl", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert "Types-v0" in [each["name"] for each in json.loads(listed.stdout)]
    wrong = run("-m", "cave_rl", "show", "Type-v0")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Traceback" not in wrong.stderr


def test_the_command_line_starts_without_what_trains() -> None:
    code = "import sys, cave_rl.cli; print([m for m in ('torch', 'pandas', 'transformers', 'trl') if m in sys.modules])"
    assert run("-c", code).stdout == "[]\n"


def test_it_works_where_nothing_that_trains_is_installed() -> None:
    hide = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers', 'trl', 'vllm', 'pandas', 'datasets']));"
        "from cave_rl.cli import main; sys.argv = ['cave-rl', *sys.argv[1:]]; main()"
    )
    assert run("-c", hide, "list", "--families", "Types-v0").returncode == 0
    assert run("-c", hide, "doctor").returncode in (0, 1)
    assert run("-c", hide, "--help").returncode == 0


# validate


def test_validate_tells_what_is_wrong_by_family(suite: Suite) -> None:
    result = call("validate", "Cli-v0", "--tasks", "2", "--hacks", "0")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "family", "tasks", "errors", "warnings", "turns", "near-misses", "hacks", "prompt", "observation",
    ]  # fmt: skip
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["double", "2", "0", "4"], ["wrong", "2", "2", "2"], ["triple", "2", "4", "2"],
    ]  # fmt: skip
    assert "error: train wrong/0, turn 1: gold: gold scores 0: n equals" in result.stdout
    assert "(and 1 more of its kind)" in result.stdout
    assert "error: heldout triple/0, turn 1: gold: it has no gold" in result.stdout
    assert lines[-1].startswith("Cli-v0 is NOT SOUND: 6 errors, 8 warnings in 6 tasks")
    assert "\x1b" not in result.stdout


def test_validate_of_a_sound_family_exits_with_0(suite: Suite) -> None:
    told_of = told("validate", "Cli-v0", "--family", "double", "--tasks", "1", "--hacks", "1", "--split", "test")
    assert told_of["ok"] is True
    assert told_of["families"]["double"]["checked"]["hack"] == 40
    assert {each["severity"] for each in told_of["findings"]} == {"warning"}


def test_validate_refuses_what_is_not_there(suite: Suite) -> None:
    for arguments in (["Cli-v1"], ["Cli-v0", "--family", "duble"], ["Cli-v0", "--split", "tets"]):
        result = call("validate", *arguments)
        assert result.exit_code == 2
        assert "did you mean" in result.stderr
