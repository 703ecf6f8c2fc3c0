"""What runs in a World: holds the hosted objects of one runtime, calls their methods, tells their state.

A World is trusted: it is forked from a template of its own, in which nothing of a rollout ever ran. But what it is
called with is hostile. Arguments are claims, decoded as a judge decodes them, into values of exact types; methods run
confined and within deadlines; results go back as plain data. Nothing here answers the runtime itself: the host does.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import pickle
import random
import selectors
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from cave_rl.runtime.codec import (
    ClaimError,
    DecodeLimits,
    arrays,  # noqa: F401  # decode asks for it with the first array, when a confined World cannot read our files any more
    decode,
    encode_or_digest,
)
from cave_rl.runtime.inside import clock, frames, payload, proxies, seeding, zygote
from cave_rl.runtime.inside.branching import Branching, take_files
from cave_rl.runtime.inside.encode import Encoder, encode, type_name
from cave_rl.runtime.inside.encode_containers import plan_of
from cave_rl.runtime.inside.encode_libraries import tables_for
from cave_rl.runtime.inside.encode_scalars import OPAQUE

MOST_MESSAGE = 2000
_LIMITS = DecodeLimits(max_bytes=proxies.MOST_BYTES, stand_ins=False)


class Hosting:
    """The service of a World."""

    def __init__(self, brief: dict[str, Any]) -> None:
        if brief["clock"] is not None:
            clock.stand_still(*brief["clock"])
        self._objects: dict[str, Any] = dict(brief["objects"])
        self._types = dict(brief["types"])
        self._names = {cls: name for name, cls in brief["classes"].items()}
        self._injected = {cls: name for name, cls in self._types.items()}
        self._targets: dict[str, tuple[Callable[..., Any], inspect.Signature]] = {}
        self._event_names = {**self._types, **self._objects}
        for target, (name, method) in brief["targets"].items():
            func = getattr(self._objects[name], method) if method else self._objects[name]
            self._targets[target] = func, inspect.signature(func)
            if "." not in target:
                self._event_names[target] = func
        for name, each in self._objects.items():
            _refuse_opaque(name, each, self._names)
        self._running = False
        self._arguments = b""  # of the call that is under way
        self._branching = Branching()
        self._loop: asyncio.AbstractEventLoop | None = None

    def summary(self) -> dict[str, Any]:
        """Nothing to tell."""
        return {}

    def adopt(self) -> None:
        """In a fresh fork: output, the interrupt handler."""
        take_files()
        signal.signal(signal.SIGINT, self._interrupt)

    def begin(self, seed: int) -> None:
        """Seeds."""
        seeding.seed_all(seed)

    def warm(self) -> None:
        """Nothing is slow the first time."""

    def handle(self, operation: bytes, request: Any, fds: list[int]) -> Any:
        """Answers one request."""
        if operation == frames.CALL:
            if fds:
                body = payload.unpack_bytes(fds[0], request["index"])
                proxies.drop(fds)
                request = {**request, **frames.payload_of(bytes(frames.HEAD_BYTES) + body)}
            return self._guarded(lambda: self._call(**{name: request[name] for name in _CALL}))
        if operation == frames.CLAIM:
            names, most = request["names"], request["most"]
            return {name: encode_or_digest(self._objects[name], self._names, most) for name in names}
        if operation == frames.EXECUTE:
            return self._guarded(lambda: self._event(request["code"]))
        if operation == frames.FORK:
            return self._branching.fork({**request, "seed": _own(request["seed"])}, fds)
        return None

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._running:
            raise KeyboardInterrupt

    def _guarded(self, answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """An answer within a deadline, which the host sets by an interrupt."""
        try:
            self._running = True
            try:
                return answer()
            finally:
                self._running = False
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
        except KeyboardInterrupt:
            return {"interrupted": True, "arguments": self._arguments}

    def _call(self, target: str, arguments: list[bytes], keywords: dict[str, bytes], most: int) -> dict[str, Any]:
        """One call: what it was called with, and what came of it, as claims; and the answer for the runtime."""
        func, signature = self._targets[target]
        self._arguments = encode({})
        told: dict[str, Any] = {"result": None, "error": None, "value": None}
        try:
            known = dict(enumerate(signature.parameters))
            given = [self._argument(known.get(at, at + 1), each) for at, each in enumerate(arguments)]
            named = {name: self._argument(name, each) for name, each in keywords.items()}
            bound = signature.bind(*given, **named)
            bound.apply_defaults()
            self._arguments = encode_or_digest(dict(bound.arguments), self._names, most)
            result = func(*bound.args, **bound.kwargs)
            if inspect.isawaitable(result):
                result = self._await(result)
            claim = _vetted(target, result, self._injected)
            told["result"] = claim if len(claim) <= most else encode_or_digest(result, self._injected, most)
            told["value"] = _pickled(target, result, self._injected)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            told["error"] = [_classes_of(error, self._injected), _message(error)]
        return {**told, "arguments": self._arguments}

    def _argument(self, which: str | int, claim: bytes) -> Any:
        try:
            return decode(claim, self._types, limits=_LIMITS)
        except ClaimError as error:
            raise TypeError(f"argument {which!r} cannot be handed to a hosted object: {error}") from None

    def _await(self, result: Any) -> Any:
        if self._loop is None:
            # Its selector lives in this process alone: a fork may go on with its copy of the loop.
            self._loop = asyncio.SelectorEventLoop(selectors.PollSelector())

        async def whole() -> Any:
            return await result

        try:
            return self._loop.run_until_complete(whole())
        except KeyboardInterrupt:
            self._loop = None  # what was interrupted must not go on in the next call
            raise

    def _event(self, source: str) -> dict[str, Any]:
        names = dict(self._event_names)
        try:
            exec(compile(source, "<event>", "exec", dont_inherit=True), names)
            for name, each in self._objects.items():
                if names.get(name) is not each:
                    raise NameError(f"the event rebinds {name}: it must change the object in place")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return {"error": "".join(traceback.format_exception(error))[-5000:]}
        return {"error": None}


def _own(seed: int | None) -> int | None:
    """A seed that the runtime, which is given the same one, cannot know: mixed with what comes next here."""
    if seed is None:
        return None
    following = random.Random()
    following.setstate(random.getstate())
    return seed ^ following.getrandbits(64)


_CALL = ("target", "arguments", "keywords", "most")


def _refuse_opaque(name: str, value: Any, names: dict[type, str]) -> None:
    if inspect.isfunction(value) or tables_for(names).containers.get(id(type(value))) is not None:
        return
    raise zygote.SetupError(
        f"hosted {name!r}: the state of a {type(value).__name__} cannot be told, so nothing could be asserted of it "
        "(it is, or derives from, a builtin class). Host an instance of a plain class that holds it"
    )


def _classes_of(error: BaseException, injected: dict[type, str]) -> list[str]:
    """The names of an exception's class and its bases, as the runtime may know them."""
    return [injected.get(cls, cls.__name__) for cls in type(error).__mro__ if issubclass(cls, BaseException)]


def _message(error: BaseException) -> str:
    text = error.args[0] if len(error.args) == 1 and type(error.args[0]) is str else None
    try:
        return (str(error) if text is None else text)[:MOST_MESSAGE]
    except Exception:  # its __str__ is the task's, and may raise anything; its type is told all the same
        return ""


# Results.


class _Vetting(Encoder):
    """Notes the first value that has no encoding."""

    refused: str | None = None

    def take(self, value: object) -> Any:
        form = super().take(value)
        if form[0][0] == "opaque":
            self.refused = self.refused or type_name(type(value))
        return form

    def _leaf(self, value: Any) -> Any:
        leaf = super()._leaf(value)
        if leaf.code == OPAQUE:
            self.refused = self.refused or type_name(type(value))
        return leaf


class _ByName(pickle.Pickler):
    """Pickles plain data; instances of injected classes by the names that the runtime knows the classes by."""

    def __init__(self, file: io.BytesIO, injected: dict[type, str]) -> None:
        super().__init__(file, protocol=5)
        self._injected = injected

    def reducer_override(self, value: Any) -> Any:
        cls = type(value)
        name = self._injected.get(cls)
        if name is None:
            return NotImplemented
        plan = plan_of(cls)
        if plan.kind == "namedtuple":
            return proxies.named, (name, tuple(value))
        if plan.kind == "enum":
            key = value._name_ if value._name_ in cls._member_map_ else value._value_
            return proxies.member, (name, key)
        state = {key: each for key, each in vars(value).items() if key not in plan.cached} if plan.dict_of else {}
        for key, slot in plan.slots.items():
            try:
                state[key] = slot.__get__(value)
            except AttributeError:  # a slot that holds nothing
                continue
        return proxies.blank, (name,), state, None, None, proxies.restore


def _vetted(target: str, result: Any, injected: dict[type, str]) -> bytes:
    """The claim of a result, which must be whole."""
    vetting = _Vetting(tables_for(injected))
    claim = b"".join(vetting.chunks(result))
    if vetting.refused:
        raise TypeError(
            f"{target} returned a {vetting.refused}, which cannot cross into the runtime: return plain data, or inject "
            "the class as a Type"
        )
    return claim


def _pickled(target: str, result: Any, injected: dict[type, str]) -> bytes:
    """A result as the runtime will load it."""
    file = io.BytesIO()
    try:
        _ByName(file, injected).dump(result)
    except (TypeError, pickle.PicklingError) as error:
        raise TypeError(f"{target} returned a {type_name(type(result))}, which cannot cross: {error}") from None
    if file.tell() > proxies.MOST_BYTES:
        raise ValueError(
            f"what {target} returned takes {file.tell()} bytes; a call carries at most {proxies.MOST_BYTES}"
        )
    return file.getvalue()
