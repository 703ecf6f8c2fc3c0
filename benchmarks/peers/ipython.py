"""IPython's shell in the caller's own process."""

from __future__ import annotations

import atexit
import contextlib
import io
from importlib.metadata import version
from typing import Any, ClassVar

from benchmarks.contender import Contender

_ONE_PROCESS = "it lives in the caller's process"


class Shell:
    """One shell with a namespace of its own; all shells share the interpreter."""

    def __init__(self, names: dict[str, Any]) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False  # else each writes to one database in the user's home
        config.InteractiveShell.colors = "NoColor"
        self.shell = InteractiveShell(config=config, user_ns=dict(names))

    def wait(self) -> None:
        pass

    def run(self, code: str) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            done = self.shell.run_cell(code)
        done.raise_error()
        return printed.getvalue()

    def fetch(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def memory(self) -> float:
        return 0.0

    def close(self) -> None:
        atexit.unregister(self.shell.atexit_operations)  # they would run at exit, for minutes with thousands of shells


class IPython(Contender):
    """As many agents use it: quick, and the model's code is the trainer's."""

    name = "ipython"
    isolation = "none: the caller's process"
    in_process = True
    cannot: ClassVar[dict[str, str]] = {
        "overrun": "a cell that does not end cannot be stopped",
        "replace": _ONE_PROCESS,
        "snapshot": "a namespace of live objects cannot be copied",
        "many": _ONE_PROCESS,
        "memory": _ONE_PROCESS,
        "verdict": "nothing judges outside the process that ran the code",
        "hosted": _ONE_PROCESS,
    }

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}

    def versions(self) -> str:
        return f"ipython {version('ipython')}"

    def prepare(self, names: dict[str, Any]) -> None:
        self._names = names

    def begin(self) -> Shell:
        return Shell(self._names)

    def reset(self, session: Any) -> Shell:
        session.shell.reset(new_session=False)
        session.shell.user_ns.update(self._names)
        return session  # type: ignore[no-any-return]
