"""New weights for the server that rollouts are asked of.

TRL refreshes its vLLM before the rollouts of a step by one call, `trainer.vllm_generation.sync_weights()`, and corrects
for the difference between the log-probabilities of sampling and of training. `Publisher` stands where TRL has its vLLM
client, so both happen at TRL's own moments, without NCCL and without vLLM in the trainer's environment.

| sync      | how the weights travel                                     | how their version is known          |
|-----------|------------------------------------------------------------|-------------------------------------|
| `lora`    | the adapter in a directory, `/v1/load_lora_adapter`        | the adapter's name, in every answer |
| `weights` | all weights, adapters merged, in a directory that both see | asked before and after each batch   |
| `nccl`    | TRL's own, from GPU to GPU                                 | the server does not tell            |
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from trl.distributed import DistributedBackend
from trl.generation.vllm_generation import VLLMGeneration

from cave_rl.training import files
from cave_rl.training.config import TrainConfig
from cave_rl.training.server import Server


class Publisher(VLLMGeneration):  # type: ignore[misc]
    """Sends the trainer's weights to a server. Every rank calls `sync_weights`; the first one sends."""

    def __init__(self, trainer: Any, server: Server, config: TrainConfig) -> None:
        # Not TRL's own initialization: it would join an NCCL group
        self.model, self.accelerator, self.mode = trainer.model, trainer.accelerator, "server"
        self._dist = DistributedBackend(trainer.accelerator)
        self._trainer = trainer
        self._server = server
        self._lora = config.sync == "lora"
        run, share = [uuid.uuid4().hex[:8]], config.generation.share
        broadcast_object_list(run)  # adapters' names must be a run's own: the server keeps those of others
        self._run = f"cave-{run[0]}"
        parent = (
            Path(share) if share else Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
        )
        self._directory = parent.resolve() / self._run
        self._main = bool(trainer.accelerator.is_main_process)
        if self._main:
            files.temporary(self._directory, self)  # it may lie in main memory: a killed run must not leave it there
        self._seconds = 0.0

    def sync_weights(self) -> None:
        """Gives the server the weights as they are now, and returns when it answers by them."""
        started, version = time.monotonic(), int(self._trainer.state.global_step)
        if self._lora:
            self._send_adapter(version)
        else:
            self._send_weights(version)
        self.accelerator.wait_for_everyone()  # no rank samples before the server has them
        self._server.version = version
        self._seconds += time.monotonic() - started

    def spent(self) -> float:
        """Seconds of refreshing since this was asked last."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def _send_weights(self, version: int) -> None:
        sharded = self._dist.is_fsdp or self._dist.is_zero3
        tensors = {}
        for name, weight in self._iter_named_params() if sharded else weights_of(self.model):
            if self._main:  # the others take part in gathering them
                tensors[name] = weight.detach().to("cpu", copy=True).contiguous()
        if self._main:
            from safetensors.torch import save_file

            file = self._directory / "model.safetensors"
            try:
                save_file(tensors, file)
                self._server.rpc("cave_reload", path=str(self._directory), version=version)
            finally:
                file.unlink(missing_ok=True)  # it may lie in main memory
            self._server.post("/reset_prefix_cache")  # keys and values of the weights before

    def _send_adapter(self, version: int) -> None:
        name, before = f"{self._run}-v{version}", self._server.model
        sharded = self._dist.is_fsdp or self._dist.is_zero3
        state = self.accelerator.get_state_dict(self._trainer.model_wrapped) if sharded else None
        if self._main:
            directory = self._directory / name
            self.model.save_pretrained(directory, state_dict=state)
            given = {"lora_name": name, "lora_path": str(directory), "load_inplace": True}
            self._server.post("/v1/load_lora_adapter", given)
            if before.startswith(f"{self._run}-v") and before != name:
                self._server.unload(before)
                shutil.rmtree(self._directory / before)
        self._server.model = name


def publish_by(trainer: Any, publisher: Publisher) -> None:
    """Has TRL refresh a server by this publisher before rollouts, and correct for what differs in sampling."""
    trainer.vllm_generation, trainer.use_vllm = publisher, True
    trainer._last_loaded_step = -1  # the server may have any weights yet


def refresh(trainer: Any) -> None:
    """Gives the server the weights as they are now, if it has not got them; TRL does so before rollouts only.

    Every rank calls it.
    """
    step = trainer.state.global_step
    if trainer._last_loaded_step != step:
        trainer.vllm_generation.sync_weights()
        trainer._last_loaded_step = step


def weights_of(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights of a model by their names in a checkpoint, adapters merged. The model is not touched.

    Merging in place and unmerging afterwards would leave a rounding error of every step in the weights of the base.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    if not hasattr(model, "get_base_model"):
        yield from model.named_parameters()
        return
    plain = model.get_base_model()
    adapted = {name: module for name, module in plain.named_modules() if isinstance(module, BaseTunerLayer)}
    for name, weight in plain.named_parameters():
        owner, _, kind = name.rpartition(".base_layer.")
        if owner in adapted:
            module: Any = adapted[owner]
            delta = module.get_delta_weight(module.active_adapters[0]) if kind == "weight" else 0.0
            yield f"{owner}.{kind}", weight + delta
        elif plain_parameter(name, adapted):
            yield name, weight


def plain_parameter(name: str, adapted: dict[str, Any]) -> bool:
    """Whether a parameter is the model's own, not an adapter's."""
    return not any(name.startswith(f"{owner}.") for owner in adapted)
