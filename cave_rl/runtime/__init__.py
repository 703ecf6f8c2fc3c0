"""The runtime stream: live interpreters that are forked, driven, claimed from and snapshotted.

    Base --fork--> Template --fork--> Runtime --fork--> Snapshot --fork--> Runtime ...

A Base has modules imported; a Template has run one task's set-up; a Runtime executes cells; a Snapshot is a parked
Runtime. See `docs/runtime.md` for the life of a Template, and `docs/threat-model.md` for what is trusted.
"""

from cave_rl.runtime.base import Base
from cave_rl.runtime.calls import CallRecord
from cave_rl.runtime.codec import ClaimError, Digest, Opaque, decode
from cave_rl.runtime.drive import Steps, Wait, gather, run, run_all, run_async
from cave_rl.runtime.errors import Fault, HostLimitFault, RuntimeGone, SetupFault, SpawnFault, TransferError
from cave_rl.runtime.pool import Pool, shared_pool
from cave_rl.runtime.primitives import Function, Hosted, Type, Variable
from cave_rl.runtime.result import CellError, CellResult, Limits, Outcome, StateDiff
from cave_rl.runtime.rules import CodeRules
from cave_rl.runtime.runtime import Runtime, Snapshot, ThreadsAlive
from cave_rl.runtime.setup import Setup
from cave_rl.runtime.template import Template
from cave_rl.runtime.world import World

__all__ = [
    "Base",
    "CallRecord",
    "CellError",
    "CellResult",
    "ClaimError",
    "CodeRules",
    "Digest",
    "Fault",
    "Function",
    "HostLimitFault",
    "Hosted",
    "Limits",
    "Opaque",
    "Outcome",
    "Pool",
    "Runtime",
    "RuntimeGone",
    "Setup",
    "SetupFault",
    "Snapshot",
    "SpawnFault",
    "StateDiff",
    "Steps",
    "Template",
    "ThreadsAlive",
    "TransferError",
    "Type",
    "Variable",
    "Wait",
    "World",
    "decode",
    "gather",
    "run",
    "run_all",
    "run_async",
    "shared_pool",
]
