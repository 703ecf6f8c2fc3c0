"""Ways to get BFCL's tasks wrong, or oddly right: what their verdicts are compared on."""

from __future__ import annotations

import ast
import itertools
import random
from collections.abc import Callable, Iterator, Sequence

Turns = tuple[tuple[str, ...], ...]
"""Call strings, by turn."""

Mutation = Callable[[Turns, random.Random], Turns | None]
"""Another way through a dialogue; None where it has none of the kind."""


def mutated(gold: Turns, seed: str) -> Iterator[tuple[str, Turns]]:
    """The answers, and each mutation of them that there is; the same for the same seed."""
    yield "gold", gold
    for mutation in (drop, perturb, empty, repeat, nothing, early, twice):
        found = mutation(gold, random.Random(f"{seed}/{mutation.__name__}"))
        if found is not None:
            yield mutation.__name__, found


def mutated_calls(gold: Sequence[str], seed: str, other: str | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The calls that answer a question, and each mutation of them that there is; the same for the same seed.

    Args:
        gold: the calls.
        seed: draws what is mutated.
        other: the name of a function that a call should not be of, if there is one.
    """
    yield "gold", tuple(gold)
    if not gold:
        return
    for mutation in (drop, perturb):
        found = mutation((tuple(gold),), random.Random(f"{seed}/{mutation.__name__}"))
        if found is not None:
            yield mutation.__name__, found[0]
    yield "extra", (*gold, gold[0])
    if other is not None:
        yield "other", (f"{other}{gold[0][gold[0].index('(') :]}", *gold[1:])
    yield "nothing", ()


def drop(gold: Turns, rng: random.Random) -> Turns | None:
    """One call is left out."""
    at, call = rng.choice([(at, call) for at, turn in enumerate(gold) for call in range(len(turn))])
    return _with(gold, at, [each for index, each in enumerate(gold[at]) if index != call])


def perturb(gold: Turns, rng: random.Random) -> Turns | None:
    """One argument of one call is another."""
    places = [
        (at, call, argument)
        for at, turn in enumerate(gold)
        for call, text in enumerate(turn)
        for argument in range(len(_arguments(_parsed(text))))
    ]
    if not places:
        return None
    at, call, argument = rng.choice(places)
    parsed = _parsed(gold[at][call])
    values = _arguments(parsed)
    values[argument] = ast.Constant(_other(ast.literal_eval(values[argument])))
    positional = len(parsed.args)
    parsed.args = values[:positional]
    for keyword, value in zip(parsed.keywords, values[positional:], strict=True):
        keyword.value = value
    calls = [*gold[at]]
    calls[call] = ast.unparse(parsed)
    return _with(gold, at, calls)


def empty(gold: Turns, rng: random.Random) -> Turns | None:
    """Nothing is done in one turn in which something should be."""
    return _with(gold, rng.choice([at for at, turn in enumerate(gold) if turn]), [])


def repeat(gold: Turns, rng: random.Random) -> Turns | None:
    """The last turn is done twice."""
    return _with(gold, len(gold) - 1, [*gold[-1], *gold[-1]])


def nothing(gold: Turns, rng: random.Random) -> Turns | None:
    """Nothing is done at all."""
    return tuple(() for _ in gold)


def early(gold: Turns, rng: random.Random) -> Turns | None:
    """What the turn after a refusal asks for is done in the refusal, and not again."""
    at = _refusal(gold)
    return None if at is None else _with(_with(gold, at, gold[at + 1]), at + 1, [])


def twice(gold: Turns, rng: random.Random) -> Turns | None:
    """What the turn after a refusal asks for is done in the refusal, and again."""
    at = _refusal(gold)
    return None if at is None else _with(gold, at, gold[at + 1])


def by_position(text: str, order: Sequence[str]) -> str:
    """The same call with its arguments by position, as far as there are some for the first parameters."""
    call = _parsed(text)
    given = {each.arg: each.value for each in call.keywords}
    call.args = [given.pop(name) for name in itertools.takewhile(given.__contains__, order)]
    call.keywords = [each for each in call.keywords if each.arg in given]
    return ast.unparse(call)


def renamed(text: str, name: Callable[[str], str]) -> str:
    """The same call of a function that goes by another name."""
    called, _, rest = text.partition("(")
    return f"{name(called)}({rest}"


def _refusal(gold: Turns) -> int | None:
    return next((at for at in range(len(gold) - 1) if not gold[at] and gold[at + 1]), None)


def _with(gold: Turns, at: int, calls: Sequence[str]) -> Turns:
    return (*gold[:at], tuple(calls), *gold[at + 1 :])


def _parsed(text: str) -> ast.Call:
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    return call


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(each.value for each in call.keywords)]


def other_scalar(value: object) -> object:
    """Another value of the same type; None for what is no truth value, number or text."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return f"{value}x" if isinstance(value, str) else None


def _other(value: object) -> object:
    if (scalar := other_scalar(value)) is not None:
        return scalar
    return [*value, "x"] if isinstance(value, list) else "x"
