"""Scripted experts: gold in each protocol, and where it does not suffice."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pandas as pd
import pytest

from cave_rl.rewards import called, equals, frame_equals
from cave_rl.rollouts.experts import expert, in_text
from cave_rl.rollouts.messages import play_messages
from cave_rl.runtime import Function, Hosted, Variable
from cave_rl.semantic.protocols import PROTOCOLS, ProtocolName
from cave_rl.semantic.tools import Tool, tools_of
from cave_rl.suites.tools.tasks import suite as tools_suite
from cave_rl.tasks import EpisodeConfig, Task, Turn
from cave_rl.tasks.episode import Episode
from tests.runtime.world import Bank, double

Begin = Callable[..., Episode]
FRAME = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"] * 60), "n": range(120)})
SUMS = Task(
    [
        Turn("Sum n, as total.", equals("total", 7140), gold="total = int(df['n'].sum())"),
        Turn(
            "The last row of each day, as last.",
            frame_equals("last", FRAME.groupby("day").last().reset_index()),
            gold="last = df.groupby('day').last().reset_index()",
        ),
    ],
    variables=[Variable("df", FRAME)],
    modules=("pandas",),
)
PAY = Task(
    [
        Turn(
            "Move 1 from ada to bo as often as three doubled is.",
            called("bank.transfer", source="ada"),
            changes=["bank"],
            gold=["for _ in range(double(3)):\n    bank.transfer('ada', 'bo', 1)", "print(bank.balance('ada'))"],
        )
    ],
    functions=[Function(double)],
    hosted=[Hosted(Bank(ada=9, bo=0))],
)


def played(begin: Begin, task: Task, protocol: ProtocolName, **changes: object) -> Episode:
    """An episode of an expert."""
    episode = begin(task, config=EpisodeConfig(protocol=protocol), **{"max_steps": 20, **changes})
    (rollout,) = play_messages([episode], expert(protocol))
    assert rollout.fault is None, rollout.fault
    return episode


def said(episode: Episode) -> list[str]:
    return [message["content"] for message in episode.messages if message["role"] == "assistant"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_gold_solves_in_every_protocol(begin: Begin, protocol: ProtocolName) -> None:
    for task in (SUMS, PAY, tools_suite.task("train", "helpdesk_assign_one", 0)):
        assert played(begin, task, protocol).reward == pytest.approx(1.0)


def test_json_reads_page_by_page_and_makes_one_call_a_message(begin: Begin) -> None:
    episode = played(begin, SUMS, "json", observation_chars=600)
    pages = [each for each in said(episode) if "read_df" in each]
    assert len(pages) > 3
    assert all(each.count("<tool_call>") == 1 for each in pages)
    assert len(said(episode)) == len(pages) + 2  # what was read in the first turn is known in the second
    calls = [each for each in said(played(begin, PAY, "json")) if "<tool_call>" in each]
    assert [("transfer" in each) for each in calls] == [False, *[True] * 6, False]


def test_codeact_reads_all_pages_in_one_cell(begin: Begin) -> None:
    episode = played(begin, SUMS, "codeact", observation_chars=600)
    assert len(said(episode)) == 4
    assert episode.reward == pytest.approx(1.0)


def test_where_the_steps_do_not_suffice_an_expert_fails(begin: Begin) -> None:
    short = {"observation_chars": 600, "max_steps": 3}
    assert played(begin, SUMS, "json", **short).reward < 1.0
    assert played(begin, SUMS, "codeact", **short).reward == pytest.approx(1.0)


def test_an_event_makes_text_stale(begin: Begin) -> None:
    task = Task(
        [
            Turn("Double price, as a.", equals("a", 10), gold="a = 2 * price"),
            Turn("It changed: again, as b.", equals("b", 14), event="price = 7", gold="b = 2 * price"),
            Turn("And once more, as c.", equals("c", 21), gold="c = 3 * price"),
        ],
        variables=[Variable("price", 5)],
    )
    for protocol, reads in (("codeact", 2), ("json", 2)):
        episode = played(begin, task, protocol)  # type: ignore[arg-type]
        assert sum("read_price" in each for each in said(episode)) == reads
        assert episode.reward == pytest.approx(1.0)


def test_one_policy_plays_many_episodes_apart(begin: Begin) -> None:
    episodes = [begin(PAY, config=EpisodeConfig(protocol="json"), max_steps=20) for _ in range(3)]
    rollouts = play_messages(episodes, expert("json"))
    assert [each.reward for each in rollouts] == [1.0] * 3


TOOLS: dict[str, Tool] = {
    tool.target: tool for tool in tools_of([Function(double), Hosted(Bank(ada=1))]).values() if not tool.reads
}


@pytest.mark.parametrize(
    ("live", "text"),
    [
        ("x = double(double(2))", "x = json.loads(double(json.loads(double(2))))"),
        ("sorted(xs, key=double)", "sorted(xs, key=lambda *given: json.loads(double(*given)))"),
        ("bank.transfer('a', target='b')", "json.loads(bank_transfer('a', target='b'))"),
        ("await bank.audit()", "json.loads(bank_audit())"),
        (
            "for x in map(double, xs):\n    y = x",
            "for x in map(lambda *given: json.loads(double(*given)), xs):\n    y = x",
        ),
    ],
)
def test_a_cell_reads_the_text_of_each_call_back(live: str, text: str) -> None:
    assert in_text(live, TOOLS) == f"import json\n{text}"


def test_a_cell_without_calls_stays_as_it_is() -> None:
    cell = "x = 1  # one\nbank2.transfer(1)"
    assert in_text(cell, TOOLS) == cell
    ast.parse(cell)
