"""CaveAgent's kernel runtime, the paper's own package (Python 3.12 or newer)."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Any, ClassVar

from benchmarks import work
from benchmarks.contender import Contender
from benchmarks.measure import resident
from benchmarks.peers.files import StateFiles, load_code, save_code

_PYTHON = (3, 12)


class Kernel:
    """One `IPyKernelRuntime`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, path: str, names: tuple[str, ...]) -> None:
        from cave_agent.runtime import IPyKernelRuntime, Variable

        self._loop = loop
        self._path = path
        self.runtime = IPyKernelRuntime(
            variables=[Variable(name, None) for name in names]
        )  # only such can be retrieved

    def wait(self) -> None:
        self._loop.run_until_complete(self.runtime.start())
        self.run(load_code(self._path))

    def run(self, code: str) -> str:
        done = self._loop.run_until_complete(self.runtime.execute(code))
        if done.error is not None:
            raise done.error
        return str(done.stdout or "")

    def limited(self, code: str) -> None:
        """Runs a cell with the deadline, as its agent does; what becomes of the kernel is its business."""

        async def run() -> None:
            await asyncio.wait_for(self.runtime.execute(code), work.DEADLINE_S)

        try:
            self._loop.run_until_complete(run())
        except (TimeoutError, asyncio.CancelledError):
            return
        except Exception as error:
            if type(error).__name__ != "RuntimeStateLostError":
                raise

    def fetch(self, name: str) -> Any:
        return self._loop.run_until_complete(self.runtime.retrieve(name))

    def memory(self) -> float:
        return resident(self.runtime._executor._km.provisioner.process.pid)

    def close(self) -> None:
        self._loop.run_until_complete(self.runtime.stop())


class CaveAgent(Contender):
    """The state is loaded from a file in memory: injected by its interface, 100 MB end the kernel."""

    name = "cave-agent"
    isolation = "a process; retrieve() unpickles in the caller's"
    cannot: ClassVar[dict[str, str]] = {
        "verdict": "nothing judges outside the process that ran the code",
        "hosted": "nothing to call outside the process",
    }

    def __init__(self) -> None:
        if tuple(sys.version_info[:2]) < _PYTHON:
            raise ImportError(
                f"it needs Python {'.'.join(map(str, _PYTHON))} or newer, this is {sys.version.split()[0]}"
            )
        self._loop = asyncio.new_event_loop()
        self._files = StateFiles()
        self._path = ""
        self._names: tuple[str, ...] = ()

    def versions(self) -> str:
        return f"cave-agent {version('cave-agent')}"

    def prepare(self, names: dict[str, Any]) -> None:
        self._path = self._files.write(names)
        self._names = tuple(names)

    def begin(self) -> Kernel:
        return Kernel(self._loop, self._path, self._names)

    def overrun(self, session: Any) -> None:
        session.limited(work.LOOP)

    def replace(self, session: Any) -> Any:
        session.limited(work.STUBBORN)  # it starts another kernel by itself; the state must be loaded again
        session.run(load_code(self._path))
        return session

    def save(self, session: Any) -> str:
        path = self._files.new()
        session.run(save_code(path))
        return path

    def restore(self, saved: Any) -> Kernel:
        kernel = Kernel(self._loop, saved, self._names)
        kernel.wait()
        return kernel

    def close(self) -> None:
        self._files.close()
        self._files = StateFiles()
