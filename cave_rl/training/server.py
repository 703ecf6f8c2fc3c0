"""The vLLM server that rollouts are asked of: what it must be able to do, and by which weights it answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from cave_rl.clients.errors import NotReached, ProviderError, RequestTimeout, ServerError, error_of
from cave_rl.clients.openai import Client
from cave_rl.rollouts.asking import Asking
from cave_rl.rollouts.backends import Sampling
from cave_rl.rollouts.chat import Chat
from cave_rl.rollouts.generators import Generator, Served, StaleWeights
from cave_rl.runtime.errors import Fault
from cave_rl.runtime.nearest import nearest
from cave_rl.training.config import ConfigError, TrainConfig

_ADMIN_SECONDS = 1800.0  # loading the weights of a large model from disk takes minutes


class ServerGone(Fault):
    """The server does not answer any more, or was started again and has lost the weights that it was sent."""


class Server:
    """A server, as a run uses it.

    Attributes:
        model: the name that is asked for: of the model, or of the adapter that was loaded last.
        context: the longest that prompt and message together may be; known after `check`.
        version: of the weights that it must answer by: the training step that they come after.
    """

    def __init__(self, config: TrainConfig) -> None:
        part = config.generation
        assert part.url is not None
        self._part = part
        self._url = part.url.rstrip("/")
        self._key = os.environ.get(part.key_env)
        self._sync = config.sync
        self.model = part.served
        self.context: int | None = None
        self.version: int | None = None

    @asynccontextmanager
    async def opened(self, chat: Chat, sampling: Sampling, seed: int) -> AsyncIterator[Generator]:
        """A generator for a batch. The weights are asked for before its first token and after its last.

        Raises:
            Fault: they are not those that were sent last.
        """
        self.check_version()
        async with self._client() as client:
            asking = Asking(client, self.model, sampling, seed=seed)
            yield Served(asking, sorted(chat.eos_ids), logprobs=True, model=self.model)
        self.check_version()

    def check(self, chat: Chat, sampling: Sampling) -> None:
        """Finds out before training what would fail in it.

        Raises:
            Fault: it cannot be reached, or does not answer.
            ConfigError: it serves another model, or not as training needs it.
        """
        asyncio.run(self._check(chat, sampling))

    async def _check(self, chat: Chat, sampling: Sampling) -> None:
        prompt = chat.opening([{"role": "user", "content": "?"}])
        async with self._client(retries=1) as client:
            try:
                serves = await client.models()
                if self.model not in serves:
                    hint = nearest(self.model, serves) or f"; it serves {', '.join(serves) or 'nothing'}"
                    raise ConfigError(f"{self._url} does not serve {self.model!r} (generation.served){hint}")
                self.context = serves[self.model]
                # With one token to choose from, its processed log-probability is 0, and its raw one is not
                one = Sampling(temperature=2.0, top_k=1, max_tokens=1)
                served = Served(Asking(client, self.model, one, seed=0), sorted(chat.eos_ids), logprobs=True)
                found = await served.generate(prompt, one, "check", 0)
            except ProviderError as error:
                raise Fault(
                    f"the server at {self._url} cannot be used: {type(error).__name__}: {error}. "
                    "`cave-rl serve-model CONFIG` starts one as training needs it"
                ) from error
        processed = found is not None and found.logprobs is not None and abs(found.logprobs[0]) < 1e-3
        if sampling.temperature != 1 and not processed:
            raise ConfigError(
                f"the server at {self._url} tells log-probabilities before the temperature; with rollout.temperature "
                f"{sampling.temperature:g} it must be started with --logprobs-mode processed_logprobs"
            )
        if self._sync == "weights":
            self._ask_version()

    def check_there(self) -> None:
        """Asks it for anything at all, after something has failed.

        Raises:
            ServerGone: it does not answer, or not by the model that it was given.
        """
        asyncio.run(self._check_there())

    async def _check_there(self) -> None:
        async with self._client() as client:
            try:
                serves = await client.models()
            except (NotReached, RequestTimeout, ServerError) as error:
                told = f"the server at {self._url} does not answer any more: {type(error).__name__}: {error}"
                raise ServerGone(told) from error
            except ProviderError:
                return  # it answers; what it refused is told by who asked
        if self.model not in serves:
            raise ServerGone(f"the server at {self._url} was started again: it has lost {self.model}")

    def check_version(self) -> None:
        """Asks the server by which weights it answers, where it can tell.

        Raises:
            ServerGone: it does not answer, or was started again.
            Fault: by others than were sent last.
        """
        if self._sync != "weights":
            return  # an adapter's version is in its name, which every answer repeats; NCCL sends none
        found = self._ask_version()
        if found is None and self.version is not None:
            told = f"the server at {self._url} was started again: it has lost the weights of step {self.version}"
            raise ServerGone(told)
        if found != self.version:
            error = StaleWeights(f"{self._url} answers by the weights of step {found}, not of step {self.version}")
            raise Fault(f"{type(error).__name__}: {error}: does another run write to this server?")

    def _ask_version(self) -> int | None:
        try:
            workers = self.rpc("cave_weights")
        except ServerGone:
            raise
        except Fault as fault:
            raise Fault(
                f"{fault}. With generation.sync: weights the server needs what `cave-rl serve-model CONFIG` starts it "
                "with (VLLM_SERVER_DEV_MODE=1, --worker-extension-cls)"
            ) from fault
        versions = {each["version"] for each in workers}
        if len(versions) != 1:
            raise Fault(f"the workers of {self._url} have different weights: of steps {sorted(map(str, versions))}")
        found: int | None = versions.pop()
        return found

    def rpc(self, method: str, **given: Any) -> list[dict[str, Any]]:
        """Calls a method of every worker; what each gave.

        Raises:
            ServerGone: the server cannot be reached.
            Fault: it refuses.
        """
        answer = self.post("/collective_rpc", {"method": method, "kwargs": given})
        found: list[dict[str, Any]] = answer.json()["results"]
        return found

    def unload(self, adapter: str) -> None:
        """Has it forget an adapter. One that it does not know it need not forget: it was started again meanwhile.

        Raises:
            ServerGone: the server cannot be reached.
            Fault: it refuses.
        """
        self.post("/v1/unload_lora_adapter", {"lora_name": adapter}, but=404)

    def post(self, path: str, body: dict[str, Any] | None = None, *, but: int | None = None) -> httpx.Response:
        """Asks something of the server that is no message.

        Args:
            path: below the root of its URL.
            body: as JSON.
            but: a status that is no refusal.

        Raises:
            ServerGone: it cannot be reached.
            Fault: it refuses.
        """
        url = self._url.removesuffix("/v1") + path
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            answer = httpx.post(url, json=body or {}, headers=headers, timeout=_ADMIN_SECONDS, trust_env=False)
        except httpx.TransportError as error:
            told = f"the server at {self._url} does not answer any more: {type(error).__name__}: {error}"
            raise ServerGone(told.rstrip(": ")) from error
        except httpx.HTTPError as error:
            raise Fault(f"{url}: {type(error).__name__}: {error}".rstrip(": ")) from error
        if not answer.is_success and answer.status_code != but:
            raise Fault(f"{url}: {error_of(answer.status_code, answer.text)}")
        return answer

    def _client(self, retries: int | None = None) -> Client:
        part = self._part
        return Client(
            self._url,
            key=self._key,
            timeout_s=part.timeout_s,
            retries=part.retries if retries is None else retries,
            connections=part.concurrency,
        )
