"""Values of live states, in real runtimes: what the continuations write is scripted, so every value is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Chat, Rollout, Sampling, Scripted
from cave_rl.rollouts.branching import Branches, shares
from cave_rl.rollouts.play import play
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.primitives import Variable
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, Turn
from tests.conftest import settled
from tests.rollouts.test_play import said

Begin = Callable[..., Episode]
LONG = Sampling(max_tokens=200)
THREE = Task(
    [
        Turn("Set x to 2.", equals("x", 2), changes=["x"], gold="x = 2", weight=2.0),
        Turn("Add 1 to it.", equals("x", 3), changes=["x"], gold="x += 1"),
        Turn("Add 1 to it.", equals("x", 4), changes=["x"], gold="x += 1"),
    ],
    variables=[Variable("x", 1)],
)
RIGHT, ADD, WRONG = said(fenced("x = 2")), said(fenced("x += 1")), said(fenced("x = 0"))
UNJUDGED = said(fenced("x += 1  # unjudged"))


def played(
    episodes: list[Episode], chat: Chat, replies: list[list[list[int]]], **options: object
) -> tuple[list[Rollout], Branches, Scripted]:
    """Episodes of one message a turn, and their states valued; `replies` are the model's, batch after batch."""
    backend = Scripted(replies)
    with Branches() as branches:
        rollouts = play(episodes, backend, chat, LONG, watch=branches.park)
        branches.value(backend, chat, LONG, **options)  # type: ignore[arg-type]
    assert len(backend.prompts) == len(replies), "every message was asked for"
    return rollouts, branches, backend


def test_a_state_is_worth_what_its_continuations_earn(begin: Begin, chat: Chat) -> None:
    """Two of each state: of the first one both turns are solved once, and once neither; of the second half of them."""
    (rollout,), branches, backend = played(
        [begin(THREE, max_steps=1)],
        chat,
        [[RIGHT], [ADD], [WRONG], [ADD, WRONG, ADD, WRONG], [ADD, WRONG]],
        continuations=2,
    )
    assert rollout.turn_rewards == [0.5, 0.25, 0.0]
    assert rollout.values == {1: (0.25 + 0.25 + 0.0 + 0.0) / 2, 2: (0.25 + 0.0) / 2}
    assert (branches.played, branches.faults) == (4, 0)
    assert backend.prompts[3][0] == backend.prompts[1][0], (
        "a continuation begins where the rollout stood, token for token"
    )
    assert backend.prompts[3][2] == backend.prompts[2][0]


def test_a_discount_counts_from_the_state_on(begin: Begin, chat: Chat) -> None:
    (rollout,), _, _ = played(
        [begin(THREE, max_steps=1)],
        chat,
        [[RIGHT], [WRONG], [WRONG], [ADD, WRONG], [ADD]],
        continuations=1,
        gamma=0.5,
    )
    assert rollout.values == {1: 0.25 + 0.5 * 0.25, 2: 0.0}


def test_the_rollout_itself_is_left_as_it_is(begin: Begin, chat: Chat) -> None:
    (alone,) = play([begin(THREE, max_steps=1)], Scripted([[RIGHT], [ADD], [ADD]]), chat, LONG)
    (rollout,), _, _ = played(
        [begin(THREE, max_steps=1)], chat, [[RIGHT], [ADD], [ADD], [WRONG, WRONG], [WRONG]], continuations=1
    )
    assert (rollout.ids, rollout.mask, rollout.spans, rollout.rewards) == (
        alone.ids,
        alone.mask,
        alone.spans,
        alone.rewards,
    )
    assert rollout.reward == 1.0
    assert rollout.episode.messages == alone.episode.messages
    assert rollout.values == {1: 0.0, 2: 0.0}, "its own luck is not in what it is measured against"


def test_a_state_is_the_runtime_too(begin: Begin, chat: Chat) -> None:
    """What earlier turns left in the interpreter is there, names of the model's own included."""
    first, second = said(fenced("x = 2\nstep = 1")), said(fenced("x += step"))
    (rollout,), _, _ = played(
        [begin(THREE, max_steps=1)], chat, [[first], [WRONG], [WRONG], [second, second], [second]], continuations=1
    )
    assert rollout.values == {1: 0.5, 2: 0.0}, "the second state is one in which x is wrong for good"


def test_each_of_several_rollouts_is_measured_from_its_own_states(begin: Begin, chat: Chat) -> None:
    rollouts, _, _ = played(
        [begin(THREE, max_steps=1), begin(THREE, max_steps=1)],
        chat,
        [[RIGHT, WRONG], [ADD, ADD], [ADD, ADD], [ADD, ADD, ADD, ADD], [ADD, ADD]],
        continuations=1,
    )
    assert [rollout.values for rollout in rollouts] == [{1: 0.5, 2: 0.25}, {1: 0.0, 2: 0.0}]


@pytest.mark.parametrize(("faults", "second", "values"), [(1, ADD, {1: 0.5, 2: 0.25}), (2, UNJUDGED, {2: 0.25})])
def test_a_fault_of_a_continuation_counts_for_nothing(
    begin: Begin,
    chat: Chat,
    monkeypatch: pytest.MonkeyPatch,
    faults: int,
    second: list[int],
    values: dict[int, float],
) -> None:
    """Its state is worth what the others earned; with no other it is not valued, and never worth 0."""
    real = Episode._judge_steps

    def failing(episode: Episode, *given: object) -> object:
        # By what was written, as continuations are judged in whatever order their cells end.
        if "# unjudged" in str(episode.messages[-1]["content"]):
            raise Fault("the judge is gone")
        return real(episode, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Episode, "_judge_steps", failing)
    (rollout,), branches, _ = played(
        [begin(THREE, max_steps=1)],
        chat,
        [[RIGHT], [ADD], [ADD], [UNJUDGED, ADD, ADD, ADD], [second]],
        continuations=2,
    )
    assert branches.faults == faults
    assert rollout.fault is None
    assert rollout.values == values


def test_a_state_that_cannot_be_forked_is_not_valued(begin: Begin, chat: Chat) -> None:
    """A rollout may leave threads running; it takes nothing of its reward, and gives it none."""
    busy = said(
        fenced("x = 2\nimport threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()")
    )
    (rollout,), branches, _ = played([begin(THREE, max_steps=1)], chat, [[busy], [ADD], [ADD]], continuations=2)
    assert rollout.values == {}
    assert (branches.played, rollout.reward) == (0, 1.0)


def test_a_faulty_rollout_is_not_worth_a_continuation(begin: Begin, chat: Chat) -> None:
    broken = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')")
    rollouts, branches, _ = played([begin(broken)], chat, [], continuations=2)
    assert rollouts[0].fault is not None
    assert branches.played == 0


def test_what_waits_is_ended(begin: Begin, chat: Chat) -> None:
    episode = begin(THREE, max_steps=1)
    with Branches() as branches:
        play([episode], Scripted([[RIGHT], [ADD], [ADD]]), chat, LONG, watch=branches.park)
        waiting = [parked.rollout.episode for parked in branches._parked]
        assert [each.runtime.alive for each in waiting] == [True, True]
    assert settled(lambda: [each.runtime.alive for each in waiting], [False, False]) == [False, False]


@given(st.integers(0, 12), st.integers(1, 5), st.none() | st.integers(1, 40), st.integers(0, 9))
def test_a_bound_is_kept_and_shared_out_evenly(states: int, each: int, most: int | None, seed: int) -> None:
    found = shares(states, each, most, seed)
    assert len(found) == states
    assert sum(found) == (states * each if most is None else min(most, states * each))
    assert not found or (max(found) <= each and max(found) - min(found) <= 1)
    assert found == shares(states, each, most, seed)


def test_which_states_come_first_is_drawn() -> None:
    """Or a small bound would always value the first states alone."""
    firsts = {shares(8, 1, 1, seed).index(1) for seed in range(64)}
    assert firsts == set(range(8))
