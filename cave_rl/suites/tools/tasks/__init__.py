"""Tools-v0: the suite. Host and Judge only.

`asking` makes tasks, with all that they are judged by; every other module has the tasks of one domain.

>>> task = suite.task("train", "travel_cheapest_stay", 0)
>>> task.tags, [verdict for each in task.turns[0].assertions for verdict in each.names]
(('travel', 'chain'), ['travel equals', 'the calls that change something'])
"""

from collections.abc import Callable
from random import Random

from cave_rl.suites.tools.tasks import clinic, helpdesk, notes, store, travel
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task

__all__ = ["suite"]

suite = Suite("Tools-v0", description="chains, loops and conditions over functions whose every call is recorded")

KINDS: dict[str, dict[str, tuple[Callable[[Random], Task], ...]]] = {
    "travel": {
        "chain": (travel.cheapest_stay,),
        "condition": (travel.driest_city, travel.within_limit),
        "loop": (travel.cancel_all,),
        "lookup": (travel.shortest_list,),
        "nothing": (travel.too_dear,),
    },
    "store": {
        "chain": (store.best_coupon, store.order_again),
        "loop": (store.one_of_each, store.refund_late),
        "lookup": (store.category_value,),
    },
    "helpdesk": {
        "chain": (helpdesk.assign_one,),
        "loop": (helpdesk.triage, helpdesk.escalate),
        "condition": (helpdesk.close_stale,),
        "lookup": (helpdesk.oldest,),
        "nothing": (helpdesk.none_so_old,),
    },
    "notes": {
        "chain": (notes.follow_chain,),
        "loop": (notes.archive_done,),
        "condition": (notes.dearest,),
        "lookup": (notes.cost_by_folder,),
    },
    "clinic": {
        "chain": (clinic.earliest,),
        "loop": (clinic.doctor_away,),
        "condition": (clinic.move_up,),
        "lookup": (clinic.free_by_doctor,),
    },
}

for domain, kinds in KINDS.items():
    for kind, families in kinds.items():
        for make in families:
            name = f"{domain}_{make.__name__}"
            suite.family(name=name, held_out=domain == "clinic", tags=(domain, kind))(make)

# Of trained families, but of a split of their own: no prompt shows the solution of a task that is trained or tested on.
EXAMPLES = ("travel_cancel_all", "helpdesk_escalate", "store_category_value")
suite.examples = tuple(suite.task("validation", family, 0) for family in EXAMPLES)
