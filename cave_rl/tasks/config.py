"""How episodes are put, run and rewarded.

One object, plain data, the same for environments, evaluation and training.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cave_rl.rewards.compose import RewardRules
from cave_rl.runtime.result import Limits
from cave_rl.runtime.rules import AttributeRule, CodeRules, FunctionRule, ImportRule, RegexRule, Violation
from cave_rl.semantic.prompt import Prompt
from cave_rl.semantic.protocols import ProtocolName, protocol_of


class PromptConfig(BaseModel):
    """How a task is put to a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    style: str = Field("cave", description="`cave` for capable models, `compact` for small ones, or one of your file")
    path: str | None = Field(None, description="a prompt file of yours, in the form of semantic/prompts.yaml")
    overrides: dict[str, str] = Field(default_factory=dict, description="texts to replace, by dotted key")
    observation_role: Literal["user", "tool"] = Field("user", description="the chat role in which observations come")
    system_role: bool = Field(True, description="whether the chat template knows `system`; if not, the user says it")
    examples: int = Field(0, ge=0, description="how many of the suite's few-shot examples are shown")
    instructions: str = Field("", description="your own words, for the system text")
    shapes: bool = Field(False, description="whether descriptions tell lengths, shapes and dtypes")

    def build(self, style: str | None = None) -> Prompt:
        """The prompt; in another style than the configured one where that is given."""
        return Prompt(
            style=style or self.style,
            observation_role=self.observation_role,
            system_role=self.system_role,
            overrides=self.overrides,
            path=self.path,
        )


class RulesConfig(BaseModel):
    """What code may not say, as plain data: the deny lists of `CodeRules`.

    >>> [str(each) for each in RulesConfig(imports=("os",)).check("import os")]
    ["line 1, column 1: import of 'os' is not allowed (ImportRule)"]
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    imports: tuple[str, ...] = Field((), description="top-level modules that may not be imported")
    functions: tuple[str, ...] = Field((), description="functions that may not be called: `eval`, `os.system`")
    attributes: tuple[str, ...] = Field((), description="attribute names that may not be used")
    patterns: tuple[str, ...] = Field((), description="regular expressions that the source may not match")

    @field_validator("patterns")
    @classmethod
    def _compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return patterns

    def build(self) -> CodeRules:
        """The rules."""
        rules = ImportRule(self.imports), FunctionRule(self.functions), AttributeRule(self.attributes)
        return CodeRules((*rules, RegexRule(self.patterns)))

    def check(self, code: str) -> tuple[Violation, ...]:
        """The violations in a cell, as `CodeRules.check` finds them."""
        return _built(self).check(code)


class _Endpoint(BaseModel):
    """How a model is asked that is not the one under test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(None, description="of an OpenAI-compatible API: http://127.0.0.1:8000/v1")
    model: str | None = Field(None, description="its model's name there")
    temperature: float = Field(0.0, ge=0, description="0 is greedy")
    max_tokens: int = Field(512, ge=1, description="most tokens of one of its messages")
    heard_chars: int = Field(8000, ge=1, description="how much of one message it reads")
    seed: int = Field(0, description="of its sampling; each request has a seed of its own, made from it")
    key_env: str = Field("CAVE_RL_USER_API_KEY", description="the environment variable that holds the key")
    timeout_s: float = Field(300, gt=0, description="seconds in which an answer must be whole")
    retries: int = Field(6, ge=0, description="how often a request is sent again after an error that may pass")
    pause_s: float = Field(0.5, gt=0, description="the pause before the first repetition; each later one is doubled")
    extra: dict[str, Any] = Field(default_factory=dict, description="what else a request holds")

    @field_validator("url")
    @classmethod
    def _has_a_host(cls, url: str | None) -> str | None:
        if url is not None and not (url.startswith(("http://", "https://")) and urlsplit(url).hostname):
            raise ValueError("an endpoint's URL looks like http://127.0.0.1:8000/v1")
        return url


class UserConfig(_Endpoint):
    """Who plays the users of tasks that have one, and within which bounds. See `cave_rl.suites.simulator`."""

    scripted: bool = Field(False, description="scripts speak in place of simulators, where tasks have them")
    max_messages: int = Field(50, ge=1, description="its messages and calls in a turn; then it is judged as it stands")
    budget: int | None = Field(
        None, ge=1, description="tokens, prompts included, after which it says no more in a turn; None is no bound"
    )


class JudgeConfig(_Endpoint):
    """Which model judges statements in words, of tasks that have such; none unless `url` and `model` are set.

    >>> JudgeConfig().asked
    False
    """

    max_tokens: int = Field(2048, ge=1, description="most tokens of an opinion")
    heard_chars: int = Field(
        8000, ge=1, description="the longest message that is judged: where one is longer nothing is met"
    )
    key_env: str = Field("CAVE_RL_JUDGE_API_KEY", description="the environment variable that holds the key")

    @property
    def asked(self) -> bool:
        """Whether there is one."""
        return self.url is not None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.url is None) != (self.model is None):
            raise ValueError("a judge has both url and model, or neither")
        return self


@functools.lru_cache(maxsize=16)
def _built(rules: RulesConfig) -> CodeRules:
    return rules.build()


class EpisodeConfig(BaseModel):
    """How an episode is put, run and rewarded."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    protocol: ProtocolName = Field(
        "cave", description="how actions are written: cave, or codeact or json to compare with"
    )
    calls: Literal["text", "native"] = Field(
        "text", description="json: whether calls are written in the prompt's own markup, or are those of the chat API"
    )
    max_steps: int = Field(8, ge=1, description="messages before a turn is judged as it stands")
    observation_chars: int = Field(5000, ge=1, description="longest observation of a cell's output")
    checkpoint: bool = Field(False, description="fork before each cell; go back there if it kills the runtime")
    digests: bool = Field(False, description="digest the state after each cell, so that a trace can be replayed")
    limits: Limits = Field(default_factory=Limits, description="what one cell may use")
    rules: RulesConfig | CodeRules | None = Field(
        None, description="what code may not say; a filter that teaches, not a wall"
    )
    prompt: PromptConfig = Field(default_factory=PromptConfig, description="how the task is put")
    user: UserConfig = Field(default_factory=UserConfig, description="who plays the users of tasks that have one")  # type: ignore[arg-type]
    judge: JudgeConfig = Field(default_factory=JudgeConfig, description="which model judges statements in words")  # type: ignore[arg-type]
    reward: RewardRules = Field(default_factory=RewardRules, description="how verdicts become rewards")  # type: ignore[arg-type]
    key: str = Field("cave-rl", description="keys the hash that seeds rollouts; keep yours secret", repr=False)

    @field_validator("rules", mode="before")
    @classmethod
    def _deny_lists(cls, given: object) -> object:
        if given is None or isinstance(given, (CodeRules, RulesConfig)):
            return given
        if not isinstance(given, Mapping):
            raise ValueError(f"must be a mapping of deny lists ({', '.join(RulesConfig.model_fields)}), or CodeRules")
        return RulesConfig.model_validate(given)

    @model_validator(mode="after")
    def _fits_its_protocol(self) -> Self:
        if self.protocol != "cave" and self.checkpoint:
            raise ValueError(
                f"checkpoint is of protocol cave: in {self.protocol} no cell of a model runs in its runtime"
            )
        if self.protocol != "cave" and self.prompt.examples:
            raise ValueError(f"prompt.examples show code on live objects, which protocol {self.protocol} has not")
        if self.calls == "native" and self.protocol != "json":
            raise ValueError(f"calls: native is of protocol json, not {self.protocol}")
        return self

    def build_prompt(self) -> Prompt:
        """The prompt, in its protocol."""
        protocol = protocol_of(self.protocol)
        return self.prompt.build(protocol.style(self.prompt.style, native=self.calls == "native"))

    def but(self, **changes: Any) -> EpisodeConfig:
        """A copy with some fields replaced, validated."""
        return type(self).model_validate({**{name: getattr(self, name) for name in type(self).model_fields}, **changes})
