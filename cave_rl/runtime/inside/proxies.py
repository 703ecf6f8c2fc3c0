"""Proxies of hosted objects: what stands in a runtime for an object that lives in its World.

A call goes as a frame on the runtime's own socket, while a cell runs, and blocks until its answer is there: the host
hands it to the World. Arguments go as claims, results come by value. Like all here a proxy can be patched by the code
it runs beside, which gains nothing: what it cannot say is what the World's object will do.
"""

from __future__ import annotations

import _thread
import builtins
import inspect
import os
import pickle
import socket
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import msgpack  # type: ignore[import-untyped]

from cave_rl.runtime.inside import frames, payload
from cave_rl.runtime.inside.encode import EncodeLimits, encode
from cave_rl.runtime.inside.encode_containers import plan_of

SOCKET_FD, REPLY_FD = 3, 4  # as the zygote gives them

MOST_BYTES = 1 << 24
"""The largest arguments, and the largest result, of one call."""

MOST_ARGUMENTS = 1000

INLINE_BYTES = 1 << 15
"""What goes in a frame; anything larger goes through a file. Low, so that an answer nobody takes is in nobody's way."""

_LIMITS = EncodeLimits(max_bytes=MOST_BYTES)
_types: dict[str, type] = {}


class Link:
    """The runtime's side of calls: one at a time, each with a number that its answer carries back."""

    def __init__(self, types: Mapping[str, type]) -> None:
        _types.update(types)
        self._names = {cls: name for name, cls in types.items()}
        self._socket: Any = None
        self._pid = os.getpid()
        self._lock = _thread.allocate_lock()
        self._caller: int | None = None
        self._nonce: bytes | None = None
        self._number = 0
        self._pending = False
        self._made: dict[tuple[str, type], type[BaseException]] = {}

    def adopt(self) -> None:
        """In a fork that has its socket by now. Forks of it find theirs under the same number."""
        self._pid = os.getpid()
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=SOCKET_FD)

    def open(self, nonce: bytes | None) -> None:
        """A cell begins: calls may be made, as part of its request. None: it has ended."""
        self._nonce = nonce

    def close(self) -> None:
        """The cell has ended: no more calls. Those that still are under way are waited for."""
        nonce, self._nonce = self._nonce, None
        with self._lock:
            if nonce is not None:
                self._settle(nonce)

    def call(self, target: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Calls a method of a hosted object, and returns or raises what it did."""
        if len(arguments) + len(keywords) > MOST_ARGUMENTS:
            raise ValueError(f"{target} was given more than {MOST_ARGUMENTS} arguments")
        claims = [encode(each, self._names, limits=_LIMITS) for each in arguments]
        named = {name: encode(each, self._names, limits=_LIMITS) for name, each in keywords.items()}
        size = sum(map(len, claims)) + sum(map(len, named.values()))
        if size > MOST_BYTES:
            raise ValueError(f"the arguments of {target} take {size} bytes; a call carries at most {MOST_BYTES}")
        body = msgpack.packb([target, claims, named], unicode_errors="surrogatepass")
        if os.getpid() != self._pid:  # it would not be answered, and would take the answers of its parent
            raise RuntimeError(f"{target} was called in a child process: hosted objects can be called in cells only")
        if self._lock.locked() and self._caller == _thread.get_ident():  # a finalizer, or a signal handler
            raise RuntimeError(f"{target} was called while another call of this thread was under way")
        with self._lock:
            self._caller = _thread.get_ident()
            kind, content = self._exchange(target, body)
        if kind == "value":
            try:
                return pickle.loads(content)  # from the host, never towards it
            except ImportError as error:
                raise RuntimeError(
                    f"what {target} returned needs {error.name}, which is not here: it belongs to the task's modules"
                ) from None
        raise self._error(*content) from None

    def _exchange(self, target: str, body: bytes) -> tuple[str, Any]:
        if self._nonce is None:
            raise RuntimeError(f"{target} was called while no cell runs: hosted objects can be called in cells only")
        said: bytes | int = body
        if len(body) > INLINE_BYTES:
            self._settle(self._nonce)  # the host may not have read what an interrupted call has left in the file
            os.lseek(REPLY_FD, 0, os.SEEK_SET)
            said = written = 0
            while written < len(body):
                written += os.write(REPLY_FD, memoryview(body)[written:])
            said = written
        return self._asked(self._nonce, said)

    def _settle(self, nonce: bytes) -> None:
        """Has the host answer something after the calls that were interrupted: then it is done with those."""
        if self._pending:
            self._asked(nonce, None)

    def _asked(self, nonce: bytes, said: bytes | int | None) -> tuple[str, Any]:
        """Asks the host, and waits for the answer; whatever an interrupt leaves undone, `_pending` says so."""
        self._pending = True
        self._number += 1
        number = self._number
        self._socket.send(frames.pack(frames.CALL, nonce, [number, said]))
        while True:
            frame, fds = frames.receive(self._socket)
            if not frame:
                os._exit(0)  # the host is gone
            if frame[:1] == frames.CALL:
                answered, kind, content = frames.payload_of(frame)
                if answered == number:
                    self._pending = False
                    return kind, _taken(content, fds) if fds else content
            drop(fds)  # the answer to a call that was interrupted

    def _error(self, names: list[str], message: str) -> BaseException:
        """The exception that a method raised: of the injected or builtin class of its name, or of one made like it."""
        if (own := _types.get(names[0])) is not None and issubclass(own, BaseException):
            error = own.__new__(own, message)
            error.args = (message,)
            return error
        for name in names:
            base = getattr(builtins, name, None)
            if isinstance(base, type) and issubclass(base, BaseException):
                try:
                    return (base if name == names[0] else self._like(names[0], base))(message)
                except TypeError:  # one that takes more than a message
                    continue
        return RuntimeError(message)

    def _like(self, name: str, base: type[BaseException]) -> type[BaseException]:
        if (name, base) not in self._made:
            self._made[name, base] = type(name, (base,), {"__module__": "__main__"})
        return self._made[name, base]


def drop(fds: list[int]) -> None:
    """Closes descriptors that came with a frame."""
    for fd in fds:
        os.close(fd)


def _taken(index: dict[str, Any], fds: list[int]) -> bytes:
    try:
        return payload.unpack_bytes(fds[0], index)
    finally:
        drop(fds)


# Results: instances of injected classes come as these calls in a pickle, made by the World.


def blank(name: str) -> Any:
    """An instance of an injected class without any state."""
    return object.__new__(_types[name])


def restore(value: Any, state: dict[str, Any]) -> None:
    """Sets the fields of an instance."""
    plan = plan_of(type(value))
    for name, each in state.items():
        if name in plan.slots:
            plan.slots[name].__set__(value, each)
        else:
            plan.dict_of.__get__(value)[name] = each


def named(name: str, items: tuple[Any, ...]) -> Any:
    """An instance of an injected namedtuple."""
    return tuple.__new__(_types[name], items)


def member(name: str, key: str | int) -> Any:
    """A member of an injected enumeration, or a combination of flags."""
    cls: Any = _types[name]
    return cls[key] if isinstance(key, str) else cls(key)


# Proxies.


class _Shown:
    """A default or an annotation of a signature: only its text is known here."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class _Proxy:
    """An object that lives elsewhere; only its methods are here."""

    __slots__ = ()
    _told = ""  # a class attribute: instances hold nothing

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name!r} is not here: {self._told}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name!r} cannot be set: {self._told}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name!r} cannot be deleted: {self._told}")

    def __repr__(self) -> str:
        return f"<{self._told}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"it cannot be copied: {self._told}")


def build(spec: dict[str, Any], link: Link) -> dict[str, Any]:
    """What a hosted object brings into the namespace: its proxy, or functions."""
    methods = {each["name"]: _method(each, link, has_self=spec["class"] is not None) for each in spec["methods"]}
    if spec["class"] is None:
        return methods
    told = f"{spec['name']} is a hosted {spec['class']}; it has the methods {', '.join(methods)}"
    cls = type(spec["class"], (_Proxy,), {**methods, "__slots__": (), "__doc__": spec["doc"], "_told": told})
    cls.__module__ = "__main__"
    return {spec["name"]: cls()}


def _method(spec: dict[str, Any], link: Link, *, has_self: bool) -> Callable[..., Any]:
    target = spec["target"]

    def called(*arguments: Any, **keywords: Any) -> Any:
        return link.call(target, arguments[has_self:], keywords)

    async def awaited(*arguments: Any, **keywords: Any) -> Any:
        return called(*arguments, **keywords)

    method: Any = awaited if spec["async"] else called
    method.__name__, method.__qualname__, method.__doc__ = spec["name"], target, spec["doc"]
    method.__module__ = "__main__"
    method.__signature__ = _signature(spec["signature"], has_self=has_self)
    return method  # type: ignore[no-any-return]


def _signature(spec: dict[str, Any], *, has_self: bool) -> inspect.Signature:
    empty = inspect.Parameter.empty
    parameters = [
        inspect.Parameter(
            name,
            inspect._ParameterKind(kind),
            annotation=empty if annotation is None else _Shown(annotation),
            default=empty if default is None else _Shown(default),
        )
        for name, kind, annotation, default in spec["parameters"]
    ]
    if has_self:
        kind = inspect.Parameter.POSITIONAL_ONLY if _starts_positional(parameters) else None
        parameters.insert(0, inspect.Parameter("self", kind or inspect.Parameter.POSITIONAL_OR_KEYWORD))
    returns = inspect.Signature.empty if spec["returns"] is None else _Shown(spec["returns"])
    return inspect.Signature(parameters, return_annotation=returns)


def _starts_positional(parameters: list[inspect.Parameter]) -> bool:
    return bool(parameters) and parameters[0].kind is inspect.Parameter.POSITIONAL_ONLY
