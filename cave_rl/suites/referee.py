"""LLMReferee: a model that judges statements in words, behind any OpenAI-compatible API.

What the model under test wrote is hostile: it may claim to be the verdict, or tell the referee what to say. It is
quoted as JSON, out of which no text can get, and the verdict is read from nothing but the referee's own answer,
strictly: a statement that is not found in it, or is found with two verdicts, is not met. Not covered: a referee that is
talked into an opinion. So an opinion can only take a score away. Nor reasoning that the endpoint does not keep apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from cave_rl.clients.errors import ContextOverflow, ProviderError
from cave_rl.runtime.aside import aside_steps
from cave_rl.runtime.drive import Steps
from cave_rl.suites.asking import body_of, client_of
from cave_rl.tasks.referee import Finding, Hearing, Opinion, RefereeFault

_ATTEMPTS = 2
"""How often a referee is asked whose answer is no verdict, each time with another seed."""

_FENCED = re.compile(r"```(?:json)?\n(.*)\n```", re.DOTALL)

_OUTCOME, _REASON, _MET = "expectedOutcome", "reasoning", "metExpectation"


class NoVerdict(ValueError):
    """An answer that cannot be read as a verdict."""


@dataclass(frozen=True, slots=True)
class LLMReferee:
    """A model that judges statements. Which model is configured: `judge.url` and `judge.model`.

    Attributes:
        system: the system prompt: what it judges by, and the form of its answer, as `read` wants it.
        statements: what must be so.
    """

    __cave_host_only__: ClassVar[bool] = True

    system: str
    statements: tuple[str, ...]

    def evidence(self, hearing: Hearing) -> dict[str, Any]:
        """What it is shown, as plain data."""
        return {"conversation": [dict(line) for line in hearing.lines]}

    def told(self, told: Mapping[str, Any], opinion: Opinion) -> Mapping[str, Any]:
        """What the Judge's verdicts tell, as it was."""
        return told

    def messages(self, hearing: Hearing) -> list[dict[str, str]]:
        """The chat as it is given it."""
        data = {**self.evidence(hearing), "expectedOutcomes": self.statements}
        text = json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "replace").decode()
        return [{"role": "system", "content": self.system}, {"role": "user", "content": text}]

    def opinion_steps(self, hearing: Hearing) -> Steps[Opinion]:
        """What it says of a turn.

        Raises:
            RefereeFault: its endpoint failed, or no answer of it was a verdict.
        """
        return (yield from aside_steps(lambda: self._ask(hearing)))

    async def _ask(self, hearing: Hearing) -> Opinion:
        config, messages, why = hearing.config, self.messages(hearing), ""
        if any(len(line["content"]) > config.heard_chars for line in hearing.lines if line["role"] == "assistant"):
            return self._too_long()  # what is cut off could take back what is shown
        for attempt in range(_ATTEMPTS):
            try:
                completion = await client_of(config).chat(messages, **body_of(config, hearing.seed, attempt))
            except ContextOverflow:  # by what the model under test wrote: no fault of ours
                return self._too_long()
            except ProviderError as error:
                raise RefereeFault(f"the judge's endpoint: {type(error).__name__}: {error}") from error
            try:
                findings = read(completion.text, self.statements)
            except NoVerdict as error:
                why = str(error)
                continue
            details = {name: getattr(completion, name) for name in ("seconds", "finish", "model")}
            details["retries"] = list(completion.retries)
            return Opinion(findings, completion.prompt_tokens, completion.completion_tokens, details)
        raise RefereeFault(
            f"the judge's endpoint: {config.model} gave no verdict, asked {_ATTEMPTS} times; the last: {why}"
        )

    def _too_long(self) -> Opinion:
        return Opinion(tuple(Finding(each, False, "it is too long to be judged") for each in self.statements))


def read(text: str, statements: Sequence[str]) -> tuple[Finding, ...]:
    """The findings in an answer: a JSON list of objects, and nothing else.

    >>> read('[{"expectedOutcome": "It is.", "reasoning": "Seen.", "metExpectation": true}]', ["It is."])
    (Finding(statement='It is.', met=True, reason='Seen.'),)

    Raises:
        NoVerdict: it is none.
    """
    fenced = _FENCED.fullmatch(text.strip())
    try:
        entries = json.loads(fenced[1] if fenced else text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise NoVerdict(f"it is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise NoVerdict(f"it is not a list, but {type(entries).__name__}")
    said: dict[str, list[tuple[bool, str]]] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            raise NoVerdict(f"an entry is not an object, but {type(entry).__name__}")
        outcome, reason, met = (entry.get(name) for name in (_OUTCOME, _REASON, _MET))
        if not (isinstance(outcome, str) and isinstance(reason, str) and isinstance(met, bool)):
            raise NoVerdict(f"an entry has not a text {_OUTCOME}, a text {_REASON} and a true or false {_MET}")
        said.setdefault(_plain(outcome), []).append((met, reason))
    return tuple(_finding(each, said.get(_plain(each), [])) for each in statements)


def _finding(statement: str, said: Sequence[tuple[bool, str]]) -> Finding:
    if not said:
        return Finding(statement, False, "the judge did not say")
    met, reason = min(said)  # one that is not met first
    return Finding(statement, met, reason)


def _plain(outcome: str) -> str:
    return " ".join(outcome.split()).casefold()


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("an object has a name twice")
    return dict(pairs)
