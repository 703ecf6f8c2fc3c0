"""Upstream's dialogues and answers, as the wheel holds them."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import bfcl_eval
from bfcl_eval.constants.executable_backend_config import MULTI_TURN_FUNC_DOC_FILE_MAPPING

from cave_rl.runtime.transfer import hide
from cave_rl.tasks.suite import SuiteError

VERSION = "2026.3.23"

_DATA = Path(bfcl_eval.__file__).parent / "data"


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
    installed = importlib.metadata.version("bfcl-eval")
    if installed != VERSION:
        raise SuiteError(f"bfcl-eval {VERSION} is wanted, and {installed} is installed: its dialogues are others")
    for file in _DATA.rglob("*.json"):
        hide(file)
    answers = {each["id"]: each["ground_truth"] for each in _lines(_DATA / "possible_answer" / _file(category))}
    return tuple(_dialogue(each, answers[each["id"]]) for each in _lines(_DATA / _file(category)))


@functools.cache
def documented(name: str) -> tuple[str, ...]:
    """The methods of a simulator that upstream tells models of."""
    return tuple(each["name"] for each in _lines(_DATA / "multi_turn_func_doc" / MULTI_TURN_FUNC_DOC_FILE_MAPPING[name]))


def _dialogue(entry: Mapping[str, Any], gold: list[list[str]]) -> Dialogue:
    return Dialogue(
        id=entry["id"],
        queries=tuple("\n\n".join(message["content"] for message in turn) for turn in entry["question"]),
        classes=tuple(entry["involved_classes"]),
        config=entry["initial_config"],
        gold=tuple(map(tuple, gold)),
        excluded=frozenset(entry.get("excluded_function", ())),
        missed={int(turn): tuple(names) for turn, names in entry.get("missed_function", {}).items()},
    )


def _file(category: str) -> str:
    return f"BFCL_v4_multi_turn_{category}.json"


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
