"""The client against a real server: what it sends, what it makes of answers, and what it does about errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from cave_rl.clients import (
    BadResponse,
    Client,
    Completion,
    ContentFiltered,
    ContextOverflow,
    NotReached,
    OutOfQuota,
    ProviderError,
    RateLimited,
    Refused,
    RequestTimeout,
    ServerError,
    Unauthorized,
)
from cave_rl.clients.errors import error_of
from tests.clients.endpoint import Body, Reply, Script, serving

HELLO = [{"role": "user", "content": "Hello"}]


def asked(script: Script, ask: Callable[[Client], Coroutine[Any, Any, Any]] | None = None, **options: Any) -> Any:
    """What a client makes of a script; by default of one chat."""

    async def go(url: str) -> Any:
        async with Client(url, **{"pause_s": 0.001, "timeout_s": 5.0, **options}) as client:
            return await (ask(client) if ask else client.chat(HELLO, model="m", max_tokens=5))

    with serving(script) as (url, endpoint):
        asked.endpoint = endpoint  # type: ignore[attr-defined]
        return asyncio.run(go(url))


def first(*replies: Reply) -> Script:
    """These, one after another; then a good one."""
    return lambda path, body, before: replies[before] if before < len(replies) else Reply("good")


def test_a_chat_is_sent_and_its_answer_read() -> None:
    def script(path: str, body: Body, before: int) -> Reply:
        assert path == "/chat/completions"
        assert body == {"messages": HELLO, "model": "m", "max_tokens": 5}
        return Reply("Hi.", "length")

    found = asked(script)
    assert (found.text, found.finish, found.model, found.retries) == ("Hi.", "length", "scripted-1", ())
    assert (found.prompt_tokens, found.completion_tokens) == (5, 3)
    assert 0 < found.seconds < 5


def test_token_ids_go_out_and_come_back() -> None:
    def script(path: str, body: Body, before: int) -> Reply:
        assert (path, body["prompt"]) == ("/completions", [1, 2, 3])
        return Reply("x", ids=[7, 8])

    found: Completion = asked(script, lambda client: client.complete([1, 2, 3], model="m"))
    assert (found.text, found.ids, found.prompt_tokens, found.completion_tokens) == ("x", [7, 8], 3, 2)


def test_what_an_endpoint_does_not_tell_is_not_made_up() -> None:
    found = asked(lambda *_: Reply("Hi.", usage=False))
    assert (found.prompt_tokens, found.completion_tokens, found.ids) == (None, None, None)


def test_the_models_are_listed() -> None:
    assert asked(first(), lambda client: client.models()) == {"scripted": None}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply("slow down", status=429), RateLimited),
        (Reply("oops", status=500), ServerError),
        (Reply("overloaded", status=529), ServerError),
        (Reply(form="malformed"), BadResponse),
        (Reply(form="empty"), BadResponse),
        (Reply("half of this does not come", form="cut"), NotReached),
        (Reply(form="hang"), RequestTimeout),
    ],
)
def test_what_may_pass_is_tried_again_and_then_handed_on(reply: Reply, error: type[ProviderError]) -> None:
    found = asked(first(reply, reply), timeout_s=0.3)
    assert (found.text, found.retries) == ("good", (error.__name__,) * 2)
    with pytest.raises(error):
        asked(lambda *_: reply, timeout_s=0.2, retries=1)
    assert len(asked.endpoint.requests) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply("You exceeded your current quota (insufficient_quota)", status=429), OutOfQuota),
        (Reply("no such key", status=401), Unauthorized),
        (Reply("not yours", status=403), Unauthorized),
        (Reply("no such model", status=404), Refused),
        (Reply("temperature must be at least 0", status=400), Refused),
        (Reply("This model's maximum context length is 2048 tokens.", status=400), ContextOverflow),
        (Reply("", "content_filter"), ContentFiltered),
    ],
)
def test_what_will_not_pass_is_handed_on_at_once(reply: Reply, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        asked(lambda *_: reply)
    assert len(asked.endpoint.requests) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "told",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
        '{"code":"context_length_exceeded"}',
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count exceeds the maximum number of tokens allowed",
        "the request exceeds the available context size",
    ],
)
def test_providers_say_in_many_ways_that_a_chat_is_too_long(told: str) -> None:
    assert type(error_of(400, told)) is ContextOverflow
    assert type(error_of(500, told)) is ServerError


def test_where_nobody_listens_there_is_no_connection() -> None:
    async def go() -> None:
        async with Client("http://127.0.0.1:9", retries=1, pause_s=0.001) as client:
            await client.chat(HELLO)

    with pytest.raises(NotReached):
        asyncio.run(go())


def test_the_wait_that_an_endpoint_asks_for_is_kept() -> None:
    started = time.monotonic()
    assert asked(first(Reply("", status=429, headers={"retry-after": "0.4"}))).text == "good"
    assert time.monotonic() - started >= 0.4
    late = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    started = time.monotonic()
    assert asked(first(Reply("", status=503, headers={"retry-after": late}))).text == "good"
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize("asks", ["3600", "inf"])
def test_one_that_asks_for_an_hour_is_not_waited_for(asks: str) -> None:
    with pytest.raises(RateLimited):
        asked(lambda *_: Reply("", status=429, headers={"retry-after": asks}))


@pytest.mark.parametrize("asks", ["soon", "-3", "nan", ""])
def test_a_wait_that_makes_no_sense_is_as_none(asks: str) -> None:
    assert asked(first(Reply("", status=429, headers={"retry-after": asks}))).text == "good"


def test_many_are_asked_at_once_but_no_more_than_there_are_connections() -> None:
    def script(path: str, body: Body, before: int) -> Reply:
        time.sleep(0.05)
        return Reply(body["messages"][0]["content"])

    async def ask(client: Client) -> list[str]:
        chats = [client.chat([{"role": "user", "content": str(i)}]) for i in range(24)]
        return [each.text for each in await asyncio.gather(*chats)]

    assert asked(script, ask, connections=8) == [str(i) for i in range(24)]
    assert 2 < asked.endpoint.most_at_once <= 8  # type: ignore[attr-defined]


def test_the_key_is_sent_and_never_told() -> None:
    with pytest.raises(Unauthorized) as caught:
        asked(lambda *_: Reply("the key sk-secret is wrong", status=401), key="sk-secret")
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://x/v1", "http://"])
def test_what_is_no_url_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="looks like http"):
        Client(url)
