"""Calls in the API's own form and as text: both ways, nothing that is judged is lost."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from cave_rl.clients.openai import Completion
from cave_rl.rollouts.native import from_api, to_api
from cave_rl.semantic.parsing import Action, Malformed, ToolCall
from cave_rl.semantic.prompt import Message
from cave_rl.semantic.protocols import call_text, parse_calls


def said(text: str, *calls: tuple[str, str]) -> str:
    return from_api(Completion(text, "stop", calls=calls))


def chat(*contents: str) -> list[Message]:
    """A chat that begins with the system's text, the user and the assistant in turn."""
    roles = ["system", *["user", "assistant"] * len(contents)]
    return [{"role": role, "content": each} for role, each in zip(roles, contents, strict=False)]


def test_a_message_without_calls_is_its_text() -> None:
    assert said("Done.") == "Done."
    assert said("") == ""


def test_calls_become_markup_after_the_text() -> None:
    text = said("I look.", ("look", '{"at": "</tool_call>"}'), ("see", ""))
    parsed = parse_calls(text)
    assert (parsed.before.strip(), parsed.calls) == (
        "I look.",
        (ToolCall("look", {"at": "</tool_call>"}), ToolCall("see", {})),
    )


def test_arguments_that_are_no_json_are_the_models_failure() -> None:
    for arguments in ('{"at": ', "[1]", "at=1", '{"at": NaN}', '{"a": 1, "a": 2}'):
        assert parse_calls(said("", ("look", arguments))).reason is Malformed.BAD_CALL


def test_results_answer_their_calls() -> None:
    two = "Both.\n" + call_text("a", {"x": 1}) + "\n" + call_text("b", {})
    found = to_api(chat("sys", "do it", two, "results", "Done."))
    assert [each["role"] for each in found] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    assert found[2]["content"] == "Both."
    ids = [call["id"] for call in found[2]["tool_calls"]]
    assert [each["tool_call_id"] for each in found[3:5]] == ids
    assert len(set(ids)) == 2
    assert found[4]["content"] == "results"


def test_the_next_query_is_the_users_again() -> None:
    found = to_api(chat("sys", "one", call_text("a", {}), "result\n\ntwo", "Done."), ["one", "two"])
    assert [(each["role"], each["content"]) for each in found[3:]] == [
        ("tool", "result"),
        ("user", "two"),
        ("assistant", "Done."),
    ]


def test_what_is_malformed_stays_text() -> None:
    messages = chat("sys", "one", "<tool_call>{", "format error", "Done.")
    assert to_api(messages) == messages


ARGUMENTS = st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2)


@given(st.text(max_size=10), st.lists(st.tuples(st.text(max_size=5), ARGUMENTS), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_calls_come_back_as_they_were_sent(text: str, calls: list[tuple[str, dict[str, str]]]) -> None:
    written = said(text, *((name, json.dumps(arguments)) for name, arguments in calls))
    if parse_calls(written).action is not Action.CALLS:  # the text before them was a fence, or markup of its own
        return
    (message,) = to_api([{"role": "assistant", "content": written}])
    functions = [call["function"] for call in message["tool_calls"]]
    assert [(each["name"], json.loads(each["arguments"])) for each in functions] == calls
