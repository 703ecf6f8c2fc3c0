"""A client of OpenAI-compatible APIs: chat completions, and completions of token ids.

It sends a request, sends it again where its error may pass, and gives back what matters of the answer. It knows
nothing of episodes. Not covered: streaming, images.

    async with Client("http://127.0.0.1:8000/v1") as client:
        completion = await client.chat([{"role": "user", "content": "Hello"}], model="smol", max_tokens=20)
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from cave_rl.clients.errors import (
    BadResponse,
    ContentFiltered,
    NotReached,
    ProviderError,
    RequestTimeout,
    error_of,
)

if TYPE_CHECKING:
    import httpx

MOST_PAUSE_S = 120.0
"""The longest wait between two tries. An endpoint that asks for more has its error handed on."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer.

    Attributes:
        text: what the model wrote; reasoning that the endpoint keeps apart is not in it.
        calls: of functions that a request offered as `tools`: name, and arguments as the text that the model wrote.
        finish: why it stopped: `stop`, `length`, ...
        ids: its tokens, where the endpoint tells.
        prompt_ids: the tokens of the prompt, where the endpoint tells.
        logprobs: of its tokens, where the endpoint was asked and tells; nan where it has none for a token.
        prompt_tokens, completion_tokens: how many there were, where the endpoint tells.
        model: what answered, in the endpoint's word.
        seconds: wall time from the first try.
        retries: the types of the errors that were overcome.
    """

    text: str
    finish: str
    ids: list[int] | None = None
    prompt_ids: list[int] | None = None
    logprobs: list[float] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""
    seconds: float = 0.0
    retries: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()


class Client:
    """A connection pool to one endpoint.

    Args:
        url: of the API's root: `http://127.0.0.1:8000/v1`.
        key: sent as bearer token.
        timeout_s: seconds in which an answer must be whole.
        retries: how often a request is sent again after an error that may pass.
        pause_s: the pause before the first repetition; doubled each time, and varied so that many do not come at once.
        connections: most requests at once.

    Raises:
        ValueError: it is no URL of the web.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout_s: float = 300.0,
        retries: int = 6,
        pause_s: float = 0.5,
        connections: int = 64,
    ) -> None:
        import httpx  # takes a tenth of a second, which `import cave_rl` does not spend

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"an endpoint's URL looks like http://127.0.0.1:8000/v1, not {url!r}")
        self._url = url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s
        self._retries = retries
        self._pause_s = pause_s
        self._jitter = random.Random()
        self._broken = (httpx.HTTPError, httpx.InvalidURL)
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=None,  # ours is for the whole answer
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=parts.hostname not in _LOOPBACK,  # no proxy stands before this machine
        )

    async def chat(self, messages: Sequence[dict[str, Any]], **body: Any) -> Completion:
        """The model's next message. `body` is the rest of the request: `model`, `max_tokens`, `temperature`, ...

        Raises:
            ProviderError: there is no answer; see `cave_rl.clients.errors`.
        """
        return await self._post("/chat/completions", {"messages": list(messages), **body})

    async def complete(self, prompt: Sequence[int] | str, **body: Any) -> Completion:
        """What follows a prompt of token ids, or a text.

        Raises:
            ProviderError: there is no answer.
        """
        return await self._post("/completions", {"prompt": prompt if isinstance(prompt, str) else list(prompt), **body})

    async def models(self) -> dict[str, int | None]:
        """The names that the endpoint serves, each with its longest context in tokens where it tells (vLLM does).

        Raises:
            ProviderError: it does not tell.
        """
        data = await self._answer("GET", "/models", None, _Tries())
        try:
            return {str(each["id"]): _count(each.get("max_model_len")) for each in data["data"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise BadResponse(f"{self._url}/models does not list models: {_short(data)}") from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- one request --------------------------------------------------------------------------------------------------

    async def _post(self, path: str, body: dict[str, Any]) -> Completion:
        started, tries = time.monotonic(), _Tries()
        while True:
            data = await self._answer("POST", path, body, tries)
            try:
                return _completion(data, time.monotonic() - started, tuple(tries.errors))
            except BadResponse as error:
                await self._pause(error, tries)

    async def _answer(self, method: str, path: str, body: Any, tries: _Tries) -> Any:
        """The JSON of a successful answer; tried again where that may help."""
        while True:
            try:
                return await self._once(method, path, body)
            except ProviderError as error:
                await self._pause(error, tries)

    async def _once(self, method: str, path: str, body: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.request(method, self._url + path, json=body)
        except TimeoutError as error:
            raise RequestTimeout(f"{self._url} did not answer within {self._timeout_s:g} s") from error
        except self._broken as error:
            raise NotReached(f"{self._url}: {type(error).__name__}: {error}".rstrip(": ")) from error
        if not response.is_success:
            raise error_of(response.status_code, self._without_key(response.text), _retry_after(response.headers))
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise BadResponse(f"{self._url}{path} answered with what is not JSON: {response.text[:200]!r}") from error

    async def _pause(self, error: ProviderError, tries: _Tries) -> None:
        """Waits before the next try, or hands the error on."""
        asked = error.after_s or 0.0
        if not error.passes or len(tries.errors) >= self._retries or asked > MOST_PAUSE_S:
            raise error
        own = self._pause_s * 2 ** len(tries.errors) * self._jitter.uniform(0.5, 1.5)
        tries.errors.append(type(error).__name__)
        await asyncio.sleep(max(asked, min(own, MOST_PAUSE_S)))

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "...") if self._key else text


class _Tries:
    """The errors of a request so far."""

    def __init__(self) -> None:
        self.errors: list[str] = []


def _completion(data: Any, seconds: float, retries: tuple[str, ...]) -> Completion:
    """What matters of an answer, each part checked.

    Raises:
        BadResponse: it is no answer.
        ContentFiltered: the provider's filter took it.
    """
    try:
        choice = data["choices"][0]
        message = choice.get("message", choice)  # of a chat; a completion has its text right there
        text = message.get("content", message.get("text"))
        calls = tuple(map(_called, message.get("tool_calls") or ()))
        finish = choice.get("finish_reason") or "stop"
        usage = data.get("usage") or {}
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadResponse(f"the answer holds no message: {_short(data)}") from error
    if finish == "content_filter":
        raise ContentFiltered(f"the provider's filter took the answer: {_short(choice)}")
    if not (text is None or isinstance(text, str)) or not isinstance(finish, str) or not isinstance(usage, dict):
        raise BadResponse(f"the answer holds no message: {_short(data)}")
    return Completion(
        text=text or "",
        finish=finish,
        ids=_ids(choice.get("token_ids")),
        prompt_ids=_ids(choice.get("prompt_token_ids") or data.get("prompt_token_ids")),
        logprobs=_logprobs(choice.get("logprobs")),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        model=str(data.get("model") or ""),
        seconds=seconds,
        retries=retries,
        calls=calls,
    )


def _called(call: Any) -> tuple[str, str]:
    """A call of a function: most endpoints give its arguments as text, some as an object."""
    name, arguments = call["function"]["name"], call["function"].get("arguments") or "{}"
    if not isinstance(name, str):
        raise TypeError("a call has a name")
    return name, arguments if isinstance(arguments, str) else json.dumps(arguments)


def call_of(id: str, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A call of a function as a message of a chat has it, in its `tool_calls`."""
    text = json.dumps(arguments, ensure_ascii=False).encode("utf-8", "replace").decode()  # half of a pair is no text
    return {"id": id, "type": "function", "function": {"name": name, "arguments": text}}


def _ids(found: Any) -> list[int] | None:
    return found if isinstance(found, list) and all(type(each) is int for each in found) else None


def _logprobs(found: Any) -> list[float] | None:
    """Of a completion, in the form of the API for texts: `token_logprobs`."""
    values = found.get("token_logprobs") if isinstance(found, dict) else None
    if not isinstance(values, list) or not all(each is None or type(each) in (int, float) for each in values):
        return None
    return [math.nan if each is None else float(each) for each in values]


def _count(found: Any) -> int | None:
    return found if type(found) is int and found >= 0 else None


def _short(data: Any) -> str:
    return repr(data)[:200]


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds of a `Retry-After`, which is a number or a date."""
    given = headers.get("retry-after")
    if given is None:
        return None
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None
