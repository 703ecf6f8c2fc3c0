"""Upstream's own evaluators of tau2, run as they are on recorded calls: the peer where upstream's package is there.

Upstream runs the calls of a trajectory again on a fresh environment, and refuses one in which a tool had answered
otherwise; so the trajectory is made by making the calls once more before. What upstream leaves to a model
(`NL_ASSERTION`) is left out, and `COMMUNICATE` judged in its place, as ours has it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cave_rl.suites.third_party.tau2.world.backend import Domain, backend

Calls = Sequence[tuple[str, Mapping[str, Any]]]


def scored(domain: Domain, id: str, calls: Calls, answer: str, *, solo: bool) -> bool:
    """What upstream's evaluators say.

    Args:
        domain: which.
        id: of the task.
        calls: names and arguments.
        answer: what was said to the customer.
        solo: whether all calls are the agent's, upstream's mode for one that works alone.
    """
    task, make = _tasks(domain)[id], _constructor(domain)
    trajectory = _trajectory(task, make(solo_mode=solo), domain, calls, answer, solo)
    basis = {each.value for each in task.evaluation_criteria.reward_basis}
    rewards = []
    if basis & {"DB", "ENV_ASSERTION"}:
        evaluator = _module("evaluator.evaluator_env").EnvironmentEvaluator
        rewards.append(evaluator.calculate_reward(make, task, trajectory, solo_mode=solo).reward)
    if "ACTION" in basis:
        rewards.append(_module("evaluator.evaluator_action").ActionEvaluator.calculate_reward(task, trajectory).reward)
    if basis & {"COMMUNICATE", "NL_ASSERTION"}:
        evaluator = _module("evaluator.evaluator_communicate").CommunicateEvaluator
        rewards.append(evaluator.calculate_reward(task, trajectory).reward)
    return all(reward == 1.0 for reward in rewards)


def _trajectory(task: Any, environment: Any, domain: Domain, calls: Calls, answer: str, solo: bool) -> list[Any]:
    """The messages of a run in which the calls were made."""
    message = _module("data_model.message")
    begun = task.initial_state
    environment.set_state(begun and begun.initialization_data, begun and begun.initialization_actions, [])
    sides = {tool.name: tool.side for tool in backend().tools(domain)}
    found: list[Any] = []
    for number, (name, arguments) in enumerate(calls):
        side = "assistant" if solo else sides[name]
        call = message.ToolCall(id=str(number), name=name, arguments=dict(arguments), requestor=side)
        kind = message.AssistantMessage if side == "assistant" else message.UserMessage
        found += [kind(role=side, tool_calls=[call]), environment.get_response(call)]
    return [*found, message.AssistantMessage(role="assistant", content=answer)]


def _constructor(domain: Domain) -> Callable[..., Any]:
    given = {"policy_type": "workflow"} if domain == "telecom" else {}
    return functools.partial(_module(f"domains.{domain}.environment").get_environment, **given)


@functools.cache
def _tasks(domain: Domain) -> dict[str, Any]:
    task = _module("data_model.tasks").Task
    return {str(each["id"]): task.model_validate(each) for each in backend().tasks(domain)}


def _module(name: str) -> Any:
    return importlib.import_module(f"tau2.{name}")
