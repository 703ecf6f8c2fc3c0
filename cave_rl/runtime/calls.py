"""The calls that a runtime makes of its hosted objects: taken from its socket, handed to its World, recorded.

What comes as a call is hostile: each part is checked, and counted. What the World answers is trusted, and is what the
record holds: it is evidence, where anything that the runtime says of its calls is a claim.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cave_rl.runtime.channel import Channel
from cave_rl.runtime.deadline import Deadline
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import RuntimeGone
from cave_rl.runtime.inside import frames
from cave_rl.runtime.inside.encode import encode
from cave_rl.runtime.inside.proxies import INLINE_BYTES, MOST_ARGUMENTS, MOST_BYTES
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.result import Limits
from cave_rl.runtime.transfer import pack_bytes
from cave_rl.runtime.world import World

MOST_IN_CELL = 1000
MOST_CALLS = 10_000
MOST_LOGGED = 1 << 26
"""Bytes of the record of one runtime."""

_PACE_S = 0.002
"""How long a call waits that is refused unseen: one that refuses to stop must not keep the host from others."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a hosted object, as its World saw it.

    Attributes:
        cell: the number of the cell that made it; a runtime counts from 1. 0 where a user made it.
        name: what was called: `bank.transfer`, or `transfer`.
        arguments: a claim: the arguments by the names of their parameters, defaults included.
        result: a claim: what it returned; None if it raised.
        error: what it raised, as `ValueError: not enough money`.
    """

    cell: int
    name: str
    arguments: bytes
    result: bytes | None = None
    error: str | None = None


class Calls:
    """The calls of one runtime.

    Attributes:
        record: those that reached its World, in order.
        withheld: what cannot be called yet.
    """

    def __init__(self, targets: Collection[str], record: tuple[CallRecord, ...] = ()) -> None:
        self.record = list(record)
        self.failed = ""
        self.withheld: Collection[str] = frozenset()
        self._targets = targets
        self._cell = 0
        self._count = len(record)
        self._logged = sum(map(_size, record))
        self._in_cell = 0
        self._cpu_left = 0.0

    def branch(self) -> Calls:
        """Those of a fork of the runtime."""
        calls = Calls(self._targets, tuple(self.record))
        calls._cell, calls._count, calls.withheld = self._cell, self._count, self.withheld
        return calls

    def begin(self, limits: Limits) -> None:
        """A cell begins."""
        self._cell += 1
        self._in_cell, self._cpu_left = 0, limits.cpu_s

    def answer_steps(
        self, world: World, channel: Channel, nonce: bytes, asked: Any, limits: Limits, until: float | None
    ) -> Steps[None]:
        """Takes one call from the runtime's channel, and answers it there.

        Args:
            world: where it goes.
            channel: the runtime's.
            nonce: of the cell that runs.
            asked: what came.
            limits: of the cell.
            until: the moment at which the cell's time is over; None if it is, and nothing may be called any more.

        Raises:
            RuntimeGone: it is no call that a proxy makes; or it ended the World.
            Fault: the World is gone.
        """
        if not (type(asked) is list and len(asked) == 2 and type(asked[0]) is int and 0 < asked[0] < 1 << 63):
            raise RuntimeGone("tampered", "a malformed call")
        number, said = asked
        kind: str
        content: Any
        if said is None:  # it only asks whether the calls before were taken
            yield Wait(-1, time.monotonic() + _PACE_S)
            kind, content = "value", None
        elif until is None:  # its content stays unread: the runtime may have written its report over it
            yield Wait(-1, time.monotonic() + _PACE_S)
            kind, content = "error", (["TimeoutError", "OSError"], "the cell was interrupted before the call was made")
        else:
            target, arguments, keywords = _parts(channel.part(said, 2 * MOST_BYTES))
            refused = self._refused(target, arguments, keywords)
            if refused is not None:
                yield Wait(-1, time.monotonic() + _PACE_S)
                kind, content = "error", refused
            else:
                call = {"target": target, "arguments": arguments, "keywords": keywords, "most": limits.claim_bytes}
                deadline = Deadline(self._cpu_left, until, limits.grace_s)
                kind, content = yield from self._call_steps(world, call, deadline, self._cell)
        if type(content) is bytes and len(content) > INLINE_BYTES:
            packed = pack_bytes(content)
            try:
                channel.put(frames.pack(frames.CALL, nonce, [number, kind, packed.index]), (packed.fd,))
            finally:
                packed.close()
        else:
            channel.put(frames.pack(frames.CALL, nonce, [number, kind, content]))

    def user_steps(self, world: World, target: str, arguments: Mapping[str, Any], limits: Limits) -> Steps[CallRecord]:
        """Makes a call of a user's, between two cells.

        Raises:
            Fault: the World was gone before.
            RuntimeGone: it ended the World.
        """
        keywords = {name: encode(value) for name, value in arguments.items()}
        call = {"target": target, "arguments": [], "keywords": keywords, "most": limits.claim_bytes}
        deadline = Deadline(limits.cpu_s, time.monotonic() + limits.wall_s, limits.grace_s)
        try:
            yield from self._call_steps(world, call, deadline, 0)
        except RuntimeGone as gone:
            raise RuntimeGone("crashed", self.failed) from gone
        return self.record[-1]

    def _refused(self, target: str, arguments: list[bytes], keywords: dict[str, bytes]) -> tuple[list[str], str] | None:
        """Why a call is not made: the names of an exception's class and its bases, and its message."""
        if target not in self._targets:
            return ["AttributeError"], f"{target!r} is not hosted{nearest(target, self._targets)}"
        if target in self.withheld:
            return ["NameError"], f"name {target!r} is not defined"
        size = sum(map(len, arguments)) + sum(map(len, keywords.values()))
        if size > MOST_BYTES:
            return ["ValueError"], f"the arguments of {target} take {size} bytes; a call carries at most {MOST_BYTES}"
        self._in_cell += 1
        if self._in_cell > MOST_IN_CELL:
            return ["RuntimeError"], f"a cell may call hosted objects at most {MOST_IN_CELL} times"
        if self._count >= MOST_CALLS:
            return ["RuntimeError"], f"hosted objects may be called at most {MOST_CALLS} times in all"
        if self._logged >= MOST_LOGGED:
            return ["RuntimeError"], f"the calls of hosted objects may hold at most {MOST_LOGGED} bytes in all"
        if self._cpu_left <= 0:
            return ["TimeoutError", "OSError"], "the hosted objects have used up the time that a cell may take"
        self._count += 1
        return None

    def _call_steps(self, world: World, call: dict[str, Any], deadline: Deadline, cell: int) -> Steps[tuple[str, Any]]:
        target = call["target"]
        used = world.cpu_s()
        try:
            told = yield from world.call_steps(call, deadline)
        except RuntimeGone as gone:
            code = world.exit_code()
            how = gone.detail if gone.outcome == "killed" or code is None else f"exit code {code}"
            self.failed = f"{target} did not survive its call: {how}"
            raise
        finally:
            self._cpu_left -= world.cpu_s() - used
        if told.get("interrupted"):
            error = [["TimeoutError", "OSError"], f"{target} took longer than a cell may"]
            told = {"arguments": told["arguments"], "result": None, "error": error}
        entry = CallRecord(cell, target, told["arguments"])
        if told["error"] is None:
            entry = replace(entry, result=told["result"])
        else:
            entry = replace(entry, error=f"{told['error'][0][0]}: {told['error'][1]}")
        self.record.append(entry)
        self._logged += _size(entry)
        return ("error", told["error"]) if told["error"] is not None else ("value", told["value"])


def _size(entry: CallRecord) -> int:
    return len(entry.arguments) + len(entry.result or b"") + len(entry.error or "")


def _parts(asked: Any) -> tuple[str, list[bytes], dict[str, bytes]]:
    """A call, each part checked."""
    if type(asked) is not list or len(asked) != 3:
        raise RuntimeGone("tampered", "a malformed call")
    target, arguments, keywords = asked
    if not (
        type(target) is str
        and len(target) < 1000
        and type(arguments) is list
        and all(type(each) is bytes for each in arguments)
        and type(keywords) is dict
        and len(arguments) + len(keywords) <= MOST_ARGUMENTS
        and all(type(name) is str and len(name) < 1000 and type(each) is bytes for name, each in keywords.items())
    ):
        raise RuntimeGone("tampered", "a malformed call")
    return target, arguments, keywords
