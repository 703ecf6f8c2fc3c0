"""What runs in a judge's process: decodes claims and evaluates assertions.

A judge is forked for one episode from a clean template that no rollout ever touched, and is confined like one: the
claims it decodes are hostile, and may try to exhaust it. It answers with verdicts; expected values never leave it but
in their messages.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cave_rl.rewards.assertions import Assertion
from cave_rl.rewards.evidence import Call, Evidence, State
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import (
    ClaimError,
    Opaque,
    arrays,  # noqa: F401  # decode asks for it with the first array, when a confined judge cannot read our files any more
    decode,
    same,
)
from cave_rl.runtime.inside import frames, payload

MOST_MESSAGE = 2000


class Court:
    """The service of a judge's template."""

    def __init__(self, brief: dict[str, Any]) -> None:
        for name in brief["modules"]:
            importlib.import_module(name)
        self._turns: list[tuple[tuple[Assertion, ...], frozenset[str]]] = []
        self._classes: dict[str, type] = {}

    def summary(self) -> dict[str, Any]:
        """Nothing to tell."""
        return {}

    def adopt(self) -> None:
        """Nothing to do: a judge has no output."""

    def begin(self, seed: int) -> None:
        """Nothing to do: a judge is not random."""

    def warm(self) -> None:
        """A first judgement."""
        judge((), Evidence(self._state({})))

    def handle(self, operation: bytes, request: Any, fds: list[int]) -> Any:
        """Takes a task's brief, or judges one of its turns; both lie in a file that comes with the request."""
        if "index" in request:
            self._turns, self._classes = payload.unpack(fds[0], request["index"])
            os.close(fds[0])
            return None
        evidence = frames.payload_of(payload.unpack_bytes(fds[0], request["evidence"]))
        os.close(fds[0])
        assertions, changes = self._turns[request["turn"]]
        before, after = evidence["before"], evidence["after"]
        kept = [name for name in evidence["kept"] if name not in changes]
        gates = [self._unchanged(name, before[name], after.get(name)) for name in kept]
        names = {cls: name for name, cls in self._classes.items()}
        idle = Evidence(self._state(before), self._state(before), classes=names)
        calls = _Calls(evidence["calls"], self._classes)
        earlier = tuple(_Calls(each, self._classes) for each in evidence.get("earlier", ()))
        told = evidence["answer"], names, calls, earlier, evidence.get("limited", ()), evidence.get("said", ())
        ended = Evidence(self._state(after), self._state(before), *told)
        return {
            "verdicts": [verdict.as_dict() for verdict in [*judge(assertions, ended), *gates]],
            "idle": [verdict.passed for verdict in judge(assertions, idle)],
        }

    def _state(self, claims: Mapping[str, bytes]) -> State:
        return State(claims, lambda claim: decode(claim, self._classes))

    def _unchanged(self, name: str, before: bytes, after: bytes | None) -> Verdict:
        """The gate on a variable that the turn does not declare in `changes`."""
        if after is None:
            return _gate(name, "it was deleted")
        if before == after:
            return _gate(name, "")
        try:  # equal values may still be encoded differently: a dict keeps its order
            if same(decode(before, self._classes), decode(after, self._classes)):
                return _gate(name, "")
        except ClaimError as error:
            return _gate(name, f"its claim cannot be read: {error}")
        return _gate(name, "it changed, and the turn does not declare it in `changes`")


class _Calls(Sequence[Call]):
    """The calls of a turn, each decoded when it is looked at."""

    def __init__(self, told: Sequence[tuple[int, str, bytes, bytes | None, str | None]], classes: Any) -> None:
        self._told = told
        self._classes = classes
        self._calls: dict[int, Call] = {}

    def __len__(self) -> int:
        return len(self._told)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return tuple(self[each] for each in range(*at.indices(len(self))))
        at = range(len(self))[at]
        if at not in self._calls:
            cell, name, arguments, result, error = self._told[at]
            value = None if result is None else self._decode(result)
            self._calls[at] = Call(name, self._decode(arguments), value, error, cell)
        return self._calls[at]

    def _decode(self, claim: bytes) -> Any:
        try:
            return decode(claim, self._classes)
        except ClaimError as error:  # one call that cannot be shown is nothing against the others
            return Opaque("claim", str(error))


def judge(assertions: tuple[Assertion, ...], evidence: Evidence) -> list[Verdict]:
    """The verdicts of a turn's assertions, their names made unique. What an assertion raises on a claim has failed."""
    verdicts: list[Verdict] = []
    taken: dict[str, int] = {}
    for assertion in assertions:
        try:
            found = assertion.check(evidence)
        except Exception as error:
            text = f"{type(error).__name__}: {error.args[0] if isinstance(error, KeyError) and error.args else error}"
            found = [Verdict(name, False, assertion.weight, text) for name in assertion.names]
        for verdict in found:
            count = taken[verdict.name] = taken.get(verdict.name, 0) + 1
            name = verdict.name if count == 1 else f"{verdict.name} #{count}"
            message = verdict.message[:MOST_MESSAGE]
            verdicts.append(Verdict(name, verdict.passed is True, verdict.weight, message, told=verdict.told))
    return verdicts


def _gate(name: str, message: str) -> Verdict:
    return Verdict(f"{name} unchanged", not message, 0.0, f"{name}: {message}" if message else "", gate=True)
