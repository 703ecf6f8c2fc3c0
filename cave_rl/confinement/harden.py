"""Putting a policy on: once on a Template, cheaply on each fork of it.

`harden_template` does what is inherited (Landlock, seccomp, privileges), in the order that lets each step still work:
paths are opened while the process may, capabilities go before the filter, the filter comes last. `harden_fork` adds
what is one fork's own: its limits, its working directory, its signal scope, as `plan_fork` worked them out before.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cave_rl.confinement import landlock, limits, namespaces, seccomp
from cave_rl.confinement.policy import RUNGS_OF_LEVEL, Confinement, ConfinementError
from cave_rl.confinement.readable import warm_import_caches
from cave_rl.confinement.tickets import is_listener

_DEVICES = ("/dev/null",)


@dataclass(frozen=True, slots=True)
class Hardened:
    """What a Template has got.

    Attributes:
        listener_fd: Where the host answers for forks; None without tickets. Send it to the host and close it before
            the first fork: whoever holds it may answer for itself.
        rungs: The rungs that hold.
        missing: The rungs that do not, each with the reason.
    """

    listener_fd: int | None
    rungs: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Template:
    """What the forks of this process inherit to harden themselves with."""

    abi: int
    statm: int
    listener_fd: int | None
    writable: tuple[str, ...]
    rules: tuple[landlock.Rule, ...] = ()


_template: _Template | None = None
_is_fork = False


def harden_template(policy: Confinement, *, readable: Sequence[str], writable: Sequence[str] = ()) -> Hardened:
    """Confine this process and all it will fork, for good.

    Call it once, single-threaded, when all imports are done. A process in which it failed may be half confined: let it
    go.

    Args:
        policy: The policy.
        readable: Real paths that may be read (see `readable_paths`); `policy.readable` is added. Missing ones are
            skipped.
        writable: Existing directories in which the host makes the private working directories of the forks. This
            process may write there; each fork only in the `workdir` it is given.

    Raises:
        ConfinementError: If a required rung is missing, or the arguments cannot be had.
    """
    global _template
    if _template is not None or _is_fork:
        raise ConfinementError("template", "this process is hardened already", "harden each process once")
    _refuse_threads()
    abi = landlock.abi()
    missing = _missing(abi)
    for rung in RUNGS_OF_LEVEL[policy.require]:
        if rung in missing:
            raise ConfinementError(rung, missing[rung])
    extra = {os.path.realpath(path) for path in policy.readable if os.path.exists(path)}
    read = sorted({*readable, *extra})
    write = tuple(os.path.realpath(path) for path in writable)
    for path in write:
        if not os.path.isdir(path):
            raise ConfinementError("writable", f"{path} is not a directory", "create it first")
    template = _Template(abi, os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC), None, write)
    held: list[str] = []

    limits.prefer_as_oom_victim()
    warm_import_caches()
    if abi:
        first = _open_rules(read, policy, template, write)
    limits.template_limits()
    limits.no_new_privs()
    held += ["limits", "no_new_privs"]
    if abi:
        made = landlock.ruleset(first, version=abi, network=policy.network)
        landlock.enter(made, abi)
        os.close(made)
        held += ["landlock"] + (["landlock_net"] if abi >= 4 else []) + (["scope"] if abi >= 6 else [])
        for rule in first:
            os.close(rule.fd)
    limits.drop_caps()
    limits.not_dumpable()
    held += ["not_dumpable"] + (["pidns"] if namespaces.inside() else [])
    if "seccomp" not in missing:
        template.listener_fd = _install_filter(policy, abi, missing)
        held.append("seccomp")
        if template.listener_fd is not None:
            held.append("tickets")
    _template = template
    return Hardened(template.listener_fd, tuple(held), tuple(sorted(missing.items())))


@dataclass(frozen=True, slots=True)
class ForkPlan:
    """What one fork will confine itself with, worked out before the fork: in the Template every page is warm.

    Attributes:
        bounds: The fork's resource limits.
        ruleset: The descriptor of its Landlock ruleset; None where there is nothing to enter.
    """

    bounds: limits.Bounds
    ruleset: int | None

    def close(self) -> None:
        """Let go of it, in the Template, after the fork."""
        if self.ruleset is not None:
            os.close(self.ruleset)


def plan_fork(policy: Confinement, *, workdir: str | None = None) -> ForkPlan:
    """Work out, in a hardened Template, how the next fork confines itself.

    Args:
        policy: The Template's policy.
        workdir: The one existing directory the fork may write in, beneath one of the Template's `writable`. Without
            it nothing is writable, and what other forks wrote is not readable.

    Raises:
        ConfinementError: If this process is no hardened Template, or the directory cannot be given.
    """
    template = _template
    if template is None:
        raise ConfinementError("plan", "this process is no hardened Template", "call harden_template first")
    _refuse_listener(template)
    if workdir is not None:
        _check_workdir(workdir, template)
    bounds = limits.fork_bounds(policy, template.statm)
    if not template.abi or (template.abi < 6 and not template.rules):
        return ForkPlan(bounds, None)
    if not template.rules:
        return ForkPlan(bounds, landlock.ruleset((), version=template.abi, files=False))
    own = landlock.open_rule(workdir, landlock.WRITE) if workdir is not None else None
    try:
        rules = template.rules if own is None else (*template.rules, own)
        return ForkPlan(bounds, landlock.ruleset(rules, version=template.abi, network=policy.network))
    finally:
        if own is not None:
            os.close(own.fd)


def harden_fork(policy: Confinement, plan: ForkPlan | None = None) -> bool:
    """Confine this fork further: its limits, its working directory, its own signal scope.

    Call it right after the fork, before anything hostile runs. A fork of a fork (a snapshot, a branch) has no plan: its
    limits and working directory are inherited, and only the scope is its own. As it was born from a process that ran
    hostile code, that is a courtesy to its siblings; what is inherited is the wall.

    Args:
        policy: The Template's policy.
        plan: What `plan_fork` worked out before the fork.

    Returns:
        Whether its signals are scoped: not below Linux 6.12, nor deeper than Landlock stacks domains.
    """
    global _template, _is_fork
    template = _template
    if template is None and not _is_fork:
        raise ConfinementError("fork", "this process is no fork of a hardened Template", "call harden_template first")
    if policy.fork:
        limits.set_child_subreaper()
    if template is None:
        return landlock.scope_fork()
    if plan is None:
        plan = plan_fork(policy)
    _template, _is_fork = None, True
    limits.apply_bounds(plan.bounds)
    if plan.ruleset is not None:
        landlock.enter(plan.ruleset, template.abi)
    plan.close()
    os.close(template.statm)
    for rule in template.rules:
        os.close(rule.fd)
    return template.abi >= 6


def _refuse_listener(template: _Template) -> None:
    if template.listener_fd is not None and is_listener(template.listener_fd):
        raise ConfinementError(
            "tickets",
            "the listener is still open: a fork that inherits it could answer its own questions",
            "send Hardened.listener_fd to the host and close it before the first fork",
        )
    template.listener_fd = None  # seen closed once, it stays closed


def _check_workdir(workdir: str, template: _Template) -> None:
    real = os.path.realpath(workdir)
    if not any(real.startswith(path + "/") for path in template.writable):
        beneath = ", ".join(template.writable) or "none: the Template has no writable directory"
        raise ConfinementError("workdir", f"{workdir} is not beneath a writable directory ({beneath})")
    if not os.path.isdir(real):
        raise ConfinementError("workdir", f"{workdir} is not a directory", "create it before the fork")


def _open_rules(
    read: list[str], policy: Confinement, template: _Template, write: tuple[str, ...]
) -> list[landlock.Rule]:
    """The Template's rules; those with which each fork takes its siblings' directories away go to `template`."""
    rights = landlock.READ | (landlock.EXECUTE if policy.exec else 0)
    device = landlock.READ | landlock.WRITE_FILE
    wanted = [*((path, rights) for path in read), *((path, device) for path in _DEVICES)]
    if write:
        try:
            wide = landlock.covers(read, write)
        except ValueError as error:
            raise ConfinementError("writable", str(error), "keep scratch directories out of readable ones") from None
        later = [*((path, rights) for path in wide), *((path, device) for path in _DEVICES)]
        template.rules = tuple(rule for path, allowed in later if (rule := landlock.open_rule(path, allowed)))
    wanted += [(path, landlock.WRITE) for path in write]
    return [rule for path, allowed in wanted if (rule := landlock.open_rule(path, allowed))]


def prepare(policy: Confinement) -> None:
    """Work out what every Template of a policy needs, so that a process that forks many does it once, before."""
    _program(policy, True, landlock.abi())


@functools.lru_cache(maxsize=8)
def _program(policy: Confinement, notify: bool, abi: int) -> list[tuple[int, int, int, int]]:
    return list(seccomp.compile_rules(seccomp.rules_for(policy, notify=notify, landlock_abi=abi)))


def _install_filter(policy: Confinement, abi: int, missing: dict[str, str]) -> int | None:
    if "tickets" not in missing:
        program = _program(policy, True, abi)
        try:
            return seccomp.install(program, listen=True)
        except OSError as error:
            missing["tickets"] = f"{error} (a process can have one seccomp listener, and this one inherited another)"
            if "tickets" in RUNGS_OF_LEVEL[policy.require]:
                raise ConfinementError("tickets", missing["tickets"]) from error
    program = _program(policy, False, abi)
    seccomp.install(program, listen=False)
    return None


def _missing(abi: int) -> dict[str, str]:
    """Which rungs this kernel lacks, and why."""
    missing: dict[str, str] = {}
    no_filter = seccomp.available()
    if no_filter:
        missing["seccomp"] = no_filter
    no_listener = no_filter or seccomp.available(seccomp.NOTIFY)
    if no_listener:
        missing["tickets"] = no_listener
    if abi < 1:
        missing["landlock"] = "this kernel does not offer Landlock"
    if abi < 4:
        missing["landlock_net"] = f"needs Landlock ABI 4 (Linux 6.7), this is {abi}"
    if abi < 6:
        missing["scope"] = f"needs Landlock ABI 6 (Linux 6.12), this is {abi}"
    return missing


def _refuse_threads() -> None:
    names = []
    for tid in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{tid}/comm", encoding="utf-8", errors="replace") as file:
            names.append(file.read().strip())
    if len(names) > 1:
        raise ConfinementError(
            "template",
            f"{len(names)} threads are running ({', '.join(sorted(names))}); only the calling one would be confined",
            "harden before anything starts a thread",
        )
