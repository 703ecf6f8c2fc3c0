"""Who writes messages. Endpoints are real servers on loopback, the tokenizer is a real one."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.clients import Client
from cave_rl.rollouts import Chat, Rollout, Sampling, Scripted, play
from cave_rl.rollouts.asking import Asking, request_seed
from cave_rl.rollouts.messages import randomly
from cave_rl.rollouts.stream import Writer, play_one
from cave_rl.rollouts.writers import ByChat, ByFunction, ByIds, Function
from cave_rl.runtime.primitives import Function as Injected
from cave_rl.semantic.parsing import Action, fenced, parse
from cave_rl.semantic.prompt import Message
from cave_rl.tasks.episode import Episode
from cave_rl.tasks.task import Task
from tests.clients.endpoint import Body, Endpoint, Reply, Script, serving
from tests.training import tiny

Begin = Callable[..., Episode]
EOS = tiny.tokenizer().eos_token_id


def put(index: int = 0) -> Task:
    return tiny.suite.task("train", "put", index)


def answers(messages: list[Message]) -> str:
    return fenced("x = 3") if len(messages) == 2 else "Done."


async def slowly(messages: list[Message]) -> str:
    await asyncio.sleep(0.01)
    return answers(messages)


@pytest.mark.parametrize("function", [answers, slowly])
def test_a_function_of_the_chat_plays(begin: Begin, function: Function) -> None:
    rollout = asyncio.run(play_one(begin(put()), ByFunction(function)))
    assert (rollout.outcomes, rollout.fault) == (["ok", "answered"], None)
    assert rollout.tokens() == dict.fromkeys(("prompt", "completion", "observation", "sent", "by"))


def test_one_that_blocks_holds_back_no_other(begin: Begin) -> None:
    meeting = threading.Barrier(3, timeout=20)

    def blocks(messages: list[Message]) -> str:
        meeting.wait()
        return "Done."

    async def go() -> list[Rollout]:
        return list(await asyncio.gather(*(play_one(begin(put(i)), ByFunction(blocks)) for i in range(3))))

    assert [rollout.stop for rollout in asyncio.run(go())] == ["answered"] * 3


def raises(messages: list[Message]) -> str:
    raise TimeoutError("of its own")


@pytest.mark.parametrize(
    ("function", "told"),
    [(raises, "PolicyError: TimeoutError: of its own"), (len, "PolicyError: it gave int, not a text")],
)
def test_one_that_fails_is_a_fault_of_its_episode(begin: Begin, function: Any, told: str) -> None:
    assert asyncio.run(play_one(begin(put()), ByFunction(function), time_s=60)).fault == told


def test_a_function_cannot_change_the_chat(begin: Begin) -> None:
    def meddles(messages: list[Message]) -> str:
        messages[-1]["content"] = "Give me a point."
        messages.clear()
        return "Done."

    rollout = asyncio.run(play_one(begin(put()), ByFunction(meddles)))
    assert [message["role"] for message in rollout.episode.messages] == ["system", "user", "assistant"]
    assert "point" not in rollout.episode.messages[1]["content"]


def test_chance_writes_cells_that_can_be_run_and_repeats_by_its_seed(begin: Begin) -> None:
    task = put().but(functions=[Injected(len)])

    def said(seed: int) -> list[str]:
        episode = begin(task, max_steps=30)
        policy = randomly(random.Random(seed))
        return [policy(episode) for _ in range(60)]

    assert said(1) == said(1) != said(2)
    actions = [parse(message).action for message in said(1)]
    assert set(actions) == {Action.CODE, Action.ANSWER}
    for message in said(1):
        compile(parse(message).code or "", "cell", "exec")


# --- endpoints -------------------------------------------------------------------------------------------------------


def asked(
    script: Script, episode: Episode, by: Callable[[Asking], Writer], sampling: Sampling | None = None, **options: Any
) -> tuple[Rollout, Endpoint]:
    """An episode played by an endpoint."""

    async def go(url: str) -> Rollout:
        async with Client(url, retries=0, timeout_s=10) as client:
            return await play_one(episode, by(Asking(client, "m", sampling or Sampling(), **options)))

    with serving(script) as (url, endpoint):
        return asyncio.run(go(url)), endpoint


def script(path: str, body: Body, before: int) -> Reply:
    return Reply(answers(body["messages"]))


def test_a_request_says_how_to_sample(begin: Begin) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, top_k=20, max_tokens=64)
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    rollout, endpoint = asked(
        script, begin(put()), lambda asking: ByChat(asking, "k"), sampling, seed=5, extra=extra,
        limit_field="max_completion_tokens",
    )  # fmt: skip
    sent = [body for _, body in endpoint.requests]
    common = {"model": "m", "temperature": 0.7, "top_p": 0.9, "top_k": 20, "max_completion_tokens": 64, **extra}
    for number, body in enumerate(sent):
        assert body == {"messages": body["messages"], "seed": request_seed(5, "k", number), **common}
    assert sent[0]["messages"] == rollout.episode.messages[:2]
    assert sent[1]["messages"] == rollout.episode.messages[:4]
    assert [call.model for call in rollout.calls] == ["scripted-1"] * 2


def test_what_is_not_asked_for_is_not_sent(begin: Begin) -> None:
    """Providers refuse fields that they do not know."""
    _, endpoint = asked(script, begin(put()), ByChat)
    assert {key for _, body in endpoint.requests for key in body} == {
        "messages",
        "model",
        "temperature",
        "top_p",
        "max_tokens",
    }


def test_seeds_of_requests_differ_and_repeat() -> None:
    seeds = {request_seed(seed, key, number) for seed in (0, 1) for key in "ab" for number in range(5)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert request_seed(0, "a", 1) == request_seed(0, "a", 1)


def ids(text: str, *, end: bool = True) -> list[int]:
    return [*tiny.tokenizer().encode(text, add_special_tokens=False), *([EOS] if end else [])]


def by_tokens(*messages: list[int]) -> Script:
    said = iter(messages)

    def script(path: str, body: Body, before: int) -> Reply:
        assert path == "/completions"
        return Reply("not looked at", ids=next(said))

    return script


MESSAGES = (ids(fenced("print(x)")), ids(fenced("x = 3")), ids("Done."))


def test_token_ids_go_as_they_do_in_this_process(begin: Begin, chat: Chat) -> None:
    """The same tokens, to the last."""
    rollout, endpoint = asked(by_tokens(*MESSAGES), begin(put()), lambda asking: ByIds(asking, chat), seed=1)
    (other,) = play([begin(put())], Scripted([[each] for each in MESSAGES]), chat, Sampling())
    rollout.check()
    assert (rollout.prompt_ids, rollout.ids, rollout.mask) == (other.prompt_ids, other.ids, other.mask)
    assert rollout.episode.messages == other.episode.messages
    assert rollout.tokens() == other.tokens()
    sent = [body["prompt"] for _, body in endpoint.requests]
    assert sent[0] == rollout.prompt_ids
    assert sent[2] == (rollout.prompt_ids + rollout.ids)[: len(sent[2])]
    assert all(body["return_token_ids"] and body["stop_token_ids"] == [EOS] for _, body in endpoint.requests)


@pytest.mark.parametrize("budget", [3, len(MESSAGES[0]), len(MESSAGES[0]) + 40, 1000])
def test_a_budget_is_kept_to_the_token(begin: Begin, chat: Chat, budget: int) -> None:
    rollout, _ = asked(by_tokens(*MESSAGES), begin(put()), lambda asking: ByIds(asking, chat), budget=budget)
    cut = [each[: budget if i == 0 else None] for i, each in enumerate(MESSAGES)]
    (other,) = play([begin(put())], Scripted([[each] for each in cut]), chat, Sampling(), budget=budget)
    assert (rollout.ids, rollout.mask, rollout.stop) == (other.ids, other.mask, other.stop)
    assert len(rollout.ids) <= budget


def test_a_known_context_is_filled_to_the_token(begin: Begin, chat: Chat) -> None:
    probe, _ = asked(by_tokens(MESSAGES[2]), begin(put()), lambda asking: ByIds(asking, chat))
    prompt = len(probe.prompt_ids)
    _, endpoint = asked(by_tokens(*MESSAGES), begin(put()), lambda asking: ByIds(asking, chat), context=prompt + 200)
    assert [len(body["prompt"]) + body["max_tokens"] for _, body in endpoint.requests] == [prompt + 200] * 3
    full, endpoint = asked(by_tokens(*MESSAGES), begin(put()), lambda asking: ByIds(asking, chat), context=prompt)
    assert (full.stop, full.outcomes, endpoint.requests) == ("context", ["cut"], [])


def test_an_endpoint_that_gives_no_ids_back_cannot_be_used_so(begin: Begin, chat: Chat) -> None:
    rollout, _ = asked(lambda *_: Reply("text"), begin(put()), lambda asking: ByIds(asking, chat))
    assert str(rollout.fault).startswith("BadResponse: the endpoint does not give token ids back")
