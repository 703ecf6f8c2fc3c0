"""The command that starts a server, and waiting for it. What is started here is a small HTTP server, not vLLM."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.runtime.errors import Fault
from cave_rl.training import config as training_config
from cave_rl.training import policy, serve
from cave_rl.training.config import ConfigError
from cave_rl.training.serve import Launch
from tests.conftest import settled
from tests.training import tiny

URL = "http://127.0.0.1:8123/v1"


def launch(tmp_path: Path, **given: Any) -> Launch:
    return serve.launch(tiny.config(tmp_path, **{"generation__url": URL, **given}))


def value(launched: Launch, name: str) -> str:
    return launched.argv[launched.argv.index(name) + 1]


def test_a_server_samples_as_the_trainer_expects_it(tmp_path: Path) -> None:
    found = launch(tmp_path, generation__server={"max_model_len": 512, "args": ["--enforce-eager"], "python": "py"})
    assert found.argv[:3] == ["py", "-m", "vllm.entrypoints.openai.api_server"]
    for name, expected in {
        "--model": tiny.directory(),
        "--served-model-name": "policy",
        "--host": "127.0.0.1",
        "--port": "8123",
        "--dtype": "float32",
        "--generation-config": "vllm",
        "--logprobs-mode": "processed_logprobs",
        "--max-model-len": "512",
    }.items():
        assert value(found, name) == expected
    assert found.argv[-1] == "--enforce-eager"
    assert found.url == URL


def test_each_sync_has_what_it_needs(tmp_path: Path) -> None:
    lora = launch(tmp_path, model__lora={"r": 12})
    assert (value(lora, "--max-lora-rank"), value(lora, "--max-loras")) == ("16", "2")
    assert lora.environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"
    assert "VLLM_SERVER_DEV_MODE" not in lora.environment, "no more than is needed"
    weights = launch(tmp_path, model__lora=None)
    assert value(weights, "--worker-extension-cls") == "cave_rl_worker.Refresh"
    assert weights.environment["VLLM_SERVER_DEV_MODE"] == "1"
    folder = weights.environment["PYTHONPATH"].split(":")[0]
    assert (Path(folder) / "cave_rl_worker.py").is_file()
    assert launch(tmp_path, generation__sync="nccl").argv[-2:] == ["--weight-transfer-config", '{"backend": "nccl"}']


def test_a_key_is_given_to_the_server_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAVE_RL_API_KEY", "hush")
    found = launch(tmp_path)
    assert found.environment["VLLM_API_KEY"] == "hush"
    assert "hush" not in str(found)


def test_what_runs_inside_vllm_needs_nothing_of_ours() -> None:
    source = (Path(serve.__file__).parent / "inside_vllm" / "cave_rl_worker.py").read_text()
    assert "import cave_rl" not in source
    assert "from cave_rl" not in source


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"generation__url": None}, "generation.url is not given: where shall the server answer"),
        ({"model__lora": {"r": 600}}, "model.lora.r is 600, and vLLM takes adapters up to 512"),
    ],
)
def test_what_no_server_can_be_started_for_is_told(tmp_path: Path, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        launch(tmp_path, **given)


def test_an_adapter_is_to_be_merged_first(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base = policy.load(tiny.directory(), "float32")
    model = get_peft_model(base.model, LoraConfig(r=2, target_modules="all-linear"))
    policy.save_adapter(model, base.tokenizer, tmp_path / "adapter", base=tiny.directory())
    with pytest.raises(ConfigError, match=r"holds an adapter, and vLLM serves whole models: `cave-rl merge "):
        launch(tmp_path, model__name=str(tmp_path / "adapter"))


SLOW = """
import http.server, sys, time
time.sleep(0.3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def small(code: str) -> Launch:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Launch([sys.executable, "-c", code, str(port)], {}, f"http://127.0.0.1:{port}/v1")


def test_it_waits_until_the_server_answers_and_ends_it() -> None:
    launched = small(SLOW)
    process = serve.start(launched, within_s=60)
    assert serve.healthy(launched.url.removesuffix("/v1") + "/health")
    with pytest.raises(Fault, match=r"something answers at .* already"):
        serve.start(launched, within_s=60)
    serve.end(process)
    assert process.poll() is not None


def test_one_that_ends_or_never_answers_is_told() -> None:
    with pytest.raises(Fault, match="the server ended with code 3 before it answered"):
        serve.start(small("import sys; sys.exit(3)"), within_s=60)
    started = time.monotonic()
    with pytest.raises(Fault, match=r"did not answer at .*/health within 1 s"):
        serve.start(small("import time; time.sleep(60)"), within_s=1)
    assert time.monotonic() - started < 30


ENGINE = """
import pathlib, subprocess, sys
engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[2]).write_text(str(engine.pid))
"""


def family(tmp_path: Path) -> tuple[Launch, Path]:
    """A server that has started a process of its own, as vLLM its engine; and where that one's pid will stand."""
    launched, file = small(ENGINE + SLOW), tmp_path / "engine"
    return Launch([*launched.argv, str(file)], {}, launched.url), file


@pytest.mark.parametrize("killed", [False, True])
def test_what_a_server_has_started_ends_with_it(tmp_path: Path, killed: bool) -> None:
    """vLLM's engine goes on where its server is killed, and keeps the memory."""
    launched, file = family(tmp_path)
    process = serve.start(launched, within_s=60)
    engine = int(file.read_text())
    if killed:
        process.kill()
        process.wait()
    assert alive(engine)
    serve.end(process)
    assert settled(lambda: alive(engine), False, within=60) is False


HOST = """
import sys, time
from cave_rl.training import serve
process = serve.start(serve.Launch(sys.argv[2:], {}, sys.argv[1]), within_s=60)
print(process.pid, flush=True)
time.sleep(600)
"""


def test_a_server_ends_with_who_started_it_even_where_that_is_killed(tmp_path: Path) -> None:
    launched, file = family(tmp_path)
    command = [sys.executable, "-c", HOST, launched.url, *launched.argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        pids = [int(host.stdout.readline()), int(file.read_text())]
        assert all(map(alive, pids))
        host.kill()
    assert settled(lambda: list(map(alive, pids)), [False, False], within=60) == [False, False]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_command_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(training_config.dump(tiny.config(tmp_path, generation__url=URL)))
    result = CliRunner().invoke(cli.app, ["serve-model", str(path), "--print"], prog_name="cave-rl")
    assert result.exit_code == 0, result.output
    assert "-m vllm.entrypoints.openai.api_server --model" in result.stdout
    assert result.stdout.startswith("VLLM_")
    missing = CliRunner().invoke(cli.app, ["serve-model", str(path), "generation.url=null"], prog_name="cave-rl")
    assert missing.exit_code == 2
    assert "generation.url is not given" in missing.stderr
