"""What became of a cell, and the limits it ran under."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a cell ended. The last three end its runtime."""

    OK = "ok"
    ERROR = "error"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"
    CRASHED = "crashed"
    TAMPERED = "tampered"

    @property
    def alive(self) -> bool:
        """Whether the runtime can go on."""
        return self not in (Outcome.KILLED, Outcome.CRASHED, Outcome.TAMPERED)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one cell may use. All must be more than 0.

    Attributes:
        cpu_s: CPU seconds; then the cell is interrupted. CPU time is counted, so a busy host does not punish the
            policy.
        wall_s: wall seconds, generous, for cells that wait.
        grace_s: wall seconds between the interrupt and the kill.
        output_bytes: most bytes kept of each of stdout and stderr (head and tail).
        code_bytes: longest cell.
        claim_bytes: largest encoding of one value that crosses whole; a larger one crosses as its digest.
    """

    cpu_s: float = 5.0
    wall_s: float = 30.0
    grace_s: float = 0.5
    output_bytes: int = 1 << 16
    code_bytes: int = 150_000
    claim_bytes: int = 1 << 22

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise ValueError(f"{each.name} must be a number above 0, and finite, not {value!r}")


@dataclass(frozen=True, slots=True)
class CellError:
    """What a cell raised: type name, message, and the traceback from the cell down."""

    type: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class StateDiff:
    """Names that a cell created, changed and deleted, as its process claims."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, list[str]]:
        """Plain data, for `info` and traces."""
        return {"created": list(self.created), "changed": list(self.changed), "deleted": list(self.deleted)}


@dataclass(frozen=True, slots=True)
class CellResult:
    """What became of a cell.

    Attributes:
        outcome: how it ended.
        stdout, stderr: what it printed, bounded.
        value: the text of a last expression's value, as a notebook shows it.
        error: what it raised.
        diff: what it did to the namespace.
        detail: what is known where the outcome alone does not tell (the exit code of a crash, say).
        wall_s, cpu_s: seconds, measured by the host.
        peak_kb: peak resident memory of the process, as it claims.
    """

    outcome: Outcome
    stdout: str = ""
    stderr: str = ""
    value: str | None = None
    error: CellError | None = None
    diff: StateDiff = field(default_factory=StateDiff)
    detail: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_kb: int = 0

    @property
    def ok(self) -> bool:
        """Whether the cell ran to its end."""
        return self.outcome is Outcome.OK


class Malformed(ValueError):
    """A report that does not have the form of one."""


_MOST_TEXT, _MOST_NAMES = 100_000, 256
"""More than `inside` ever sends."""


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value) <= _MOST_TEXT


def report_of(claimed: Any) -> tuple[Outcome, str | None, CellError | None, StateDiff, int]:
    """The parts of a cell's report, each checked: it comes from the process that ran the cell.

    Raises:
        Malformed: a part has the wrong type or size.
    """
    if type(claimed) is not dict:
        raise Malformed("not a map")
    kind, value, error = claimed.get("kind"), claimed.get("value"), claimed.get("error")
    diff, peak = claimed.get("diff"), claimed.get("peak_kb")
    if kind not in ("ok", "error", "interrupted", "out_of_memory"):
        raise Malformed("kind")
    if value is not None and not _is_text(value):
        raise Malformed("value")
    if error is not None and not (type(error) is list and len(error) == 3 and all(map(_is_text, error))):
        raise Malformed("error")
    if type(peak) is not int:
        raise Malformed("peak_kb")
    if diff is None:
        changes = StateDiff()
    elif (
        type(diff) is list and len(diff) == 3 and all(type(part) is list and len(part) <= _MOST_NAMES for part in diff)
    ):
        if not all(type(name) is str and len(name) < 1000 for part in diff for name in part):
            raise Malformed("diff")
        changes = StateDiff(*(tuple(part) for part in diff))
    else:
        raise Malformed("diff")
    return Outcome(kind), value, CellError(*error) if error else None, changes, peak
