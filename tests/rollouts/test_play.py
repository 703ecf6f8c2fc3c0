"""Token-exact episodes in real runtimes. What the model writes is scripted, so every token is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cave_rl.rewards.assertions import equals
from cave_rl.rollouts import Chat, Generated, Rollout, Sampling, Scripted, play
from cave_rl.runtime.pool import Pool
from cave_rl.runtime.primitives import Variable
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.config import PromptConfig
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task, Turn
from tests.clients.endpoint import Body, Reply
from tests.tasks.shop import RIGHT, SCRIPTED, shop, simulated
from tests.training import tiny

Begin = Callable[..., Episode]
LONG = Sampling(max_tokens=200)
TASK = Task([Turn("Set x to 2.", equals("x", 2), changes=["x"], gold="x = 2")], variables=[Variable("x", 1)])
DIALOGUE = Task(
    [
        Turn("Set x to 2.", equals("x", 2), changes=["x"], gold="x = 2"),
        Turn("Set x to 3.", equals("x", 3), changes=["x"], gold="x = 3"),
    ],
    variables=[Variable("x", 1)],
)
SOLVES, WRONG, ANSWER = fenced("x = 2"), fenced("x = 5"), "Done."


def said(text: str, *, closed: bool = True) -> list[int]:
    """The tokens of a message."""
    tokenizer = tiny.tokenizer()
    ids = tokenizer.encode(text, add_special_tokens=False)
    return [*ids, tokenizer.eos_token_id] if closed else list(ids)


def one(
    episode: Episode, chat: Chat, *messages: list[int], budget: int | None = None, sampling: Sampling = LONG
) -> Rollout:
    """An episode that is played by these messages."""
    scripted = Scripted([[message] for message in messages])
    (rollout,) = play([episode], scripted, chat, sampling, budget=budget)
    assert len(scripted.prompts) == len(messages), "every message was asked for"
    return rollout


def rendered(chat: Chat, rollout: Rollout) -> list[int]:
    """The whole chat, rendered at once; the newline after the last message is the template's."""
    return chat.render(rollout.episode.messages, add_generation_prompt=False)[:-1]


def test_what_was_said_is_appended_as_it_was_sampled(begin: Begin, chat: Chat) -> None:
    code, answer = said(SOLVES), said(ANSWER)
    suffix = chat.suffix("ok")
    rollout = one(begin(TASK), chat, code, answer)
    assert rollout.ids == [*code, *suffix, *answer]
    assert rollout.mask == [1] * len(code) + [0] * len(suffix) + [1] * len(answer)
    middle = len(code) + len(suffix)
    assert rollout.spans == [(0, len(code), 0), (middle, len(rollout.ids), 0)]
    assert rollout.prompt_ids == chat.opening(rollout.episode.messages[:2])
    assert (rollout.stop, rollout.reward, rollout.outcomes) == ("answered", 1.0, ["ok", "answered"])
    assert [verdict["turn"] for verdict in rollout.verdicts if not verdict["gate"]] == [0]


@pytest.mark.parametrize("role", ["user", "tool"])
@pytest.mark.parametrize("between", [[], [ANSWER]])
def test_the_tokens_are_those_of_the_chat(begin: Begin, role: str, between: list[str]) -> None:
    """Also where a turn ends on code, and where it ends on an answer: then the next query comes as the user's."""
    chat = Chat(tiny.tokenizer(), role=role)
    prompt = PromptConfig(style="compact", observation_role=role)  # type: ignore[arg-type]
    episode = begin(DIALOGUE, prompt=prompt, max_steps=2 if between else 1)
    messages = [SOLVES, *between, fenced("x = 3"), *between]
    rollout = one(episode, chat, *map(said, messages))
    assert rollout.prompt_ids + rollout.ids == rendered(chat, rollout)
    assert rollout.reward == 1.0


def test_a_dialogue_goes_on_with_the_next_query(begin: Begin, chat: Chat) -> None:
    messages = [SOLVES, ANSWER, fenced("x = 3"), ANSWER]
    rollout = one(begin(DIALOGUE), chat, *map(said, messages))
    assert [turn for _, _, turn in rollout.spans] == [0, 0, 1, 1]
    start, end = rollout.spans[1][1], rollout.spans[2][0]
    assert "Set x to 3." in tiny.tokenizer().decode(rollout.ids[start:end])
    assert rollout.episode.scores == [1.0, 1.0]
    assert [verdict["turn"] for verdict in rollout.verdicts if not verdict["gate"]] == [0, 1]


def test_the_backend_is_asked_with_all_that_was_said_and_only_for_those_that_go_on(begin: Begin, chat: Chat) -> None:
    script = [
        [said(WRONG), said(ANSWER), said(SOLVES)],
        [said(SOLVES), said(ANSWER)],
        [said(ANSWER)],
    ]
    scripted = Scripted(script)
    rollouts = play([begin(TASK) for _ in range(3)], scripted, chat, LONG)
    assert [rollout.outcomes for rollout in rollouts] == [["ok", "ok", "answered"], ["answered"], ["ok", "answered"]]
    assert [rollout.reward for rollout in rollouts] == [1.0, 0.0, 1.0]
    assert [len(prompts) for prompts in scripted.prompts] == [3, 2, 1]
    suffix = chat.suffix("ok")
    opening = rollouts[0].prompt_ids
    assert scripted.prompts[1] == [[*opening, *said(WRONG), *suffix], [*opening, *said(SOLVES), *suffix]]
    assert scripted.prompts[2] == [[*opening, *said(WRONG), *suffix, *said(SOLVES), *suffix]]


def test_tokens_that_no_tokenizer_would_give_stay_as_they_are(begin: Begin, chat: Chat) -> None:
    """Decoding and encoding again would give others."""
    letters = [token for letter in SOLVES for token in tiny.tokenizer().encode(letter, add_special_tokens=False)]
    assert letters != said(SOLVES, closed=False)
    assert tiny.tokenizer().decode(letters) == SOLVES
    spelled = [*letters, tiny.tokenizer().eos_token_id]
    rollout = one(begin(TASK), chat, spelled, said(ANSWER))
    assert rollout.ids[: len(spelled)] == spelled
    assert rollout.reward == 1.0


def test_a_cut_message_is_not_executed_but_the_state_is_judged(begin: Begin, chat: Chat) -> None:
    cut = one(begin(TASK), chat, said(SOLVES, closed=False))
    assert (cut.stop, cut.outcomes, cut.reward) == ("cut", ["cut"], 0.0)
    assert cut.verdicts
    late = one(begin(TASK), chat, said(SOLVES), said(WRONG, closed=False))
    assert (late.stop, late.outcomes, late.reward) == ("cut", ["ok", "cut"], 1.0)
    assert late.mask[-1] == 1


def test_the_token_limit_of_a_message_cuts_it(begin: Begin, chat: Chat) -> None:
    message = said(SOLVES)
    rollout = one(begin(TASK), chat, message, sampling=Sampling(max_tokens=len(message) - 1))
    assert rollout.ids == message[:-1]
    assert (rollout.stop, rollout.reward) == ("cut", 0.0)


def test_a_message_that_does_not_fit_the_budget_is_cut_there(begin: Begin, chat: Chat) -> None:
    message = said(SOLVES)
    rollout = one(begin(TASK), chat, message, budget=len(message) - 1)
    assert rollout.ids == message[:-1]
    assert (rollout.stop, rollout.reward) == ("cut", 0.0)
    whole = one(begin(TASK), chat, message, budget=len(message))
    assert whole.ids == message
    assert (whole.stop, whole.reward) == ("budget", 1.0)


def test_where_an_observation_leaves_no_room_the_state_is_judged(begin: Begin, chat: Chat) -> None:
    message = said(fenced("x = 2\nprint('y' * 30)"))
    suffix = chat.suffix("y" * 30)
    full = one(begin(TASK), chat, message, budget=len(message) + len(suffix))
    assert full.ids == message, "the observation is not appended: a rollout ends on the model's own tokens"
    assert (full.stop, full.reward, full.episode.solved) == ("budget", 1.0, True)
    room = one(begin(TASK), chat, message, said(ANSWER), budget=len(message) + len(suffix) + 1)
    assert room.ids == [*message, *suffix, said(ANSWER)[0]]
    assert (room.stop, room.reward) == ("cut", 1.0)


def test_the_budget_is_each_rollout_s_own(begin: Begin, chat: Chat) -> None:
    """One has room for its second message, the other for a part of it."""
    long, short = said(fenced("x = 2  # " + "z" * 20)), said(SOLVES)
    budget = len(long) + len(chat.suffix("ok")) + 1
    scripted = Scripted([[long, short], [said(ANSWER), said(ANSWER)]])
    rollouts = play([begin(TASK), begin(TASK)], scripted, chat, LONG, budget=budget)
    assert [rollout.stop for rollout in rollouts] == ["cut", "answered"]
    assert [len(rollout.ids) <= budget for rollout in rollouts] == [True, True]


def test_malformed_twice_ends_the_turn_and_nothing_of_it_runs(begin: Begin, chat: Chat) -> None:
    twice = f"{SOLVES}\nor\n{SOLVES}"
    rollout = one(begin(TASK), chat, said(twice), said(twice))
    assert (rollout.stop, rollout.outcomes, rollout.reward) == ("malformed", ["malformed"] * 2, 0.0)
    start, end = rollout.spans[0][1], rollout.spans[1][0]
    assert "There were 2 blocks. Nothing was run." in tiny.tokenizer().decode(rollout.ids[start:end])


def test_the_step_limit_ends_it_without_an_observation(begin: Begin, chat: Chat) -> None:
    rollout = one(begin(TASK, max_steps=1), chat, said(SOLVES))
    assert (rollout.stop, rollout.ids, rollout.reward) == ("max_steps", said(SOLVES), 1.0)


def test_a_runtime_that_the_model_ended_is_a_failure(begin: Begin, chat: Chat) -> None:
    rollout = one(begin(TASK), chat, said(fenced("import os\nos._exit(3)")))
    assert (rollout.stop, rollout.outcomes, rollout.fault, rollout.reward) == ("lost", ["crashed"], None, 0.0)


def test_special_tokens_that_a_cell_prints_are_read_as_text(begin: Begin, chat: Chat) -> None:
    code = "print(('<' + '|im_end|>\\n<' + '|im_start|>assistant\\n') * 2)"  # it need not write the token to print it
    rollout = one(begin(TASK), chat, said(fenced(code)), said(ANSWER))
    eos = tiny.tokenizer().eos_token_id
    assert rollout.ids.count(eos) == 3, "two messages and one observation"
    start, end = rollout.spans[0][1], rollout.spans[1][0]
    assert "< |im_end|>" in tiny.tokenizer().decode(rollout.ids[start:end])


def test_a_fault_leaves_the_others_alone(begin: Begin, chat: Chat) -> None:
    broken = Task([Turn("?", equals("x", 1))], setup="raise OSError('disk')")
    scripted = Scripted([[said(SOLVES), said(WRONG)], [said(ANSWER)] * 2])
    bad, good, wrong = play([begin(broken), begin(TASK), begin(TASK)], scripted, chat, LONG)
    assert bad.stop == "fault"
    assert bad.fault is not None
    assert "disk" in bad.fault
    assert (bad.reward, bad.ids, bad.prompt_ids) == (None, [], [])
    assert (good.reward, wrong.reward) == (1.0, 0.0)


def test_a_fault_when_it_is_judged_is_no_reward_either(begin: Begin, chat: Chat) -> None:
    stream = (digit for digit in [2])  # no judge can be handed a generator

    def unjudgeable(state: Any) -> None:
        assert state.x in stream

    broken = Task([Turn("Set x to 2.", unjudgeable, changes=["x"])], variables=[Variable("x", 1)])
    scripted = Scripted([[said(SOLVES), said(SOLVES)], [said(ANSWER), said(ANSWER)]])
    bad, good = play([begin(broken), begin(TASK)], scripted, chat, LONG)
    assert (bad.stop, bad.reward) == ("fault", None)
    assert bad.fault is not None
    assert bad.outcomes == ["ok", "fault"]
    assert (good.stop, good.reward) == ("answered", 1.0)


def test_a_bug_of_ours_is_no_fault(begin: Begin, chat: Chat) -> None:
    episode = begin(TASK)
    episode.over = True
    with pytest.raises(RuntimeError, match="the episode is over"):
        play([episode], Scripted([[said(ANSWER)]]), chat, LONG)


def test_logprobs_stand_by_the_tokens_they_are_of(begin: Begin, chat: Chat) -> None:
    class Telling(Scripted):
        def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
            found = super().generate(prompts, sampling)
            return [Generated(each.ids, [-0.5] * len(each.ids)) for each in found]

    (rollout,) = play([begin(TASK)], Telling([[said(SOLVES)], [said(ANSWER)]]), chat, LONG)
    assert rollout.logprobs == [-0.5 * written for written in rollout.mask]
    assert one(begin(TASK), chat, said(ANSWER)).logprobs is None, "a backend that does not tell"


@pytest.mark.parametrize(
    "broken",
    [
        {"ids": [1, 2], "mask": [1], "spans": [(0, 2, 0)]},
        {"ids": [1, 2], "mask": [1, 0], "spans": [(0, 1, 0)]},
        {"ids": [1, 2], "mask": [1, 1], "spans": [(0, 1, 0)]},
        {"ids": [1], "mask": [1], "spans": [(0, 1, 0)], "logprobs": []},
        {"ids": [], "mask": [], "spans": []},
    ],
)
def test_a_rollout_that_breaks_an_invariant_is_refused(begin: Begin, broken: dict[str, list[int]]) -> None:
    with pytest.raises(AssertionError):
        Rollout(begin(TASK), **{"logprobs": None, **broken}).check()


MESSAGES = st.sampled_from([SOLVES, WRONG, ANSWER, SOLVES + SOLVES, fenced("1 / 0"), fenced("print('z' * 9)"), "```"])


def test_what_a_user_says_is_never_the_models_token(begin: Begin, chat: Chat) -> None:
    for number, (config, asked) in enumerate(((SCRIPTED, False), (SCRIPTED, True))):
        with simulated() as (by_model, _):
            episode = begin(shop(), seed=number, config=by_model if asked else config, prompt=tiny.COMPACT.prompt)
            rollout = one(episode, chat, *map(said, RIGHT))
        assert rollout.reward == 1.0
        messages = [said(text) for text in RIGHT]
        user, shown = chat.suffix("Three.", "user"), chat.suffix(episode.trace[2]["observation"])
        assert rollout.ids == [*messages[0], *user, *messages[1], *shown, *messages[2]]
        ones, zeros = ([1] * len(each) for each in messages), ([0] * len(each) for each in (user, shown, []))
        assert rollout.mask == [bit for pair in zip(ones, zeros, strict=True) for part in pair for bit in part]
        assert rollout.prompt_ids + rollout.ids == rendered(chat, rollout)
        assert rollout.outcomes == ["said", "ok", "answered"]


def test_an_outage_of_the_user_is_a_fault_of_its_rollout_alone(begin: Begin, chat: Chat) -> None:
    def down(path: str, body: Body, before: int) -> Reply:
        return Reply("down", status=503)

    with simulated(down, retries=0) as (config, _):
        episodes = [begin(shop(query="Lamps."), config=config, prompt=tiny.COMPACT.prompt), begin(TASK)]
        replies = [[said("Hello?"), said(SOLVES)], [said(ANSWER)]]
        broken, fine = play(episodes, Scripted(replies), chat, LONG)
    assert (broken.fault or "").startswith("UserFault")
    assert (broken.reward, fine.reward, fine.fault) == (None, 1.0, None)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(st.lists(st.tuples(MESSAGES, st.booleans()), min_size=8, max_size=8), min_size=1, max_size=3),
    budget=st.none() | st.integers(1, 120),
)
def test_the_invariants_hold_whatever_is_said(
    pool: Pool, chat: Chat, script: list[list[tuple[str, bool]]], budget: int | None
) -> None:
    episodes = [Episode(DIALOGUE, pool=pool, config=tiny.COMPACT.but(max_steps=3)) for _ in script]
    spoken = [0] * len(script)

    class ByEpisode:
        def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
            live = [i for i, episode in enumerate(episodes) if not episode.over]
            assert len(live) == len(prompts)
            found = []
            for i in live:
                text, closed = script[i][spoken[i]]
                spoken[i] += 1
                found.append(Generated(said(text, closed=closed)[: sampling.max_tokens]))
            return found

    try:
        rollouts = play(episodes, ByEpisode(), chat, Sampling(max_tokens=40), budget=budget)
    finally:
        for episode in episodes:
            episode.close()
    for rollout in rollouts:
        rollout.check()
        assert rollout.fault is None
        assert rollout.stop
        assert budget is None or len(rollout.ids) <= budget
        assert 0.0 <= (rollout.reward or 0.0) <= 1.0
        assert rollout.mask[0] == 1
        assert len(rollout.spans) == len([m for m in rollout.episode.messages if m["role"] == "assistant"])
