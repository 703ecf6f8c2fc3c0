"""The page as a file: whole in itself, the same each time, and safe whatever the traces hold."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cave_rl.evaluation import report
from cave_rl.evaluation.report import page
from cave_rl.evaluation.report.details import details
from cave_rl.evaluation.report.pack import CHUNK
from cave_rl.runtime.pool import Pool
from tests.evaluation.lines import HOSTILE, failed, faulty, line, many, older, real, runs, written
from tests.evaluation.test_report_markup import Seen

ASSETS = Path(page.__file__).parent / "assets"


def made(tmp_path: Path, *rows: dict[str, Any], **options: Any) -> str:
    return report.render(runs(tmp_path, mine=list(rows)), **options)


def held(text: str, name: str) -> Any:
    """What one of the page's data elements holds."""
    kind, data = re.search(rf'<script type="([a-z/]+)" id="{name}">(.*?)</script>', text, re.S).groups()  # type: ignore[union-attr]
    return json.loads(data if kind == "application/json" else gzip.decompress(base64.b64decode(data)))


def words(text: str) -> str:
    """What a person reads without scripts."""
    return re.sub(r"\s+", " ", " ".join(Seen(re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)).pieces))


# what it says


def test_figures_are_there_as_text(tmp_path: Path) -> None:
    rows = [line(task=f"sum_values/{n}") for n in range(3)] + [failed(task="sum_values/3")]
    text = words(made(tmp_path, *rows))
    for part in ("75.0 % [25.0, 100.0]", "100 20 5 220 0.5", "3 (75.0 %)", "total equals 1 (25.0 %)", "sum_values/0"):
        assert part in text
    assert "answered 4 (50.0 %)" in text


def test_two_runs_are_compared(tmp_path: Path) -> None:
    text = words(report.render(runs(tmp_path, a=[failed(), failed(task="f/2")], b=[line(), line(task="f/2")])))
    assert "+100.0 points" in text
    assert "tasks that b solved more often than a: 2" in text


def test_faults_are_told_and_too_many_are_no_verdict(tmp_path: Path) -> None:
    text = words(made(tmp_path, *many(98), faulty()))
    assert "with every fault counted as a failure" in text
    assert "NO VERDICT" not in text
    assert "NO VERDICT: 50.0 % of its episodes are faults" in words(made(tmp_path, line(), faulty()))


def test_pass_at_k_is_there_where_tasks_were_played_several_times(tmp_path: Path) -> None:
    assert "pass@k" not in made(tmp_path, line(task="f/1"), line(task="f/2"))
    text = made(tmp_path, line(), failed())
    assert "pass@k" in words(text)
    assert "2 100.0 % 0.0 % 1" in words(text)
    assert 'role="img" aria-label="pass@k: at least one of k solves"' in text


def test_protocols_stand_side_by_side(tmp_path: Path) -> None:
    rows = [line(protocol="cave"), line(protocol="json", tokens={"prompt": 100, "completion": 70})]
    text = words(made(tmp_path, *rows))
    assert "cave 2 100 20 5 220 0.5" in text
    assert "json 2 100 70 not counted not counted 0.5" in text


def test_the_title_is_the_runs_names_or_what_is_asked_for(tmp_path: Path) -> None:
    assert "<title>mine</title>" in made(tmp_path, line())
    assert "<h1>a &lt; b</h1>" in made(tmp_path, line(), title="a < b")


@pytest.mark.parametrize("rows", [[], [faulty()], [{"task": "x", "solved": False}]], ids=["none", "fault", "bare"])
def test_runs_with_next_to_nothing_have_a_page(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert len(held(made(tmp_path, *rows), "index")["columns"]["id"]) == len(rows)


# what it holds


@pytest.mark.parametrize("plain", [False, True])
def test_every_episode_is_held_in_order(tmp_path: Path, plain: bool) -> None:
    rows = [*many(2 * CHUNK + 1), older(failed()), faulty()]
    (run,) = found = runs(tmp_path, mine=rows)
    text = report.render(found, plain=plain)
    index = held(text, "index")
    names, columns = index["names"], index["columns"]
    assert index["chunk"] == CHUNK
    assert {len(column) for column in columns.values()} == {len(rows)}
    for place, each in enumerate(run.episodes):
        assert columns["id"][place] == each.id
        assert names["result"][columns["result"][place]] == each.result
        assert names["task"][columns["task"][place]] == each.task
        assert names["family"][columns["family"][place]] == each.family
        assert columns["reward"][place] == each.reward
        assert {names["outcome"][n] for n in columns["outcomes"][place]} == set(each.outcomes)
    chunks = [held(text, f"chunk-{n}") for n in range(3)]
    assert [one for chunk in chunks for one in chunk] == [json.loads(json.dumps(details(e))) for e in run.episodes]


def test_flips_are_marked_on_both_sides(tmp_path: Path) -> None:
    two = runs(tmp_path, a=[failed(), line(task="f/2")], b=[line(), line(task="f/2")])
    index = held(report.render(two), "index")
    assert [index["names"]["flip"][n] if n >= 0 else None for n in index["columns"]["flip"]] == [
        "gained", None, "gained", None,
    ]  # fmt: skip


def test_the_same_runs_give_the_same_page(tmp_path: Path) -> None:
    found = runs(tmp_path, a=many(60), b=many(60, seed=1))
    assert report.render(found) == report.render(found)


def test_real_episodes_have_a_page(tmp_path: Path, pool: Pool) -> None:
    rows = real(pool)
    text = report.write([written(tmp_path / "run", rows)], tmp_path / "out" / "page.html").read_text()
    assert held(text, "index")["columns"]["reward"] == [row["reward"] for row in rows]


def test_where_it_cannot_be_written_is_told(tmp_path: Path) -> None:
    run = written(tmp_path / "run", [line()])
    with pytest.raises(report.ReportError, match="cannot write"):
        report.write([run], run / "traces.jsonl" / "page.html")


# what it may not do


def hostile() -> dict[str, Any]:
    """An episode in which every text is hostile."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoil(each) for key, each in value.items()} | {HOSTILE: HOSTILE}
        if isinstance(value, list):
            return [spoil(each) for each in value]
        return value + HOSTILE if isinstance(value, str) and value not in ("assistant", "ok") else value

    return {**spoil(failed(eval="e", protocol="p", key="k")), "fault": None}


@pytest.mark.parametrize("plain", [False, True])
def test_hostile_text_adds_no_element_and_no_attribute(tmp_path: Path, plain: bool) -> None:
    """The page of hostile episodes has the elements and attributes that the page of harmless ones has."""

    def shape(rows: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
        found = report.render(runs(tmp_path, a=rows, b=rows), plain=plain)
        return [(name, sorted(attributes)) for name, attributes in Seen(found).tags]

    harmless = [failed(eval="e", protocol="p", key="k")]
    harmless[0]["outcomes"] = ["ok", "not ok"]
    assert shape([hostile()]) == shape(harmless)


def test_hostile_names_of_runs_and_configurations_are_text(tmp_path: Path) -> None:
    name = "<b>&\"'run"
    run = written(tmp_path / name, [line()])
    (run / "config.yaml").write_text(HOSTILE, encoding="utf-8", errors="replace")
    text = report.render(report.read([run]), title=HOSTILE)
    assert {"b", "img", "svg"}.isdisjoint(tag for tag, attributes in Seen(text).tags if not attributes)
    assert "</b>" not in text
    assert text.count("<script") == 3, "index, one chunk, and the reader"


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    text = made(tmp_path, line())
    assert re.findall(r"https?://|url\(|@import|import\(|XMLHttpRequest|WebSocket", text) == []
    leading = [(at.get("src") or at.get("href") or "#") for _, at in Seen(text).tags]
    assert all(each == "data:," or each.startswith("#") for each in leading)


def test_a_policy_lets_only_this_script_and_this_style_in(tmp_path: Path) -> None:
    text = made(tmp_path, line())
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]  # type: ignore[index]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for name, tag in (("script-src", "<script>"), ("style-src", "<style>")):
        inline = text.split(tag, 1)[1].split(f"</{tag[1:]}", 1)[0]
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert (rules["default-src"], rules["connect-src"], rules["base-uri"]) == ("'none'", "'none'", "'none'")
    assert " style=" not in re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S), "the policy would ignore it"
    assert not re.search(r"<[^>]* on[a-z]+=", re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S))


@pytest.mark.parametrize("name", page.SCRIPTS)
def test_scripts_set_text_and_never_markup(name: str) -> None:
    source = (ASSETS / name).read_text()
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\b|new Function|srcdoc"
        r"|DOMParser|javascript:|\.setHTML",
        source,
    )
    assert found == []
    assert "</script" not in source
