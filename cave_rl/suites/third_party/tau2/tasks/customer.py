"""The customer whom a model plays, as upstream has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from cave_rl.runtime.drive import Steps
from cave_rl.suites.simulator import LLMUser
from cave_rl.suites.third_party.tau2.tasks.data import Scenario
from cave_rl.suites.third_party.tau2.world.backend import backend
from cave_rl.tasks.config import UserConfig
from cave_rl.tasks.user import Act, Dialogue, Said, ScriptedUser

PREFACE = """\
You are a customer service agent and help a customer, by the policy below. What you write without code is said to the \
customer, who then answers. It is the customer who ends the conversation.

<policy>
{policy}
</policy>

The customer says:
"""

SYSTEM = """\
{guidelines}

<scenario>
{told}
</scenario>"""


ASKED, DONE = "Please do what is next on your telephone.", "Done."
"""What agent and customer say to each other where answers are played that both have a part in."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer whose first words come with what the agent goes by, which the customer does not know of.

    Attributes:
        player: who plays the customer.
        preface: what stands before the first words.
    """

    __cave_host_only__: ClassVar[bool] = True

    player: LLMUser
    preface: str

    def check(self, config: UserConfig) -> None:
        """Looks whether there is who plays the customer.

        Raises:
            ConfigError: there is not.
        """
        self.player.check(config)

    def say_steps(self, dialogue: Dialogue) -> Steps[Said]:
        """What the customer says next.

        Raises:
            UserFault: nothing, by no doing of the agent's.
        """
        if not dialogue.lines:
            said = yield from self.player.say_steps(dialogue)
            return replace(said, text=self.preface + said.text) if said.text else said
        first, *rest = dialogue.lines
        own = {**first, "content": first["content"].removeprefix(self.preface)}
        return (yield from self.player.say_steps(replace(dialogue, lines=(own, *rest))))


def customer(scenario: Scenario, script: Sequence[str | Act] = ()) -> Customer:
    """The customer of a task.

    Where scripts speak in place of models, they tell all that the model would be told, go on with what is in `script`
    whenever they are asked to (`ASKED`), and end the conversation with any other answer.

    Raises:
        ModuleNotFoundError: tau2 is not installed.
    """
    system = SYSTEM.format(guidelines=backend().guidelines(scenario.domain).strip(), told=scenario.customer)
    policy = backend().policy(scenario.domain, solo=False).strip()
    player = LLMUser(system, script=ScriptedUser([scenario.customer, *script], cue=ASKED))
    return Customer(player, PREFACE.format(policy=policy))
