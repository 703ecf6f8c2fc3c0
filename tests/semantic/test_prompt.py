"""How a task is put to a model."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cave_rl.runtime.describe import Description, describe
from cave_rl.runtime.primitives import Function, Type, Variable
from cave_rl.semantic.parsing import parse
from cave_rl.semantic.prompt import Example, Prompt, PromptFileError


class Stack:
    """A stack."""

    size: int

    def push(self, item: int) -> None: ...


def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


XS = describe(Variable("xs", [987, 654], "the numbers"))
DESCRIPTIONS = (describe(Type(Stack)), describe(Function(add)), XS)
EXAMPLE = Example([describe(Variable("ys", []))], "Empty ys.", "ys.clear()")


def test_the_full_system_text_lists_functions_variables_and_types() -> None:
    system = Prompt().render_system(DESCRIPTIONS, "Be brief.")
    assert "- function: def add(a: int, b: int = 0) -> int\n  doc: Add two numbers.\n" in system
    assert "- variable: xs: list\n  description: the numbers\n" in system
    assert "- type: class Stack()\n  doc: A stack.\n  fields:\n    size: int\n  methods:\n    def push(item" in system
    assert "```python\n" in system
    assert system.endswith("Be brief.")


def test_values_are_not_in_the_prompt() -> None:
    assert "987" not in Prompt().render_system(DESCRIPTIONS)


def test_empty_lists_say_so() -> None:
    system = Prompt().render_system([])
    assert "<variables>\n(none)\n</variables>" in system


def test_a_compact_opening_is_a_few_tokens() -> None:
    assert Prompt("compact").opening([describe(Variable("xs", []))], "Sort xs in place.", examples=[EXAMPLE]) == [
        {"role": "system", "content": "Act by writing Python."},
        {"role": "user", "content": "ys: list\nEmpty ys."},
        {"role": "assistant", "content": "```python\nys.clear()\n```"},
        {"role": "user", "content": "xs: list\nSort xs in place."},
    ]


def test_examples_of_the_prompt_are_used_unless_others_are_given() -> None:
    prompt = Prompt(examples=[EXAMPLE])
    assert len(prompt.opening([], "Go.")) == 4
    assert len(prompt.opening([], "Go.", examples=[])) == 2


def test_example_code_is_fenced_so_that_it_parses() -> None:
    code = 'text = """\n```\n"""'
    assert parse(Prompt().code_message(code)["content"]).code == code


@given(st.text(), st.text())
def test_task_words_come_through_as_they_are(query: str, instructions: str) -> None:
    for style in ("cave", "compact"):
        messages = Prompt(style).opening([XS], query, instructions=instructions)
        assert query in messages[-1]["content"]
        assert instructions.strip() in messages[0]["content"]


def test_later_queries_are_plain_and_may_bring_variables() -> None:
    assert Prompt().query_message("And {now}?") == {"role": "user", "content": "And {now}?"}
    prompt = Prompt("compact", overrides={"next_query": "$signatures\n$query"})
    assert prompt.query_message("Go.", [XS])["content"] == "xs: list\nGo."


def test_observations_come_in_the_role_that_was_asked_for() -> None:
    assert Prompt(observation_role="tool").observation_message("3") == {"role": "tool", "content": "3"}
    assert Prompt().observation_message("3") == {"role": "user", "content": "3"}


def test_a_template_without_a_system_role_gets_the_text_with_the_first_user_message() -> None:
    messages = Prompt("compact", system_role=False).opening([XS], "Go.", examples=[EXAMPLE])
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[0]["content"] == "Act by writing Python.\n\nys: list\nEmpty ys."


def test_texts_can_be_overridden() -> None:
    assert Prompt("compact", overrides={"identity": "Act."}).render_system([]) == "Act."
    with pytest.raises(PromptFileError, match="did you mean 'identity'"):
        Prompt(overrides={"identiy": "x"})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"style": "cav"}, "did you mean 'cave'"),
        ({"observation_role": "function"}, "'user' or 'tool'"),
        ({"language": "bash"}, "python3"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Prompt(**settings)  # type: ignore[arg-type]


def test_a_prompt_is_plain_data() -> None:
    prompt = Prompt("compact", examples=[EXAMPLE], overrides={"identity": "Act."})
    again = pickle.loads(pickle.dumps(prompt))
    assert again == prompt
    assert again.opening([XS], "Go.") == prompt.opening([XS], "Go.")
    assert hash(again) == hash(prompt)
    assert isinstance(again.examples[0].descriptions[0], Description)
