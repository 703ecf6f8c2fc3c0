"""One protocol for all that samples. Episodes are real, and so is the model where there is one (90k weights)."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cave_rl.clients import BadResponse, Client
from cave_rl.rollouts import Chat, Generated, Sampling, Scripted, Transformers
from cave_rl.rollouts.asking import Asking
from cave_rl.rollouts.generation import Generation, Streamed, Together, as_it_is, whole
from cave_rl.rollouts.generators import Batched, Generator, Served, StaleWeights
from cave_rl.rollouts.play import Rollout
from cave_rl.semantic.parsing import fenced
from cave_rl.tasks.episode import Episode
from cave_rl.training import policy
from tests.clients.endpoint import Reply, serving
from tests.training import tiny

Begin = Callable[..., Episode]
EOS = tiny.tokenizer().eos_token_id
KEYS = [f"train/0/{i}" for i in range(64)]


def ids(text: str) -> list[int]:
    return [*tiny.tokenizer().encode(text, add_special_tokens=False), EOS]


def put(index: int = 0) -> Any:
    return tiny.suite.task("train", "put", index)


class Says:
    """A `Generator` that says the same in every episode, message by message, and notes in which order it was asked."""

    def __init__(self, say: Callable[[str, int], str]) -> None:
        self.say = say
        self.asked: list[tuple[str, int]] = []

    async def generate(self, prompt: list[int], sampling: Sampling, key: str, number: int) -> Generated | None:
        self.asked.append((key, number))
        said = ids(self.say(key, number))
        return Generated(said, [-0.5] * len(said))


class Answers:
    """A `Backend` that goes by what stands in the prompt, so it may be asked in any batches."""

    def __init__(self, code: str) -> None:
        self.code = code

    def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
        return [Generated(ids(fenced(self.code) if prompt.count(EOS) == 2 else "Done.")) for prompt in prompts]


def streamed(generator: Generator, chat: Chat, **given: Any) -> Streamed:
    return Streamed(functools.partial(as_it_is, generator), chat, **{"sampling": Sampling(), **given})


def code_then_done(key: str, number: int) -> str:
    return fenced("x = 3") if number == 0 else "Done."


def test_every_generation_plays_the_same_episode_to_the_token(begin: Begin, chat: Chat) -> None:
    said = [[ids(code_then_done("", n))] * 3 for n in range(2)]
    ways: list[Generation] = [
        Together(Scripted(said), chat, Sampling()),
        streamed(Says(code_then_done), chat),
        streamed(Batched(Answers("x = 3")), chat),
    ]
    found = [way.play([begin(put(i)) for i in range(3)], KEYS[:3]) for way in ways]
    for rollouts in found:
        assert [(r.prompt_ids, r.ids, r.mask, r.reward) for r in rollouts] == [
            (r.prompt_ids, r.ids, r.mask, r.reward) for r in found[0]
        ]
        assert not any(rollout.episode.runtime.alive for rollout in rollouts), "they are closed"


def test_the_likeliest_tokens_are_the_same_in_lockstep_and_streamed(begin: Begin, chat: Chat) -> None:
    model = policy.load(tiny.directory(), "float32").model
    greedy = Sampling(temperature=0.0, max_tokens=24)

    def tasks() -> list[Episode]:
        return [begin(tiny.suite.task("train", family, i)) for i, family in enumerate(("put", "both", "add", "both"))]

    def backend() -> Transformers:
        return Transformers(model, sorted(chat.eos_ids), chat.pad_id, logprobs=True)

    one = Together(backend(), chat, greedy, 90).play(tasks(), KEYS[:4])
    two = streamed(Batched(backend()), chat, sampling=greedy, budget=90).play(tasks(), KEYS[:4])
    assert [rollout.ids for rollout in one] == [rollout.ids for rollout in two]
    for a, b in zip(one, two, strict=True):
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)


def test_an_episode_that_waits_for_its_cell_holds_back_no_other(begin: Begin, chat: Chat) -> None:
    """The order in which messages are asked for tells: no clock is needed."""

    def say(key: str, number: int) -> str:
        if number == 3:
            return "Done."
        return fenced("import time\ntime.sleep(3)" if key == "slow" and number == 0 else f"x = {number}")

    generator = Says(say)
    streaming = streamed(generator, chat)
    rollouts = streaming.play([begin(put(i), max_steps=6) for i in range(4)], ["slow", "a", "b", "c"])
    assert [rollout.stop for rollout in rollouts] == ["answered"] * 4
    last_of_others = max(generator.asked.index((key, 3)) for key in "abc")
    assert generator.asked.index(("slow", 1)) > last_of_others
    seconds = streaming.clock.seconds
    assert seconds["environment"] >= 3 > seconds["generation"]
    assert seconds["blocked"] <= seconds["environment"]


def test_cells_that_wait_wait_together(begin: Begin, chat: Chat) -> None:
    """In lockstep and streamed: eight cells of a second take a second or so, not eight."""
    backend = Answers("import time\ntime.sleep(1)")
    for way in (Together(backend, chat, Sampling()), streamed(Batched(backend), chat)):
        started = time.monotonic()
        rollouts = way.play([begin(put()) for _ in range(8)], KEYS[:8])
        assert [rollout.outcomes for rollout in rollouts] == [["ok", "answered"]] * 8
        assert time.monotonic() - started < 6
        assert way.clock.seconds["environment"] >= 1


def test_a_fault_stands_in_its_rollout_and_the_others_go_on(begin: Begin, chat: Chat) -> None:
    class Fails(Says):
        async def generate(self, prompt: list[int], sampling: Sampling, key: str, number: int) -> Generated | None:
            if (key, number) == (KEYS[1], 1):
                raise BadResponse("no")
            return await super().generate(prompt, sampling, key, number)

    rollouts = streamed(Fails(code_then_done), chat).play([begin(put(i)) for i in range(3)], KEYS[:3])
    assert [rollout.fault for rollout in rollouts] == [None, "BadResponse: no", None]
    assert [rollout.reward is None for rollout in rollouts] == [False, True, False]


def test_a_prompt_without_room_has_no_tokens_and_is_judged(begin: Begin, chat: Chat) -> None:
    (rollout,) = streamed(Says(code_then_done), chat, context=5).play([begin(put())], KEYS[:1])
    assert (rollout.ids, rollout.stop, rollout.fault, rollout.reward) == ([], "context", None, 0.0)


def test_an_observation_that_nothing_followed_is_taken_off(begin: Begin, chat: Chat) -> None:
    probe = Together(Scripted([[ids(fenced("x = 3"))], [ids("Done.")]]), chat, Sampling()).play(
        [begin(put())], KEYS[:1]
    )
    start = len(probe[0].prompt_ids) + probe[0].spans[1][0]
    (rollout,) = streamed(Says(code_then_done), chat, context=start).play([begin(put())], KEYS[:1])
    assert rollout.stop == "context"
    assert rollout.ids == ids(fenced("x = 3"))
    assert rollout.mask == [1] * len(rollout.ids)
    assert rollout.logprobs == [-0.5] * len(rollout.ids)


@pytest.mark.parametrize("broken", [{"mask": [1]}, {"logprobs": [0.0]}, {"mask": [1, 0, 1]}])
def test_no_rollout_goes_unchecked(begin: Begin, broken: dict[str, Any]) -> None:
    right: dict[str, Any] = {"ids": [1, 2, 3], "mask": [1, 1, 1], "logprobs": None, "spans": [(0, 3, 0)]}
    whole(Rollout(begin(put()), **right))
    with pytest.raises(AssertionError):
        whole(Rollout(begin(put()), **{**right, **broken}))


# --- Batched ---------------------------------------------------------------------------------------------------------


class Slow:
    """A backend that answers a prompt with its first token, and notes its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[str] = set()
        self.busy = threading.Lock()

    def generate(self, prompts: Sequence[list[int]], sampling: Sampling) -> list[Generated]:
        assert self.busy.acquire(blocking=False), "never twice at once"
        self.batches.append(len(prompts))
        self.threads.add(threading.current_thread().name)
        if prompts[0] == [666]:
            self.busy.release()
            raise MemoryError("too many")
        time.sleep(0.05)
        self.busy.release()
        return [Generated([prompt[0]] * 4, [-1.0] * 4) for prompt in prompts]


def test_what_waits_is_continued_together_and_each_gets_its_own() -> None:
    backend = Slow()
    batched = Batched(backend)

    async def go() -> list[Generated | None]:
        first = [asyncio.ensure_future(batched.generate([i], Sampling(max_tokens=i + 1), "", 0)) for i in range(3)]
        await asyncio.sleep(0.02)  # the first are under way
        later = [asyncio.ensure_future(batched.generate([i], Sampling(), "", 0)) for i in (7, 8)]
        return list(await asyncio.gather(*first, *later))

    found = asyncio.run(go())
    assert backend.batches == [3, 2]
    assert [each and each.ids for each in found] == [[0], [1, 1], [2, 2, 2], [7] * 4, [8] * 4]
    assert [each and len(each.logprobs or ()) for each in found] == [1, 2, 3, 4, 4]
    assert "MainThread" not in backend.threads, "environments go on meanwhile"


def test_what_the_backend_raises_is_raised_where_it_is_waited_for() -> None:
    batched = Batched(Slow())

    async def go() -> tuple[Any, ...]:
        failed = await asyncio.gather(
            *(batched.generate([666], Sampling(), "", 0) for _ in range(2)), return_exceptions=True
        )
        return (*failed, await batched.generate([1], Sampling(), "", 0))

    one, two, after = asyncio.run(go())
    assert (type(one), type(two)) == (MemoryError, MemoryError)
    assert after == Generated([1] * 4, [-1.0] * 4)


# --- Served ----------------------------------------------------------------------------------------------------------


def answered(reply: Reply) -> tuple[Generated | None, dict[str, Any]]:
    async def go(url: str) -> Generated | None:
        async with Client(url, retries=0) as client:
            served = Served(Asking(client, "m", Sampling(), seed=1), [9], logprobs=True, model="scripted-1")
            return await served.generate([1, 2], Sampling(max_tokens=5), "k", 0)

    with serving(lambda *_: reply) as (url, endpoint):
        return asyncio.run(go(url)), endpoint.requests[0][1]


def test_a_served_answer_is_its_tokens_and_their_log_probabilities() -> None:
    found, asked = answered(Reply(ids=[3, 9], choice={"logprobs": {"token_logprobs": [-0.25, None]}}))
    assert found is not None
    assert found.ids == [3, 9]
    assert found.logprobs is not None
    assert found.logprobs[0] == -0.25
    assert found.logprobs[1] != found.logprobs[1], "what the server could not score is nan, as TRL takes it"
    assert (asked["prompt"], asked["max_tokens"], asked["logprobs"]) == ([1, 2], 5, 0)
    assert asked["return_token_ids"]


TOLD = {"logprobs": {"token_logprobs": [-0.25, -0.5]}}


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(ids=[3, 9]), "gave 0 log-probabilities for 2 tokens"),
        (Reply(ids=[3, 4, 9], choice=TOLD), "gave 2 log-probabilities for 3 tokens"),
        (Reply("text", choice=TOLD), "does not give token ids back"),
        (Reply(ids=[], choice={"logprobs": {"token_logprobs": []}}), "not a single token"),
        (Reply(ids=[3, 9], choice={**TOLD, "prompt_token_ids": [1, 3]}), "continued other tokens than it was given"),
    ],
)
def test_an_answer_to_something_else_is_refused(reply: Reply, told: str) -> None:
    with pytest.raises(BadResponse, match=told):
        answered(reply)


def test_an_answer_by_another_model_is_refused() -> None:
    async def go(url: str) -> None:
        async with Client(url, retries=0) as client:
            served = Served(Asking(client, "m-v2", Sampling()), [9], model="m-v2")
            await served.generate([1], Sampling(), "k", 0)

    with (
        serving(lambda *_: Reply(ids=[3])) as (url, _),
        pytest.raises(StaleWeights, match="'scripted-1' answered where 'm-v2'"),
    ):
        asyncio.run(go(url))
