"""What validation found: findings, counts and sizes, by family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]

CHECKS: dict[str, str] = {
    "generator": "the family makes its tasks, and the same ones again",
    "fault": "set-up, host events and judge work",
    "gold": "every turn has gold, and it scores 1",
    "idle": "doing nothing scores exactly 0, unless refusing is right",
    "near_miss": "a near-miss scores below 1, by the verdict that it names",
    "left_out": "no cell of gold can be left out",
    "hack": "no generic trick scores 1",
    "leak": "nothing of the answer is in the rollout's memory, modules or readable files",
    "repeat": "three plays agree byte for byte",
    "names": "the query names what is asserted",
    "opaque": "injected values can be judged by more than their type",
    "user": "a turn's user has a script to be played with",
    "answer_only": "something else than the final answer is asserted",
    "prompt_size": "the prompt is not too long",
    "observation_size": "observations are not too long",
}
"""Every check, and what it says."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a task, or looks as if it were.

    Attributes:
        check: one of `CHECKS`.
        severity: an error spoils a reward; a warning may be as it is meant.
        family: of the task.
        task: `split family/index`, as `cave-rl show` takes it, or the task's id.
        message: what was found, with actual values.
        turn: which turn, from 0; None for the task as a whole.
    """

    check: str
    severity: Severity
    family: str
    task: str
    message: str
    turn: int | None = None

    def __str__(self) -> str:
        where = f", turn {self.turn + 1}" if self.turn is not None else ""
        return f"{self.severity}: {self.task}{where}: {self.check}: {self.message}"


@dataclass(slots=True)
class Notes:
    """What is noted of one task while it is inspected."""

    family: str
    task: str
    findings: list[Finding] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    prompt_chars: int = 0
    observation_chars: list[int] = field(default_factory=list)

    def error(self, check: str, message: str, turn: int | None = None) -> None:
        """Notes what spoils a reward."""
        self.findings.append(Finding(check, "error", self.family, self.task, message, turn))

    def warn(self, check: str, message: str, turn: int | None = None) -> None:
        """Notes what may be as it is meant."""
        self.findings.append(Finding(check, "warning", self.family, self.task, message, turn))


@dataclass(frozen=True, slots=True)
class FamilyReport:
    """What was found of one family.

    Attributes:
        tasks: how many of its tasks were inspected.
        errors, warnings: how many findings there are.
        checked: how often each check was made.
        prompt, observation: characters: the median and the most.
    """

    tasks: int
    errors: int
    warnings: int
    checked: dict[str, int]
    prompt: tuple[int, int]
    observation: tuple[int, int]


@dataclass(frozen=True)
class Report:
    """What validation found.

    Attributes:
        suite: its name.
        notes: one for each task, in order.
        seconds: how long it took.
    """

    suite: str
    notes: tuple[Notes, ...]
    seconds: float = 0.0

    @property
    def findings(self) -> list[Finding]:
        """All findings, errors first."""
        found = [finding for notes in self.notes for finding in notes.findings]
        return sorted(found, key=lambda finding: finding.severity)

    @property
    def errors(self) -> list[Finding]:
        """What spoils rewards."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """What may be as it is meant."""
        return [finding for finding in self.findings if finding.severity == "warning"]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    @property
    def families(self) -> dict[str, FamilyReport]:
        """What was found of each family, in the order of the suite."""
        groups: dict[str, list[Notes]] = {}
        for notes in self.notes:
            groups.setdefault(notes.family, []).append(notes)
        return {family: _family(group) for family, group in groups.items()}

    def grouped(self) -> list[tuple[Finding, int]]:
        """The first finding of each kind, errors first, and how many of its kind there are.

        Findings are of one kind if family, check and severity are the same.
        """
        groups: dict[tuple[str, str, str], list[Finding]] = {}
        for finding in self.findings:
            groups.setdefault((finding.severity, finding.family, finding.check), []).append(finding)
        return [(group[0], len(group)) for group in groups.values()]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "suite": self.suite,
            "ok": self.ok,
            "seconds": round(self.seconds, 3),
            "tasks": len(self.notes),
            "families": {family: asdict(found) for family, found in self.families.items()},
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        lines = [f"{self.suite}: {len(self.errors)} errors, {len(self.warnings)} warnings in {len(self.notes)} tasks"]
        for finding, count in self.grouped():
            lines.append(f"{finding}{f' (and {count - 1} more of its kind)' if count > 1 else ''}")
        return "\n".join(lines)


def _family(group: list[Notes]) -> FamilyReport:
    severities = Counter(finding.severity for notes in group for finding in notes.findings)
    return FamilyReport(
        tasks=len(group),
        errors=severities["error"],
        warnings=severities["warning"],
        checked=dict(sum((notes.checked for notes in group), Counter[str]())),
        prompt=_sizes(notes.prompt_chars for notes in group),
        observation=_sizes(chars for notes in group for chars in notes.observation_chars),
    )


def _sizes(chars: Iterable[int]) -> tuple[int, int]:
    """The median and the most."""
    ordered = sorted(chars)
    return (ordered[len(ordered) // 2], ordered[-1]) if ordered else (0, 0)
