"""`cave-rl eval`: what it prints and how it exits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Chat, prompts
from cave_rl.tasks import registry
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task, Turn
from tests.clients.endpoint import Reply, serving
from tests.evaluation import scripted
from tests.training import tiny


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, ["eval", *map(str, arguments)], prog_name="cave-rl")


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {"Tiny-v0": tiny.suite})


def test_json_is_all_that_goes_to_stdout() -> None:
    result = call("Types-v0", "--model", "gold", "--json", "-n", 6, "--tag", "core")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["rollouts"], found["faults"], found["success"]["mean"]) == (6, 0, 1.0)
    assert found["label"] == "Types-v0 test gold"


def test_without_it_a_table_of_the_families_is_shown() -> None:
    result = call("Tiny-v0", "-m", "gold", "-n", 4, "-r", 2, "--tag", "easy")
    assert result.exit_code == 0, result.output
    shown = result.stdout
    assert "add" in shown
    assert "put" in shown
    assert "100.0 %" in shown
    assert "answered 8" in shown


def test_doing_nothing_solves_nothing() -> None:
    found = json.loads(call("Tiny-v0", "--model", "noop", "--json", "-n", 3).stdout)
    assert (found["success"]["mean"], found["reward"]) == (0.0, 0.0)


def test_a_checkpoint_is_played_as_it_was_trained() -> None:
    """The options say how the tasks are put; what is printed while a model is loaded goes to stderr."""
    result = call(
        "Tiny-v0", "--model", tiny.directory(), "--json", "-n", 6, "--tag", "easy", "--temperature", 0, "--style",
        "compact", "--max-steps", 1, "--max-tokens", 24, "--dtype", "float32",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["success"]["mean"], found["steps"]) == (1.0, 1.0)


def test_a_checkpoint_that_was_trained_under_another_prompt_says_so(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    shutil.copytree(tiny.directory(), directory)
    prompts.keep(directory, tiny.NAME, "put", PromptConfig(style="compact"), Chat(tiny.tokenizer()))
    options = ["Tiny-v0", "-m", directory, "-n", 1, "--max-tokens", 4, "--json"]
    assert "another prompt" not in call(*options, "--style", "compact").stderr
    result = call(*options)
    assert result.exit_code == 0, result.output
    assert f"{directory}: it was trained under another prompt: its texts are other ones" in result.stderr


def test_a_budget_bounds_what_an_episode_may_take(tmp_path: Path) -> None:
    options = ["Tiny-v0", "-m", tiny.directory(), "-n", 3, "--style", "compact", "--max-tokens", 24, "-o", tmp_path]
    result = call(*options, "--budget", 3)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert [(row["tokens"]["completion"], row["stop"]) for row in rows] == [(3, "cut")] * 3


def test_what_happened_is_written_where_asked(tmp_path: Path) -> None:
    for _ in range(2):  # written anew, not added to what another evaluation left
        result = call("Tiny-v0", "-m", "gold", "-n", 3, "-r", 2, "-o", tmp_path / "deep" / "out")
        assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "deep" / "out" / "traces.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert len({row["task"] for row in rows}) == 3
    summary = json.loads((tmp_path / "deep" / "out" / "summary.json").read_text())
    assert summary["rollouts"] == 6


def test_a_run_is_kept_where_it_can_be_found() -> None:
    result = call("Tiny-v0", "-m", "gold", "-n", 3)
    (run,) = Path("outputs").iterdir()
    assert run.name.startswith("Tiny-v0--gold--")
    assert f"kept in {run}" in result.stdout
    assert {each.name for each in run.iterdir()} == {"config.yaml", "environment.json", "traces.jsonl", "summary.json"}
    assert json.loads((run / "environment.json").read_text())["versions"]["cave-rl"]


def test_several_suites_make_one_run() -> None:
    found = json.loads(call("Tiny-v0", "Types-v0", "-m", "noop", "-n", 2, "--json").stdout)
    assert (found["rollouts"], set(found["by"]["suite"])) == (4, {"Tiny-v0", "Types-v0"})


def test_options_go_before_overrides_of_a_file_and_all_of_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "suites: [Tiny-v0]\nmodel: {name: noop}\ntasks: 9\nrollouts: 2\nenv: {max_steps: 3}\nsampling: {top_k: 5}\n"
    )
    result = call("--config", tmp_path / "mine.yaml", "-m", "gold", "-n", 3, "sampling.top_p=0.5", "-o", "out")
    assert result.exit_code == 0, result.output
    config = yaml.safe_load(Path("out/config.yaml").read_text())
    assert (config["model"]["name"], config["tasks"], config["rollouts"]) == ("gold", 3, 2)
    assert (config["env"]["max_steps"], config["env"]["digests"]) == (3, True)
    assert (config["sampling"]["top_p"], config["sampling"]["top_k"]) == (0.5, 5)


def test_a_function_of_the_chat_is_found_where_the_command_is_given(tmp_path: Path) -> None:
    (tmp_path / "my_policy_of_a_test.py").write_text(
        "def act(messages):\n    return 'Done.' if messages[-1]['content'] == 'ok' else '```python\\nx = 3\\n```'\n"
    )
    found = json.loads(call("Tiny-v0", "-m", "my_policy_of_a_test:act", "--style", "compact", "-n", 8, "--json").stdout)
    assert (found["outcomes"], found["faults"]) == ({"answered": 10, "ok": 10}, 0)
    assert 0 < found["success"]["mean"] < 1


def test_an_endpoint_is_asked_what_it_serves(tmp_path: Path) -> None:
    with serving(scripted.model) as (url, endpoint):
        result = call("Tiny-v0", "--tag", "easy", "-m", url, "-n", 4, "-r", 2, "--style", "compact")
    assert result.exit_code == 0, result.output
    assert {body["model"] for _, body in endpoint.requests} == {"scripted"}
    assert "(counted by usage)" in result.stdout
    (run,) = Path("outputs").iterdir()
    assert run.name.startswith("Tiny-v0--scripted--")
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["served"] == "scripted"


def test_one_that_gives_out_stops_the_run_which_says_how_to_go_on() -> None:
    options = ["endpoint.retries=0", "endpoint.give_up_after=3", "-c", "1", "--style", "compact", "-o", "out"]
    with serving(lambda *_: Reply("", status=503)) as (url, endpoint):
        result = call("Tiny-v0", "-m", url, "-n", 9, *options)
        assert result.exit_code == 1, result.output
        assert "3 episodes in a row failed" in result.stderr
        assert "cave-rl eval --resume out goes on" in result.stderr
        endpoint.script = scripted.model
        again = call("--resume", "out", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["faults"] == 0
    assert "another process" not in again.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-m", "gold"], "say which suite"),
        (["Tiny-v0"], "say which model"),
        (["Tiny-v0", "-m", "gold", "sampling.temprature=0"], "did you mean 'temperature'?"),
        (["Tiny-v0", "-m", "gold", "-n", "0"], "tasks: Input should be greater than or equal to 1"),
        (["Tiny-v0", "-m", "no_such_module:act"], "cannot load the policy 'no_such_module:act'"),
        (["Tiny-v0", "-m", "http://127.0.0.1:9/v1", "endpoint.retries=0"], "does not tell what it serves"),
        (["--resume", "nowhere", "-o", "out"], "--output and --config cannot be given"),
        (["--resume", "nowhere"], "nowhere holds no run"),
        (["Tiny-v0", "--resume", "nowhere"], "Tiny-v0 cannot be given"),
        (["--resume", "nowhere", "-m", "gold"], "model.name cannot be given"),
    ],
)
def test_a_request_that_cannot_be_met_leaves_nothing_behind(arguments: list[str], told: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert not Path("outputs").exists()


def test_above_two_percent_of_faults_there_is_no_verdict() -> None:
    def script(path: str, body: Any, before: int) -> Reply:
        return Reply("", status=400) if body["seed"] % 4 == 0 else scripted.model(path, body, before)

    with serving(script) as (url, _):
        result = call("Tiny-v0", "--tag", "easy", "-m", url, "-n", 8, "-r", 2, "--style", "compact")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    assert "no verdict:" in shown
    assert "all, faults counted as failures" in shown
    assert "Refused" in shown


def test_the_same_command_gives_the_same_result() -> None:
    options = ["Tiny-v0", "-m", tiny.directory(), "--json", "-n", 6, "--style", "compact", "--max-tokens", 24]
    one, same, other = (json.loads(call(*options, "--seed", seed).stdout) for seed in (1, 1, 2))
    for found in (one, same, other):
        for key in ("env_ms", "env_share", "seconds"):
            del found[key]
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Type-v0", "-m", "gold"], "did you mean 'Types-v0'?"),
        (["Tiny-v0", "-m", "glod"], "no directory 'glod'"),
        (["Tiny-v0", "-m", "./nowhere"], "no directory './nowhere'"),
        (["Tiny-v0", "-m", "gold", "--split", "tset"], "did you mean 'test'?"),
        (["Tiny-v0", "-m", "gold", "--family", "pot"], "no family 'pot' in split 'test'; did you mean 'put'?"),
        (["Tiny-v0", "-m", "gold", "--tag", "hard"], "with the tags hard (there are dialogue, easy)"),
        (["Tiny-v0", "-m", "gold", "--style", "compac"], "did you mean 'compact'?"),
        (["Tiny-v0", "-m", "{tiny}", "--dtype", "float33"], "no dtype 'float33'"),
    ],
)
def test_what_is_wrong_with_a_request_is_one_line_on_stderr(arguments: list[str], told: str) -> None:
    result = call(*(tiny.directory() if each == "{tiny}" else each for each in arguments), "--json")
    assert (result.exit_code, result.stdout) == (2, ""), result.exception
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_faults_are_shown_and_left_out() -> None:
    suite = registry.register(Suite("Halves-v0"))

    @suite.family
    def broken(rng: Any) -> Task:
        return Task([Turn(f"{rng.random()}", equals("x", 1))], setup="raise OSError('disk')")

    @suite.family
    def good(rng: Any) -> Task:
        return Task([Turn(f"Set x to {(n := rng.random())}.", equals("x", n), gold=f"x = {n}")])

    result = call("Halves-v0", "-m", "gold", "-n", 4)
    assert result.exit_code == 0, result.output
    assert "faults (left out)" in result.stdout
    assert "fault 2" in result.stdout
    assert "cave-rl: 2 of 4 episodes failed on our side, the first by SetupFault: " in result.stderr
    found = json.loads(call("Halves-v0", "-m", "gold", "-n", 4, "--json").stdout)
    assert (found["faults"], found["success"]["mean"], found["families"]) == (2, 1.0, {"good": 1.0})
    nothing = call("Halves-v0", "-m", "gold", "-n", 2, "--family", "broken")
    assert nothing.exit_code == 1, "nothing was measured"
    assert "disk" in nothing.stderr
