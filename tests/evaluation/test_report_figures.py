"""The numbers of a report, against what they must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cave_rl.evaluation.report import figures
from cave_rl.evaluation.statistics import clustered_interval
from tests.evaluation.lines import failed, faulty, line, many, runs


def test_a_side_is_a_run_under_a_protocol(tmp_path: Path) -> None:
    both = [line(protocol="cave"), line(protocol="json")]
    (one,) = runs(tmp_path, a=both)
    assert [side.label for side in figures.sides([one])] == ["cave", "json"]
    assert [side.label for side in figures.sides(runs(tmp_path, a=both, b=[line()]))] == ["a cave", "a json", "b"]
    assert [side.label for side in figures.sides(runs(tmp_path, c=[]))] == ["c"]


def test_parts_are_told_apart_only_where_a_file_has_several(tmp_path: Path) -> None:
    assert figures.parts(runs(tmp_path, a=[line(eval="x gold")], b=[line(eval="x noop")])) == []
    assert figures.parts(runs(tmp_path, a=[line(eval="T=1"), line(eval="greedy")])) == ["T=1", "greedy"]


def test_success_leaves_faults_out_and_at_worst_counts_them(tmp_path: Path) -> None:
    rows = [line(task="f/1"), failed(task="f/2"), faulty(task="f/3"), faulty(task="f/4")]
    (side,) = figures.sides(runs(tmp_path, a=rows))
    found, least = figures.success(side.episodes), figures.at_worst(side.episodes)
    assert found is not None
    assert least is not None
    assert (found.mean, found.n, least.mean, least.n) == (0.5, 2, 0.25, 4)
    assert figures.success(side.episodes[2:]) is None


def test_the_interval_is_over_tasks(tmp_path: Path) -> None:
    rows = many(80)
    (side,) = figures.sides(runs(tmp_path, a=rows))
    assert figures.success(side.episodes) == clustered_interval(
        [float(row["solved"]) for row in rows], [row["task"] for row in rows]
    )


def test_the_difference_is_on_the_tasks_of_both(tmp_path: Path) -> None:
    before, after = figures.sides(
        runs(
            tmp_path,
            a=[failed(task="f/1"), line(task="f/2"), line(task="f/a")],
            b=[line(task="f/1"), line(task="f/2"), failed(task="f/b")],
        )
    )
    found = figures.difference(before, after)
    assert found is not None
    assert (found.mean, found.clusters) == (0.5, 2)
    assert figures.difference(before, figures.Side("c", after.episodes[2:])) is None


def test_pass_curves_are_over_the_tasks_with_enough_rollouts(tmp_path: Path) -> None:
    rows = [line(task="f/1"), failed(task="f/1"), line(task="f/2"), faulty(task="f/2")]
    (side,) = figures.sides(runs(tmp_path, a=rows))
    assert figures.pass_curve(side.episodes) == [
        figures.PassAt(1, 0.75, 0.75, 2),
        figures.PassAt(2, 1.0, 0.0, 1),
    ]
    assert figures.pass_curve([]) == []


def test_costs_are_means_over_scored_episodes(tmp_path: Path) -> None:
    rows = [
        line(wall_s=1.0, outcomes=["ok"]),
        line(wall_s=3.0, tokens=None),
        faulty(wall_s=100.0, tokens={"prompt": 10**6}),
    ]
    (side,) = figures.sides(runs(tmp_path, a=rows))
    assert (figures.seconds(side), figures.steps(side), figures.reward(side)) == (2.0, 1.5, 1.0)
    assert figures.tokens(side) == {"prompt": 100, "completion": 20, "observation": 5, "sent": 220}


def test_the_slowest_tasks_come_first_with_their_slowest_episode(tmp_path: Path) -> None:
    rows = [line(task="f/1", wall_s=1.0), line(task="f/2", wall_s=2.0), line(task="f/2", wall_s=4.0)]
    first, second = figures.slowest(figures.sides(runs(tmp_path, a=rows)))
    assert (first.task, first.seconds, first.rollouts, first.slowest.id) == ("f/2", 3.0, 2, "1.3")
    assert second.task == "f/1"
    many_tasks = figures.sides(runs(tmp_path, b=[line(task=f"f/{n}") for n in range(40)]))
    assert len(figures.slowest(many_tasks)) == figures.SLOWEST


def test_what_failed_most_is_counted_of_how_often_it_was_judged(tmp_path: Path) -> None:
    (side,) = figures.sides(runs(tmp_path, a=[failed(), failed(), line(), faulty()]))
    assert figures.failed_verdicts(side) == [("sum_values", "total equals", 2, 3)]


def test_a_flip_is_a_task_whose_share_solved_differs(tmp_path: Path) -> None:
    a = [failed(task="f/up"), line(task="f/down"), line(task="f/same"), line(task="f/only"), faulty(task="f/fault")]
    b = [line(task="f/up"), failed(task="f/down"), line(task="f/same"), line(task="f/fault")]
    two = runs(tmp_path, a=a, b=b)
    assert figures.flips(two, figures.sides(two)) == {("", "f/up"): "gained", ("", "f/down"): "lost"}
    three = runs(tmp_path, a=a, b=b, c=b)
    assert set(figures.flips(three, figures.sides(three)).values()) == {"differs"}
    one = runs(tmp_path, a=a)
    assert figures.flips(one, figures.sides(one)) == {}


def test_a_share_of_rollouts_may_flip_too(tmp_path: Path) -> None:
    two = runs(tmp_path, a=[line(), failed()], b=[line(), line()])
    assert list(figures.flips(two, figures.sides(two)).values()) == ["gained"]


def test_parts_of_a_file_do_not_flip_against_each_other(tmp_path: Path) -> None:
    rows = [line(eval="T=1"), failed(eval="greedy")]
    two = runs(tmp_path, a=rows, b=[failed(eval="T=1"), failed(eval="greedy")])
    assert figures.flips(two, figures.sides(two)) == {("T=1", "sum_values/00ff"): "lost"}


@pytest.mark.parametrize("episodes", [0, 1])
def test_little_or_nothing_has_figures_too(tmp_path: Path, episodes: int) -> None:
    found = figures.sides(runs(tmp_path, a=[faulty()] * episodes))
    assert figures.success(found[0].episodes) is None
    assert figures.reward(found[0]) is None
    assert figures.families(found) == ["sum_values"] * episodes
    assert figures.failed_verdicts(found[0]) == []
