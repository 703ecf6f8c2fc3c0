"""Upstream's tasks, as its files have them."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cave_rl.runtime.transfer import hide
from cave_rl.suites.third_party.tau2.world.backend import Domain, Side, backend

JUDGED = frozenset({"DB", "COMMUNICATE", "ENV_ASSERTION", "ACTION"})
"""The parts of upstream's evaluation that need no model."""

NL = "NL_ASSERTION"
"""The part that needs one."""

_DEFAULT = ("DB", "COMMUNICATE")


@dataclass(frozen=True, slots=True)
class Action:
    """A call of an answer.

    Attributes:
        name: of the tool.
        arguments: by name.
        side: whose tool it is.
        compared: the arguments that a call must share to count as this one; None for all.
    """

    __cave_host_only__: ClassVar[bool] = True

    name: str
    arguments: Mapping[str, Any]
    side: Side
    compared: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One of upstream's tasks.

    Attributes:
        id: upstream's.
        domain: of which.
        customer: who calls, what they want and know, and how they behave, as upstream tells a simulated customer.
        ticket: the same for an agent that solves it alone; empty where upstream has none.
        scene: what is done to the toolkits before anything else.
        actions: one way to solve it.
        asserted: the functions of toolkits that are asked in the end, each with the `assert_value` it must return.
        communicated: what must be told to the customer.
        basis: which parts of upstream's evaluation make the reward: of those in `JUDGED`.
        not_judged: the parts that upstream leaves to a model, where the task has something for it to judge.
        statements: what that is.
    """

    __cave_host_only__: ClassVar[bool] = True

    id: str
    domain: Domain
    customer: str
    ticket: str
    scene: tuple[Mapping[str, Any], ...]
    actions: tuple[Action, ...]
    asserted: tuple[Mapping[str, Any], ...]
    communicated: tuple[str, ...]
    basis: frozenset[str]
    not_judged: tuple[str, ...]
    statements: tuple[str, ...] = ()


@functools.cache
def scenarios(domain: Domain) -> Mapping[str, Scenario]:
    """All tasks of a domain by their ids, in upstream's order. No rollout may read upstream's files from now on.

    Raises:
        ModuleNotFoundError: tau2 is not installed.
    """
    there = backend()
    for file in there.answers(domain):
        hide(file)
    return {each["id"]: scenario(domain, each) for each in there.tasks(domain)}


@functools.cache
def splits(domain: Domain) -> Mapping[str, tuple[str, ...]]:
    """The ids of tasks by upstream's splits, `train`, `test` and `base` among them."""
    return {name: tuple(ids) for name, ids in backend().splits(domain).items()}


def scenario(domain: Domain, record: Mapping[str, Any]) -> Scenario:
    """A task of upstream's files.

    Upstream's later retail tasks have assertions in words, for a model to judge, in place of what is to be
    communicated; where they say what that is all the same, it is judged here.
    """
    criteria = record.get("evaluation_criteria") or {}
    basis = {str(each) for each in criteria.get("reward_basis") or _DEFAULT}
    if NL in basis:
        basis.add("COMMUNICATE")
    statements = tuple(_each(criteria, "nl_assertions")) if NL in basis else ()
    return Scenario(
        id=str(record["id"]),
        domain=domain,
        customer=_customer(record["user_scenario"]),
        ticket=record.get("ticket") or "",
        scene=tuple(_each((record.get("initial_state") or {}), "initialization_actions")),
        actions=tuple(map(_action, _each(criteria, "actions"))),
        asserted=tuple(_each(criteria, "env_assertions")),
        communicated=tuple(_each(criteria, "communicate_info")),
        basis=frozenset(basis & JUDGED),
        not_judged=(NL,) if statements else (),
        statements=statements,
    )


def _each(record: Mapping[str, Any], key: str) -> Sequence[Any]:
    return record.get(key) or ()


def _action(record: Mapping[str, Any]) -> Action:
    compared = record.get("compare_args")
    side: Side = record.get("requestor") or "assistant"
    return Action(record["name"], record["arguments"], side, None if compared is None else tuple(compared))


def _customer(scenario: Mapping[str, Any]) -> str:
    """What upstream's `str` of a user scenario is."""
    told = scenario["instructions"]
    if not isinstance(told, str):
        told = _instructions(told)
    lines = ["Persona:", textwrap.indent(scenario["persona"], "\t")] if scenario.get("persona") is not None else []
    return "\n".join([*lines, "Instructions:", textwrap.indent(told, "\t")])


def _instructions(told: Mapping[str, Any]) -> str:
    lines = [f"Domain: {told['domain']}"]
    for title, key in (
        ("Reason for call", "reason_for_call"),
        ("Known info", "known_info"),
        ("Unknown info", "unknown_info"),
        ("Task instructions", "task_instructions"),
    ):
        if told.get(key) is not None:
            lines.append(f"{title}:\n" + textwrap.indent(told[key], "\t"))
    return "\n".join(lines)
