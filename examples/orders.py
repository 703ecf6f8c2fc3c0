"""A suite of your own in one file: orders with an invariant, two turns, a near miss: python examples/orders.py."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import gymnasium as gym

import cave_rl
from cave_rl import NearMiss, Suite, Task, Turn, Type, Variable


@dataclass
class Order:
    """An order: items by name, and whether it has been paid."""

    items: dict[str, int] = field(default_factory=dict)
    paid: bool = False

    def add(self, name: str, count: int = 1) -> None:
        """Adds items. A paid order cannot change."""
        if self.paid:
            raise ValueError("the order is paid")
        self.items[name] = self.items.get(name, 0) + count


suite = Suite("Orders-v0", description="orders that may be changed until they are paid")


@suite.family
def add_and_pay(rng: random.Random) -> Task:
    """Adds to an order, then pays it."""
    name, count, more = rng.choice(["pens", "cups", "lamps"]), rng.randrange(1, 20), rng.randrange(1, 20)

    def added(state):
        assert state.order.items == {name: count + more}, "items"
        assert not state.order.paid, "not yet paid"

    def paid(state):
        assert state.order.paid is True, "paid"
        assert state.order.items == {name: count + more}, "items are kept"

    return Task(
        variables=[Variable("order", Order({name: count}))],
        types=[Type(Order)],
        turns=[
            Turn(
                f"Add {more} {name} to order.",
                added,
                changes=["order"],
                gold=f"order.add({name!r}, {more})",
                near_misses=[NearMiss(f"order.items[{name!r}] = {more}", fails="items")],
            ),
            Turn("Mark order as paid.", paid, changes=["order"], gold="order.paid = True"),
        ],
    )


def main() -> None:
    """Plays one task by its gold."""
    cave_rl.register(suite)
    env = gym.make("cave_rl/Orders-v0")
    env.reset(seed=0)
    total, over = 0.0, False
    while not over:
        episode = env.unwrapped.episode
        cells = episode.task.turns[episode.turn].gold
        message = f"```python\n{cells[0]}\n```" if episode.turn_steps == 0 else "Done."
        _, reward, terminated, truncated, info = env.step(message)
        total, over = total + reward, terminated or truncated
    env.close()
    print(f"reward {total}, solved {info['solved']}")
    assert info["solved"]


if __name__ == "__main__":
    main()
