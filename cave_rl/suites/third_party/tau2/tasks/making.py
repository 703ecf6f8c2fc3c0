"""Makes a task of a scenario: the desk of its domain hosted, its only turn judged by `Resolved`."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cave_rl.runtime.primitives import Hosted
from cave_rl.suites.third_party.tau2.tasks.assertions import referee
from cave_rl.suites.third_party.tau2.tasks.customer import ASKED, DONE, customer
from cave_rl.suites.third_party.tau2.tasks.data import Action, Scenario
from cave_rl.suites.third_party.tau2.tasks.judging import Resolved
from cave_rl.suites.third_party.tau2.world.backend import Domain, backend, tools_of
from cave_rl.suites.third_party.tau2.world.desk import Desk
from cave_rl.tasks.task import Task, Turn
from cave_rl.tasks.user import Act, Say

MAX_STEPS, MAX_STEPS_TALKING = 30, 100

SOLO = """\
You are a customer service agent and solve a ticket, by the policy below. The functions are the agent's, and those of \
the customer's telephone as well: nobody else will act, and nobody can be asked. When the ticket is solved, or there \
is nothing more that the policy lets you do, answer without code.

<policy>
{policy}
</policy>

<ticket>
{told}
</ticket>"""

SINGLE_AGENT = """\
You are a customer service agent and help a customer, by the policy below. The customer cannot be asked anything: \
what they want, know and would say is all below, as it was written for them. What they want counts as confirmed, and \
what they would agree to as agreed. When all is done that the policy lets you do, answer without code: \
what you would tell the customer, with all that they wanted to know.

<policy>
{policy}
</policy>

<customer>
{told}
</customer>"""


def make(scenario: Scenario, *, simulated: bool = False) -> Task:
    """A scenario as a task: telecom alone with a ticket, the others alone with all that the customer would say.

    Args:
        scenario: upstream's.
        simulated: a model plays the customer, whom the agent talks with. Telecom's then have their telephones to
            themselves.

    Raises:
        ModuleNotFoundError: tau2 is not installed.
    """
    own, theirs = tools_of(scenario.domain, "assistant"), tools_of(scenario.domain, "user")
    expose, user_only = (own, theirs) if simulated else (own + theirs, ())
    hosted = Hosted(opened(scenario), expose, name="desk", flat=True, user=user_only)
    solution = solve(scenario)
    resolved = Resolved(scenario, hosted.name, solution.changed)
    gold: list[str | Say] = [code(part) for part in solution.parts]
    query, user = _query(scenario), None
    if simulated:
        gold, script = talk(solution.parts)
        gold.append(Say(resolved.gold_answer or "Done."))
        query, user = "", customer(scenario, script)
    preface = user.preface if user else query.partition(scenario.customer)[0]
    turn = Turn(
        query,
        resolved,
        changes=[hosted.name],
        gold=gold,
        max_steps=MAX_STEPS_TALKING if simulated else MAX_STEPS,
        refusal=solution.idle,
        user=user,
        referee=referee(scenario.statements, preface),
    )
    return Task((turn,), hosted=(hosted,), difficulty=len(scenario.actions))


def _query(scenario: Scenario) -> str:
    solo = scenario.domain == "telecom"
    policy = backend().policy(scenario.domain, solo=solo).strip()
    text = SOLO if solo else SINGLE_AGENT
    return text.format(policy=policy, told=scenario.ticket if solo else scenario.customer)


def opened(scenario: Scenario) -> Desk:
    """The desk of a scenario, not yet open."""
    desk: Desk = desk_class(scenario.domain)(scenario.scene, scenario.asserted)
    return desk


def desk_class(domain: Domain) -> type[Desk]:
    """The class of a domain's desks.

    Raises:
        ModuleNotFoundError: tau2 is not installed.
    """
    backend()
    module = importlib.import_module(f"cave_rl.suites.third_party.tau2.world.{domain}")
    found: type[Desk] = getattr(module, domain.capitalize())
    return found


@dataclass(frozen=True, slots=True)
class Solution:
    """What comes of the answers of a scenario.

    Attributes:
        changed: what they change.
        idle: whether nothing need be done.
        parts: they in order; a call that fails ends its part.
    """

    changed: Mapping[str, str]
    idle: bool
    parts: tuple[tuple[Action, ...], ...]


def solve(scenario: Scenario) -> Solution:
    """Makes the calls of a scenario's answers.

    Some fail, in upstream's own runs as well: two of retail's exchange what cannot be exchanged.
    """
    desk = opened(scenario)
    desk.open()
    held = all(said == each["assert_value"] for said, each in zip(desk.answers, scenario.asserted, strict=True))
    parts: list[list[Action]] = [[]]
    for each in scenario.actions:
        parts[-1].append(each)
        try:
            getattr(desk, each.name)(**each.arguments)
        except Exception:  # as upstream has it: what it did until then stands
            parts.append([])
    asks = {
        "DB": bool(desk.changed),
        "COMMUNICATE": bool(scenario.communicated),
        "ENV_ASSERTION": not held,
        "ACTION": bool(scenario.actions),
    }
    idle = not any(asks[part] for part in scenario.basis)
    return Solution(desk.changed, idle, tuple(tuple(part) for part in parts if part))


def talk(parts: Sequence[Sequence[Action]]) -> tuple[list[str | Say], list[str | Act]]:
    """Answers as an agent and a customer make them who each have their own tools: what the one and the other does."""
    agent: list[str | Say] = []
    customer: list[str | Act] = []
    for part in parts:
        for side, actions in itertools.groupby(part, key=lambda action: action.side):
            if side == "assistant":
                agent.append(code(list(actions)))
            else:
                agent.append(Say(ASKED))
                customer += [*(Act(action.name, action.arguments) for action in actions), DONE]
    return agent, customer


def code(actions: Sequence[Action]) -> str:
    """Actions as a cell."""
    return "\n".join(map(written, actions))


def written(action: Action) -> str:
    """An action as Python."""
    return f"{action.name}({', '.join(f'{name}={value!r}' for name, value in action.arguments.items())})"
