"""`cave-rl train`: what it prints and how it exits. The runs themselves are in tests/training/test_run.py."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.cli.train import further
from cave_rl.training import config as training_config
from tests.training import tiny

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs" / "quickstart.yaml"


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, ["train", *map(str, arguments)], prog_name="cave-rl")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The configuration of a run of one step."""
    path = tmp_path / "run.yaml"
    config = tiny.config(tmp_path / "out", suite__name=tiny.NAME, train__steps=1, eval={})
    path.write_text(training_config.dump(config))
    return path


def test_a_dry_run_tells_what_would_run_and_touches_nothing(tmp_path: Path) -> None:
    result = call(
        QUICKSTART, f"output={tmp_path / 'out'}", "train.steps=10", "train.groups=3", "train.group_size=4",
        "eval.tables=[{split: test, tags: [core], rollouts: 25}]", "rollout.max_tokens=32", "--dry-run",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for line in (
        "  steps: 10",
        "rows            30 tasks (3 a step for 10 steps)",
        "rollouts        120 in training (4 a task), 100 in evaluation",
        "tokens          at most 7040 generated, 32 an episode",
        f"output          {tmp_path / 'out'}",
    ):
        assert line in result.stdout.splitlines(), line
    assert "suite           Types-v0: " in result.stdout
    assert "GiB for logits" in result.stdout
    assert not (tmp_path / "out").exists()


def test_what_a_dry_run_prints_first_is_the_whole_configuration(file: Path) -> None:
    result = call(file, "seed=5", "--dry-run")
    text = result.stdout.partition("\nsuite           ")[0]
    (file.parent / "again.yaml").write_text(text)
    assert training_config.load(file.parent / "again.yaml") == training_config.load(file, ["seed=5"])


def test_a_dry_run_needs_nothing_that_trains() -> None:
    hide = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers', 'trl', 'peft', 'datasets']));"
        "from cave_rl.cli import main; sys.argv = ['cave-rl', 'train', *sys.argv[1:]]; main()"
    )
    run = [sys.executable, "-c", hide, str(QUICKSTART), "--dry-run"]
    result = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    missing = subprocess.run(run[:-1], capture_output=True, text=True, timeout=120, check=False)
    assert missing.returncode == 2
    assert "it comes with: pip install 'cave-rl[train]'" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.yaml"], "cave-rl: cannot read missing.yaml: No such file or directory"),
        ([QUICKSTART, "train.step=3"], "cave-rl: unknown key 'train.step'; did you mean 'steps'?"),
        ([QUICKSTART, "train.steps"], "cave-rl: an override looks like train.steps=50, not 'train.steps'"),
        ([QUICKSTART, "suite.name=Type-v0", "--dry-run"], "did you mean 'Types-v0'?"),
        ([QUICKSTART, "suite.tags=[cor]", "--dry-run"], "no family in split 'train' with the tags cor"),
        (
            [QUICKSTART, "eval.tables=[{split: heldout, families: [x]}]", "--dry-run"],
            "no family 'x' in split 'heldout'",
        ),
        ([QUICKSTART, "env.prompt.style=compac", "--dry-run"], "did you mean 'compact'?"),
        ([QUICKSTART, "env.prompt.path=no.yaml", "--dry-run"], "cave-rl: cannot read the prompt file no.yaml: No such"),
        ([QUICKSTART, "train.grpo.bta=1", "--dry-run"], "unknown key 'train.grpo.bta'; did you mean 'beta'?"),
        ([QUICKSTART, "suite.tags=[dialogue]", "--dry-run"], "take up to 2 messages, and rollout.budget is not given"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_on_stderr(arguments: list[object], told: str) -> None:
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_that_cannot_be_had_is_told(file: Path) -> None:
    result = call(file, f"model.name={file.parent / 'none'}")
    assert result.exit_code == 2
    assert result.stderr.startswith("cave-rl: no directory")


def test_a_template_that_cannot_serve_is_told(file: Path) -> None:
    """A model whose template drops earlier messages."""
    from cave_rl.training import policy

    loaded = policy.load(tiny.directory(), "float32")
    loaded.tokenizer.chat_template = tiny.CHATML.replace("m.content", "(m.content if loop.last else '')")
    policy.save_adapter(loaded.model, loaded.tokenizer, file.parent / "model", base="")
    result = call(file, f"model.name={file.parent / 'model'}")
    assert result.exit_code == 2, result.exception
    assert "changes the tokens of message" in result.stderr
    assert "Traceback" not in result.stderr


def test_json_is_all_that_goes_to_stdout(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    config = tiny.config(tmp_path / "out", suite__name=tiny.NAME, train__steps=1)
    path.write_text(training_config.dump(config))
    result = call(path, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert (row["table"], row["rollouts"]) == ("test", 6)
    assert row.keys() >= {"before", "after", "difference"}
    assert "step 1/1: solved" in result.stderr
    again = call(path, "--json")
    assert json.loads(again.stdout) == [row]
    assert "is done already" in again.stderr


def test_a_run_goes_through_and_then_says_that_it_is_done(file: Path) -> None:
    result = call(file)
    assert result.exit_code == 0, result.output
    assert "step 1/1: solved" in result.stdout
    again = call(file)
    assert again.exit_code == 0
    assert "is done already" in again.stdout
    other = call(file, "seed=1")
    assert other.exit_code == 2
    assert "holds a run of another configuration" in other.stderr


def test_ctrl_c_ends_it_with_130_and_says_how_to_go_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cave_rl.training.progress import Stopper

    def pressed(self: Stopper, *_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Stopper, "on_step_begin", pressed)
        result = call(file, "train.steps=2")
    assert result.exit_code == 130, result.output
    assert "stopped after step 1 of 2" in result.stdout
    assert "goes on from here" in result.stdout
    assert call(file, "train.steps=2").exit_code == 0


def test_a_dry_run_counts_what_is_played_beside_it() -> None:
    part: dict[str, Any] = {"steps": 25, "groups": 2, "group_size": 4, "credit": "branch"}
    branches = {"continuations": 3}
    config = training_config.parse({"train": {**part, "branches": branches}, "eval": {"during": {"rollouts": 40}}})
    continuations, evaluations = (line.strip() for line in further(config, turns=3))
    assert continuations == "at most 48 continuations a step", "of 8 rollouts, before their second and third turns"
    assert evaluations == "120 in 3 evaluations while training"
    config = training_config.parse({"train": {**part, "branches": {**branches, "most": 10}}})
    assert [line.strip() for line in further(config, turns=3)] == ["at most 10 continuations a step"]
    assert further(training_config.TrainConfig(), turns=3) == []
