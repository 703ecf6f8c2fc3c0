from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cave_rl.rewards import equals
from cave_rl.runtime import Variable
from cave_rl.runtime.rules import CodeRules, ImportRule
from cave_rl.tasks import EpisodeConfig, PromptConfig, RulesConfig, Task, Turn
from cave_rl.tasks.opening import opening

TASK = Task([Turn("Sort xs.", equals("xs", [1, 2]), changes=["xs"], gold="xs.sort()")], [Variable("xs", [2, 1])])
DENIED = {
    "imports": ["os"],
    "functions": ["eval"],
    "attributes": ["__globals__"],
    "patterns": ["while True"],
}


@pytest.mark.parametrize("examples", [0, 1])
def test_where_the_chat_template_knows_no_system_the_user_says_it(examples: int) -> None:
    config = PromptConfig(style="compact", examples=examples)
    with_role = opening(TASK, config, [TASK])
    without = opening(TASK, config.model_copy(update={"system_role": False}), [TASK])
    assert with_role[0]["role"] == "system"
    assert {message["role"] for message in without} <= {"user", "assistant"}
    assert without[0]["content"] == f"{with_role[0]['content']}\n\n{with_role[1]['content']}"
    assert without[1:] == with_role[2:]


def test_rules_may_be_given_as_plain_deny_lists() -> None:
    rules = EpisodeConfig.model_validate({"rules": DENIED}).rules
    assert isinstance(rules, RulesConfig)
    code = "import os\neval('1')\nf.__globals__\nwhile True: pass"
    assert [violation.line for violation in rules.check(code)] == [1, 2, 3, 4]
    assert rules.check(code) == rules.build().check(code)
    assert rules.check("import json") == ()


def test_rules_may_be_code_rules_and_none() -> None:
    rules = CodeRules((ImportRule(deny={"os"}),))
    assert EpisodeConfig(rules=rules).rules is rules
    assert EpisodeConfig(rules=rules).but(max_steps=2).rules is rules
    assert EpisodeConfig().rules is None


def test_rules_are_read_back_from_what_was_written() -> None:
    config = EpisodeConfig.model_validate({"rules": DENIED})
    assert config.model_dump(mode="json")["rules"] == DENIED
    assert EpisodeConfig.model_validate(config.model_dump(mode="json")) == config == config.but()


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"import": ["os"]}, "rules.import"),
        ({"imports": "os"}, "valid tuple"),
        ({"patterns": ["("]}, "'\\(' is no regular expression"),
        ("os", "a mapping of deny lists \\(imports, functions, attributes, patterns\\)"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told) as caught:
        EpisodeConfig.model_validate({"rules": rules})
    assert len(caught.value.errors()) == 1
