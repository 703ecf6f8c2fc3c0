"""A Template reduced to its confinement: hardens itself, then forks for every request and executes its source there.

Started by `conftest.Template` with the descriptor of its control socket and its options as JSON. A request is a JSON
frame {source, workdir} with the fork's own socket beside it; in the source, `answer` is what goes back, `again(source)`
forks once more (a snapshot), and `note(text)` sends a line while the code is still running.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import time
import traceback
from contextlib import suppress

from cave_rl.confinement import (
    Confinement,
    ConfinementError,
    harden_fork,
    harden_template,
    landlock,
    plan_fork,
    readable_paths,
)


def execute(source: str, policy: Confinement, talk: socket.socket) -> None:
    """Run `source` and send back its `answer`, or the error it ended with."""

    def note(text: str) -> None:
        talk.send(json.dumps({"note": text}).encode())

    def again(source: str) -> dict[str, object]:
        """Fork as a snapshot does, run `source` there, and return what it sent."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            scoped = harden_fork(policy)
            execute(f"scoped = {scoped}\n{source}", policy, theirs)
            os._exit(0)
        theirs.close()
        reply: dict[str, object] = json.loads(mine.recv(1 << 16))
        mine.close()
        os.waitpid(pid, 0)
        return reply

    scope: dict[str, object] = {"answer": None, "note": note, "again": again, "talk": talk, "policy": policy}
    try:
        exec(compile(source, "<cell>", "exec"), scope)
        reply = {"answer": scope["answer"]}
    except BaseException as error:
        reply = {"error": type(error).__name__, "errno": getattr(error, "errno", None), "text": traceback.format_exc()}
    with suppress(BrokenPipeError):  # nobody wants to know any more
        talk.send(json.dumps(reply).encode())


def main() -> None:
    """Harden, then serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    policy = Confinement(**{**options["policy"], "readable": tuple(options["policy"].get("readable", ()))})
    for name in options["modules"]:
        importlib.import_module(name)
    for statement in options["warm"]:
        exec(statement, {})
    if options["abi"] is not None:
        landlock.abi = lambda: int(options["abi"])
    try:
        hardened = harden_template(
            policy,
            readable=readable_paths(options["modules"], deny=options["deny"]),
            writable=options["writable"],
        )
    except Exception as error:
        control.send(json.dumps({"error": type(error).__name__, "text": str(error)}).encode())
        return
    reply = json.dumps({"rungs": hardened.rungs, "missing": dict(hardened.missing)}).encode()
    if hardened.listener_fd is None:
        control.send(reply)
    else:
        socket.send_fds(control, [reply], [hardened.listener_fd])
        os.close(hardened.listener_fd)

    while True:
        frame, fds, _, _ = socket.recv_fds(control, 1 << 16, 1)
        if not frame:
            return
        request = json.loads(frame)
        talk = socket.socket(fileno=fds[0])
        started = time.perf_counter()
        try:
            plan = plan_fork(policy, workdir=request["workdir"])
        except ConfinementError as error:
            talk.send(json.dumps({"error": type(error).__name__, "text": str(error)}).encode())
            talk.close()
            continue
        planned = time.perf_counter() - started
        if os.fork() == 0:
            control.close()
            started = time.perf_counter()
            scoped = harden_fork(policy, plan)
            cost = time.perf_counter() - started
            if request["workdir"]:
                os.chdir(request["workdir"])
            talk.send(json.dumps({"pid": os.getpid(), "scoped": scoped, "cost": cost, "planned": planned}).encode())
            if not talk.recv(1):  # let go by the host, which has heard of this process
                os._exit(0)
            execute(request["source"], policy, talk)
            os._exit(0)
        plan.close()
        talk.close()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    main()
