"""What an evaluation is made of: plain data, checked before anything is loaded.

    cave-rl eval --config configs/eval.yaml --model http://127.0.0.1:8000/v1 sampling.temperature=0

It is written into the run's directory, and a run goes on only under the same one (`LOOSE` aside).
"""

from __future__ import annotations

from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cave_rl.rollouts.backends import Sampling
from cave_rl.tasks.config import EpisodeConfig
from cave_rl.tasks.suite import Split

LOOSE = ("concurrency", "endpoint")
"""Sections that say how a run is carried out, not what is measured: they may differ when it goes on."""

Kind = Literal["policy", "endpoint", "callable", "checkpoint"]

POLICIES = ("gold", "noop", "random")
"""The models that need none."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPart(_Part):
    """What is evaluated."""

    name: str = Field(
        description="gold, noop, random; the URL of an OpenAI-compatible API; module:function; or a checkpoint"
    )
    served: str | None = Field(None, description="the model's name at its endpoint; the endpoint is asked if left out")
    tokenizer: str | None = Field(
        None,
        description="for an endpoint: prompts go to /v1/completions as token ids of this hub name or directory; for "
        "gold, noop and random: what counts their tokens",
    )
    backend: Literal["auto", "transformers", "vllm"] = Field(
        "auto", description="what runs a checkpoint; auto is vLLM where it is installed"
    )
    dtype: str = Field("auto", description="of a checkpoint's weights")

    @field_validator("name")
    @classmethod
    def _an_endpoint_has_a_host(cls, name: str) -> str:
        if name.startswith(("http://", "https://")) and not urlsplit(name).hostname:
            raise ValueError("an endpoint's URL looks like http://127.0.0.1:8000/v1")
        return name

    @property
    def kind(self) -> Kind:
        """What the name is one of."""
        if self.name in POLICIES:
            return "policy"
        if self.name.startswith(("http://", "https://")):
            return "endpoint"
        module, colon, function = self.name.partition(":")
        names = [*module.split("."), function]
        return "callable" if colon and all(name.isidentifier() for name in names) else "checkpoint"

    @property
    def short(self) -> str:
        """A name for directories and titles."""
        name = self.served or self.name if self.kind == "endpoint" else self.name
        return name.rstrip("/").rpartition("/")[2].replace(":", ".") or "model"


class EndpointPart(_Part):
    """How an endpoint is asked."""

    key_env: str = Field("CAVE_RL_API_KEY", description="the environment variable that holds the key")
    timeout_s: float = Field(300, gt=0, description="seconds without a byte before a request is given up")
    retries: int = Field(6, ge=0, description="how often a request is sent again after an error that may pass")
    pause_s: float = Field(0.5, gt=0, description="the pause before the first repetition; each later one is doubled")
    give_up_after: int = Field(32, ge=1, description="episodes in a row that fail on the endpoint: then the run stops")
    limit_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="what the endpoint calls the limit of a message's tokens"
    )
    send_seed: bool = Field(True, description="whether requests carry a seed, each its own")


class SamplingPart(_Part):
    """How messages are sampled."""

    temperature: float = Field(1.0, ge=0, description="0 is greedy")
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, description="0 is none")
    max_tokens: int = Field(256, ge=1, description="most tokens of one message")
    extra: dict[str, Any] = Field(
        default_factory=dict, description="what else a request holds: chat_template_kwargs, reasoning_effort, ..."
    )

    def build(self) -> Sampling:
        """As backends take it."""
        return Sampling(self.temperature, self.top_p, self.top_k, self.max_tokens)


class EvalConfig(_Part):
    """An evaluation."""

    suites: list[str] = Field(min_length=1, description="suites by name, or module:attribute")
    split: Split = "test"
    tasks: int = Field(100, ge=1, description="tasks of each suite, families in turn")
    families: list[str] | None = Field(None, description="only these families")
    tags: list[str] = Field(default_factory=list, description="only families with all of these tags")
    rollouts: int = Field(1, ge=1, description="episodes of each task, all from the same state")
    seed: int = Field(0, ge=0, description="of the environments and of the sampling")
    model: ModelPart
    sampling: SamplingPart = Field(default_factory=SamplingPart)
    budget: int | None = Field(None, ge=1, description="most tokens of an episode after its prompt")
    time_s: float | None = Field(
        None, gt=0, description="most seconds that an episode's messages may take; then it is judged as it stands"
    )
    env: EpisodeConfig = Field(default_factory=lambda: EpisodeConfig(digests=True))
    confinement: Literal["contained", "limits", "none"] = Field("contained", description="what this machine must give")
    memory_mb: int = Field(2048, ge=64, description="address space of a rollout beyond its template's")
    concurrency: int = Field(64, ge=1, description="most episodes alive at once")
    endpoint: EndpointPart = Field(default_factory=EndpointPart)

    @field_validator("env", mode="before")
    @classmethod
    def _with_digests(cls, given: Any) -> Any:
        return {"digests": True, **given} if isinstance(given, dict) else given

    @model_validator(mode="before")
    @classmethod
    def _calls_of_the_endpoint(cls, given: Any) -> Any:
        """Where an endpoint is asked by chat, its own form of calls is what its model was trained on."""
        env, model = (given.get("env"), given.get("model")) if isinstance(given, dict) else (None, None)
        if isinstance(env, dict) and isinstance(model, dict) and env.get("protocol") == "json" and "calls" not in env:
            asked = str(model.get("name", "")).startswith(("http://", "https://")) and model.get("tokenizer") is None
            return {**given, "env": {**env, "calls": "native" if asked else "text"}}
        return given

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        twice = sorted({name for name in self.suites if self.suites.count(name) > 1})
        if twice:
            raise ValueError(f"suite {twice[0]!r} is asked for twice")
        if self.model.tokenizer is not None and self.model.kind not in ("endpoint", "policy"):
            raise ValueError("model.tokenizer is for endpoints, gold, noop and random; a checkpoint has its own")
        if self.env.calls == "native" and (self.model.kind != "endpoint" or self.model.tokenizer is not None):
            raise ValueError("env.calls: native is for endpoints that are asked by chat; all else writes calls as text")
        if self.budget is not None and self.model.kind in ("policy", "callable"):
            raise ValueError(f"budget bounds tokens, and nobody counts those of {self.model.name}")
        if self.time_s is not None and self.model.kind == "checkpoint":
            raise ValueError("time_s bounds episodes that are played one by one; a checkpoint plays them in batches")
        return self

    @property
    def label(self) -> str:
        """What is evaluated, on what."""
        model = self.model.short if self.model.kind == "endpoint" else self.model.name
        protocol = "" if self.env.protocol == "cave" else f" {self.env.protocol}"
        return f"{' '.join(self.suites)} {self.split} {model}{protocol}"

    def measured(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return {key: value for key, value in self.model_dump(mode="json").items() if key not in LOOSE}
