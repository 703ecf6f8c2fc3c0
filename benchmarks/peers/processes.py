"""A loop over `exec` in a process of `multiprocess`: what one would write oneself, in three start methods."""

from __future__ import annotations

import contextlib
import io
import time
import traceback
from importlib.metadata import version
from typing import Any, ClassVar

from benchmarks import work
from benchmarks.contender import Contender
from benchmarks.measure import resident
from benchmarks.peers.files import StateFiles


def serve(connection: Any, names: dict[str, Any] | None, path: str | None) -> None:
    """The child: executes what it is told to, and pickles what it is asked for."""
    import pandas  # noqa: F401

    if path is not None:
        import dill

        with open(path, "rb") as file:
            names = dill.load(file)
    assert names is not None
    connection.send(("ready", None))
    while True:
        operation, given = connection.recv()
        if operation == "run":
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    exec(compile(given, "<cell>", "exec"), names)
                connection.send(("ok", printed.getvalue()))
            except Exception:
                connection.send(("error", traceback.format_exc()))
        elif operation == "fetch":
            connection.send(("ok", names[given]))
        elif operation == "save":
            import dill

            kept = {name: names[name] for name in ("x", "frame")}
            with open(given, "wb") as file:
                dill.dump(kept, file, protocol=5)
            connection.send(("ok", None))


class Child:
    """One process."""

    def __init__(self, context: Any, names: dict[str, Any] | None, path: str | None = None) -> None:
        self._connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, names, path), daemon=True)
        self.process.start()
        theirs.close()

    def wait(self) -> None:
        self._connection.recv()

    def ask(self, operation: str, given: str) -> Any:
        """One request.

        Raises:
            RuntimeError: the cell raised.
        """
        self.tell(operation, given)
        kind, content = self._connection.recv()
        if kind != "ok":
            raise RuntimeError(content)
        return content

    def tell(self, operation: str, given: str) -> None:
        """A request whose answer is not awaited."""
        self._connection.send((operation, given))

    def run(self, code: str) -> str:
        return str(self.ask("run", code))

    def fetch(self, name: str) -> Any:
        return self.ask("fetch", name)

    def memory(self) -> float:
        return resident(self.process.pid)

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self._connection.close()


class _Processes(Contender):
    """The state crosses to each child anew, by dill."""

    method: ClassVar[str]
    isolation = "a process"
    cannot: ClassVar[dict[str, str]] = {
        "overrun": "a deadline can only kill it: see kill and replacement",
        "verdict": "nothing judges outside the process that ran the code",
        "hosted": "nothing to call outside the process",
    }

    def __init__(self) -> None:
        import multiprocess

        self._context = multiprocess.get_context(self.method)
        self._files = StateFiles()
        self._names: dict[str, Any] = {}

    def versions(self) -> str:
        return f"multiprocess {version('multiprocess')}, dill {version('dill')}"

    def prepare(self, names: dict[str, Any]) -> None:
        self._names = names

    def begin(self) -> Child:
        return Child(self._context, self._names)

    def replace(self, session: Any) -> Child:
        session.tell("run", work.STUBBORN)
        time.sleep(work.DEADLINE_S)
        session.close()
        child = self.begin()
        child.wait()
        return child

    def save(self, session: Any) -> str:
        path = self._files.new()
        session.ask("save", path)
        return path

    def restore(self, saved: Any) -> Child:
        child = Child(self._context, None, saved)
        child.wait()
        return child

    def close(self) -> None:
        self._files.close()
        self._files = StateFiles()


class Spawn(_Processes):
    """A fresh interpreter each."""

    name = "spawn"
    method = "spawn"


class ForkServer(_Processes):
    """Forks of a server that has pandas imported; it cannot hold the state."""

    name = "forkserver"
    method = "forkserver"

    def __init__(self) -> None:
        super().__init__()
        self._context.set_forkserver_preload(["pandas", "dill", "benchmarks.peers.processes"])

    def close(self) -> None:
        """Ends the server too, which would stay on the cores that it was started on."""
        super().close()
        from multiprocess import forkserver

        forkserver._forkserver._stop()


class Fork(_Processes):
    """Forks of the caller: they share the state, and all else that the caller holds (secrets, sockets, CUDA)."""

    name = "fork"
    method = "fork"
    isolation = "a process that holds the caller's memory"

    def prepare(self, names: dict[str, Any]) -> None:
        """The caller has pandas imported, as a trainer has."""
        import pandas  # noqa: F401

        super().prepare(names)
