"""What a vLLM server is taught so that a trainer can give it new weights, and ask by which it answers.

It runs inside vLLM's workers, where cave-rl need not be installed: `cave-rl serve-model` puts this folder on their path
and names the class to vLLM (`--worker-extension-cls cave_rl_worker.Refresh`). The trainer reaches it by
`/collective_rpc`, which vLLM opens with VLLM_SERVER_DEV_MODE=1 only.
"""

from __future__ import annotations

from typing import Any


class Refresh:
    """Methods that every worker gets."""

    model_runner: Any
    vllm_config: Any

    def cave_reload(self, path: str, version: int) -> dict[str, Any]:
        """Loads the safetensors of a directory in place of the weights there are.

        Args:
            path: the directory; the worker must see it under this name.
            version: what the weights are called from now on.
        """
        self.cave_version: int | None = None  # of neither, until all are loaded
        self.reload_weights(weights_path=path)  # type: ignore[attr-defined]
        self.cave_head = _packed_again(self.model_runner.get_model(), self.vllm_config)
        self.cave_version = version
        return self.cave_weights()

    def cave_weights(self) -> dict[str, Any]:
        """Which weights it answers by; None before the first reload."""
        return {"version": getattr(self, "cave_version", None), "head_repacked": getattr(self, "cave_head", False)}


def _packed_again(model: Any, config: Any) -> bool:
    """Packs the output layer anew where vLLM keeps a packed copy of it; whether it does.

    On a CPU vLLM packs the weights of the output layer once, when the model is loaded. Where they are those of the
    embedding (tied), a reload writes the embedding and leaves the packed copy as it was: the server goes on answering
    by the old output layer, and nothing tells.
    """
    inner = getattr(model, "language_model", model)
    head = getattr(inner, "lm_head", None)
    if head is None or not hasattr(head, "cpu_linear"):
        return False
    from vllm.config import set_current_vllm_config
    from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

    with set_current_vllm_config(config):
        dispatch_cpu_unquantized_gemm(head, remove_weight=False)
    return True
