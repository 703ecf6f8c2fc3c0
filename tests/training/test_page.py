"""The page of a run: curves of training above the report of its evaluations."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from cave_rl.training import page
from tests.evaluation.lines import line


def run_of(directory: Path, *, history: list[dict[str, Any]], **files: list[dict[str, Any]]) -> Path:
    for name, rows in {"metrics": history, **files}.items():
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory


HISTORY: list[dict[str, Any]] = [
    {"step": 1, "solved": 0.0, "family/put": 0.0, "groups/zero_variance": 1.0},
    {"step": 2, "solved": 0.5, "family/put": 0.5, "family/add": 0.25},
    {"step": 3, "solved": 1.0, "family/add": 0.75, "groups/zero_variance": 0.5},
]


def episodes(solved: bool) -> list[dict[str, Any]]:
    return [line(task=f"put/{i}", family="put", solved=solved, reward=float(solved)) for i in range(2)]


@pytest.fixture
def written(tmp_path: Path) -> str:
    evaluations = [{"step": 2, "pass@1": 0.5, "low": 0.25, "high": 0.75, "n": 8}, {"step": 3, "pass@1": None}]
    alerts = [{"step": 3, "told": "entropy <low>", "advice": "lower train.learning_rate"}]
    directory = run_of(
        tmp_path,
        history=HISTORY,
        before=episodes(False),
        after=episodes(True),
        evaluations=evaluations,
        alerts=alerts,
    )
    return page.write(directory, "tiny <on> Tiny-v0").read_text()


def test_it_shows_training_each_family_and_the_evaluations(written: str) -> None:
    assert "<h1>tiny &lt;on&gt; Tiny-v0</h1>" in written
    assert [name for name in ("training", "learning", "alerts", "success") if f'<section id="{name}"' in written] == [
        "training",
        "learning",
        "alerts",
        "success",
    ]
    assert "50.0 % [25.0 %, 75.0 %]" in written
    families = re.findall(r'<th scope="row">(\w+)</th><td>([\d.]+ %)</td><td>([\d.]+ %)</td><td><svg', written)
    assert families == [("add", "25.0 %", "50.0 %"), ("put", "0.0 %", "25.0 %")], "running means"
    assert "entropy &lt;low&gt;. lower train.learning_rate." in written


def test_every_episode_before_and_after_is_in_it(written: str) -> None:
    assert ">before<" in written
    assert ">after<" in written
    assert "difference to the first" in written


def test_without_evaluations_it_has_the_episodes_of_training(tmp_path: Path) -> None:
    directory = run_of(tmp_path, history=HISTORY, traces=episodes(True))
    found = page.write(directory, "t").read_text()
    assert '<section id="training"' in found
    assert '<section id="alerts"' not in found


def test_a_run_without_steps_has_no_curves(tmp_path: Path) -> None:
    directory = run_of(tmp_path, history=[], traces=episodes(True))
    assert '<section id="training"' not in page.write(directory, "t").read_text()


def test_a_curve_is_from_its_first_step_to_its_last_and_from_0_to_100_percent() -> None:
    drawn = ET.fromstring(page.curve([(1, 0.0), (3, 0.5), (5, 1.0)], "up"))
    (line_,) = drawn.iter("polyline")
    assert line_.attrib["points"] == "46.0,166.0 246.0,88.0 446.0,10.0"
    assert drawn.find("title").text == "up"  # type: ignore[union-attr]
    ET.fromstring(page.curve([(1, 0.5)], "one step"))


def test_means_are_of_the_last_few() -> None:
    points = [(step, float(step)) for step in range(1, 8)]
    assert page.running(points) == [(1, 1.0), (2, 1.5), (3, 2.0), (4, 2.5), (5, 3.0), (6, 4.0), (7, 5.0)]
