"""Makes a task of a scenario: the desk of its domain hosted, its only turn judged by `Resolved`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from cave_rl.runtime.primitives import Hosted
from cave_rl.suites.third_party.tau2.tasks.assertions import referee
from cave_rl.suites.third_party.tau2.tasks.customer import customer
from cave_rl.suites.third_party.tau2.tasks.data import Action, Scenario
from cave_rl.suites.third_party.tau2.tasks.judging import Resolved
from cave_rl.suites.third_party.tau2.world.backend import Domain, backend
from cave_rl.suites.third_party.tau2.world.desk import Desk
from cave_rl.tasks.task import Task, Turn
from cave_rl.tasks.user import Say

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
        simulated: a model plays the customer, whom the agent talks with; not for telecom, whose customers have tools.

    Raises:
        ModuleNotFoundError: tau2 is not installed.
    """
    desk = opened(scenario)
    hosted = Hosted(desk, name="desk", expose=tuple(tool.name for tool in backend().tools(scenario.domain)), flat=True)
    solution = solve(scenario)
    resolved = Resolved(scenario, hosted.name, solution.changed)
    said = [Say(resolved.gold_answer or "Done.")] if simulated else []
    user = customer(scenario) if simulated else None
    query = "" if simulated else _query(scenario)
    preface = user.preface if user else query.partition(scenario.customer)[0]
    turn = Turn(
        query,
        resolved,
        changes=[hosted.name],
        gold=[*solution.cells, *said],
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
        cells: they as Python: a call that fails ends its cell.
    """

    changed: Mapping[str, str]
    idle: bool
    cells: tuple[str, ...]


def solve(scenario: Scenario) -> Solution:
    """Makes the calls of a scenario's answers.

    Some fail, in upstream's own runs as well: two of retail's exchange what cannot be exchanged.
    """
    desk = opened(scenario)
    desk.open()
    held = all(said == each["assert_value"] for said, each in zip(desk.answers, scenario.asserted, strict=True))
    cells: list[list[str]] = [[]]
    for each in scenario.actions:
        cells[-1].append(written(each))
        try:
            getattr(desk, each.name)(**each.arguments)
        except Exception:  # as upstream has it: what it did until then stands
            cells.append([])
    asks = {
        "DB": bool(desk.changed),
        "COMMUNICATE": bool(scenario.communicated),
        "ENV_ASSERTION": not held,
        "ACTION": bool(scenario.actions),
    }
    idle = not any(asks[part] for part in scenario.basis)
    return Solution(desk.changed, idle, tuple("\n".join(cell) for cell in cells if cell))


def written(action: Action) -> str:
    """An action as Python."""
    return f"{action.name}({', '.join(f'{name}={value!r}' for name, value in action.arguments.items())})"
