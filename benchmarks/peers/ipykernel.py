"""A Jupyter kernel for each session: `jupyter_client` speaks to `ipykernel` over ZeroMQ."""

from __future__ import annotations

import base64
import pickle
import subprocess
import time
from importlib.metadata import version
from typing import Any, ClassVar

from benchmarks import work
from benchmarks.contender import Contender
from benchmarks.measure import resident
from benchmarks.peers.files import StateFiles, load_code, save_code

_READY_S = 120.0


class Kernel:
    """One kernel."""

    def __init__(self, path: str) -> None:
        from jupyter_client.manager import KernelManager

        self._path = path
        self.manager = KernelManager()
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()

    def wait(self) -> None:
        self.client.wait_for_ready(timeout=_READY_S)
        self.run(load_code(self._path))

    def run(self, code: str) -> str:
        return self.finish(self.client.execute(code))

    def finish(self, asked: str) -> str:
        """What a cell printed, once its reply and its idle message are there.

        Raises:
            RuntimeError: it raised.
        """
        printed: list[str] = []
        error = ""
        while True:
            message = self.client.get_iopub_msg(timeout=_READY_S)
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                printed.append(content["text"])
            elif kind == "error":
                error = content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                break
        while self.client.get_shell_msg(timeout=_READY_S)["parent_header"].get("msg_id") != asked:
            pass
        if error:
            raise RuntimeError(error)
        return "".join(printed)

    def fetch(self, name: str) -> Any:
        coded = self.run(f"import base64, pickle\nprint(base64.b64encode(pickle.dumps({name}, 5)).decode())")
        return pickle.loads(base64.b64decode(coded))

    def memory(self) -> float:
        return resident(self.manager.provisioner.process.pid)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


class IPyKernel(Contender):
    """A kernel process each, loaded from a file in memory (a code cell of 100 MB takes most of a minute)."""

    name = "ipykernel"
    isolation = "a process"
    cannot: ClassVar[dict[str, str]] = {
        "verdict": "nothing judges outside the process that ran the code",
        "hosted": "nothing to call outside the process",
    }

    def __init__(self) -> None:
        self._files = StateFiles()
        self._path = ""

    def versions(self) -> str:
        return f"ipykernel {version('ipykernel')}, jupyter_client {version('jupyter_client')}"

    def prepare(self, names: dict[str, Any]) -> None:
        self._path = self._files.write(names)

    def begin(self) -> Kernel:
        return Kernel(self._path)

    def overrun(self, session: Any) -> None:
        asked = session.client.execute(work.LOOP)
        time.sleep(work.DEADLINE_S)
        session.manager.interrupt_kernel()
        try:
            session.finish(asked)
        except RuntimeError as error:
            if str(error) != "KeyboardInterrupt":
                raise

    def replace(self, session: Any) -> Kernel:
        session.client.execute(work.STUBBORN)
        time.sleep(work.DEADLINE_S)
        session.close()
        kernel = self.begin()
        kernel.wait()
        return kernel

    def save(self, session: Any) -> str:
        path = self._files.new()
        session.run(save_code(path))
        return path

    def restore(self, saved: Any) -> Kernel:
        kernel = Kernel(saved)
        kernel.wait()
        return kernel

    def close(self) -> None:
        self._files.close()
        self._files = StateFiles()
