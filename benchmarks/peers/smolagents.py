"""smolagents' executor: an interpreter of Python's syntax tree, in the caller's process."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, ClassVar

from benchmarks import work
from benchmarks.contender import Contender

_ONE_PROCESS = "it lives in the caller's process"


class Executor:
    """One executor with a namespace of its own."""

    def __init__(self, names: dict[str, Any]) -> None:
        from smolagents.local_python_executor import LocalPythonExecutor

        self._executor = LocalPythonExecutor(["numpy", "pandas"])
        self._executor.send_tools({})
        self._executor.send_variables(dict(names))

    def wait(self) -> None:
        pass

    def run(self, code: str) -> str:
        return str(self._executor(code).logs)

    def fetch(self, name: str) -> Any:
        return self._executor.state[name]

    def memory(self) -> float:
        return 0.0

    def close(self) -> None:
        pass


class SmolAgents(Contender):
    """What `CodeAgent` uses by default, and what other environments build on."""

    name = "smolagents"
    isolation = "an interpreter in the caller's process"
    in_process = True
    cannot: ClassVar[dict[str, str]] = {
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
        return f"smolagents {version('smolagents')}"

    def prepare(self, names: dict[str, Any]) -> None:
        self._names = names

    def begin(self) -> Executor:
        return Executor(self._names)

    def overrun(self, session: Any) -> None:
        """It has no deadline below a second: the loop ends by its count of iterations."""
        from smolagents.local_python_executor import InterpreterError

        try:
            session.run(work.LOOP)
        except InterpreterError:
            return
        raise AssertionError("the loop ended by itself")
