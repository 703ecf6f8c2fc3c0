"""A model behind the API of `tests.clients.endpoint` that plays Tiny-v0 by a rule, so that every number is known."""

from __future__ import annotations

import re
from collections.abc import Callable

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.plan import Planned
from cave_rl.rollouts.asking import request_seed
from cave_rl.semantic.parsing import fenced
from tests.clients.endpoint import Body, Reply, Script

SUITE = "tests.training.tiny:suite"
QUERY = re.compile(r"(Set x to|Add|Take) (\d)")


def config(url: str, **changes: object) -> EvalConfig:
    """An evaluation of Tiny-v0 by the model at a URL, in a hurry."""
    given = {
        "suites": [SUITE],
        "tasks": 12,
        "tags": ["easy"],
        "rollouts": 4,
        "concurrency": 8,
        "model": {"name": url},
        "env": {"prompt": {"style": "compact"}, "max_steps": 4},
        "endpoint": {"timeout_s": 5.0, "retries": 3, "pause_s": 0.001},
    }
    return EvalConfig.model_validate({**given, **changes})


def gold(body: Body) -> str:
    """The right code for the last query; the answer once it has run."""
    last = body["messages"][-1]["content"]
    asked = QUERY.search(last)
    if asked is None:
        return "Done."
    operator = {"Set x to": "=", "Add": "+=", "Take": "-="}[asked[1]]
    return fenced(f"x {operator} {asked[2]}")


def wrong(seed: int) -> bool:
    """Whether the model errs: a rule on the first request's seed."""
    return seed % 3 == 0


def model(path: str, body: Body, before: int) -> Reply:
    """Right, but where the rule says otherwise."""
    text = gold(body)
    return Reply(fenced("x = -1") if text != "Done." and wrong(body["seed"]) else text)


def failing(script: Script, fail: Callable[[int, int], Reply | None]) -> Script:
    """A script that fails first: `fail` is given the request's seed, and how often it came before."""

    def failed(path: str, body: Body, before: int) -> Reply:
        return fail(body["seed"], before) or script(path, body, before)

    return failed


def seeds(config: EvalConfig, item: Planned) -> tuple[int, int]:
    """The seeds of an episode's two requests."""
    return request_seed(config.seed, item.key, 0), request_seed(config.seed, item.key, 1)
