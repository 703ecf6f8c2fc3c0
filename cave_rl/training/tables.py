"""Before and after, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from cave_rl.evaluation.evaluate import Evaluation
from cave_rl.evaluation.statistics import Difference, Estimate, paired_difference


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a set of tasks under one decoding, before and after training."""

    table: str
    decoding: str
    before: Estimate
    after: Estimate
    difference: Difference
    rollouts: int
    faults: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "table": self.table,
            "decoding": self.decoding,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "difference": self.difference.as_dict(),
            "rollouts": self.rollouts,
            "faults": self.faults,
        }


def compare(table: str, decoding: str, before: Evaluation, after: Evaluation) -> Row:
    """The line of two evaluations on the same tasks in the same order; a fault on either side leaves its task out."""
    pairs = [(b, a) for b, a in zip(before.rows, after.rows, strict=True) if b["fault"] is None and a["fault"] is None]
    families = [b["family"] for b, _ in pairs]
    difference = paired_difference(
        [float(b["solved"]) for b, _ in pairs], [float(a["solved"]) for _, a in pairs], families
    )
    faults = before.faults + after.faults
    return Row(table, decoding, before.success(), after.success(), difference, len(before.rows), faults)


def as_table(rows: Sequence[Row]) -> Table:
    """The lines as a table for the terminal."""
    table = Table(title="episodes solved, before and after (95 % intervals, clustered by family)")
    for name in ("tasks", "decoding", "rollouts", "before", "after", "difference"):
        table.add_column(name, justify="left" if name in ("tasks", "decoding") else "right")
    for row in rows:
        cells = (str(row.before), str(row.after), str(row.difference))
        table.add_row(row.table, row.decoding, str(row.rollouts), *cells)
    return table


def as_markdown(rows: Sequence[Row]) -> str:
    """The lines as a Markdown table."""
    lines = ["| tasks | decoding | rollouts | before | after | difference |", "|---|---|---:|---:|---:|---:|"]
    for row in rows:
        cells = (row.table, row.decoding, row.rollouts, row.before, row.after, row.difference)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"
