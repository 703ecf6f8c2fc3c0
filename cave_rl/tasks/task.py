"""Tasks as data: a set-up and one or more turns.

>>> from cave_rl.rewards.assertions import equals
>>> from cave_rl.runtime.primitives import Variable
>>> task = Task(
...     variables=[Variable("xs", [3, 1, 2])],
...     turns=[Turn("Sort xs in place.", equals("xs", [1, 2, 3]), changes=["xs"], gold=["xs.sort()"])],
... )
>>> task.turns[0].changes
frozenset({'xs'})
"""

from __future__ import annotations

import ast
import datetime
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar

from cave_rl.rewards.assertions import Assertion, CallCount, Contains, as_assertions
from cave_rl.rewards.compose import Counting
from cave_rl.runtime.clock import LIBRARY, moment_of
from cave_rl.runtime.errors import SetupFault
from cave_rl.runtime.inside.encode import encode
from cave_rl.runtime.nearest import nearest
from cave_rl.runtime.primitives import Function, Hosted, Primitive, Type, Variable
from cave_rl.runtime.setup import Setup
from cave_rl.tasks.referee import Referee
from cave_rl.tasks.user import Say, User, plain


class TaskError(ValueError):
    """A task that cannot be run as it is written."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A plausible wrong solution, and the verdict that must catch it.

    Attributes:
        cells: the code; where the turn has a user, also what is said to it.
        fails: the name of the verdict that must fail; None accepts any.
    """

    cells: tuple[str | Say, ...]
    fails: str | None = None

    def __init__(self, cells: str | Say | Sequence[str | Say], fails: str | None = None) -> None:
        object.__setattr__(self, "cells", _cells(cells))
        object.__setattr__(self, "fails", fails)


@dataclass(frozen=True)
class Turn:
    """One user query and what must be true when the turn ends.

    Attributes:
        query: what the user asks. It should name every variable that the assertions read. Empty where `user` begins.
        assertions: data (`equals("x", 1)`), a function of `assert` statements, or a list of both.
        changes: the variables that this turn may change or delete. All others that the task injected, or that an
            earlier turn's assertions looked at, must stay as they were: a gate on the turn's score. New names are
            free.
        gold: cells that solve the turn (score 1.0); where it has a user, also what is said to it (`Say`).
        near_misses: plausible wrong solutions (score below 1.0).
        event: Python source that the host runs before the query is shown (a price changed, say): in the runtime, or, if
            it names a hosted object, in the World with the object itself.
        max_steps: code messages before the turn is judged as it stands; None takes the episode's default.
        weight: the turn's share in the episode reward.
        refusal: doing nothing is right. Otherwise a turn that did nothing scores exactly 0.
        offers: hosted methods that come with this turn, by the names that calls are recorded under (`bank.transfer`;
            `transfer` if flat): before it they are not told of and cannot be called.
        user: who is talked with: messages without code go to the user, and the turn ends when the user says so. See
            `cave_rl.tasks.user`.
        referee: who judges statements in words, where an endpoint is configured for it. See `cave_rl.tasks.referee`.
    """

    __cave_host_only__: ClassVar[bool] = True

    query: str
    assertions: tuple[Assertion, ...]
    changes: frozenset[str] = frozenset()
    gold: tuple[str | Say, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    event: str | None = None
    max_steps: int | None = None
    weight: float = 1.0
    refusal: bool = False
    offers: frozenset[str] = frozenset()
    user: User | None = None
    referee: Referee | None = None

    def __init__(
        self,
        query: str,
        assertions: Assertion | Callable[..., None] | Sequence[Assertion | Callable[..., None]],
        *,
        changes: Iterable[str] = (),
        gold: str | Say | Sequence[str | Say] = (),
        near_misses: Sequence[NearMiss | str] = (),
        event: str | None = None,
        max_steps: int | None = None,
        weight: float = 1.0,
        refusal: bool = False,
        offers: Iterable[str] = (),
        user: User | None = None,
        referee: Referee | None = None,
    ) -> None:
        given = {
            "query": query,
            "assertions": as_assertions(assertions),  # type: ignore[arg-type]
            "changes": frozenset([changes] if isinstance(changes, str) else changes),
            "gold": _cells(gold),
            "near_misses": tuple(NearMiss(each) if isinstance(each, str) else each for each in near_misses),
            "event": event,
            "max_steps": max_steps,
            "weight": weight,
            "refusal": refusal,
            "offers": frozenset([offers] if isinstance(offers, str) else offers),
            "user": user,
            "referee": referee,
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)
        if not self.assertions:
            raise TaskError(f"turn {query!r} asserts nothing: it could not be judged")
        if weight <= 0 or any(each.weight <= 0 for each in self.assertions):
            raise TaskError(f"turn {query!r}: weights must be positive")
        if user is None and (spoken := [each for each in self._actions if isinstance(each, Say)]):
            raise TaskError(f"turn {query!r}: {spoken[0]!r} is said to a user, and it has none")
        try:
            ast.parse(event or "")
        except SyntaxError as error:
            raise TaskError(f"turn {query!r}: its event is not Python: {error}") from error
        if max_steps is not None and max_steps < 1:
            raise TaskError(f"turn {query!r}: max_steps must be at least 1, not {max_steps}")

    @property
    def reads(self) -> frozenset[str]:
        """The variables that its assertions look at."""
        return frozenset().union(*(each.reads for each in self.assertions))

    @property
    def gold_cells(self) -> tuple[str, ...]:
        """The code of the gold, what is said to a user left out."""
        return tuple(each for each in self.gold if isinstance(each, str))

    @property
    def gold_answer(self) -> str:
        """What is said after the gold cells: what the assertions want to read, if they want anything.

        An assertion that reads what is said in a way of its own says so by a `gold_answer`.
        """
        texts = (
            each.text if isinstance(each, Contains) else getattr(each, "gold_answer", "") for each in self.assertions
        )
        return "; ".join(filter(None, texts)) or "Done."

    @property
    def _actions(self) -> tuple[str | Say, ...]:
        return self.gold + tuple(each for miss in self.near_misses for each in miss.cells)


@dataclass(frozen=True)
class Task:
    """A set-up and one or more turns over one runtime.

    Attributes:
        turns: at least one.
        variables, functions, types: what is injected, and how the model is told of it.
        hosted: objects that live in a trusted process beside the runtime, which holds proxies of them.
        setup: Python source, or a function of no arguments whose returned dict of names is added, run in the template
            after the injection. What it makes is not described to the model unless a variable says so.
        clock: the moment at which the clock stands still, as a datetime or ISO 8601 text (see `Setup`).
        modules: modules imported before anything else (`("pandas",)`); they cost once, not per rollout.
        tags: free labels for reports.
        difficulty: a number that grows with difficulty, for curricula; None where it has no meaning.
        counting: how the scores of its turns make its reward: `each` its share, `prefix` (those before the first that
            is not 1), or `whole` (1 if all are, else 0).
        suite, family, seed: where the task comes from; set by the suite.
    """

    __cave_host_only__: ClassVar[bool] = True

    turns: tuple[Turn, ...]
    variables: tuple[Variable, ...] = ()
    functions: tuple[Function, ...] = ()
    types: tuple[Type, ...] = ()
    setup: str | Callable[[], dict[str, Any]] | None = None
    modules: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    difficulty: float | None = None
    hosted: tuple[Hosted, ...] = field(default=(), kw_only=True)
    clock: datetime.datetime | str | None = field(default=None, kw_only=True)
    counting: Counting = field(default="each", kw_only=True)
    suite: str = field(default="", kw_only=True)
    family: str = field(default="", kw_only=True)
    seed: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("turns", "variables", "functions", "types", "modules", "tags", "hosted"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, (str, Turn, Hosted)) else tuple(value))
        if not self.turns:
            raise TaskError("a task needs at least one turn")
        try:
            preparation = self.preparation
        except ValueError as error:
            raise TaskError(str(error)) from None
        names = [name for each in self.injected for name in _names(each)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise TaskError(f"injected twice: {', '.join(twice)}")
        try:
            targets = preparation.targets
            preparation.classes, preparation.user_targets  # noqa: B018  # what is wrong with them is told now
        except SetupFault as fault:
            raise TaskError(str(fault)) from None
        if missing := sorted(frozenset().union(*(turn.offers for turn in self.turns)) - targets.keys()):
            raise TaskError(f"a turn offers {missing[0]!r}, which is not hosted{nearest(missing[0], targets)}")
        if preparation.user_targets and not any(turn.user for turn in self.turns):
            raise TaskError(f"{min(preparation.user_targets)!r} is hosted for a user, and no turn has one")
        for turn in self.turns:
            self._check_event(turn)
            for each in turn.assertions:
                if isinstance(each, CallCount):
                    self._check_call(each, targets)

    @property
    def injected(self) -> tuple[Primitive, ...]:
        """All primitives, in the order in which the model is told of them."""
        return self.preparation.injected

    @cached_property
    def preparation(self) -> Setup:
        """What its runtimes are made from."""
        return Setup(self.variables, self.functions, self.types, self.setup, self.hosted, self.clock)

    @property
    def imported(self) -> tuple[str, ...]:
        """What is imported once for all of its runtimes: its modules, and what stops its clock."""
        return self.modules if self.clock is None or LIBRARY in self.modules else (*self.modules, LIBRARY)

    def withheld(self, turn: int) -> frozenset[str]:
        """The hosted methods that come only with turns after this one."""
        return frozenset().union(*(each.offers for each in self.turns[turn + 1 :]))

    def told(self, turn: int) -> tuple[Primitive, ...]:
        """What a model is told of as a turn begins: with the first of all that is not withheld, later of what comes."""
        if turn > 0:
            parts = [_part(each, offers) for each in self.hosted] if (offers := self.turns[turn].offers) else []
            return tuple(each for each in parts if each is not None)
        if not (withheld := self.withheld(0)):
            return self.injected
        now = self.preparation.targets.keys() - withheld
        found = (_part(each, now) if isinstance(each, Hosted) else each for each in self.injected)
        return tuple(each for each in found if each is not None)

    def hosts_event(self, turn: Turn) -> bool:
        """Whether a turn's event runs where the hosted objects are."""
        return turn.event is not None and not self._hosted_names.isdisjoint(named(turn.event))

    @cached_property
    def content(self) -> str:
        """16 hex digits of a hash over what the task asks and holds: equal tasks have equal content."""
        values = {each.name: each.value for each in self.variables}
        asked = [(turn.query, sorted(turn.changes), _written(turn.gold), turn.event or "") for turn in self.turns]
        classes = {each.cls: each.name for each in self.types}
        setup = self.setup if isinstance(self.setup, str) else getattr(self.setup, "__qualname__", "")
        held: list[Any] = [self.family, asked, values, setup, sorted(each.name for each in self.injected)]
        if self.hosted:
            classes |= {cls: name for name, cls in self.preparation.classes.items()}
            held.append([(each.name, sorted(each.targets), each.flat, _state(each)) for each in self.hosted])
        if self.clock is not None:
            held.append(moment_of(self.clock))
        if any(turn.offers for turn in self.turns):
            held.append([sorted(turn.offers) for turn in self.turns])
        if any(turn.user is not None for turn in self.turns):
            held.append([turn.user and plain(turn.user) for turn in self.turns])
        if self.preparation.user_targets:
            held.append(sorted(self.preparation.user_targets))
        if any(turn.referee is not None for turn in self.turns):
            held.append([turn.referee and plain(turn.referee) for turn in self.turns])
        blob = encode(held, classes)
        return hashlib.blake2b(blob, digest_size=8).hexdigest()

    @property
    def id(self) -> str:
        """`family/content`: stable as long as the task asks and holds the same."""
        return f"{self.family or 'task'}/{self.content}"

    @property
    def _hosted_names(self) -> frozenset[str]:
        return self.preparation.hosted_names | self.preparation.callable_names

    def _check_event(self, turn: Turn) -> None:
        if not self.hosts_event(turn):
            return
        there = {each.name for each in self.variables} | {each.name for each in self.functions}
        mentioned = named(turn.event or "")
        if mixed := sorted(there & mentioned):
            hosted = min(self._hosted_names & mentioned)
            raise TaskError(
                f"turn {turn.query!r}: its event names {mixed[0]!r}, which is in the runtime, and {hosted!r}, which is "
                "hosted: an event runs in one place. Split it over two turns, or host both"
            )

    def _check_call(self, assertion: CallCount, targets: Mapping[str, tuple[str, str | None]]) -> None:
        if assertion.target not in targets:
            raise TaskError(f"{assertion.names[0]!r}: no such method is hosted{nearest(assertion.target, targets)}")
        name, method = targets[assertion.target]
        (hosted,) = (each for each in self.hosted if each.name == name)
        known = next(each for each in hosted.methods() if method is None or each.name == method).parameters
        unknown = sorted(assertion.arguments.keys() - known)
        if unknown:
            raise TaskError(
                f"{assertion.names[0]!r}: {assertion.target} has no parameter {unknown[0]!r}"
                f"{nearest(unknown[0], known)}"
            )

    def but(self, **changes: Any) -> Task:
        """A copy with some fields replaced.

        Raises:
            TaskError: there is no such field.
        """
        known = {each.name for each in fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise TaskError(f"a task has no field {unknown[0]!r}; it has {', '.join(sorted(known))}")
        return replace(self, **changes)


def named(source: str) -> set[str]:
    """The global names that a piece of code mentions or binds."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return found


def _part(hosted: Hosted, targets: Collection[str]) -> Hosted | None:
    """A hosted object as it is told of: with those of its methods alone; None if there are none."""
    methods = tuple(method for target, method in hosted.targets.items() if target in targets)
    if len(methods) in (0, len(hosted.targets)):
        return hosted if methods else None
    return replace(hosted, expose=methods)


def _names(primitive: Primitive) -> set[str]:
    """The names that a primitive goes by, in the runtime and in assertions."""
    return {primitive.name, *primitive.injected} if isinstance(primitive, Hosted) else {primitive.name}


def _state(hosted: Hosted) -> Any:
    return hosted.obj.__qualname__ if hosted.is_function else hosted.obj


def _written(actions: tuple[str | Say, ...]) -> tuple[Any, ...]:
    return tuple(each if isinstance(each, str) else ["say", each.text] for each in actions)


def _cells(given: str | Say | Sequence[str | Say]) -> tuple[str | Say, ...]:
    return (given,) if isinstance(given, (str, Say)) else tuple(given)
