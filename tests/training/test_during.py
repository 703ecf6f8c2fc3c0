"""Evaluation while training, and a run that ends on an alert."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from cave_rl.evaluation import Evaluation
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.training import policy, run
from cave_rl.training.config import ConfigError, DuringPart, TrainConfig
from cave_rl.training.during import Measured
from cave_rl.training.run import Interrupted
from cave_rl.training.server import ServerGone
from tests.training import tiny
from tests.training.serving import Model, serving
from tests.training.test_run import lines, stop_after

DURING: dict[str, Any] = {
    "train__steps": 3,
    "eval": {"during": {"every": 2, "split": "validation", "tags": ["easy"], "rollouts": 8}},
}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    registry.register(tiny.suite)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainConfig, Console]:
    config, console = tiny.config(tmp_path_factory.mktemp("run") / "out", **DURING), quiet()
    run.train(config, console)
    return config, console


def test_it_is_measured_every_so_many_steps_and_after_the_last(done: tuple[TrainConfig, Console]) -> None:
    found = lines(Path(done[0].output) / "evaluations.jsonl")
    assert [row["step"] for row in found] == [2, 3]
    for row in found:
        assert row["low"] <= row["pass@1"] <= row["high"]
        assert (row["n"], row["faults"]) == (8, 0)
        assert row["pass@1"] == sum(row["by_family"].values()) / 2, "families in turn"
    assert "step 2: pass@1" in told(done[1])


def test_the_best_is_kept_and_is_the_model_that_was_measured(done: tuple[TrainConfig, Console]) -> None:
    directory = Path(done[0].output)
    found = lines(directory / "evaluations.jsonl")
    kept = json.loads((directory / "best" / "evaluation.json").read_text())
    assert kept["pass@1"] == max(row["pass@1"] for row in found)
    assert kept["step"] == next(row["step"] for row in found if row["pass@1"] == kept["pass@1"])
    assert [row["step"] for row in found if row["best"]][-1] == kept["step"]
    best = policy.load(str(directory / "best"), "float32").model.state_dict()
    base = policy.load(tiny.directory(), "float32").model.state_dict()
    assert any(not torch.equal(best[name], base[name]) for name in base)


def test_measuring_changes_nothing_of_what_is_learned(done: tuple[TrainConfig, Console], tmp_path: Path) -> None:
    plain = tiny.config(tmp_path / "out", train__steps=3, eval={})
    run.train(plain, quiet())
    mine, theirs = (lines(Path(each.output) / "traces.jsonl") for each in (done[0], plain))
    assert [row["messages"] for row in mine] == [row["messages"] for row in theirs]
    mine, theirs = (lines(Path(each.output) / "metrics.jsonl") for each in (done[0], plain))
    assert [row["loss"] for row in mine] == [row["loss"] for row in theirs]


def test_a_run_that_goes_on_has_measured_the_same(
    done: tuple[TrainConfig, Console], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.config(tmp_path / "out", **DURING)
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(Interrupted):
            run.train(config, quiet())
    run.train(config, quiet())
    mine, theirs = (lines(Path(each.output) / "evaluations.jsonl") for each in (config, done[0]))
    assert [{**row, "seconds": 0} for row in mine] == [{**row, "seconds": 0} for row in theirs]


def test_tasks_that_cannot_be_chosen_are_told_before_anything_runs(tmp_path: Path) -> None:
    config = tiny.config(tmp_path / "out", eval={"during": {"families": ["take"]}})
    with pytest.raises(Exception, match="no family 'take' in split 'validation'"):
        run.train(config, quiet())
    with pytest.raises(ConfigError, match="did you mean 'every'"):
        tiny.config(tmp_path / "out", eval={"during": {"evry": 3}})


class State:
    """Of a trainer."""

    def __init__(self, step: int) -> None:
        self.global_step = step
        self.max_steps = 100
        self.is_world_process_zero = True


def rows(solved: list[bool | None]) -> list[dict[str, Any]]:
    return [
        {"solved": bool(each), "fault": None if each is not None else "disk", "family": f"f{i}"}
        for i, each in enumerate(solved)
    ]


def measured(directory: Path, results: list[list[bool | None]], steps: list[int]) -> list[str]:
    """What was told of evaluations with these results; the model that is saved is the number of its step."""
    said: list[str] = []

    def save(model: int, where: Path) -> None:
        where.mkdir(exist_ok=True)
        (where / "model").write_text(str(model))

    given = iter(results)
    callback = Measured(
        DuringPart(every=1), directory, lambda model: Evaluation("", rows(next(given))), save, said.append
    )
    callback.on_train_begin(None, State(steps[0] - 1), None)
    for step in steps:
        callback.on_step_end(None, State(step), None, model=step)
    return said


def test_only_what_is_better_is_kept(tmp_path: Path) -> None:
    said = measured(tmp_path, [[True, False], [False, False], [True, False], [True, True]], [1, 2, 3, 4])
    assert ["the best so far" in each for each in said] == [True, False, False, True]
    assert (tmp_path / "best" / "model").read_text() == "4"


def test_a_fault_is_no_failure_and_nothing_but_faults_no_measurement(tmp_path: Path) -> None:
    said = measured(tmp_path, [[True, None], [None, None], [True, False]], [1, 2, 3])
    found = lines(tmp_path / "evaluations.jsonl")
    assert [(row["pass@1"], row["faults"]) for row in found] == [(1.0, 1), (None, 2), (0.5, 0)]
    assert (tmp_path / "best" / "model").read_text() == "1"
    assert "every episode failed on our side" in said[1]


def test_what_was_broken_off_is_no_best(tmp_path: Path) -> None:
    """The model of step 3 is of a future that did not come to be: it may not keep out those that did."""
    measured(tmp_path, [[False, False], [True, False], [True, True]], [1, 2, 3])
    measured(tmp_path, [[True, False], [False, False]], [2, 3])
    assert [row["step"] for row in lines(tmp_path / "evaluations.jsonl")] == [1, 2, 3]
    assert (tmp_path / "best" / "model").read_text() == "2"


# an alert that ends a run

COLLAPSE: dict[str, Any] = {
    "train__steps": 4,
    "train__collapse": {"patience": 2, "cut": 0.01, "stop": True},
    "rollout__max_tokens": 5,
    "eval__tables": [{"split": "test", "tags": ["easy"], "rollouts": 2}],
}


def test_an_alert_ends_the_run_where_that_is_wanted(tmp_path: Path) -> None:
    """It is evaluated and summed up all the same."""
    config, console = tiny.config(tmp_path / "out", **COLLAPSE), quiet()
    run.train(config, console)
    directory = Path(config.output)
    assert [row["step"] for row in lines(directory / "metrics.jsonl")] == [1, 2]
    (alert,) = lines(directory / "alerts.jsonl")
    assert (alert["kind"], alert["step"], alert["stopped"]) == ("length", 2, True)
    assert "Raise rollout.max_tokens" in told(console)
    assert (directory / "summary.json").is_file()


def test_a_run_that_an_alert_has_ended_is_not_trained_any_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed in the evaluation after."""

    class Killed(BaseException):
        pass

    config = tiny.config(tmp_path / "out", **COLLAPSE)
    directory = Path(config.output)
    real = run._Run.evaluate

    def evaluate(self: Any, side: str) -> Any:
        if side == "after":
            raise Killed
        return real(self, side)

    with monkeypatch.context() as patch:
        patch.setattr(run._Run, "evaluate", evaluate)
        with pytest.raises(Killed):
            run.train(config, quiet())
    kept = policy.load(str(directory / "adapter"), "float32").model.state_dict()
    run.train(config, quiet())
    assert [row["step"] for row in lines(directory / "metrics.jsonl")] == [1, 2]
    assert len(lines(directory / "alerts.jsonl")) == 1
    now = policy.load(str(directory / "adapter"), "float32").model.state_dict()
    assert all(torch.equal(kept[name], now[name]) for name in kept)
    assert (directory / "summary.json").is_file()


def test_otherwise_it_is_only_told(tmp_path: Path) -> None:
    config, console = tiny.config(tmp_path / "out", **{**COLLAPSE, "train__collapse": {"patience": 2}}), quiet()
    run.train(config, console)
    assert [row["step"] for row in lines(Path(config.output) / "metrics.jsonl")] == [1, 2, 3, 4]
    (alert,) = lines(Path(config.output) / "alerts.jsonl")
    assert not alert["stopped"]


# measured by a server


ONCE: dict[str, Any] = {
    "train__steps": 1,
    "eval": {"during": {"every": 1, "split": "validation", "tags": ["easy"], "rollouts": 8}},
}


def messages(config: TrainConfig) -> list[Any]:
    return [row["messages"] for row in lines(Path(config.output) / "traces.jsonl")]


@pytest.mark.parametrize(
    "given",
    [pytest.param({}, id="lora"), pytest.param({"model__lora": None}, id="weights", marks=pytest.mark.slow)],
)
def test_where_a_server_generates_it_measures_too_by_the_weights_of_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    model = Model()
    monkeypatch.setattr(policy.Loaded, "player", None)  # nothing is generated in this process
    with serving(model) as url:
        config = tiny.config(tmp_path / "out", generation__url=url, **DURING, **given)
        run.train(config, quiet())
        found = lines(Path(config.output) / "evaluations.jsonl")
        asked = [body["model"].rpartition("-")[2] for path, body in model.requests if path == "/v1/completions"][1:]
        sent = [body["kwargs"]["version"] for _, body in model.requests if body.get("method") == "cave_reload"]
        if given:
            plain = tiny.config(tmp_path / "plain", generation__url=url, train__steps=3, eval={}, **given)
            run.train(plain, quiet())
            assert messages(config) == messages(plain), "measuring changes nothing of what is learned"
    assert [(row["step"], row["n"], row["faults"]) for row in found] == [(2, 8, 0), (3, 8, 0)]
    if given:
        assert sent == [0, 1, 2, 3], "once a step, the last for the evaluation after it"
    else:
        assert asked == ["v0"] * 8 + ["v1"] * 8 + ["v2"] * 8 + ["v2"] * 8 + ["v3"] * 8


def test_the_server_measures_what_the_model_here_would_have_done(tmp_path: Path) -> None:
    """Greedy, where chance has no part; and the same tasks in the same states."""
    given: dict[str, Any] = {**ONCE, "eval": {"during": {**ONCE["eval"]["during"], "greedy": True}}}
    with serving(Model()) as url:
        config = tiny.config(tmp_path / "out", generation__url=url, **given)
        run.train(config, quiet())
    (entry,) = lines(Path(config.output) / "evaluations.jsonl")
    best = policy.load(str(tmp_path / "out" / "best"), "float32")
    again = tiny.config(tmp_path / "again", **given)
    with Pool() as pool:
        here = run._Run(again, tmp_path / "again", tiny.suite, best, pool, quiet())._measure(best.model)
    assert entry["by_family"] == here.by_family()


def test_a_server_of_other_weights_measures_nothing(tmp_path: Path) -> None:
    model = Model()
    real = model.completion

    def meddling(body: dict[str, Any]) -> tuple[int, Any]:
        model.version = 7 if model.completions == 2 + 8 else model.version
        return real(body)

    model.completion = meddling  # type: ignore[method-assign]
    with serving(model) as url:
        config = tiny.config(tmp_path / "out", generation__url=url, model__lora=None, **ONCE)
        with pytest.raises(Fault, match="answers by the weights of step 7, not of step 1"):
            run.train(config, quiet())
    assert not (tmp_path / "out" / "evaluations.jsonl").exists()


def test_a_server_that_goes_while_it_measures_ends_the_run(tmp_path: Path) -> None:
    """A share of few episodes would be no measurement, and the step stands in no checkpoint yet."""
    model = Model()
    real = model.completion

    def going(body: dict[str, Any]) -> tuple[int, Any]:
        if model.completions == 4 + 8:
            model.listed = False
        return real(body) if model.listed else (503, {"error": {"message": "going"}})

    model.completion = going  # type: ignore[method-assign]
    with serving(model) as url:
        given = {"generation": {"url": url, "retries": 0}, **ONCE}
        config = tiny.config(tmp_path / "out", **given)
        with pytest.raises(ServerGone, match=r"does not answer any more.*from the beginning: there is no checkpoint"):
            run.train(config, quiet())
    assert not (tmp_path / "out" / "evaluations.jsonl").exists()
