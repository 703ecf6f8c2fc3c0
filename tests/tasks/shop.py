"""A shop whose customer says step by step what they want."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cave_rl import NearMiss, Suite, Task, Turn, Variable, equals
from cave_rl.rewards import said_contains
from cave_rl.suites.simulator import LLMUser
from cave_rl.tasks import EpisodeConfig, Say, User, UserConfig
from tests.clients.endpoint import Body, Endpoint, Reply, Script, serving
from tests.conftest import python

SYSTEM = "You are a customer who wants 3 lamps. Say ###STOP### when the total was told."
SCRIPT = ("I want lamps.", "Three.", "Thanks! ###STOP###")
USER = LLMUser(SYSTEM, script=SCRIPT)


def shop(
    user: User | None = USER, *, query: str = "", price: int = 7, more: tuple[Turn, ...] = (), **given: Any
) -> Task:
    """A task of one turn with its user; `more` turns may follow."""
    turn = Turn(
        query,
        [equals("total", 3 * price), said_contains(str(3 * price))],
        changes=["total"],
        gold=[Say("How many?"), "total = 3 * price", Say(f"That is {3 * price}.")],
        near_misses=[NearMiss([Say("How many?"), "total = 2 * price"], fails="total equals")] if user else (),
        user=user,
        **given,
    )
    return Task([turn, *more], variables=[Variable("price", price), Variable("total", 0)])


suite = Suite("Shop-v0")


@suite.family
def lamps(rng: random.Random) -> Task:
    """As many tasks as there are prices."""
    return shop(price=rng.randrange(100, 10**6))


RIGHT = ("How many?", python("total = 3 * price"), "That is 21.")
"""What a good model says."""


def customer(path: str, body: Body, before: int) -> Reply:
    """Plays the customer: how many lines of its own it has said tells which comes next."""
    own = sum(message["role"] == "assistant" for message in body["messages"])
    return Reply(SCRIPT[min(own, len(SCRIPT) - 1)])


@contextmanager
def simulated(script: Script = customer, **changes: Any) -> Iterator[tuple[EpisodeConfig, Endpoint]]:
    """A configuration whose users a scripted model plays, and its endpoint."""
    with serving(script) as (url, endpoint):
        given = {"url": url, "model": "scripted", "timeout_s": 5.0, "retries": 2, "pause_s": 0.001}
        yield EpisodeConfig(user=UserConfig.model_validate({**given, **changes})), endpoint


SCRIPTED = EpisodeConfig(user=UserConfig(scripted=True))
