"""What came of a run: collected from the contenders' lines, shown as a table, kept as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measure import Stats
from benchmarks.metrics import METRICS, Metric
from benchmarks.peers import OURS


@dataclass
class Results:
    """What was measured.

    Attributes:
        about: facts on the machine and the run.
        contenders: those who were measured, with their facts, in order.
        samples: by contender, metric and place.
        reasons: why there are none, by the same.
    """

    about: dict[str, Any]
    contenders: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    reasons: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def take(self, name: str, told: dict[str, Any]) -> None:
        """Takes one line of a contender."""
        if "about" in told:
            self.contenders[name] = told["about"]
        elif "failed" in told:
            for metric in METRICS:
                key = (name, metric.key, metric.place)
                if metric.section == told["failed"] and key not in self.samples:
                    self.reasons.setdefault(key, f"failed: {told['reason']}")
        elif "samples" in told:
            self.samples[name, told["metric"], told["place"]] = told["samples"]
        elif "reason" in told:
            self.reasons[name, told["metric"], told["place"]] = told["reason"]

    @property
    def peers(self) -> list[str]:
        """The peers that could be measured."""
        return [name for name, about in self.contenders.items() if name != OURS and "missing" not in about]

    @property
    def missing(self) -> dict[str, str]:
        """The peers that could not, and why."""
        return {name: about["missing"] for name, about in self.contenders.items() if "missing" in about}

    @property
    def failures(self) -> list[str]:
        """What went wrong, in words."""
        found = [f"{name}: {key} {why}" for (name, key, _), why in self.reasons.items() if why.startswith("failed:")]
        return list(dict.fromkeys(found))

    def stats(self, name: str, metric: Metric) -> Stats | None:
        """A contender's statistics in a row; None if there are none."""
        key = metric.key if name == OURS or not metric.against else metric.against
        for place in (metric.place, "any") if metric.against else (metric.place,):
            if found := self.samples.get((name, key, place)):
                return metric.shown(found)
        return None

    def reason(self, name: str, metric: Metric) -> str:
        """Why a contender has none."""
        found = self.reasons.get((name, metric.key, metric.place))
        if found is None and metric.against:
            found = self.reasons.get((name, metric.against, metric.place))
        return found or ""

    def rows(self) -> Iterator[Metric]:
        """The rows of which anything is known of ours."""
        for metric in METRICS:
            key = (OURS, metric.key, metric.place)
            if key in self.samples or key in self.reasons:
                yield metric

    def as_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        rows = []
        for metric in self.rows():
            ours = self.stats(OURS, metric)
            by_peer: dict[str, Any] = {}
            for name in self.peers:
                theirs = self.stats(name, metric)
                if theirs is None:
                    by_peer[name] = {"reason": self.reason(name, metric)}
                else:
                    ratio = metric.ratio(ours, theirs) if ours else None
                    by_peer[name] = {"p50": theirs.p50, "p99": theirs.p99, "n": theirs.n, "ratio": ratio}
            rows.append(
                {
                    "metric": metric.key,
                    "place": metric.place,
                    "label": metric.label,
                    "unit": metric.unit,
                    "aim": metric.aim,
                    "met": metric.met(ours) if ours else None,
                    "ours": {"p50": ours.p50, "p99": ours.p99, "n": ours.n}
                    if ours
                    else {"reason": self.reason(OURS, metric)},
                    "peers": by_peer,
                }
            )
        return {**self.about, "contenders": self.contenders, "rows": rows}


def number(value: float) -> str:
    """A number with three digits that count.

    >>> [number(each) for each in (0.01234, 1.234, 12.34, 1234.5)]
    ['0.0123', '1.23', '12.3', '1,234']
    """
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def aim(metric: Metric) -> str:
    """The aim as text."""
    return "" if metric.aim is None else f"{'≥' if metric.more else '≤'} {metric.aim:g} {metric.unit}"


def times(ratio: float | None) -> str:
    """A ratio as text.

    >>> times(12.3), times(0.5), times(None)
    ('12x', '0.50x', '')
    """
    if ratio is None:
        return ""
    return f"{ratio:,.0f}x" if ratio >= 9.95 else f"{ratio:.1f}x" if ratio >= 0.995 else f"{ratio:.2f}x"
