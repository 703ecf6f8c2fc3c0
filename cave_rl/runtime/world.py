"""World: the trusted process that holds the hosted objects of one runtime."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from cave_rl.runtime.deadline import Deadline, Watch
from cave_rl.runtime.drive import Steps, Wait
from cave_rl.runtime.errors import Fault, RuntimeGone
from cave_rl.runtime.inside import frames, proxies
from cave_rl.runtime.process import Process
from cave_rl.runtime.transfer import pack_bytes

CLAIM_S, CLAIM_WALL_S = 20.0, 300.0
"""CPU and wall seconds for telling the state; what a rollout has made too large to be told in them has failed."""

_OUTPUT = 1 << 20


class World(Process):
    """The process that hosts a runtime's objects. It is forked, snapshotted and closed together with its runtime.

    A World is trusted, but hostile arguments may hang or end it: what ends it in a call is a failure of the rollout,
    what ends it otherwise is a fault.
    """

    def call_steps(self, call: Mapping[str, Any], deadline: Deadline) -> Steps[dict[str, Any]]:
        """Calls a method; what came of it, or `{"interrupted": True}` if it took too long.

        Raises:
            Fault: the World had ended before.
            RuntimeGone: the call ended it.
        """
        self._check()
        body = frames.pack(frames.CALL, b"", call)[1:]
        if len(body) <= proxies.INLINE_BYTES:
            return (yield from self._answer_steps(frames.CALL, dict(call), deadline))
        packed = pack_bytes(body)
        try:
            return (yield from self._answer_steps(frames.CALL, {"index": packed.index}, deadline, (packed.fd,)))
        finally:
            packed.close()

    def claim_steps(self, names: list[str], most: int) -> Steps[dict[str, bytes]]:
        """The state of hosted objects, as claims.

        Raises:
            Fault: the World had ended before.
            RuntimeGone: it could not tell it: the rollout made more of it than can be told.
        """
        self._check()
        deadline = Deadline(CLAIM_S, time.monotonic() + CLAIM_WALL_S, 0.1)
        try:
            return (yield from self._answer_steps(frames.CLAIM, {"names": names, "most": most}, deadline))
        except RuntimeGone as gone:
            raise RuntimeGone("crashed", f"the state of its hosted objects could not be told: {gone.detail}") from gone

    def event_steps(self, source: str, deadline: Deadline) -> Steps[None]:
        """Runs source with the hosted objects under their names.

        Raises:
            Fault: it failed, or took too long.
        """
        self._check()
        try:
            said = yield from self._answer_steps(frames.EXECUTE, {"code": source}, deadline)
        except RuntimeGone as gone:
            raise Fault(f"an event ended the hosted objects: {gone}\n{self.said()}".rstrip()) from gone
        if said.get("interrupted"):
            raise Fault("an event on hosted objects took longer than a cell may")
        if said["error"]:
            raise Fault(f"an event on hosted objects failed: {said['error']}")

    def fork_steps(self, seed: int | None) -> Steps[World]:
        """A fork of it.

        Raises:
            Fault: it could not be forked.
        """
        self._check()
        child = World()
        try:
            yield from self.branch_steps(child, seed)
        except RuntimeGone as gone:
            raise Fault(f"the hosted objects could not be forked: {gone}") from gone
        return child

    def quiet(self) -> None:
        """Forgets what its objects printed, beyond some: nobody reads it but in an error."""
        for fd in (self._stdout, self._stderr):
            if os.fstat(fd).st_size > _OUTPUT:
                os.ftruncate(fd, 0)

    def _check(self) -> None:
        try:
            self.check_alive()
        except RuntimeGone as gone:
            raise Fault(f"the hosted objects are gone: {gone}") from gone

    def _answer_steps(
        self, operation: bytes, request: dict[str, Any], deadline: Deadline, fds: tuple[int, ...] = ()
    ) -> Steps[dict[str, Any]]:
        try:
            nonce = self._channel.send(operation, request, fds)
        except RuntimeGone as gone:
            self.lose(gone)
            raise Fault(f"the hosted objects ended outside of a call: {gone}\n{self.said()}".rstrip()) from gone
        watch = Watch(self, deadline)
        try:
            while (reply := self._channel.poll(operation, nonce)) is None:
                yield Wait(self._channel.fd, time.monotonic() + watch.left())
        except RuntimeGone as gone:
            self.lose(gone)
            raise
        content: dict[str, Any] = reply.content
        return content
