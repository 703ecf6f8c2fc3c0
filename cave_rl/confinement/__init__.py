"""The wall around hostile code: what a process that runs a model's code can reach, and what it cannot.

A Template calls `harden_template` once, and `plan_fork` before each fork; the fork inherits the wall and calls
`harden_fork` for what is its own. The host runs a `Broker`, which answers for every new process and thread. Nothing
needs root; root only loses its capabilities. Kernels differ: `doctor` tells what there is, `Confinement.require` what
there must be.

What is covered: reading or writing files outside an allow-list, sibling rollouts' files, network, other processes
(signals, ptrace, memory, priorities), new processes and threads, executing programs, namespaces and mounts, kernel
interfaces with no place in a rollout, shared memory, and runaway memory, CPU time, file sizes and descriptors.

What is not: holes in the kernel itself (use a virtual machine), timing and cache side channels, learning that a path
exists (`stat` is not governed), the sum of all files in a working directory (give it a file system with a size), the
memory behind pipes and sockets beyond what their number bounds, and descriptors that were open before.
"""

from __future__ import annotations

from cave_rl.confinement.doctor import Report, Rung, doctor
from cave_rl.confinement.harden import ForkPlan, Hardened, harden_fork, harden_template, plan_fork, prepare
from cave_rl.confinement.landlock import scope_fork
from cave_rl.confinement.limits import (
    die_with_parent,
    drop_caps,
    no_new_privs,
    not_dumpable,
    set_child_subreaper,
)
from cave_rl.confinement.namespaces import available as pid_namespace_available
from cave_rl.confinement.namespaces import enter as enter_pid_namespace
from cave_rl.confinement.policy import RUNGS_OF_LEVEL, Confinement, ConfinementError, Level
from cave_rl.confinement.readable import readable_paths, warm_import_caches
from cave_rl.confinement.tickets import Broker, descendants

__all__ = [
    "RUNGS_OF_LEVEL",
    "Broker",
    "Confinement",
    "ConfinementError",
    "ForkPlan",
    "Hardened",
    "Level",
    "Report",
    "Rung",
    "descendants",
    "die_with_parent",
    "doctor",
    "drop_caps",
    "enter_pid_namespace",
    "harden_fork",
    "harden_template",
    "no_new_privs",
    "not_dumpable",
    "pid_namespace_available",
    "plan_fork",
    "prepare",
    "readable_paths",
    "scope_fork",
    "set_child_subreaper",
    "warm_import_caches",
]
