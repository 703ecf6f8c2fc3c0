"""A trainer, a server and the processes of episodes are killed while a run trains. Everything here is real: SIGKILL."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cave_rl.confinement import descendants
from cave_rl.rollouts import Sampling, Transformers, traces
from cave_rl.rollouts.backends import Generated
from cave_rl.runtime.pool import Pool
from cave_rl.tasks import registry
from cave_rl.tasks.episode import Episode
from cave_rl.training import config as training_config
from cave_rl.training import grpo, policy, run
from cave_rl.training.config import TrainConfig
from cave_rl.training.server import ServerGone
from tests.conftest import settled
from tests.training import tiny
from tests.training.serving import Model, serving

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    registry.register(tiny.suite)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def rows(config: TrainConfig, name: str = "traces") -> list[dict[str, Any]]:
    return traces.read(Path(config.output) / f"{name}.jsonl")


def told(config: TrainConfig) -> list[tuple[Any, ...]]:
    """Which task each rollout of each step had, with which seed, and what was said in it."""
    return [(row["train_step"], row["task"], row["seed"], row["messages"]) for row in rows(config)]


def until(happens: Callable[[], Any], within: float = 280.0) -> None:
    end = time.monotonic() + within
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


# the trainer


@contextmanager
def training(config: TrainConfig, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`cave-rl train` in a process of its own, whose temporary files go to a directory of its own."""
    home.mkdir()
    file, log = home.parent / f"{home.name}.yaml", home.parent / f"{home.name}.log"
    file.write_text(training_config.dump(config))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cave_rl", "train", str(file)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(home), "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text()[-3000:]}") from error
    finally:
        process.kill()
        process.wait()


def belonging(home: Path) -> list[int]:
    """The processes that were started with this directory for temporary files: all that descend from a run."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        found += [int(pid)] if str(home).encode() in environment else []
    return found


def in_a_step(config: TrainConfig) -> bool:
    return len(rows(config, "metrics")) >= 3


def as_a_checkpoint_is_written(config: TrainConfig) -> bool:
    every = (Path(config.output) / "checkpoints").glob("checkpoint-*")
    return in_a_step(config) and any(not (each / "trainer_state.json").exists() for each in every)


@pytest.mark.parametrize("moment", [in_a_step, pytest.param(as_a_checkpoint_is_written, marks=pytest.mark.slow)])
def test_a_trainer_that_is_killed_leaves_nothing_and_goes_on_with_the_same_data(
    tmp_path: Path, moment: Callable[[TrainConfig], bool]
) -> None:
    given: dict[str, Any] = {"train__steps": 8, "train__save_every": 2, "eval": {}}
    whole, config = tiny.config(tmp_path / "whole", **given), tiny.config(tmp_path / "out", **given)
    home = tmp_path / "tmp"
    with training(config, home) as process:
        until(lambda: moment(config) or process.poll() is not None)
        assert process.poll() is None, "it ended by itself"
        family = belonging(home)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert len(family) >= 4, "the trainer, a Base, templates and runtimes, a judge"
    assert settled(lambda: belonging(home), [], within=60) == []
    assert settled(lambda: os.listdir(home), [], within=60) == []
    assert 3 <= len(rows(config, "metrics")) < 8
    run.train(config, quiet())
    run.train(whole, quiet())
    assert told(config) == told(whole)
    assert [row["step"] for row in rows(config, "metrics")] == list(range(1, 9))
    mine, theirs = ([row["loss"] for row in rows(each, "metrics")] for each in (config, whole))
    assert mine == pytest.approx(theirs, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("given", [{}, {"model__lora": None}], ids=["lora", "weights"])
def test_a_trainer_that_is_killed_leaves_no_weights_for_its_server(tmp_path: Path, given: dict[str, Any]) -> None:
    """They lie in main memory, as a rule."""
    share = tmp_path / "share"
    with serving(Model()) as url:
        config = tiny.config(
            tmp_path / "out", train__steps=50, eval={}, generation={"url": url, "share": str(share)}, **given
        )
        with training(config, tmp_path / "tmp") as process:
            until(lambda: (in_a_step(config) and any(share.rglob("*.safetensors"))) or process.poll() is not None)
            assert process.poll() is None
            process.kill()
    assert settled(lambda: os.listdir(share), [], within=60) == []


@pytest.mark.slow
def test_an_evaluation_that_is_killed_with_its_trainer_is_measured_as_it_would_have_been(tmp_path: Path) -> None:
    tables = [{"split": split, "tags": ["easy"], "rollouts": 40} for split in ("test", "validation")]
    given: dict[str, Any] = {"train__steps": 1, "eval": {"tables": tables, "greedy": False}}
    whole, config = tiny.config(tmp_path / "whole", **given), tiny.config(tmp_path / "out", **given)
    with training(config, tmp_path / "tmp") as process:
        until(lambda: rows(config, "before") or process.poll() is not None)
        process.kill()
    assert settled(lambda: belonging(tmp_path / "tmp"), [], within=60) == []
    run.train(config, quiet())
    run.train(whole, quiet())
    for side in ("before", "after"):
        mine, theirs = ([(row["eval"], row["task"]) for row in rows(each, side)] for each in (config, whole))
        assert mine == theirs
        assert len(mine) == 80


# the processes of episodes


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def victims(episode: Episode, pool: Pool) -> dict[str, int]:
    """The processes that an episode rests on."""
    runtime = episode.runtime.pid
    template = parent(runtime)
    judges = [each.pid for key, each in pool._templates.items() if isinstance(key, tuple) and key[0] == "judge"]
    return {"runtime": runtime, "template": template, "base": parent(template), "judges": judges[0] if judges else 0}


@pytest.mark.parametrize("style", ["together", pytest.param("streamed", marks=pytest.mark.slow)])
def test_training_goes_on_whatever_process_of_an_episode_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    """One is killed in every other step, between the beginning of its episodes and their first cells."""
    plan = {1: "runtime", 3: "template", 5: "judges", 7: "base"}
    given: dict[str, Any] = {"train__steps": 9, "generation__stream": style == "streamed"}
    config = tiny.config(tmp_path, **given)
    loaded = policy.load(config.model.name, "float32")
    begun: list[Episode] = []
    killed: dict[int, int] = {}
    struck: dict[int, int] = {}
    real_episode, real_backend = grpo.Setting.episode, grpo.generation_backend

    def episode(setting: grpo.Setting, row: dict[str, Any]) -> Episode:
        begun.append(real_episode(setting, row))
        return begun[-1]

    class Killing(Transformers):
        """Kills before the first message of a step."""

        step = -1

        def generate(self, prompts: Any, sampling: Sampling) -> list[Generated]:
            if self.step in plan and self.step not in killed:
                number = next(i for i in range(8) if begun[i - 8]._stage is not None)
                pid = victims(begun[number - 8], pool)[plan[self.step]]
                assert pid > 1, plan[self.step]
                killed[self.step], struck[self.step] = pid, number
                os.kill(pid, signal.SIGKILL)
            return super().generate(prompts, sampling)

    def backend(trainer: Any, chat: Any, *, seed: int) -> Any:
        made = real_backend(trainer, chat, seed=seed)
        made.__class__, made.step = Killing, trainer.state.global_step
        return made

    monkeypatch.setattr(grpo.Setting, "episode", episode)
    monkeypatch.setattr(grpo, "generation_backend", backend)
    with Pool() as pool:
        trainer = grpo.make_trainer(config, loaded.model, loaded.tokenizer, tiny.suite, pool)
        trainer.train()
        assert killed.keys() == plan.keys()
    log = trainer.state.log_history[:9]
    assert [entry["step"] for entry in log] == list(range(1, 10))
    faults = {step: [row["fault"] for row in rows(config)[8 * step : 8 * step + 8]] for step in range(9)}
    untouched = {step: [None] * 8 for step in range(9) if step not in (3, 5, 7)}
    assert {step: faults[step] for step in untouched} == untouched, "nobody else's, and what was killed is replaced"
    lost = [row["stop"] == "lost" for row in rows(config)[8:16]]
    assert lost == [i == struck[1] for i in range(8)], "the state of one, and of no other"
    assert rows(config)[8 + struck[1]]["reward"] == 0.0, "its own code may have killed it: a failure, no fault"
    for step in (3, 5, 7):
        assert any(faults[step]), (step, faults[step])
        assert all(row["reward"] is None for row in rows(config)[8 * step : 8 * step + 8] if row["fault"])
    assert settled(lambda: [pid for pid in descendants(os.getpid()) if pid in killed.values()], [], within=60) == []


# the server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A model behind HTTP in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.training.serving", tiny.directory(), str(port)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        until(lambda: process.poll() is not None or answers(port))
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=30):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("sync", ["lora", pytest.param("weights", marks=pytest.mark.slow)])
def test_a_server_that_is_killed_ends_the_run_which_goes_on_when_it_is_there_again(tmp_path: Path, sync: str) -> None:
    port = free_port()
    given: dict[str, Any] = {
        "train__steps": 4,
        "train__save_every": 1,
        "eval": {},
        "generation": {"url": f"http://127.0.0.1:{port}/v1", "retries": 1, "sync": sync, "share": str(tmp_path / "sh")},
    }
    whole, config = tiny.config(tmp_path / "whole", **given), tiny.config(tmp_path / "out", **given)
    with served(port) as process:

        def kill() -> None:
            until(lambda: len(rows(config, "metrics")) >= 2)
            process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(ServerGone) as gone:
            run.train(config, quiet())
        killer.join()
    message = str(gone.value)
    assert f"the server at http://127.0.0.1:{port}/v1 does not answer any more" in message
    assert "`cave-rl serve-model CONFIG`" in message
    reached = len(rows(config, "metrics"))
    assert f"the same command goes on from step {reached}" in message
    assert [each.name for each in (tmp_path / "out/checkpoints").glob("checkpoint-*")] == [f"checkpoint-{reached}"]
    del gone
    with serving(Model(), port):
        run.train(config, quiet())
        run.train(whole, quiet())
    assert told(config) == told(whole)
    assert [row["weights"] for row in rows(config)] == [step for step in range(4) for _ in range(8)]
    assert [row["fault"] for row in rows(config)] == [None] * 32, "no step was learned from that it had not ended"
