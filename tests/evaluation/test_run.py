"""Whole runs against a real server: what fails is typed, what is counted is exact, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from math import comb
from pathlib import Path
from typing import Any

import pytest

from cave_rl.evaluation.config import EvalConfig
from cave_rl.evaluation.directory import RunDirectory, load
from cave_rl.evaluation.plan import Planned, plan
from cave_rl.evaluation.players import player
from cave_rl.evaluation.run import Outage, carry_out
from cave_rl.tasks.settings import ConfigError
from tests.clients.endpoint import Body, Endpoint, Reply, Script, serving
from tests.evaluation import scripted
from tests.tasks.shop import customer

SHOP = "tests.tasks.shop:suite"
TIMES = ("seconds", "env_share", "env_ms")


def carried(run: RunDirectory, **told: Any) -> dict[str, Any]:
    return carry_out(run, plan(run.config), player(run.config), versions={"ours": "1"}, **told)


def measured(path: Path, script: Script, **changes: object) -> tuple[dict[str, Any], list[Planned], Endpoint]:
    """The summary of a whole run."""
    with serving(script) as (url, endpoint):
        config = scripted.config(url, **changes)
        with RunDirectory.create(path, config) as run:
            return carried(run), plan(config), endpoint


def without(summary: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name not in (*TIMES, *names)}


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in load(path)[1]}


def test_the_numbers_are_those_of_the_rule(tmp_path: Path) -> None:
    found, planned, endpoint = measured(tmp_path, scripted.model)
    config = load(tmp_path)[0]
    right = {item.key: not scripted.wrong(scripted.seeds(config, item)[0]) for item in planned}
    assert {key: row["solved"] for key, row in rows_of(tmp_path).items()} == right
    solved = Counter(item.task.id for item in planned if right[item.key])
    tasks = {item.task.id for item in planned}
    assert (found["rollouts"], found["tasks"], found["missing"], found["faults"]) == (48, 12, 0, 0)
    assert found["success"]["mean"] == pytest.approx(sum(right.values()) / 48)
    for k in (1, 2, 4):
        at = sum(1 - comb(4 - solved[task], k) / comb(4, k) for task in tasks) / 12
        hat = sum(comb(solved[task], k) / comb(4, k) for task in tasks) / 12
        assert (found["pass_at"][k], found["pass_hat"][k]) == (pytest.approx(at), pytest.approx(hat))
    assert found["pass_tasks"] == {1: 12, 2: 12, 4: 12}
    assert (found["steps"], found["outcomes"]) == (2.0, {"answered": 48, "ok": 48})
    assert len(endpoint.requests) == 96


def test_tokens_are_the_endpoints_own_count(tmp_path: Path) -> None:
    """A token is a character there."""
    found, _, _ = measured(tmp_path, scripted.model)
    sizes: Counter[str] = Counter()
    for row in rows_of(tmp_path).values():
        said = [len(message["content"]) for message in row["messages"]]
        opening, (code, observation, answer) = sum(said[: row["opening"]]), said[row["opening"] :]
        assert row["tokens"] == {
            "prompt": opening,
            "completion": code + answer,
            "observation": observation,
            "sent": 2 * opening + code + observation,
            "by": "usage",
        }
        sizes.update({"prompt": opening, "completion": code + answer, "observation": observation})
    assert found["tokens"]["by"] == {"usage": 48}
    assert all(found["tokens"][kind] == pytest.approx(size / 48) for kind, size in sizes.items())
    silent, _, _ = measured(tmp_path / "silent", lambda *given: Reply(scripted.gold(given[1]), usage=False), rollouts=1)
    assert silent["tokens"] == {**dict.fromkeys(("prompt", "completion", "observation", "sent")), "by": {"nobody": 12}}


def test_what_passes_is_overcome_and_counted_and_changes_no_number(tmp_path: Path) -> None:
    """Rate limits, server errors, hangs, rubbish and cut answers, each on the first try of some requests."""
    ways = {
        0: (Reply("", status=429, headers={"retry-after": "0"}), "RateLimited"),
        1: (Reply("", status=500), "ServerError"),
        2: (Reply(form="malformed"), "BadResponse"),
        3: (Reply("a long text that is cut", form="cut"), "NotReached"),
        4: (Reply(form="hang"), "RequestTimeout"),
    }

    def way(seed: int) -> int:
        return 4 if seed % 40 == 4 else seed % 8 if seed % 8 < 4 else -1  # few hang: each takes its time

    def fail(seed: int, before: int) -> Reply | None:
        return ways[way(seed)][0] if before == 0 and way(seed) in ways else None

    options: dict[str, Any] = {"endpoint": {"timeout_s": 3.0, "retries": 3, "pause_s": 0.001}}
    found, planned, _ = measured(tmp_path / "a", scripted.failing(scripted.model, fail), **options)
    config = load(tmp_path / "a")[0]
    met = [way(seed) for item in planned for seed in scripted.seeds(config, item)]
    assert found["retries"] == dict(Counter(ways[each][1] for each in met if each in ways))
    assert len(found["retries"]) == 5, "each of them was met"
    smooth, _, _ = measured(tmp_path / "b", scripted.model, **options)
    assert without(found, "retries", "label") == without(smooth, "retries", "label")


def test_what_does_not_pass_is_a_typed_fault_left_out_and_bounded(tmp_path: Path) -> None:
    ways = {
        0: (Reply("", status=429), "RateLimited"),
        1: (Reply("", status=503), "ServerError"),
        2: (Reply("no", status=400), "Refused"),
        3: (Reply("", "content_filter"), "ContentFiltered"),
    }

    def fail(seed: int, before: int) -> Reply | None:
        return ways[seed % 12][0] if seed % 12 in ways else None

    found, planned, _ = measured(tmp_path, scripted.failing(scripted.model, fail))
    config = load(tmp_path)[0]
    first = {
        item.key: next((ways[seed % 12][1] for seed in scripted.seeds(config, item) if seed % 12 in ways), None)
        for item in planned
    }
    assert {key: row["fault_type"] for key, row in rows_of(tmp_path).items()} == first
    kinds = Counter(kind for kind in first.values() if kind)
    assert found["faults_by_type"] == dict(kinds)
    assert len(kinds) == 4
    solved = sum(row["solved"] for row in rows_of(tmp_path).values())
    assert found["success"]["mean"] == pytest.approx(solved / (48 - kinds.total()))
    assert found["success_with_faults"]["mean"] == pytest.approx(solved / 48)
    assert found["success_with_faults"]["mean"] < found["success"]["mean"]
    assert "more than 2 %" in found["no_verdict"]
    assert all(row["reward"] is None for row in rows_of(tmp_path).values() if row["fault"])
    left = Counter(row["task"] for row in rows_of(tmp_path).values() if row["fault"] is None)
    short = [left[item.task.id] for item in planned[::4]]
    assert found["pass_tasks"] == {k: sum(n >= k for n in short) for k in (1, 2, 4)}


def test_an_answer_over_its_limit_and_a_chat_over_the_context_are_outcomes(tmp_path: Path) -> None:
    """They are the model's: judged as it stands, and not executed."""

    def script(path: str, body: Body, before: int) -> Reply:
        seed = body["seed"]
        if seed % 4 == 0:
            return Reply(scripted.gold(body), "length")
        if seed % 4 == 1:
            return Reply("maximum context length is 9 tokens", status=400)
        return Reply(scripted.gold(body))

    found, planned, _ = measured(tmp_path, script)
    config = load(tmp_path)[0]

    def ends(item: Planned) -> str:
        kinds = [{0: "cut", 1: "context"}.get(seed % 4) for seed in scripted.seeds(config, item)]
        return next((kind for kind in kinds if kind), "answered")

    expected = {item.key: ends(item) for item in planned}
    rows = rows_of(tmp_path)
    assert {key: row["stop"] for key, row in rows.items()} == expected
    assert set(expected.values()) == {"cut", "context", "answered"}
    assert found["faults"] == 0
    for item in planned:
        first = scripted.seeds(config, item)[0] % 4
        assert rows[item.key]["solved"] == (first > 1), "a right cell counts, though the answer after it was cut"


def test_room_that_an_answer_does_not_have_is_asked_for_again_as_what_is_left(tmp_path: Path) -> None:
    """Endpoints refuse a chat that fits where `max_tokens` does not."""

    def script(path: str, body: Body, before: int) -> Reply:
        if body["max_tokens"] is not None:
            return Reply("maximum context length is 99 tokens: 50 in the messages, 64 in the completion", status=400)
        return Reply(scripted.gold(body))

    found, _, _ = measured(tmp_path, script, rollouts=1)
    assert (found["success"]["mean"], found["stops"]) == (1.0, {"answered": 12})


def test_a_budget_of_tokens_is_kept(tmp_path: Path) -> None:
    """What goes over it is not executed."""

    def script(path: str, body: Body, before: int) -> Reply:
        return Reply(scripted.gold(body))  # 19 characters to set x, 20 to add to it; 5 for "Done."

    def stops(path: Path, budget: int) -> tuple[set[str], float, set[int]]:
        found, _, endpoint = measured(path, script, rollouts=1, tasks=4, families=["add"], budget=budget)
        asked = {body["max_tokens"] for _, body in endpoint.requests}
        return set(found["stops"]), found["success"]["mean"], asked

    assert stops(tmp_path / "a", 19) == ({"cut"}, 0.0, {19})
    assert stops(tmp_path / "b", 20) == ({"budget"}, 1.0, {20}), "the cell fits; what it left is judged"
    assert stops(tmp_path / "c", 24) == ({"cut"}, 1.0, {24, 4}), "with what came of the cell the answer does not"
    assert stops(tmp_path / "d", 99) == ({"answered"}, 1.0, {99, 79})
    unknown, _, _ = measured(
        tmp_path / "e", lambda *given: Reply(scripted.gold(given[1]), usage=False), rollouts=1, tasks=4, budget=99
    )
    assert unknown["faults_by_type"] == {"BadResponse": 4}, "it cannot be kept where tokens are not told"


def test_a_slow_answer_holds_back_no_other(tmp_path: Path) -> None:
    """One request is answered only when twenty other episodes have come to their end."""
    slow: set[int] = set()
    others, enough = Counter[str](), threading.Event()

    def script(path: str, body: Body, before: int) -> Reply:
        reply = scripted.model(path, body, before)
        if body["seed"] in slow:
            enough.wait(60)
        others[reply.text] += 1
        if others["Done."] >= 20:
            enough.set()
        return reply

    with serving(script) as (url, _):
        config = scripted.config(url, concurrency=4, endpoint={"timeout_s": 90.0})
        slow.add(scripted.seeds(config, plan(config)[0])[0])
        with RunDirectory.create(tmp_path, config) as run:
            carried(run)
    order = [json.loads(line)["key"] for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert order.index(plan(config)[0].key) >= 16


def test_an_episode_over_its_time_is_judged_as_it_stands(tmp_path: Path) -> None:
    def script(path: str, body: Body, before: int) -> Reply:
        if scripted.gold(body) == "Done.":
            time.sleep(5)
        return Reply(scripted.gold(body))

    found, _, _ = measured(tmp_path, script, rollouts=1, tasks=4, time_s=1.5)
    assert (found["stops"], found["success"]["mean"], found["faults"]) == ({"time": 4}, 1.0, 0)


def test_no_more_episodes_are_alive_than_asked_for(tmp_path: Path) -> None:
    def script(path: str, body: Body, before: int) -> Reply:
        time.sleep(0.02)
        return scripted.model(path, body, before)

    _, _, endpoint = measured(tmp_path, script, concurrency=3)
    assert endpoint.most_at_once == 3


# --- surviving ------------------------------------------------------------------------------------------------------


def test_an_outage_stops_the_run_and_it_goes_on_where_it_was(tmp_path: Path) -> None:
    down = False
    answered = 0

    def script(path: str, body: Body, before: int) -> Reply:
        nonlocal answered
        answered += not down
        return Reply("", status=503) if down or answered > 40 else scripted.model(path, body, before)

    with serving(script) as (url, endpoint):
        options = {"timeout_s": 5.0, "retries": 1, "pause_s": 0.001, "give_up_after": 6}
        config = scripted.config(url, endpoint=options)
        with (
            RunDirectory.create(tmp_path, config) as run,
            pytest.raises(Outage, match=r"6 episodes in a row.*ServerError"),
        ):
            carried(run)
        assert not (tmp_path / "summary.json").exists()
        scored = [key for key, row in rows_of(tmp_path).items() if row["fault"] is None]
        assert 10 <= len(scored) < 30
        asked = len(endpoint.requests)
        answered = -10_000
        with RunDirectory.resume(tmp_path) as run:
            found = carried(run)
        assert len(endpoint.requests) - asked == 2 * (48 - len(scored)), "only what was missing or had failed"
    whole, _, _ = measured(tmp_path / "whole", scripted.model)
    assert without(found, "label") == without(whole, "label")


def test_a_user_that_nobody_plays_stops_the_run_before_anything_is_played(tmp_path: Path) -> None:
    config = EvalConfig.model_validate({"suites": [SHOP], "tasks": 2, "model": {"name": "gold"}})
    with (
        RunDirectory.create(tmp_path, config) as run,
        pytest.raises(ConfigError, match=r"set user\.url and user\.model .*env\.user\.url="),
    ):
        carried(run)
    assert rows_of(tmp_path) == {}


def test_an_outage_of_the_user_is_no_failure_of_the_model(tmp_path: Path) -> None:
    down = True

    def script(path: str, body: Body, before: int) -> Reply:
        return Reply("", status=503) if down else customer(path, body, before)

    with serving(script) as (url, _):
        user = {"url": url, "model": "scripted", "retries": 0}
        given = {"suites": [SHOP], "tasks": 8, "concurrency": 2, "model": {"name": "gold"}, "env": {"user": user}}
        config = EvalConfig.model_validate({**given, "endpoint": {"give_up_after": 4}})
        with RunDirectory.create(tmp_path, config) as run, pytest.raises(Outage, match=r"in a row.*UserFault"):
            carried(run)
        assert {row["fault_type"] for row in rows_of(tmp_path).values()} == {"UserFault"}
        assert {row["reward"] for row in rows_of(tmp_path).values()} == {None}
        down = False
        with RunDirectory.resume(tmp_path) as run:
            found = carried(run)
    assert (found["rollouts"], found["faults"], found["success"]["mean"]) == (8, 0, 1.0)
    assert {row["users"]["messages"] for row in rows_of(tmp_path).values()} == {3}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_killed_goes_on_to_the_same_summary(tmp_path: Path, number: int) -> None:
    def script(path: str, body: Body, before: int) -> Reply:
        time.sleep(0.05)
        return scripted.model(path, body, before)

    def command(*arguments: str) -> subprocess.Popen[str]:
        whole = [sys.executable, "-m", "cave_rl", "eval", *arguments, "--json"]
        return subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)

    def lines() -> int:
        path = tmp_path / "run" / "traces.jsonl"
        return path.read_text().count("\n") if path.exists() else 0

    with serving(script) as (url, endpoint):
        options = ["-n", "6", "-r", "6", "--tag", "easy", "--style", "compact", "--max-steps", "4", "-c", "4"]
        given = [scripted.SUITE, "--model", url, *options]
        killed = command(*given, "-o", str(tmp_path / "run"))
        while lines() < 9 and killed.poll() is None:
            time.sleep(0.005)
        killed.send_signal(number)
        told = killed.communicate(timeout=60)[1]
        assert killed.returncode == {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130}[signal.Signals(number)], told
        assert 9 <= lines() < 36
        if number == signal.SIGINT:
            assert f"--resume {tmp_path / 'run'} goes on" in told
        with (tmp_path / "run" / "traces.jsonl").open("a") as file:
            file.write('{"key": "torn')  # as a kill in the middle of a write would leave it
        kept, asked = lines(), len(endpoint.requests)
        resumed = command("--resume", str(tmp_path / "run"), "-c", "8")
        out, told = resumed.communicate(timeout=100)
        assert resumed.returncode == 0, told
        assert f"{kept} of 36 episodes are there already" in told
        assert len(endpoint.requests) - asked == 2 * (36 - kept)
        found = json.loads(out)
    whole, _, _ = measured(tmp_path / "whole", scripted.model, tasks=6, rollouts=6)
    assert without(found, "label") == json.loads(json.dumps(without(whole, "label")))
    assert len(json.loads((tmp_path / "run" / "environment.json").read_text())["started"]) == 2


def test_a_finished_run_goes_on_with_nothing(tmp_path: Path) -> None:
    found, _, endpoint = measured(tmp_path, scripted.model, rollouts=1)
    with RunDirectory.resume(tmp_path) as run:
        assert without(carried(run)) == without(found)
    assert len(endpoint.requests) == 24


def test_what_has_changed_since_is_told(tmp_path: Path) -> None:
    measured(tmp_path, scripted.model, rollouts=1)
    told: list[tuple[int, int, list[str]]] = []
    with RunDirectory.resume(tmp_path) as run:
        planned = plan(run.config)

        def begun(planned: int, rows: Any, changed: Any) -> None:
            told.append((planned, len(rows), list(changed)))

        carry_out(run, planned, player(run.config), versions={"ours": "2"}, begun=begun)
    assert told == [(12, 12, ["ours was 1 and is 2 now"])]


def test_a_run_whose_tasks_are_others_today_does_not_go_on(tmp_path: Path) -> None:
    measured(tmp_path, scripted.model, rollouts=1)
    with RunDirectory.resume(tmp_path) as run:
        planned = plan(run.config)
        with pytest.raises(ConfigError, match="is another task today"):
            carry_out(run, planned[1:], player(run.config), versions={})


def test_a_prompt_hash_is_that_of_the_opening(tmp_path: Path) -> None:
    found, _, _ = measured(tmp_path / "a", scripted.model, rollouts=2)
    same, _, _ = measured(tmp_path / "b", scripted.model, rollouts=1)
    env = {"prompt": {"style": "compact", "overrides": {"identity": "Be brief."}}, "max_steps": 4}
    other, _, _ = measured(tmp_path / "c", scripted.model, rollouts=1, env=env)
    assert found["prompt_hash"] == same["prompt_hash"]
    assert found["prompt_hash"]["ids"] is None, "a chat endpoint makes the prompt itself"
    assert len({row["prompt_hash"]["messages"] for row in rows_of(tmp_path / "a").values()}) > 1
    assert other["prompt_hash"]["messages"] not in (None, found["prompt_hash"]["messages"])
