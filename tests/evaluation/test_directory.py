"""A run's directory: what is refused, what goes on, and what is never lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import RunDirectory, fresh, load
from cave_rl.tasks.settings import ConfigError


def config(**changes: Any) -> EvalConfig:
    return EvalConfig.model_validate({"suites": ["S-v0"], "model": {"name": "gold"}, **changes})


def begun(path: Path, *keys: str, finished: bool = False) -> None:
    with RunDirectory.create(path, config()) as run:
        run.note({}, [])
        for key in keys:
            run.append({"key": key, "fault": None})
        if finished:
            run.finish({"rollouts": len(keys)})


def test_what_is_read_back_is_the_last_line_of_each_episode(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, config()) as run:
        for each in ({"key": "a", "n": 1}, {"key": "b", "n": 2}, {"key": "a", "n": 3}):
            run.append(each)
        assert run.rows() == [{"key": "a", "n": 3}, {"key": "b", "n": 2}]
    assert load(tmp_path) == (config(), [{"key": "a", "n": 3}, {"key": "b", "n": 2}])


def test_a_run_that_is_not_finished_is_not_written_over(tmp_path: Path) -> None:
    begun(tmp_path, "a")
    with pytest.raises(ConfigError, match="go on with --resume"):
        RunDirectory.create(tmp_path, config())
    assert len(load(tmp_path)[1]) == 1


def test_a_finished_one_is_written_anew(tmp_path: Path) -> None:
    begun(tmp_path, "a", finished=True)
    begun(tmp_path)
    assert load(tmp_path)[1] == []
    assert not (tmp_path / "summary.json").exists()


def test_what_is_not_a_run_of_ours_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("train: {steps: 30}")
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds something else"):
        RunDirectory.create(tmp_path, config())
    with pytest.raises(ConfigError, match="holds no run"):
        RunDirectory.resume(tmp_path / "nowhere")


def test_a_torn_line_is_taken_away_and_the_rest_stays(tmp_path: Path) -> None:
    begun(tmp_path, "a", "b")
    path = tmp_path / "traces.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key": "c", "te')
    with RunDirectory.resume(tmp_path) as run:
        assert path.read_bytes() == whole
        run.append({"key": "c"})
    assert [row["key"] for row in load(tmp_path)[1]] == ["a", "b", "c"]


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    begun(tmp_path, "a")
    with RunDirectory.resume(tmp_path), pytest.raises(ConfigError, match="another process"):
        RunDirectory.resume(tmp_path)
    RunDirectory.resume(tmp_path).close()


def test_a_run_goes_on_with_what_it_measures(tmp_path: Path) -> None:
    begun(tmp_path)
    with RunDirectory.resume(tmp_path, ["concurrency=3", "endpoint.retries=9"]) as run:
        assert (run.config.concurrency, run.config.endpoint.retries) == (3, 9)
    assert load(tmp_path)[0].concurrency == 3
    with pytest.raises(ConfigError, match="sampling cannot be changed"):
        RunDirectory.resume(tmp_path, ["sampling.temperature=0"])
    with pytest.raises(ConfigError, match="did you mean 'concurrency'"):
        RunDirectory.resume(tmp_path, ["concurency=3"])


def test_a_fresh_directory_says_what_is_in_it_and_is_not_there_yet(tmp_path: Path) -> None:
    for model, name in (
        ({"name": "http://127.0.0.1:8000/v1", "served": "org/Some-Model"}, "Some-Model"),
        ({"name": "outputs/quickstart/adapter"}, "adapter"),
        ({"name": "my.policies:act"}, "my.policies.act"),
    ):
        path = fresh(config(suites=["Types-v0", "my_suite.tasks:suite"], model=model), tmp_path)
        assert path.name.startswith(f"Types-v0+my_suite.tasks--{name}--")
        path.mkdir()
        assert fresh(config(suites=["Types-v0", "my_suite.tasks:suite"], model=model), tmp_path) != path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gold", "policy"),
        ("random", "policy"),
        ("https://api.example.com/v1", "endpoint"),
        ("my.policies:act", "callable"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "checkpoint"),
        ("./outputs/run/adapter", "checkpoint"),
        ("C:/models/mine", "checkpoint"),
    ],
)
def test_a_models_name_says_what_it_is(name: str, kind: str) -> None:
    assert config(model={"name": name}).model.kind == kind


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"suites": ["S-v0", "S-v0"]}, "asked for twice"),
        ({"budget": 9}, "nobody counts those of gold"),
        ({"model": {"name": "http://"}}, "looks like http://127.0.0.1:8000/v1"),
        ({"model": {"name": "some/model", "tokenizer": "x"}}, "model.tokenizer is for endpoints"),
        ({"model": {"name": "some/model"}, "time_s": 3}, "time_s bounds episodes that are played one by one"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        config(**changes)


def test_digests_are_taken_unless_they_are_turned_off() -> None:
    assert config().env.digests
    assert config(env={"max_steps": 2}).env.digests
    assert not config(env={"digests": False}).env.digests
