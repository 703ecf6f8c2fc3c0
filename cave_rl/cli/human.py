"""A person as the policy: reads what a model would read, writes what it would write."""

from __future__ import annotations

import codeop
import contextlib
import sys

from cave_rl.cli import output
from cave_rl.runtime.describe import describe
from cave_rl.runtime.errors import RuntimeGone
from cave_rl.runtime.runtime import ThreadsAlive
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode

LONGEST = 400
HELP = """\
Write Python; an empty line runs it. What you write is one cell: its variables stay.
  :answer [TEXT]  give the final answer and end the turn, which is then judged; or tell the turn's user
  :state          the variables as they are now (looked at in a fork: looking changes nothing)
  :prompt         the whole chat, as a model is given it
  :help           this
  :quit           give up; so does Ctrl-D. Ctrl-C forgets what you are writing"""


class Quit(Exception):
    """The player gave up."""


class Human:
    """A policy that asks at the terminal. Call it with the episode for the next message."""

    def __init__(self) -> None:
        self._read = 0  # messages of the chat that were shown
        if sys.stdin.isatty():
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401  # gives input() its line editing and history

    def __call__(self, episode: Episode) -> str:
        """Shows what is new and takes the next message.

        Raises:
            Quit: the player gave up.
        """
        self._show(episode)
        while True:
            said = _cell()
            command, _, rest = said.partition(" ")
            if command == ":answer":
                message = rest.strip() or "Done."
            elif command.startswith(":"):
                _obey(command, episode)
                continue
            elif said:
                message = fenced(said)
            else:
                continue
            self._read = len(episode.messages) + 1
            return message

    def _show(self, episode: Episode) -> None:
        if not self._read:
            for item in episode.task.injected:
                output.code(describe(item).text())
            output.heading(f"Turn 1 of {len(episode.task.turns)}")
            output.line(episode.queries[0])
            output.line("(:help tells how)", "dim")
        for message in episode.messages[self._read :] if self._read else ():
            output.line(message["content"])
        if self._read and not episode.turn_steps:
            output.line(f"(turn {episode.turn + 1} of {len(episode.task.turns)})", "dim")


def _cell() -> str:
    """What is written until an empty line, or a command."""
    lines: list[str] = []
    while True:
        try:
            written = input("... " if lines else ">>> ")
        except EOFError:
            raise Quit from None
        except KeyboardInterrupt:
            output.line()
            return ""
        if not lines and written.startswith(":"):
            return written.strip()
        lines.append(written)
        if not written.strip() and _is_whole("\n".join(lines)):
            return "\n".join(lines).strip("\n")


def _is_whole(source: str) -> bool:
    """Whether an empty line ends the cell: not within brackets or a string."""
    try:
        return codeop.compile_command(source, symbol="exec") is not None
    except (SyntaxError, ValueError, OverflowError):
        return True  # it is wrong, and the runtime will say how


def _obey(command: str, episode: Episode) -> None:
    """Carries out a command that is no message.

    Raises:
        Quit: that was it.
    """
    if command == ":quit":
        raise Quit
    if command == ":state":
        _show_state(episode)
    elif command == ":prompt":
        for message in episode.messages:
            output.line(f"[{message['role']}]", "cyan")
            output.line(message["content"])
    else:
        output.line(HELP if command == ":help" else f"there is no {command}\n{HELP}")


def _show_state(episode: Episode) -> None:
    """The variables, as a fork of the runtime shows them."""
    try:
        with episode.runtime.snapshot() as parked, parked.fork()[0] as fork:
            hidden = {each.name for each in episode.task.functions} | {each.name for each in episode.task.types}
            for name in episode.runtime.names():
                if name not in hidden:
                    seen = fork.execute(name)
                    value = (seen.value or "None") if seen.ok else f"({seen.outcome} when looked at)"
                    output.line(f"{name} = {value[:LONGEST]}{'...' if len(value) > LONGEST else ''}")
    except (RuntimeGone, ThreadsAlive) as error:
        output.line(f"it cannot be shown: {error}")
