"""Protocols side by side: runs of one model over the same tasks, one a protocol."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.evaluation.compare import Side, compare, unfair
from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import RunDirectory, load
from cave_rl.evaluation.plan import plan
from cave_rl.evaluation.players import player
from cave_rl.evaluation.protocols import AUTHORED, chosen, of_protocol
from cave_rl.evaluation.report import read
from cave_rl.evaluation.report.figures import sides
from cave_rl.evaluation.rescore import rescore
from cave_rl.evaluation.run import carry_out
from cave_rl.rewards.assertions import deleted, equals
from cave_rl.runtime.primitives import Hosted, Variable
from cave_rl.tasks import registry
from cave_rl.tasks.settings import ConfigError
from cave_rl.tasks.suite import Suite
from cave_rl.tasks.task import Task, Turn
from tests.clients.endpoint import Body, Reply, serving
from tests.semantic.world import Shelf
from tests.training import tiny

NAME = "tests.evaluation.test_protocols:suite"
suite = Suite("Sums-v0", description="sums, and what no JSON says")


@suite.family
def add(rng: random.Random) -> Task:
    boxes = {name: rng.randrange(1000) for name in "abc"}
    turn = Turn("Add up the boxes a, b and c, as total.", equals("total", sum(boxes.values())),
                gold="total = sum(map(look, 'abc'))")  # fmt: skip
    return Task([turn], hosted=[Hosted(Shelf(boxes), flat=True)])


@suite.family
def double(rng: random.Random) -> Task:
    xs = [rng.randrange(100) for _ in range(rng.randrange(3, 9))]
    turn = Turn("Double each of xs in place.", equals("xs", [2 * x for x in xs]), changes=["xs"],
                gold="xs[:] = [2 * x for x in xs]")  # fmt: skip
    return Task([turn], variables=[Variable("xs", xs)])


@suite.family
def drop(rng: random.Random) -> Task:
    turn = Turn("Delete x.", deleted("x"), changes=["x"], gold="del x")
    return Task([turn], variables=[Variable("x", rng.randrange(10**6))])


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_registered", {"Sums-v0": suite})


def config(url: str = "gold", **changes: Any) -> EvalConfig:
    given = {"suites": ["Sums-v0"], "tasks": 6, "model": {"name": url}, "endpoint": {"retries": 0}}
    return EvalConfig.model_validate({**given, **changes})


def carried(path: Path, made: EvalConfig) -> dict[str, Any]:
    with RunDirectory.create(path, made) as run:
        return carry_out(run, plan(made), player(made), versions={})


def call(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, ["eval", *map(str, arguments)], prog_name="cave-rl")


# --- one run ----------------------------------------------------------------------------------------------------------


def test_tasks_that_a_protocol_cannot_put_are_left_out_and_counted(tmp_path: Path) -> None:
    found = carried(tmp_path / "json", config(env={"protocol": "json"}))
    assert (found["rollouts"], found["missing"], found["faults"]) == (4, 0, 0)
    assert found["success"]["mean"] == 1.0
    assert {name.partition("/")[0] for name in found["left_out"]} == {"drop"}
    assert set(found["left_out"].values()) == {"x is deleted, which an answer does not say"}
    rows = load(tmp_path / "json")[1]
    assert {row["protocol"] for row in rows} == {"json"}
    assert found["label"] == "Sums-v0 test gold json"


def test_a_run_in_cave_says_what_it_always_said(tmp_path: Path) -> None:
    found = carried(tmp_path, config())
    assert found["rollouts"] == 6
    assert "left_out" not in found
    assert "protocol" not in load(tmp_path)[1][0]


def test_doing_nothing_earns_nothing_in_any_protocol(tmp_path: Path) -> None:
    for protocol, model in (("codeact", "random"), ("json", "noop")):
        made = config(model, env={"protocol": protocol}, families=["add", "double"])
        assert carried(tmp_path / protocol, made)["reward"] == 0.0


def test_a_run_is_scored_again_from_its_messages(tmp_path: Path) -> None:
    made = config(env={"protocol": "codeact"}, families=["add", "double"])
    carried(tmp_path, made)
    found, rows = rescore(*load(tmp_path))
    assert (found["replayed"], found["exact"], found["changed"]) == (6, 6, {})
    assert all(row["solved"] for row in rows)


def test_runs_in_two_protocols_are_compared_by_task(tmp_path: Path) -> None:
    carried(tmp_path / "cave", config())
    carried(tmp_path / "json", config("noop", env={"protocol": "json"}))
    found = compare(Side.read(tmp_path / "cave"), Side.read(tmp_path / "json"))
    assert (found["tasks"], found["left_out"], found["lost"], found["difference"]["mean"]) == (4, 2, 4, -1.0)
    told = "\n".join(unfair(found))
    assert "env.protocol is 'cave' before and 'json' after" in told
    assert "2 tasks are left out" in told


def test_tokens_of_gold_are_counted_by_a_tokenizer(tmp_path: Path) -> None:
    tiny.tokenizer().save_pretrained(str(tmp_path / "tokenizer"))
    made = config(model={"name": "gold", "tokenizer": str(tmp_path / "tokenizer")}, families=["add"])
    counted = {name: carried(tmp_path / name, of_protocol(made, name))["tokens"] for name in ("cave", "json")}  # type: ignore[arg-type]
    assert all(each["by"] == {"ids": 6} for each in counted.values())
    assert counted["json"]["sent"] > counted["cave"]["sent"] > counted["cave"]["prompt"] > 0


# --- side by side -----------------------------------------------------------------------------------------------------


def test_all_protocols_are_played_and_put_side_by_side(tmp_path: Path) -> None:
    result = call("Sums-v0", "--model", "gold", "--protocol", "all", "-n", 6, "-o", "three")
    assert result.exit_code == 0, result.output
    assert AUTHORED in result.output
    assert "left out of all sides: 2 tasks that a protocol cannot put (codeact 2, json 2): drop 2" in result.output
    found = json.loads(Path("three/summary.json").read_text())
    assert list(found["protocols"]) == ["cave", "codeact", "json"]
    assert found["tasks"] == 4
    assert [each["success"]["mean"] for each in found["protocols"].values()] == [1.0, 1.0, 1.0]
    assert [each["steps"] for each in found["protocols"].values()] == [2.0, 2.0, 3.0]
    assert found["equal"] == {"max_steps": 8, "observation_chars": 5000, "budget": None}
    assert found["differences"]["json - cave"]["mean"] == 0.0
    assert (Path("three/json") / "summary.json").is_file()
    assert [each.label for each in sides(read(["three"]))] == ["cave", "codeact", "json"]


def test_json_prints_the_comparison_alone() -> None:
    result = call("Sums-v0", "--model", "noop", "--protocol", "json,cave", "-n", 4, "--json", "-o", "two")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found["protocols"]) == ["json", "cave"]
    assert not found["authored"]


def test_one_protocol_is_a_run_as_any() -> None:
    assert call("Sums-v0", "--model", "gold", "--protocol", "codeact", "-n", 3, "-o", "one").exit_code == 0
    assert yaml.safe_load(Path("one/config.yaml").read_text())["env"]["protocol"] == "codeact"


def test_a_comparison_goes_on_where_it_was(tmp_path: Path) -> None:
    assert call("Sums-v0", "--model", "gold", "--protocol", "cave,json", "-n", 3, "-o", "two").exit_code == 0
    for name in ("two/summary.json", "two/json/summary.json"):
        Path(name).unlink()
    traces = Path("two/json/traces.jsonl")
    traces.write_text(traces.read_text().split("\n")[0] + "\n")
    before = Path("two/cave/traces.jsonl").read_text()
    again = call("Sums-v0", "--model", "gold", "--protocol", "cave,json", "-n", 3, "-o", "two")
    assert again.exit_code == 2
    assert "go on with --resume two" in again.output
    result = call("--resume", "two")
    assert result.exit_code == 0, result.output
    assert len(traces.read_text().splitlines()) == 2
    assert Path("two/cave/traces.jsonl").read_text() == before
    assert json.loads(Path("two/summary.json").read_text())["tasks"] == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("jason", "no protocol 'jason'"),
        ("json,json", "'json' comes twice"),
        ("", "no protocol ''"),
        ("all,json", "all"),
    ],
)
def test_protocols_that_are_not_there_are_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        chosen(text)
    if text:
        assert call("Sums-v0", "--model", "gold", "--protocol", text).exit_code == 2


# --- over HTTP --------------------------------------------------------------------------------------------------------


def asked(path: str, body: Body, before: int) -> Reply:
    """A model with calls of its own: it looks into the boxes one by one, adds up and answers."""
    assert {tool["function"]["name"] for tool in body["tools"]} == {"look"}
    results = [message for message in body["messages"] if message["role"] == "tool"]
    if len(results) < 3:
        return Reply("", "tool_calls", calls=[("look", json.dumps({"box": "abc"[len(results)]}))])
    numbers = [int(message["content"].split("\n")[1]) for message in results]
    return Reply(json.dumps({"total": sum(numbers)}))


def test_an_endpoint_is_offered_functions_and_called_back(tmp_path: Path) -> None:
    with serving(asked) as (url, endpoint):
        found = carried(tmp_path, config(url, env={"protocol": "json"}, families=["add"], tasks=3))
    assert (found["faults"], found["success"]["mean"], found["steps"]) == (0, 1.0, 4.0)
    last = endpoint.requests[-1][1]["messages"]
    roles = [message["role"] for message in last]
    assert roles == ["system", "user", *["assistant", "tool"] * 3]
    assert "def look" not in last[0]["content"]
    ids = [call["id"] for message in last for call in message.get("tool_calls", ())]
    assert ids == [message["tool_call_id"] for message in last if message["role"] == "tool"]
    (row, *_) = load(tmp_path)[1]
    assert "<tool_call>" in row["messages"][2]["content"]
    assert row["tokens"]["by"] == "usage"


def test_calls_that_are_no_json_are_the_models_failure_and_no_fault(tmp_path: Path) -> None:
    def broken(path: str, body: Body, before: int) -> Reply:
        return Reply("", "tool_calls", calls=[("look", '{"box": ')])

    with serving(broken) as (url, _):
        found = carried(tmp_path, config(url, env={"protocol": "json"}, families=["add"], tasks=2))
    assert (found["faults"], found["reward"], found["outcomes"]) == (0, 0.0, {"malformed": 4})


def test_codeact_asks_an_endpoint_for_text_alone(tmp_path: Path) -> None:
    def coding(path: str, body: Body, before: int) -> Reply:
        assert "tools" not in body
        last = body["messages"][-1]["content"]
        if "<execution_output>" in last:
            return Reply(json.dumps({"total": int(last.split("\n")[1])}))
        return Reply("```python\nprint(sum(int(look(box)) for box in 'abc'))\n```")

    with serving(coding) as (url, _):
        found = carried(tmp_path, config(url, env={"protocol": "codeact"}, families=["add"], tasks=2))
    assert (found["faults"], found["success"]["mean"], found["steps"]) == (0, 1.0, 2.0)


def test_calls_of_the_endpoint_are_for_endpoints_that_are_asked_by_chat() -> None:
    assert config("http://127.0.0.1:1/v1", env={"protocol": "json"}).env.calls == "native"
    assert config("http://127.0.0.1:1/v1", env={"protocol": "json", "calls": "text"}).env.calls == "text"
    assert config(env={"protocol": "json"}).env.calls == "text"
    with pytest.raises(ValueError, match="calls: native is for endpoints"):
        config(env={"protocol": "json", "calls": "native"})
