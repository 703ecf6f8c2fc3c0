"""Upstream's dialogues and answers, as the wheel holds them."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cave_rl.runtime.transfer import hide
from cave_rl.tasks.suite import SuiteError

VERSION = "2026.3.23"


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One dialogue.

    Attributes:
        id: upstream's, such as `multi_turn_base_0`.
        queries: of each turn; empty where the turn only brings functions.
        classes: the simulators, by the names of their classes.
        config: the state in which each begins.
        gold: the calls of each turn; none where nothing can be done.
        excluded: methods that there are not.
        missed: methods that come with a turn, by its index.
    """

    __cave_host_only__: ClassVar[bool] = True

    id: str
    queries: tuple[str, ...]
    classes: tuple[str, ...]
    config: Mapping[str, Any]
    gold: tuple[tuple[str, ...], ...]
    excluded: frozenset[str]
    missed: Mapping[int, tuple[str, ...]]

    @property
    def long_context(self) -> bool:
        """Whether the simulators are filled up with what nobody asked for."""
        return "long_context" in self.id


@functools.cache
def dialogues(category: str) -> tuple[Dialogue, ...]:
    """The dialogues of a category, in upstream's order. No rollout may read upstream's files from now on.

    Raises:
        SuiteError: another version is installed.
    """
    hide_all()
    name = f"BFCL_v4_multi_turn_{category}.json"
    answers = {each["id"]: each["ground_truth"] for each in lines(files() / "possible_answer" / name)}
    return tuple(_dialogue(each, answers[each["id"]]) for each in lines(files() / name))


@functools.cache
def documented(name: str) -> tuple[str, ...]:
    """The methods of a simulator that upstream tells models of."""
    from bfcl_eval.constants.executable_backend_config import MULTI_TURN_FUNC_DOC_FILE_MAPPING

    file = MULTI_TURN_FUNC_DOC_FILE_MAPPING[name]
    return tuple(each["name"] for each in lines(files() / "multi_turn_func_doc" / file))


def _dialogue(entry: Mapping[str, Any], gold: list[list[str]]) -> Dialogue:
    return Dialogue(
        id=entry["id"],
        queries=tuple("\n\n".join(message["content"] for message in turn) for turn in entry["question"]),
        classes=tuple(entry["involved_classes"]),
        config=entry["initial_config"],
        gold=tuple(map(tuple, gold)),
        excluded=frozenset(entry.get("excluded_function", ())),
        missed=_missed(entry, gold),
    )


def _missed(entry: Mapping[str, Any], gold: list[list[str]]) -> dict[int, tuple[str, ...]]:
    """The methods that come with a turn; one that an answer before calls (of number 49) comes with that."""
    found: dict[int, tuple[str, ...]] = {}
    for turn, names in entry.get("missed_function", {}).items():
        for name in names:
            uses = (at for at, calls in enumerate(gold) for each in calls if each.startswith(f"{name}("))
            at = min([int(turn), *uses])
            found[at] = (*found.get(at, ()), name)
    return found


def hide_all() -> None:
    """Keeps upstream's files from every rollout that is set up from now on.

    Raises:
        SuiteError: another version is installed.
    """
    folder = files()
    installed = importlib.metadata.version("bfcl-eval")
    if installed != VERSION:
        raise SuiteError(f"bfcl-eval {VERSION} is wanted, and {installed} is installed: its dialogues are others")
    for file in folder.rglob("*.json"):
        hide(file)


def files() -> Path:
    """The folder of upstream's files.

    Raises:
        ImportError: the package is not installed.
    """
    import bfcl_eval  # it is this that may not be installed, rather than what tells of it

    return Path(bfcl_eval.__file__).parent / "data"


def lines(file: Path) -> Iterator[dict[str, Any]]:
    """What the lines of a file hold."""
    with file.open(encoding="utf-8") as text:
        yield from map(json.loads, text)
