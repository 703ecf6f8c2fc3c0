"""Upstream's single-turn entries and their answers, as the wheel holds them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cave_rl.suites.third_party.bfcl.tasks import data
from cave_rl.tasks.suite import Split

Arguments = Mapping[str, Any]

UNSOLVABLE = frozenset(
    {
        "live_simple_106-63-0",  # for a parameter that must be given no value is possible
        "live_simple_112-68-0",  # the same
        "live_multiple_862-181-3",  # a parameter of the answer is none of the function's
        "live_multiple_964-207-0",  # the same
    }
)
"""The entries for which upstream's checker passes none of upstream's possible answers."""

_SHARE = {"validation": (0, 10), "test": (10, 30), "train": (30, 100)}  # percent of the hashes of questions


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One question, the functions there are for it, and what answers it. One is equal to itself alone.

    Attributes:
        id: upstream's, such as `live_simple_3-2-1`.
        category: upstream's.
        messages: role and content of each.
        functions: upstream's descriptions of functions.
        answers: one for each call: the function's name, and by parameter the values that are right; `""` among them
            says that it may be left out. None where no call is looked into.
    """

    __cave_host_only__: ClassVar[bool] = True

    id: str
    category: str
    messages: tuple[tuple[str, str], ...]
    functions: tuple[Mapping[str, Any], ...]
    answers: tuple[Mapping[str, Mapping[str, list[Any]]], ...] = ()

    @property
    def refusal(self) -> bool:
        """Whether none of the functions answers the question, so that none may be called."""
        return "irrelevance" in self.category

    @property
    def query(self) -> str:
        """The messages as one: some begin with what a system says, a few are conversations."""
        if any(role == "assistant" for role, _ in self.messages):
            return "\n\n".join(f"{role.capitalize()}: {content}" for role, content in self.messages)
        return "\n\n".join(content for _, content in self.messages if content)

    @property
    def split(self) -> Split:
        """By the question, which may stand in several categories: one that is tested on is trained on in none."""
        digest = hashlib.blake2b(self.messages[-1][1].strip().lower().encode(), digest_size=4).digest()
        percent = int.from_bytes(digest) % 100
        return next(split for split, (low, high) in _SHARE.items() if low <= percent < high)  # type: ignore[misc]


@functools.cache
def entries(category: str) -> tuple[Entry, ...]:
    """The entries of a category, in upstream's order. No rollout may read upstream's files from now on.

    Raises:
        SuiteError: another version is installed.
    """
    data.hide_all()
    file = f"BFCL_v4_{category}.json"
    answered = data.files() / "possible_answer" / file
    answers = {each["id"]: each["ground_truth"] for each in data.lines(answered)} if answered.exists() else {}
    return tuple(
        Entry(
            id=each["id"],
            category=category,
            messages=tuple((message["role"], message["content"]) for message in each["question"][0]),
            functions=tuple(each["function"]),
            answers=tuple(answers.get(each["id"], ())),
        )
        for each in data.lines(data.files() / file)
    )
