"""What a soak does to episodes: cells that fail in every way, messages that are none, processes killed by the host.

A plan knows what may come of it: whether the episode must be solved, must not be, or may be, and the most that it may
earn. That is decided from what is done, never from what is seen.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from cave_rl.tasks import Task, Turn

Target = Literal["runtime", "judge", "template", "judges"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that does harm.

    Attributes:
        name: in the ledger.
        code: what is run.
        keeps: whether the runtime's state outlives it; None where it may or may not.
    """

    name: str
    code: str
    keeps: bool | None


CELLS = (
    Cell("raise", "raise ValueError('no')", True),
    Cell("exit", "import sys\nsys.exit(1)", True),
    Cell("os._exit", "import os\nos._exit(3)", False),
    Cell("abort", "import os\nos.abort()", False),
    Cell("segfault", "import ctypes\nctypes.string_at(0)", None),
    Cell("hang", "while True: pass", True),
    Cell("sleep", "import time\ntime.sleep(3600)", True),
    Cell("stubborn", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", False),
    Cell("memory", "_big = bytearray(10 * 1024**3)", True),
    Cell("memory in parts", "_parts = []\nwhile True: _parts.append('y' * 10**7)", None),
    Cell("recursion", "def _f(): return _f()\n_f()", True),
    Cell("fork", "import os\nos.fork()", None),
    Cell("fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: break", None),
    Cell("patient fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", None),
    Cell("flood", "for _ in range(50): print('x' * 10**5)", True),
    Cell("raw flood", "import os\nwhile True: os.write(1, b'x' * 10**6)", None),
    Cell("file flood", "with open('f', 'wb') as _f:\n    while True: _f.write(b'x' * 10**7)", None),
    Cell(
        "threads",
        "import threading, time\n"
        "for _ in range(3): threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()",
        True,
    ),
    Cell(
        "busy thread",
        "import threading\ndef _spin():\n    while True: pass\nthreading.Thread(target=_spin, daemon=True).start()",
        None,
    ),
    Cell("forged frame", "import os\nos.write(3, b'X' + bytes(8) + b'\\x80')", False),
    Cell("late frame", "import os, threading\nthreading.Timer(0.01, os.write, (3, b'N' + bytes(8))).start()", None),
    Cell("closed descriptors", "import os\nos.closerange(0, 256)", None),
    Cell("broken service", "import sys\nsys.modules['cave_rl.runtime.inside.frames'].pack = None", False),
    Cell("traced", "import sys\nsys.settrace(lambda *a: 1 / 0)\n_x = 1", None),
)

LIE = """
class _Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
{}
"""


@dataclass
class Plan:
    """What is done in one episode.

    Attributes:
        kind: in the ledger.
        acts: messages; a pair of a message and True is one that the token limit cut; a `Kill` is the host's doing.
        solves: whether it must be solved; None where it may be.
        most: what it may earn at most, if it is not solved.
        checkpoint: whether each cell can be rolled back.
    """

    kind: str
    acts: list[str | Kill | Cut] = field(default_factory=list)
    solves: bool | None = True
    most: float = 0.0
    checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that the host loses."""

    target: Target


@dataclass(frozen=True, slots=True)
class Cut:
    """A message that the token limit cut."""

    message: str


def message(code: str) -> str:
    """What a model writes to have a cell run."""
    return f"Let me do that.\n\n```python\n{code}\n```"


def plan(rng: random.Random, task: Task) -> Plan:
    """What is done to a task. Each turn is solved, missed, lied about, left, or met with faults, by chance."""
    made = Plan("", checkpoint=rng.random() < 0.2)
    kinds: list[str] = []
    total = sum(turn.weight for turn in task.turns)
    for turn in task.turns:
        before = len(made.acts)
        kind, earns, goes_on = _turn(rng, turn, made)
        kinds.append(kind)
        made.most += earns * turn.weight / total
        if earns < 1.0:
            made.solves = False
        if not goes_on or len(made.acts) == before:
            break
    if len(kinds) < len(task.turns):
        made.solves = False
    made.kind = kinds[0] if len(kinds) == 1 else "dialogue: " + ", then ".join(kinds)
    return made


def _turn(rng: random.Random, turn: Turn, made: Plan) -> tuple[str, float, bool]:
    """Adds a turn's acts; what it is called, the most it may earn, and whether the episode certainly goes on."""
    gold = [message(cell) for cell in turn.gold]
    kind = rng.choices(
        ("gold", "idle", "miss", "lie", "fault", "lethal at the end", "malformed", "cut", "kill"),
        (30, 4, 8, 6, 35, 4, 4, 2, 4),
    )[0]
    acts = made.acts
    if kind == "idle":
        acts.append("Done.")
        return kind, 0.0, True
    if kind == "miss" and turn.near_misses:
        acts += [*map(message, rng.choice(turn.near_misses).cells), "Done."]
        return kind, 0.999, True
    if kind == "lie":
        names = sorted(turn.reads)
        acts += [message(LIE.format("\n".join(f"{name} = _Any()" for name in names))), "Done."]
        return kind, 0.0, True
    if kind == "fault":
        cells = rng.choices(CELLS, k=rng.choice((1, 1, 1, 2)))
        acts += [*(message(cell.code) for cell in cells), *gold, "Done."]
        name = " + ".join(cell.name for cell in cells)
        if any(cell.keeps is None for cell in cells) or (made.checkpoint and not all(cell.keeps for cell in cells)):
            made.solves = made.solves and None  # what it left may stand in the way of what follows
            return name, 1.0, True
        return name, float(all(cell.keeps for cell in cells)), all(bool(cell.keeps) for cell in cells)
    if kind == "lethal at the end":
        made.checkpoint = False
        acts += [*gold, message("import os\nos._exit(0)"), "Done."]
        return kind, 0.0, False
    if kind == "malformed":
        if rng.random() < 0.5:
            acts += ["```python\nx = 1", *gold, "Done."]
            return "malformed once", 1.0, True
        acts += ["```python\nx = 1", "```python\nx = 1\n```\n```python\ny = 1\n```"]
        return "malformed twice", 0.0, True
    if kind == "cut":
        acts.append(Cut(gold[0]))
        return kind, 0.0, False
    if kind == "kill":
        target: Target = rng.choices(("runtime", "judge", "template", "judges"), (6, 3, 2, 2))[0]
        acts += [Kill(target), *gold, "Done."]
        if target == "runtime":
            return "host kills runtime", 0.0, False
        made.solves = made.solves and None  # what is killed may yet do what it was asked, before it is gone
        return f"host kills {target}", 1.0, True
    acts += [*gold, "Done."]
    return "gold", 1.0, True
