"""Gold, doing nothing, near-misses, and gold with a cell left out: played at every turn of every task.

Gold goes on from turn to turn; all others are branches of the state that gold has reached, so a task of many turns
costs no more than its cells.
"""

from __future__ import annotations

from cave_rl.rewards.assertions import Contains
from cave_rl.runtime.drive import Steps
from cave_rl.runtime.nearest import nearest
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Turn
from cave_rl.tasks.validation.hacks import hacks_steps
from cave_rl.tasks.validation.playing import IDLE, Played, branch_steps, turn_steps
from cave_rl.tasks.validation.reading import weigh_values
from cave_rl.tasks.validation.report import Notes

_SLIPS = ("SyntaxError", "IndentationError", "NameError", "ImportError", "ModuleNotFoundError")
"""What a near-miss raises by mistake rather than as the mistake that it stands for."""


def solutions_steps(episode: Episode, notes: Notes, *, hacks: bool) -> Steps[bool]:
    """Plays every turn of an episode that has begun; whether gold solves all of them.

    Args:
        episode: it goes on by gold.
        notes: where it is noted.
        hacks: whether tricks are tried as well.

    Raises:
        Fault: our side failed.
    """
    for at, turn in enumerate(episode.task.turns):
        yield from _idle_steps(episode, turn, notes)
        yield from _near_misses_steps(episode, turn, notes)
        if len(turn.gold_cells) > 1:
            yield from _left_out_steps(episode, turn, notes)
        tried = (yield from hacks_steps(episode)) if hacks else []
        notes.checked["gold"] += 1
        played = yield from turn_steps(episode, turn.gold, turn.gold_answer)
        notes.observation_chars += [len(step.observation) for step in played.steps[:-1]]
        for trick in tried:
            notes.checked["hack"] += 1
            trick.report(played, notes, at)
        if hacks:
            made = turn.reads - {each.name for each in episode.task.injected}
            weigh_values(episode.task, played.claims, made, notes, at)
        if played.score != 1.0:
            notes.error("gold", f"gold scores {played.score:g}: {played.told()}", at)
            return False
    return True


def _idle_steps(episode: Episode, turn: Turn, notes: Notes) -> Steps[None]:
    if turn.refusal:
        return
    notes.checked["idle"] += 1
    played = yield from branch_steps(episode, ())
    if played.score != 0.0:
        held = ", ".join(verdict["name"] for verdict in played.verdicts if verdict["passed"] and not verdict["gate"])
        notes.error("idle", f"doing nothing scores {played.score:g}: {held}", episode.turn)


def _near_misses_steps(episode: Episode, turn: Turn, notes: Notes) -> Steps[None]:
    for number, miss in enumerate(turn.near_misses, 1):
        notes.checked["near_miss"] += 1
        played = yield from branch_steps(episode, miss.cells, _answer(turn))
        _judge_miss(f"near-miss {number}", miss.fails, played, notes, episode.turn)


def _judge_miss(what: str, fails: str | None, played: Played, notes: Notes, at: int) -> None:
    if played.score >= 1.0:
        notes.error("near_miss", f"{what} scores {played.score:g}", at)
        return
    if played.raised in _SLIPS:
        notes.warn("near_miss", f"{what} ends in {played.raised}: is that the mistake it stands for?", at)
    if fails is None or fails in played.failed:
        return
    names = [verdict["name"] for verdict in played.verdicts]
    if fails not in names:
        notes.error("near_miss", f"{what} names {fails!r}, which is no verdict of the turn{nearest(fails, names)}", at)
    else:
        others = ", ".join(played.failed) or "nothing"
        notes.error("near_miss", f"{what} should fail {fails!r}, but that passed; what failed: {others}", at)


def _left_out_steps(episode: Episode, turn: Turn, notes: Notes) -> Steps[None]:
    for number, place in enumerate(at for at, action in enumerate(turn.gold) if isinstance(action, str)):
        notes.checked["left_out"] += 1
        rest = [action for at, action in enumerate(turn.gold) if at != place]
        played = yield from branch_steps(episode, rest, turn.gold_answer)
        if played.score >= 1.0:
            notes.warn("left_out", f"gold without its cell {number + 1} scores {played.score:g} as well", episode.turn)


def _answer(turn: Turn) -> str:
    """What a near-miss says at the end: what gold says, so that it fails by its code, if that can fail it."""
    only_answers = all(isinstance(each, Contains) for each in turn.assertions)
    return IDLE if only_answers else turn.gold_answer
