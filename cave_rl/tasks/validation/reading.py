"""What can be said of a task by reading it: what is missing, what the query does not say, how long it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cave_rl.rewards.assertions import Contains
from cave_rl.rewards.statements import Statements
from cave_rl.runtime.codec import Opaque, decode
from cave_rl.semantic.prompt import Message
from cave_rl.tasks.task import Task, Turn
from cave_rl.tasks.user import plain
from cave_rl.tasks.validation.report import Notes


def read(task: Task, notes: Notes) -> None:
    """Notes what is missing from a task's turns."""
    told = {each.name for each in task.injected}
    words: set[str] = set()
    for at, turn in enumerate(task.turns):
        words.update(re.findall(r"\w+", turn.query if turn.user is None else f"{turn.query} {plain(turn.user)}"))
        notes.checked["names"] += 1
        for name in sorted(_asserted(turn) - told - words):
            notes.error("names", f"{name!r} is asserted, but it is neither injected nor in the query", at)
        if not turn.gold and not turn.refusal:
            notes.error("gold", "it has no gold: nobody knows whether it can be solved", at)
        if not turn.near_misses:
            notes.warn(
                "near_miss", "it has no near-miss: nobody knows whether its assertions tell wrong from right", at
            )
        if all(isinstance(each, Contains) for each in turn.assertions):
            notes.warn("answer_only", "only its answer is judged, which may list everything: ask for a variable", at)


def _asserted(turn: Turn) -> set[str]:
    """The variables that assertions read by name. Of a function whose source cannot be had the names are guesses."""
    known = [each for each in turn.assertions if not (isinstance(each, Statements) and each.source is None)]
    return {name.partition(".")[0] for each in known for name in each.reads}


def measure_prompt(messages: list[Message], most: int, notes: Notes) -> None:
    """Notes how long the prompt is."""
    notes.prompt_chars = sum(len(message["content"]) for message in messages)
    notes.checked["prompt_size"] += 1
    if notes.prompt_chars > most:
        notes.warn("prompt_size", f"the prompt has {notes.prompt_chars} characters, more than {most}")


def measure_observations(most: int, notes: Notes) -> None:
    """Notes observations of gold that are long."""
    notes.checked["observation_size"] += 1
    longest = max(notes.observation_chars, default=0)
    if longest > most:
        notes.warn("observation_size", f"a cell of gold shows {longest} characters, more than {most}")


def weigh_values(
    task: Task, claims: Mapping[str, bytes], names: Iterable[str], notes: Notes, turn: int | None = None
) -> None:
    """Notes variables of which only the type can be judged, as a trusted runtime claims them."""
    notes.checked["opaque"] += 1
    classes = task.preparation.classes
    code = {*classes, *(each.name for each in task.functions)}
    for name in sorted((claims.keys() & set(names)) - code):
        if (found := _opaque(decode(claims[name], classes), set())) is not None:
            notes.warn(
                "opaque",
                f"{name!r} holds a {found.type_name}, of which only the type can be judged: no change of it is seen. "
                "Inject its class as a Type, or host the object",
                turn,
            )


def _opaque(value: Any, seen: set[int]) -> Opaque | None:
    """The first opaque value in a value."""
    if type(value) is Opaque:
        return value
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type(None))):
        return None
    seen.add(id(value))
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = list(value)
    elif hasattr(value, "__dict__") and type(value).__module__.partition(".")[0] not in ("pandas", "numpy"):
        parts = list(vars(value).values())
    return next(filter(None, (_opaque(part, seen) for part in parts)), None)
