"""Whole runs, small: two steps of eight episodes, evaluated before and after on six tasks."""

from __future__ import annotations

import io
import json
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console

from cave_rl.evaluation import Evaluation
from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Chat, prompts
from cave_rl.runtime.errors import Fault
from cave_rl.semantic.texts import PromptFileError
from cave_rl.tasks import registry
from cave_rl.tasks.suite import Suite, SuiteError
from cave_rl.tasks.task import Task, Turn
from cave_rl.training import policy, run
from cave_rl.training.check import check
from cave_rl.training.config import ConfigError, TrainConfig, load
from cave_rl.training.models import ModelError
from cave_rl.training.progress import Stopper
from cave_rl.training.run import Interrupted
from tests.training import tiny


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def stop_after(step: int, patch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while that step is computed."""
    real = Stopper.on_step_begin

    def on_step_begin(self: Stopper, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        real(self, args, state, control, **kwargs)
        if state.global_step + 1 == step:
            signal.raise_signal(signal.SIGINT)

    patch.setattr(Stopper, "on_step_begin", on_step_begin)


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    """The suite by its name: in a run it would be installed, or lie in a module of yours."""
    registry.register(tiny.suite)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainConfig, Console]:
    """A run that went through: three steps."""
    config = tiny.config(tmp_path_factory.mktemp("run") / "out", train__steps=3)
    console = quiet()
    rows = run.train(config, console)
    assert len(rows) == 1
    return config, console


def test_a_run_leaves_all_that_is_to_be_known(done: tuple[TrainConfig, Console]) -> None:
    config, _ = done
    directory = Path(config.output)
    assert load(directory / "config.yaml") == config
    assert [row["step"] for row in lines(directory / "metrics.jsonl")] == [1, 2, 3]
    assert [row["train_step"] for row in lines(directory / "traces.jsonl")] == [0] * 8 + [1] * 8 + [2] * 8
    before, after = lines(directory / "before.jsonl"), lines(directory / "after.jsonl")
    assert [row["task"] for row in before] == [row["task"] for row in after]
    assert {row["eval"] for row in before} == {"test, T=1"}
    assert len(before) == 6
    assert (directory / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert "| test | T=1 | 6 |" in (directory / "summary.md").read_text()
    (row,) = json.loads((directory / "summary.json").read_text())["rows"]
    assert (row["table"], row["decoding"], row["rollouts"], row["faults"]) == ("test", "T=1", 6, 0)
    assert row["before"]["mean"] == sum(each["solved"] for each in before) / 6
    assert row["after"]["mean"] == sum(each["solved"] for each in after) / 6
    times = json.loads((directory / "times.json").read_text())
    assert times.keys() == {"eval_before_s", "train_s", "eval_after_s"}


def test_no_task_is_met_both_in_training_and_in_evaluation(done: tuple[TrainConfig, Console]) -> None:
    directory = Path(done[0].output)
    trained = {row["task"] for row in lines(directory / "traces.jsonl")}
    assert len(trained) == 6, "two a step"
    assert not trained & {row["task"] for row in lines(directory / "before.jsonl")}


def test_what_was_trained_can_be_loaded(done: tuple[TrainConfig, Console]) -> None:
    adapter = Path(done[0].output) / "adapter"
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == done[0].model.name
    loaded = policy.load(str(adapter), "float32").model.state_dict()
    base = policy.load(tiny.directory(), "float32").model.state_dict()
    assert loaded.keys() == base.keys()
    assert any(not torch.equal(loaded[name], base[name]) for name in base)


def test_what_was_trained_knows_how_it_was_asked(done: tuple[TrainConfig, Console]) -> None:
    prompt = done[0].env.prompt
    adapter = Path(done[0].output) / "adapter"
    chat = Chat(policy.load(str(adapter), "float32").tokenizer)
    assert (adapter / prompts.FILE).is_file()
    assert prompts.difference(adapter, prompt, chat) == ""
    assert "another prompt" in prompts.difference(adapter, prompt.model_copy(update={"instructions": "Hm."}), chat)


def test_off_a_terminal_it_tells_every_step_in_plain_lines(done: tuple[TrainConfig, Console]) -> None:
    shown = told(done[1])
    assert [f"step {i}/3: solved" in shown for i in (1, 2, 3)] == [True] * 3
    assert "\x1b" not in shown
    assert "episodes solved, before and after" in shown


def test_the_same_command_again_says_that_it_is_done(done: tuple[TrainConfig, Console]) -> None:
    config, _ = done
    kept = {path.name: path.read_bytes() for path in Path(config.output).iterdir() if path.is_file()}
    console = quiet()
    assert run.train(config, console) == []
    assert "is done already" in told(console)
    assert "| test | T=1 | 6 |" in told(console)
    assert {path.name: path.read_bytes() for path in Path(config.output).iterdir() if path.is_file()} == kept


def test_another_configuration_in_the_same_directory_is_refused(done: tuple[TrainConfig, Console]) -> None:
    config, _ = done
    other = tiny.config(config.output, train__steps=4)
    with pytest.raises(ConfigError, match=r"another configuration \(it has another train\.steps\): choose"):
        run.train(other, quiet())
    assert load(Path(config.output) / "config.yaml") == config


def test_a_run_that_was_begun_without_a_key_has_its_default(done: tuple[TrainConfig, Console], tmp_path: Path) -> None:
    config, _ = done
    shutil.copytree(config.output, tmp_path / "out")
    there = config.model_copy(update={"output": str(tmp_path / "out")})
    data = there.model_dump(mode="json")
    del data["train"]["gamma"], data["env"]["user"]
    (tmp_path / "out" / "config.yaml").write_text(yaml.safe_dump(data))
    check(there, trl=False)
    (tmp_path / "out" / "config.yaml").write_text("of: another\n")
    with pytest.raises(ConfigError, match=r"a run of another version, or something else.*unknown key 'of'"):
        check(there, trl=False)


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    done: tuple[TrainConfig, Console], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.config(tmp_path / "out", train__steps=3)
    directory = Path(config.output)
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        with pytest.raises(Interrupted, match=r"stopped after step 1 of 3.*goes on from here"):
            run.train(config, quiet())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "Ctrl-C is the user's again"
    assert [row["step"] for row in lines(directory / "metrics.jsonl")] == [1]
    assert not (directory / "after.jsonl").exists()
    assert (directory / "adapter" / "adapter_config.json").is_file(), "what was learned so far"
    before = (directory / "before.jsonl").read_bytes()
    run.train(config, quiet())
    assert (directory / "before.jsonl").read_bytes() == before, "what was measured is not measured again"
    whole = Path(done[0].output)
    for name in ("traces.jsonl", "before.jsonl", "after.jsonl"):
        mine, theirs = lines(directory / name), lines(whole / name)
        assert [row["task"] for row in mine] == [row["task"] for row in theirs], name
        assert [row["messages"] for row in mine] == [row["messages"] for row in theirs], name
    mine, theirs = lines(directory / "metrics.jsonl"), lines(whole / "metrics.jsonl")
    assert [row["step"] for row in mine] == [1, 2, 3]
    assert [row["loss"] for row in mine] == pytest.approx([row["loss"] for row in theirs], abs=1e-6)


def test_a_run_that_was_killed_goes_on_from_its_checkpoint(
    done: tuple[TrainConfig, Console], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing could be saved in time: what came after the checkpoint is done again, and stands nowhere twice."""

    class Killed(BaseException):
        pass

    def killed(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 2:
            raise Killed

    config = tiny.config(tmp_path / "out", train__steps=3, train__save_every=1)
    directory = Path(config.output)
    with monkeypatch.context() as patch:
        patch.setattr(Stopper, "on_step_end", killed)
        with pytest.raises(Killed):
            run.train(config, quiet())
    assert [path.name for path in (directory / "checkpoints").glob("checkpoint-*")] == ["checkpoint-1"]
    with (directory / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')  # it was just being written
    (directory / "checkpoints" / "checkpoint-2").mkdir()  # and so was this
    run.train(config, quiet())
    assert [row["step"] for row in lines(directory / "metrics.jsonl")] == [1, 2, 3]
    assert [row["train_step"] for row in lines(directory / "traces.jsonl")] == [0] * 8 + [1] * 8 + [2] * 8
    mine, theirs = lines(directory / "traces.jsonl"), lines(Path(done[0].output) / "traces.jsonl")
    assert [row["messages"] for row in mine] == [row["messages"] for row in theirs]


def test_a_second_interrupt_ends_it_at_once() -> None:
    with Stopper() as stopper:
        signal.raise_signal(signal.SIGINT)
        assert stopper.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_an_evaluation_that_was_interrupted_is_measured_again_and_counted_once(
    done: tuple[TrainConfig, Console], tmp_path: Path
) -> None:
    """Half of its lines were written."""
    directory = tmp_path / "out"
    shutil.copytree(done[0].output, directory)
    config = tiny.config(directory, train__steps=3)
    for name in ("summary.json", "config.yaml"):
        (directory / name).unlink()
    kept = (directory / "after.jsonl").read_text().splitlines(keepends=True)
    (directory / "after.jsonl").write_text("".join(kept[:4]) + kept[4][:30])
    (row,) = run.train(config, quiet())
    whole = lines(Path(done[0].output) / "after.jsonl")
    assert row.after.mean == sum(each["solved"] for each in whole) / 6
    assert [each["messages"] for each in lines(directory / "after.jsonl")] == [each["messages"] for each in whole]


def test_all_weights_can_be_trained_and_a_dialogue(tmp_path: Path) -> None:
    config = tiny.config(
        tmp_path / "out",
        model__lora=None,
        suite__tags=["dialogue"],
        env__max_steps=2,
        rollout__budget=90,
        train__steps=1,
        eval={"tables": [{"split": "test", "tags": ["dialogue"], "rollouts": 2, "title": "two turns"}], "greedy": True},
    )
    rows = run.train(config, quiet())
    assert [(row.table, row.decoding) for row in rows] == [("two turns", "T=1"), ("two turns", "greedy")]
    trained = policy.load(str(tmp_path / "out" / "adapter"), "float32").model.state_dict()
    base = policy.load(tiny.directory(), "float32").model.state_dict()
    assert any(not torch.equal(trained[name], base[name]) for name in base)


def test_a_run_without_tables_only_trains(tmp_path: Path) -> None:
    config = tiny.config(tmp_path / "out", train__steps=1, eval={})
    assert run.train(config, quiet()) == []
    assert (tmp_path / "out" / "learning_curve.png").is_file()
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["rows"] == []


def test_where_every_episode_fails_on_our_side_the_run_says_so(tmp_path: Path) -> None:
    """A table of nothing but faults would be no measurement."""
    suite = Suite("Broken-v0")

    @suite.family
    def broken(rng: random.Random) -> Task:
        return Task([Turn(f"{rng.random()}", equals("x", 1))], setup="raise OSError('disk')")

    registry.register(suite)
    config = tiny.config(tmp_path / "out", suite={"name": "Broken-v0"}, eval__tables=[{"split": "test", "rollouts": 2}])
    with pytest.raises(Fault, match=r"before: test, T=1: every episode failed on our side: .*disk"):
        run.train(config, quiet())
    assert not (tmp_path / "out" / "before.jsonl").exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"train__grpo": {"learning_rat": 1}}, "train.grpo.learning_rat"),
        ({"suite__tags": ["hard"]}, "no family in split 'train' with the tags hard"),
        ({"eval__tables": [{"split": "heldout", "families": ["put"]}]}, "no family 'put' in split 'heldout'"),
        ({"env__prompt": {"style": "compac"}}, "did you mean 'compact'"),
        ({"env__prompt": {"path": "no.yaml"}}, "cannot read the prompt file no.yaml"),
        ({"suite__tags": ["dialogue"]}, "tasks of 'both' take up to 2 messages, and rollout.budget is not given"),
        ({"suite": {"name": "tests.tasks.shop:suite"}, "eval": {}}, r"set user\.url and user\.model"),
        ({"model__name": "./nowhere"}, "no directory"),
    ],
)
def test_what_is_wrong_is_told_at_once_and_leaves_nothing_behind(
    tmp_path: Path, wrong: dict[str, Any], told: str
) -> None:
    """Put right, the run may begin in the same directory."""
    with pytest.raises((ConfigError, SuiteError, PromptFileError, ModelError), match=told):
        run.train(tiny.config(tmp_path / "out", **wrong), quiet())
    assert not (tmp_path / "out").exists()


def test_what_was_learned_is_shown_by_episodes_of_different_families() -> None:
    def row(family: str, solved: bool, fault: str | None = None) -> dict[str, Any]:
        said = [{"role": "user", "content": f"do {family}"}, {"role": "assistant", "content": "x = 1"}]
        return {"family": family, "solved": solved, "fault": fault, "messages": [] if fault else said}

    old = [row("a", False), row("a", False), row("b", True), row("c", False, "disk"), row("d", False)]
    before = Evaluation("", old)
    after = Evaluation("", [row(family, True) for family in "aabcd"])
    shown = run._examples(before, after)
    assert [line for line in shown.splitlines() if line.startswith("[")] == ["[a]", "[d]"]
    assert "do a" in shown
    assert run._examples(after, before) == ""
