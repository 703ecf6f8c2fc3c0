"""What an episode starts from: the template of its task's runtimes, and its seeds."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

from cave_rl.runtime.clock import check_clock
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.runtime import Runtime
from cave_rl.runtime.template import Template
from cave_rl.tasks.task import Task


def template_steps(task: Task, pool: Pool) -> Steps[Template[Runtime]]:
    """The template of a task's runtimes.

    Raises:
        Fault: it could not be made.
    """
    key: Hashable = _Same(task)
    if task.suite:  # made anew each time, but equal as long as it holds the same values and the same code
        code = (*(each.func for each in task.functions), *task.preparation.classes.values(), task.setup)
        code += tuple(each.obj for each in task.hosted if each.is_function)
        key = ("runtime", task.suite, task.family, task.seed, task.content, code)

    def make() -> Steps[Template[Runtime]]:
        if task.clock is not None:
            check_clock()
        return (yield from pool.base(task.imported).template_steps(task.preparation))

    return (yield from pool.template_steps(key, make))


def rollout_seed(of: str, key: str) -> int:
    """What a part of a rollout is seeded with: a keyed hash, so that it tells nothing of the task's seed."""
    return int.from_bytes(hashlib.blake2b(of.encode(), key=key.encode()[:64], digest_size=8).digest(), "little")


class _Same:
    """A key that is equal only for the very same task, and keeps it alive."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __hash__(self) -> int:
        return id(self._task)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._task is other._task
