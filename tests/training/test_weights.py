"""Training against a server, over real HTTP: rollouts by its tokens, and its weights refreshed at every step.

The server is a real model by transformers (`tests.training.serving`); `test_vllm_server.py` has the same with vLLM.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cave_rl.runtime.errors import Fault
from cave_rl.runtime.pool import Pool
from cave_rl.training import grpo, policy
from cave_rl.training.agreement import ALERT, MEAN, Agreement
from cave_rl.training.config import ConfigError, TrainConfig
from cave_rl.training.server import ServerGone
from cave_rl.training.weights import weights_of
from tests.training import tiny
from tests.training.serving import Model, serving

LARGEST = "sampling/sampling_logp_difference/max"
RPC = "/collective_rpc"


def trainer_of(config: TrainConfig, pool: Pool) -> Any:
    loaded = policy.load(config.model.name, config.model.dtype)
    return grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)


def steps(config: TrainConfig) -> list[dict[str, Any]]:
    """What was written down of every rollout."""
    return [json.loads(line) for line in (Path(config.output) / "traces.jsonl").read_text().splitlines()]


DIALOGUE = {"suite__tags": ["dialogue"], "env__max_steps": 2, "rollout__budget": 90}


@pytest.mark.parametrize(
    "given",
    [{}, {"model__lora": None}, {"generation__sync": "weights"}, {**DIALOGUE, "rollout__temperature": 0.8}],
    ids=["an adapter", "all weights", "an adapter, merged", "a dialogue"],
)
def test_what_is_trained_on_was_sampled_by_the_trainer_s_own_weights(
    pool: Pool, tmp_path: Path, given: dict[str, Any]
) -> None:
    """At every step, after every refresh: the two log-probabilities of each token agree to float32."""
    model = Model()
    with serving(model) as url:
        config = tiny.config(tmp_path, train__steps=3, generation__url=url, **given)
        trainer = trainer_of(config, pool)
        before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
        trainer.train()
    log = trainer.state.log_history[:3]
    assert [entry[LARGEST] < 2e-4 for entry in log] == [True] * 3, [entry[LARGEST] for entry in log]
    assert [entry[ALERT] for entry in log] == [0.0] * 3
    assert any(not torch.equal(weight, trainer.model.state_dict()[name]) for name, weight in before.items())
    assert [row["weights"] for row in steps(config)] == [0] * 8 + [1] * 8 + [2] * 8
    assert [entry["faults"] for entry in log] == [0.0] * 3
    assert all(entry["time/sync_s"] > 0 for entry in log)


def test_the_old_adapter_goes_when_the_new_one_is_there(pool: Pool, tmp_path: Path) -> None:
    model = Model()
    with serving(model) as url:
        trainer = trainer_of(tiny.config(tmp_path, generation__url=url, generation__share=str(tmp_path)), pool)
        trainer.train()
    (name,) = model.adapters
    assert name.endswith("-v1")
    asked = [body["model"] for path, body in model.requests if path == "/v1/completions"][1:]
    assert [each.rpartition("-")[2] for each in asked] == ["v0"] * 8 + ["v1"] * 8
    assert [path.name for path in tmp_path.glob("cave-*/*")] == [name]


def test_the_same_seed_gives_the_same_tokens_whatever_comes_first(pool: Pool, tmp_path: Path) -> None:
    said = []
    for i in range(2):
        with serving(Model(slow_s=0.02 * i)) as url:
            config = tiny.config(tmp_path / str(i), train__steps=1, generation__url=url)
            trainer_of(config, pool).train()
        said.append([row["messages"] for row in steps(config)])
    assert said[0] == said[1]
    assert len({json.dumps(each) for each in said[0][:4]}) > 1, "the rollouts of a group differ"


def test_what_passes_is_asked_again_and_learned_from(pool: Pool, tmp_path: Path) -> None:
    model = Model(lambda n: {2: 429, 3: 500, 5: 503, 6: "hang"}.get(n))
    with serving(model) as url:
        given = {"generation__url": url, "generation__timeout_s": 5.0}
        trainer = trainer_of(tiny.config(tmp_path, train__steps=1, **given), pool)
        trainer.train()
    (entry, *_) = trainer.state.log_history
    assert entry["faults"] == 0
    assert entry[LARGEST] < 2e-4
    retries = [each for row in steps(tiny.config(tmp_path)) for call in row["calls"] for each in call["retries"]]
    assert sorted(retries) == ["RateLimited", "RequestTimeout", "ServerError", "ServerError"]


def test_what_does_not_pass_is_a_fault_and_teaches_nothing(pool: Pool, tmp_path: Path) -> None:
    model = Model(lambda n: 500 if n in (2, 4) else None)
    with serving(model) as url:
        given = {"generation__url": url, "generation__retries": 0}
        trainer = trainer_of(tiny.config(tmp_path, train__steps=1, **given), pool)
        trainer.train()
    assert trainer.state.log_history[0]["faults"] == 2
    faults = [row["fault"] for row in steps(tiny.config(tmp_path)) if row["fault"]]
    assert faults == ['ServerError: HTTP 500: {"error": {"message": "try again"}}'] * 2


def test_a_server_that_is_gone_ends_the_run(pool: Pool, tmp_path: Path) -> None:
    model = Model(lambda n: 500 if n > 8 else None)
    with serving(model) as url:
        trainer = trainer_of(tiny.config(tmp_path, generation__url=url, generation__retries=0), pool)
        with pytest.raises(Fault, match="step 1: not one rollout came to its end; the first: ServerError: HTTP 500"):
            trainer.train()


def started_again(model: Model) -> None:
    """A server no longer knows what it was sent."""
    model.adapters.clear()
    model.version = None


LORA: dict[str, Any] = {}
WEIGHTS: dict[str, Any] = {"model__lora": None}


@pytest.mark.parametrize("given", [LORA, pytest.param(WEIGHTS, marks=pytest.mark.slow)], ids=["lora", "weights"])
def test_a_server_that_is_started_again_between_two_steps_is_given_their_weights(
    pool: Pool, tmp_path: Path, given: dict[str, Any]
) -> None:
    model = Model()
    real, seen = model.post, []

    def post(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        seen.append((path, body.get("method")))
        refreshes = [each for each in seen if each in (("/v1/load_lora_adapter", None), (RPC, "cave_reload"))]
        if len(refreshes) == 2 and seen[-1] == refreshes[-1]:
            started_again(model)
        return real(path, body)

    model.post = post  # type: ignore[method-assign]
    with serving(model) as url:
        config = tiny.config(tmp_path, train__steps=3, generation__url=url, **given)
        trainer = trainer_of(config, pool)
        trainer.train()
    log = trainer.state.log_history[:3]
    assert [entry["faults"] for entry in log] == [0.0] * 3
    assert max(entry[LARGEST] for entry in log) < 2e-4


@pytest.mark.parametrize("given", [pytest.param(LORA, marks=pytest.mark.slow), WEIGHTS], ids=["lora", "weights"])
def test_one_that_is_started_again_in_the_middle_of_a_step_ends_the_run(
    pool: Pool, tmp_path: Path, given: dict[str, Any]
) -> None:
    model = Model()
    real = model.completion

    def completion(body: dict[str, Any]) -> tuple[int, Any]:
        if model.completions == 12:
            started_again(model)
        return real(body)

    model.completion = completion  # type: ignore[method-assign]
    with serving(model) as url:
        trainer = trainer_of(tiny.config(tmp_path, generation__url=url, **given), pool)
        with pytest.raises(ServerGone, match=r"was started again: it has lost (cave-\w+-v1|the weights of step 1)"):
            trainer.train()


def test_weights_that_another_run_sent_end_it(pool: Pool, tmp_path: Path) -> None:
    model = Model()
    real = model.completion

    def meddling(body: dict[str, Any]) -> tuple[int, Any]:
        model.version = 7 if model.completions == 12 else model.version
        return real(body)

    model.completion = meddling  # type: ignore[method-assign]
    with serving(model) as url:
        trainer = trainer_of(tiny.config(tmp_path, generation__url=url, model__lora=None), pool)
        with pytest.raises(Fault, match="answers by the weights of step 7, not of step 1: does another run"):
            trainer.train()


def test_weights_that_did_not_arrive_are_seen_in_the_log(
    pool: Pool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that says that it loaded them and did not: what a stale copy of a layer looks like."""
    model = Model()

    def only_says_so(method: str, given: dict[str, Any]) -> dict[str, Any]:
        model.version = given.get("version", model.version)
        return {"version": model.version}

    model.call = only_says_so  # type: ignore[method-assign]
    with serving(model) as url:
        config = tiny.config(
            tmp_path, generation__url=url, model__lora=None, generation__agreement=1e-3, train__learning_rate=0.05
        )
        trainer = trainer_of(config, pool)
        trainer.train()
    alerts = [entry[ALERT] for entry in trainer.state.log_history if ALERT in entry]
    assert alerts == [0.0, 1.0]
    assert "step 2: sampled and trained log-probabilities differ by" in caplog.text


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"generation__served": "polcy"}, ConfigError, r"does not serve 'polcy' .*; did you mean 'policy'\?"),
        ({"generation__url": "http://127.0.0.1:9/v1"}, Fault, "NotReached: .*`cave-rl serve-model CONFIG` starts one"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_before_training(
    pool: Pool, tmp_path: Path, given: dict[str, Any], error: type[Exception], told: str
) -> None:
    with serving(Model()) as url, pytest.raises(error, match=told):
        trainer_of(tiny.config(tmp_path, **{"generation__url": url, **given}), pool)


def test_raw_log_probabilities_are_refused_where_the_temperature_is_not_one(pool: Pool, tmp_path: Path) -> None:
    model = Model()
    real = model.completion

    def raw(body: dict[str, Any]) -> tuple[int, Any]:
        status, answer = real(body)
        answer["choices"][0]["logprobs"] = {"token_logprobs": [-0.3] * len(answer["choices"][0]["token_ids"])}
        return status, answer

    model.completion = raw  # type: ignore[method-assign]
    with serving(model) as url:
        with pytest.raises(ConfigError, match="--logprobs-mode processed_logprobs"):
            trainer_of(tiny.config(tmp_path, generation__url=url, rollout__temperature=0.7), pool)
        trainer_of(tiny.config(tmp_path, generation__url=url), pool)


def test_merging_leaves_the_model_as_it_was() -> None:
    from peft import LoraConfig, get_peft_model

    base = policy.load(tiny.directory(), "float32").model
    names = [name for name, _ in base.named_parameters()]
    model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    kept = {name: weight.clone() for name, weight in model.state_dict().items()}
    found = dict(weights_of(model))
    assert list(found) == names
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in kept.items())
    merged = copy.deepcopy(model).merge_and_unload()
    for name, weight in merged.named_parameters():
        torch.testing.assert_close(found[name], weight)


@pytest.mark.parametrize(("mean", "alert"), [(0.01, 0.0), (0.2, 1.0), (float("nan"), 1.0)])
def test_an_alert_is_raised_above_the_threshold(mean: float, alert: float) -> None:
    from transformers import TrainerState

    logs = {MEAN: mean}
    Agreement(0.1).on_log(None, TrainerState(), None, logs)
    assert logs[ALERT] == alert
    other: dict[str, float] = {"loss": 1.0}
    Agreement(0.1).on_log(None, TrainerState(), None, other)
    assert other == {"loss": 1.0}
