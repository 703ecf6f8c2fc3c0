"""The trusted direction, host side: packs what a Template's set-up needs into a sealed memory file.

What an importable module defines goes by reference: the Template imports that module. What cannot be imported (a
script's `__main__`, a notebook, a closure, a lambda) goes by value, by dill. So does what is defined in a module that
also holds tasks or assertions: that module must never be imported beside a rollout. Tasks, turns and assertions
themselves are refused.
"""

from __future__ import annotations

import fcntl
import io
import os
import pickle
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from typing import Any

from cave_rl.runtime.errors import TransferError
from cave_rl.runtime.inside.payload import same_object

_PAGE = 4096
_OUT_OF_BAND = 1 << 16
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE  # type: ignore[attr-defined]


@dataclass(slots=True)
class Packed:
    """A sealed memory file and where things lie in it. Whoever packs it closes it.

    Attributes:
        fd: the file.
        index: where the pickle and its buffers lie.
        modules: what the receiver will import to rebuild it (known for what goes to a judge).
    """

    fd: int
    index: dict[str, Any]
    modules: frozenset[str] = frozenset()

    def close(self) -> None:
        """Lets go of the file; mappings of it stay."""
        os.close(self.fd)


def pack(value: Any, *, to_judge: bool = False) -> Packed:
    """Packs a value for a Template, or with tasks and assertions for a judge.

    Raises:
        TransferError: it cannot be pickled, or it reaches a task or an assertion.
    """
    buffers: list[memoryview] = []
    modules: set[str] | None = set() if to_judge else None
    head = _pickled(value, buffers, modules)
    return pack_bytes(head, buffers, frozenset(modules or ()))


def pack_bytes(head: bytes, buffers: Sequence[memoryview] = (), modules: frozenset[str] = frozenset()) -> Packed:
    """Puts bytes, and buffers that each get pages of their own, into a sealed memory file."""
    fd = os.memfd_create("cave-payload", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    places: list[tuple[int, int]] = []
    offset = 0
    for buffer in buffers:
        places.append((offset, buffer.nbytes))
        offset += -(-buffer.nbytes // _PAGE) * _PAGE + _PAGE  # a page between two mappings keeps them apart
    os.ftruncate(fd, offset + len(head))
    for (start, _), buffer in zip(places, buffers, strict=True):
        _write(fd, buffer.cast("B"), start)
    _write(fd, memoryview(head), offset)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)  # type: ignore[attr-defined]
    return Packed(fd, {"head": (offset, len(head)), "buffers": places}, modules)


def holds_answers(module: types.ModuleType | None) -> bool:
    """Whether a module's globals hold tasks, turns, suites or assertions, or their classes."""
    return module is not None and any(_marked(value) for value in list(vars(module).values()))


def hide(file: str | os.PathLike[str]) -> None:
    """Keeps a file of tasks, which is no module, from every rollout that is set up from now on."""
    _hidden.add(os.path.realpath(file))


def answer_files() -> list[str]:
    """The files of tasks and assertions, which no rollout may read.

    Those are the files, bytecode included, of all loaded modules that hold some, and what was hidden.
    """
    found = sorted(_hidden)
    for name, module in list(sys.modules.items()):
        if not isinstance(module, types.ModuleType) or name.partition(".")[0] in sys.stdlib_module_names:
            continue
        size = len(vars(module))
        if _looked_at.get(name, (None, 0, False))[:2] != (id(module), size):
            _looked_at[name] = (id(module), size, holds_answers(module))
        if _looked_at[name][2] and (source := getattr(module, "__file__", None)):
            found += [source, *(cache_from_source(source, optimization=level) for level in ("", 1, 2))]
    return found


_hidden: set[str] = set()
_looked_at: dict[str, tuple[int | None, int, bool]] = {}


def _module_of(item: Any) -> types.ModuleType | None:
    return sys.modules.get(item.__module__)


def _marked(value: Any) -> bool:
    """Whether a value, or a class, belongs to the host alone."""
    owner = value if issubclass(type(value), type) else type(value)
    return getattr(owner, "__cave_host_only__", False) is True


def _pickled(value: Any, buffers: list[memoryview], modules: set[str] | None) -> bytes:
    def keep(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < _OUT_OF_BAND:
            return True  # stays in the pickle: a process can hold only so many mappings
        buffers.append(raw)
        return False

    file = io.BytesIO()
    try:
        plain = _Plain(file, keep) if modules is None else _PlainToJudge(file, keep, modules)
        plain.dump(value)
        return file.getvalue()
    except (_ByValue, pickle.PicklingError, AttributeError, TypeError):
        buffers.clear()
    return _dilled(value, keep, modules)


def _dilled(value: Any, keep: Any, modules: set[str] | None) -> bytes:
    import dill

    class ByValue(dill.Pickler):  # type: ignore[misc]
        """dill, with what lives beside tasks sent by value."""

        def reducer_override(self, item: Any) -> Any:
            if modules is not None:
                if isinstance(item, (types.FunctionType, type)) and item.__module__ != "__main__":
                    modules.add(item.__module__)
                elif isinstance(item, types.ModuleType):
                    modules.add(item.__name__)
                return NotImplemented
            _refuse_marked(item)
            if getattr(item, "__module__", None) == "__main__":
                return NotImplemented  # dill sends all of __main__ by value, with no more of it than is referred to
            if isinstance(item, types.FunctionType) and holds_answers(_module_of(item)):
                copy = types.FunctionType(
                    item.__code__, item.__globals__, item.__name__, item.__defaults__, item.__closure__
                )
                copy.__kwdefaults__, copy.__doc__ = item.__kwdefaults__, item.__doc__
                copy.__dict__, copy.__annotations__ = dict(item.__dict__), dict(item.__annotations__)
                copy.__qualname__, copy.__module__ = item.__qualname__, "__main__"  # dill sends __main__ by value
                return same_object, (copy,)
            if isinstance(item, type) and holds_answers(_module_of(item)):
                raise TransferError(
                    f"class {item.__qualname__} is defined in {item.__module__}, which also holds tasks or assertions: "
                    "a runtime that imports it could read the answers. Move the class to a module of its own "
                    "(a suite's `world`)"
                )
            return NotImplemented

    file = io.BytesIO()
    try:
        ByValue(file, protocol=5, recurse=True, buffer_callback=keep).dump(value)
    except TransferError:
        raise
    except Exception as error:
        raise TransferError(
            f"cannot hand {_name(value)} to a runtime: {type(error).__name__}: {error}. Inject what can be pickled, "
            "or make it in the task's set-up"
        ) from error
    if modules is not None:
        modules.add("dill")
    return file.getvalue()


class _ByValue(Exception):
    """Something must go by value: dill takes over."""


class _Plain(pickle.Pickler):
    """The quick way, for what goes wholly by reference or is plain data."""

    def __init__(self, file: io.BytesIO, keep: Callable[[pickle.PickleBuffer], bool]) -> None:
        super().__init__(file, protocol=5, buffer_callback=keep)

    def reducer_override(self, item: Any) -> Any:
        _refuse_marked(item)
        if isinstance(item, (types.FunctionType, type)):
            module = item.__module__
            if module == "__main__" or holds_answers(sys.modules.get(module)):
                raise _ByValue
        return NotImplemented


class _PlainToJudge(pickle.Pickler):
    """As `_Plain`, with nothing refused; notes the modules that are referred to."""

    def __init__(self, file: io.BytesIO, keep: Callable[[pickle.PickleBuffer], bool], modules: set[str]) -> None:
        super().__init__(file, protocol=5, buffer_callback=keep)
        self._modules = modules

    def reducer_override(self, item: Any) -> Any:
        if isinstance(item, (types.FunctionType, type)):
            if item.__module__ == "__main__":
                raise _ByValue
            self._modules.add(item.__module__)
        return NotImplemented


def _refuse_marked(item: Any) -> None:
    if _marked(item):
        name = item.__qualname__ if isinstance(item, type) else type(item).__qualname__
        raise TransferError(
            f"the set-up reaches a {name}, which belongs to the tasks: a rollout could read the answers from it. "
            "Let the set-up's functions refer only to what the runtime may know"
        )


def _name(value: Any) -> str:
    if isinstance(value, dict):
        names = [name for part in value.values() if isinstance(part, list) for name, *_ in part]
        return "the set-up" + (f" ({', '.join(map(str, names[:8]))})" if names else "")
    return f"a {type(value).__name__}"


def _write(fd: int, view: memoryview, offset: int) -> None:
    while view.nbytes:
        written = os.pwrite(fd, view[: 1 << 30], offset)
        view, offset = view[written:], offset + written
