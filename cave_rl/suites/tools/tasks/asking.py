"""How tasks of Tools-v0 are made: what is expected, the state and the calls, is worked out on a model.

What a task means is a function that makes calls on a model of its own; those that change something are noted. A
rollout must make exactly these, no more and no fewer, and leave exactly that state behind. It may look as often as it
likes.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from cave_rl.rewards.assertions import call_count, equals
from cave_rl.rewards.evidence import Call, Evidence, State
from cave_rl.rewards.verdict import Verdict
from cave_rl.runtime.codec import same
from cave_rl.runtime.primitives import Hosted
from cave_rl.tasks.task import NearMiss, Task, TaskError, Turn

Made = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Exactly:
    """Of the functions that change something, exactly these calls returned, each as often as it stands here.

    Where an order matters (the messages of one list), the state tells.

    Attributes:
        made: the calls.
        mutators: the functions that change something.
        first: calls that must have returned before the first of these.
    """

    __cave_host_only__: ClassVar[bool] = True

    made: tuple[Made, ...]
    mutators: tuple[str, ...]
    first: tuple[Made, ...] = ()
    weight: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """One verdict: in parts it could be had by doing more than was asked."""
        return ("the calls that change something",)

    @property
    def reads(self) -> frozenset[str]:
        """No variable."""
        return frozenset()

    def check(self, evidence: Evidence) -> list[Verdict]:
        """Judges the calls of a turn."""
        returned = [each for each in evidence.calls if each.error is None]
        changing = [at for at, each in enumerate(returned) if each.name in self.mutators]
        count = len(changing) == len(self.made)
        wrong = [] if count else [f"{len(changing)} calls change something, {len(self.made)} should"]
        for name, arguments in self.made:
            wanted = sum(name == other and same(arguments, its) for other, its in self.made)
            (verdict,) = call_count(name, wanted, **arguments).check(evidence)
            wrong += [] if verdict.passed else [verdict.message]
        before = returned[: changing[0]] if changing else returned
        for name, arguments in self.first:
            if not any(each.name == name and same(each.arguments, arguments) for each in before):
                wrong.append(f"{name} was not called first, with {arguments}")
        return [Verdict(self.names[0], not wrong and bool(self.made), self.weight, "; ".join(wrong))]


class Recorder:
    """A model with the record of what is called on it: the functions of a task, as its meaning calls them."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.made: list[Made] = []
        self.functions = {each.name: self._recorded(each.name) for each in Hosted(model).methods()}

    def __getattr__(self, name: str) -> Any:
        return self.functions[name]

    def changing(self, mutators: Sequence[str]) -> tuple[Made, ...]:
        """The calls that changed something."""
        return tuple(each for each in self.made if each[0] in mutators)

    def _recorded(self, name: str) -> Callable[..., Any]:
        func = getattr(self.model, name)

        def call(*given: Any, **named: Any) -> Any:
            bound = inspect.signature(func).bind(*given, **named)
            bound.apply_defaults()
            arguments = copy.deepcopy(dict(bound.arguments))
            result = func(*bound.args, **bound.kwargs)
            self.made.append((name, arguments))
            return copy.deepcopy(result)

        return call


@dataclass(frozen=True, slots=True)
class Domain:
    """A set of functions.

    Attributes:
        name: what their state is called.
        mutators: those that change it.
    """

    name: str
    mutators: tuple[str, ...]


def change(
    domain: Domain,
    model: Any,
    query: str,
    do: Callable[[Any], object],
    gold: str,
    misses: Sequence[str],
    *,
    harm: str,
    first: Mapping[str, Mapping[str, Any]] | None = None,
) -> Task:
    """A task that is solved by calls that change something.

    Args:
        domain: the functions.
        model: their state.
        query: what is asked.
        do: what it means, as calls on a `Recorder`.
        gold: a cell that does it.
        misses: cells that look right and are not; those that chance makes right are left out.
        harm: a cell that changes something that nobody asked to be changed.
        first: calls, by function, that must be made before anything is changed.

    Raises:
        TaskError: it asks for nothing, or its gold does something else.
    """
    meant = Recorder(copy.deepcopy(model))
    do(meant)
    before = tuple((name, dict(arguments)) for name, arguments in (first or {}).items())
    exactly = Exactly(meant.changing(domain.mutators), domain.mutators, before)
    if not exactly.made or same(meant.model, model):
        raise TaskError(f"{query!r} asks for nothing")
    assertions = (equals(domain.name, meant.model), exactly)

    def fails(cell: str) -> tuple[str, int]:
        """The verdict that a cell fails, and how many calls it makes."""
        done = Recorder(copy.deepcopy(model))
        with suppress(ValueError, TypeError, LookupError, AttributeError):
            exec(cell, dict(done.functions))
        calls = [Call(*each) for each in done.made]
        if not same(done.model, meant.model):
            return assertions[0].names[0], len(calls)
        passed = exactly.check(Evidence(State({}), calls=calls))[0].passed
        return "" if passed else exactly.names[0], len(calls)

    wrong, calls = fails(gold)
    if wrong:
        raise TaskError(f"{query!r}: its gold {gold!r} does not do it: {wrong}")
    found = [(cell, fails(cell)[0]) for cell in dict.fromkeys([*misses, f"{gold}\n{harm}"])]
    turn = Turn(
        query,
        assertions,
        changes=[domain.name],
        gold=gold,
        near_misses=[NearMiss(cell, verdict) for cell, verdict in found if verdict],
    )
    return _task(domain, model, turn, calls)


def lookup(
    domain: Domain, model: Any, query: str, name: str, value: Any, gold: str, misses: Sequence[str], *, harm: str
) -> Task:
    """A task that asks something: the answer goes into a variable, and nothing may change.

    Raises:
        TaskError: the gold finds something else.
    """

    def found(cell: str) -> tuple[Any, int]:
        done = Recorder(copy.deepcopy(model))
        scope = dict(done.functions)
        with suppress(ValueError, TypeError, LookupError, AttributeError):
            exec(cell, scope)
        return scope.get(name), len(done.made)

    got, calls = found(gold)
    if not same(got, value):
        raise TaskError(f"{query!r}: its gold {gold!r} finds {got!r}, not {value!r}")
    turn = Turn(
        query,
        [equals(name, value), untouched(domain.mutators)],
        gold=gold,
        near_misses=[
            *(NearMiss(cell, f"{name} equals") for cell in dict.fromkeys(misses) if not same(found(cell)[0], value)),
            NearMiss(f"{gold}\n{harm}", f"{domain.name} unchanged"),
        ],
    )
    return _task(domain, model, turn, calls)


def decline(domain: Domain, model: Any, query: str, look: str, misses: Sequence[str]) -> Task:
    """A task in which nothing is to be done, as whoever looks will find; `misses` do what should not be done."""
    near = [NearMiss(cell, f"{domain.name} unchanged") for cell in misses]
    turn = Turn(query, untouched(domain.mutators), gold=look, near_misses=near, refusal=True)
    return _task(domain, model, turn, 1, ("refusal",))


def untouched(mutators: tuple[str, ...]) -> Callable[[Sequence[Call]], None]:
    """Asserts that nothing was called that changes something, even if it was changed back."""

    def nothing_changed(calls: Sequence[Call]) -> None:
        assert not [each.name for each in calls if each.error is None and each.name in mutators], "no changing calls"

    return nothing_changed


def _task(domain: Domain, model: Any, turn: Turn, calls: int, tags: tuple[str, ...] = ()) -> Task:
    hosted = Hosted(copy.deepcopy(model), name=domain.name, flat=True)
    return Task((turn,), hosted=(hosted,), difficulty=float(max(calls, 1)), tags=tags)
