"""How a summary is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from cave_rl.evaluation.protocols import AUTHORED
from cave_rl.evaluation.statistics import Difference, Estimate


def table(summary: dict[str, Any]) -> Table:
    """A summary as a table for the terminal."""
    drawn = Table(title=summary["label"])
    drawn.add_column("family")
    drawn.add_column("solved", justify="right")
    for family, share in summary["families"].items():
        drawn.add_row(family, _percent(share))
    drawn.add_section()
    for name, value in _lines(summary):
        drawn.add_row(name, value)
    return drawn


def _lines(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if summary.get("left_out"):
        yield "left out", f"{len(summary['left_out'])} tasks that protocol {summary['protocol']} cannot put"
    if summary["no_verdict"] is not None:
        yield "all", f"no verdict: {summary['no_verdict']}"
    yield "all (95 % interval over tasks)", estimate(summary["success"])
    yield "all (95 % interval over families)", estimate(summary["success_over_families"])
    if summary["faults"]:
        yield "all, faults counted as failures", estimate(summary["success_with_faults"])
    for name, key in (("pass@k", "pass_at"), ("pass^k", "pass_hat")):
        if len(summary[key]) > 1:
            yield name, ", ".join(f"{k}: {_percent(share)}" for k, share in summary[key].items())
    if len(summary["turns"]) > 1:
        shares = ", ".join(f"{each['turn'] + 1}: {each['solved']}/{each['episodes']}" for each in summary["turns"])
        yield "turns solved", f"{_percent(summary['turn_success'])} ({shares})"
    yield "reward, steps", f"{summary['reward']:.3f}, {summary['steps']:.2f}"
    yield "tokens of an episode", _tokens(summary["tokens"])
    seconds, share = summary["seconds"]["wall"], summary["env_share"]
    if seconds is not None:
        yield "seconds of an episode", f"{seconds:.2f}" + (f", {_percent(share)} in the environment" if share else "")
    yield "ended by", counts(summary["stops"])
    yield "messages came to", counts(summary["outcomes"])
    if summary["retries"]:
        yield "requests sent again after", counts(summary["retries"])
    yield "faults (left out)", counts(summary["faults_by_type"]) or "0"


def protocol_table(found: dict[str, Any]) -> Table:
    """A comparison of protocols as a table for the terminal. Tokens and steps are means of an episode."""
    drawn = Table(title=found["label"])
    drawn.add_column("")
    sides = found["protocols"]
    for name in sides:
        drawn.add_column(name, justify="right")
    drawn.add_row("solved", *(estimate(each["success"]) for each in sides.values()))
    drawn.add_row("steps", *(_count(each["steps"], 2) for each in sides.values()))
    for kind, told in (("sent", "prompt tokens, all requests"), ("completion", "written"), ("total", "tokens in all")):
        drawn.add_row(told, *(_count(each["tokens"][kind], 0) for each in sides.values()))
    drawn.add_row("ended by", *(counts(each["stops"]) for each in sides.values()))
    return drawn


def protocol_notes(found: dict[str, Any]) -> Iterator[str]:
    """What must be said with it."""
    if found["authored"]:
        yield AUTHORED
    equal = found["equal"]
    limits = f"{equal['max_steps']} steps a turn, {equal['observation_chars']} characters an observation"
    yield f"{found['tasks']} tasks; at most {limits}"
    left = found["left_out"]
    if left["tasks"]:
        which = ", ".join(f"{name} {count}" for name, count in left["by_protocol"].items() if count)
        families = counts(left["families"])
        yield f"left out of all sides: {left['tasks']} tasks that a protocol cannot put ({which}): {families}"
    for name, each in found["differences"].items():
        values = {key: float("nan") if each[key] is None else each[key] for key in ("mean", "low", "high")}
        yield f"solved, {name}: {Difference(**values, n=each['n'], clusters=each['clusters'])}"


def _count(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def estimate(found: dict[str, Any] | None) -> str:
    """An estimate of a summary; a dash where there is none."""
    if found is None:
        return "-"
    values = {key: float("nan") if found[key] is None else found[key] for key in ("mean", "low", "high")}
    return str(Estimate(**values, n=found["n"], clusters=found["clusters"]))


def counts(found: dict[str, int]) -> str:
    """Counts by name, the most frequent first."""
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items(), key=lambda each: (-each[1], each[0])))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _tokens(tokens: dict[str, Any]) -> str:
    if tokens["completion"] is None:
        return "nobody counted them"
    told = ", ".join(f"{kind} {tokens[kind]:.0f}" for kind in ("prompt", "completion", "observation"))
    return f"{told} (counted by {', '.join(tokens['by'])})"
