"""A Base whose Templates do not harden themselves: the other side of what isolation costs. Never for a model's code.

No policy gives this (what a kernel offers is always applied), so it is made here, from outside: the code that a Base
is started with gets a preamble that takes the hardening away.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from unittest.mock import patch

from cave_rl.confinement import Confinement
from cave_rl.runtime import base as runtime_base
from cave_rl.runtime.base import Base

_BEFORE = "from cave_rl.runtime.inside.zygote import main\n"
_PREAMBLE = """
import contextlib
from cave_rl.confinement import Hardened
from cave_rl.runtime.inside import kernel, zygote
class NoPlan:
    def close(self): pass
zygote.harden_template = lambda *a, **k: Hardened(None, (), ())
zygote.plan_fork = lambda *a, **k: NoPlan()
zygote.harden_fork = lambda *a, **k: False
kernel.scope_fork = lambda: False
"""


def unconfined_base(modules: Sequence[str]) -> Base:
    """A Base that confines nothing."""
    code = runtime_base._INSIDE
    if _BEFORE not in code:
        raise AssertionError("the code that starts a Base has changed: mend benchmarks/ours/unconfined.py")
    with ExitStack() as stack:
        stack.enter_context(patch.object(runtime_base, "_INSIDE", code.replace(_BEFORE, _PREAMBLE + _BEFORE)))
        return Base(modules, confinement=Confinement(require="none"))
