"""What a figure or a chart as plain data shows: these series and no other."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from cave_rl.rewards import Evidence, State, chart_shows
from cave_rl.runtime.codec import decode, encode
from cave_rl.tasks import Task, Turn
from tests.conftest import Play, python

MONTHS, SALES, COSTS = ["Jan", "Feb", "Mar"], [3, 5, 4], [1.0, 2.0, 0.1 + 0.2]


def message(value: Any, *given: Any, **more: Any) -> str:
    (verdict,) = chart_shows("chart", *given, **more).check(Evidence(State({"chart": decode(encode(value))})))
    assert verdict.passed is not bool(verdict.message)
    assert len(verdict.message) < 500
    return str(verdict.message)


def figure(draw: Callable[[Any], Any]) -> Any:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    made = Figure()
    draw(made.add_subplot())
    return made


# Figures


def test_lines_are_known_by_label_and_points() -> None:
    def draw(ax: Any) -> None:
        ax.plot([1, 2, 3], SALES, label="sales")
        ax.plot([1, 2, 3], COSTS, label="costs")
        ax.set_title(" Year ")

    shown = figure(draw)
    both = {"costs": ([1, 2, 3], [1, 2, 0.3]), "sales": SALES}
    assert not message(shown, both, kind="line", title="Year")
    assert message(shown, {"sales": SALES}) == "chart: expected the series list ['sales'], got list ['sales', 'costs']"
    assert "expected one series" in message(shown, SALES)
    assert message(shown, both, kind="bar") == "chart: series 'sales' is drawn as str 'line', expected 'bar'"
    assert message(shown, both, title="Years") == "chart: expected the title 'Years', got list [' Year ']"
    assert "series 'sales', point 2: expected int 5, got float 4.0" in message(shown, {**both, "sales": [3, 5, 5]})
    assert "series 'costs', point 0: expected int 0, got float 1.0" in message(
        shown, {**both, "costs": ([0, 2, 3], COSTS)}
    )
    assert "expected 2 points, got 3" in message(shown, {**both, "sales": [3, 5]})


def test_bars_are_known_by_their_categories() -> None:
    shown = figure(lambda ax: ax.bar(MONTHS, SALES))
    assert not message(shown, (MONTHS, SALES), kind="bar")
    assert not message(shown, SALES)
    assert message(shown, (["Jan", "Mar", "Feb"], SALES))
    assert message(shown, (["Jan", "Mar", "Feb"], [3, 4, 5]))
    assert not message(shown, (["Jan", "Mar", "Feb"], [3, 4, 5]), check_order=False)
    assert not message(figure(lambda ax: ax.bar([2020, 2021], [1, 2])), ([2020, 2021], [1, 2]))


def test_groups_of_bars_share_their_categories() -> None:
    pd = pytest.importorskip("pandas")

    def draw(ax: Any) -> None:
        pd.DataFrame({"sales": SALES, "costs": COSTS}, index=MONTHS).plot.bar(ax=ax)

    assert not message(figure(draw), {"sales": (MONTHS, SALES), "costs": (MONTHS, COSTS)}, kind="bar")


def test_lying_bars_are_read_upwards() -> None:
    shown = figure(lambda ax: ax.barh(MONTHS, SALES))
    assert not message(shown, (MONTHS, SALES), kind="barh")
    assert message(shown, (MONTHS, SALES))


def test_the_points_of_a_scatter_have_no_order() -> None:
    shown = figure(lambda ax: ax.scatter([1, 2, 3], SALES))
    assert not message(shown, ([3, 1, 2], [4, 3, 5]), kind="scatter")
    assert "no point like tuple (3.0, 5.0)" in message(shown, ([3, 1, 2], [5, 3, 4]))


def test_dates_are_dates() -> None:
    days = [datetime.date(2024, 1, day) for day in (1, 2, 3)]
    shown = figure(lambda ax: ax.plot(days, SALES))
    assert not message(shown, (days, SALES))
    assert not message(shown, ([datetime.datetime(2024, 1, day) for day in (1, 2, 3)], SALES))
    assert message(shown, ([datetime.date(2023, 1, day) for day in (1, 2, 3)], SALES))


def test_an_empty_figure_shows_nothing() -> None:
    assert message(figure(lambda ax: ax.set_title("Sales")), title="Sales") == "chart: it shows no series"


def test_a_figure_that_shows_every_candidate_shows_too_much() -> None:
    def draw(ax: Any) -> None:
        for guess in range(50):
            ax.plot([1, 2, 3], [guess, 5, 4], label="sales" if guess == 3 else f"guess {guess}")

    assert "expected the series" in message(figure(draw), {"sales": SALES})

    def twice(ax: Any) -> None:
        ax.plot(SALES, label="sales")
        ax.plot([0, 0, 0], label="sales")

    assert "expected the series" in message(figure(twice), {"sales": SALES})


# Plain data

SPECS = {
    "plain": {"type": "line", "title": "Sales", "series": [{"label": "2024", "x": MONTHS, "y": SALES}]},
    "with shared x": {"kind": "line", "title": "Sales", "x": MONTHS, "series": [{"name": "2024", "values": SALES}]},
    "by label": {"type": "line", "title": "Sales", "x": MONTHS, "series": {"2024": SALES}},
    "Plotly": {
        "data": [{"type": "line", "name": "2024", "x": MONTHS, "y": SALES}],
        "layout": {"title": {"text": "Sales"}},
    },
    "Chart.js": {
        "type": "line",
        "title": "Sales",
        "data": {"labels": MONTHS, "datasets": [{"label": "2024", "data": SALES}]},
    },
    "ECharts": {
        "title": {"text": "Sales"},
        "xAxis": {"type": "category", "data": MONTHS},
        "yAxis": {"type": "value"},
        "series": [{"type": "line", "name": "2024", "data": SALES}],
    },
    "pairs": {
        "title": "Sales",
        "series": [{"type": "line", "name": "2024", "data": [list(each) for each in zip(MONTHS, SALES, strict=True)]}],
    },
    "points": {
        "title": "Sales",
        "series": [
            {"type": "line", "name": "2024", "data": [{"x": x, "y": y} for x, y in zip(MONTHS, SALES, strict=True)]}
        ],
    },
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_layouts_of_front_ends_are_read(spec: dict[str, Any]) -> None:
    assert not message(spec, {"2024": (MONTHS, SALES)}, kind="line", title="Sales")
    assert message(spec, {"2024": (MONTHS, [3, 5, 5])}, kind="line", title="Sales")
    assert message(spec, {"2023": (MONTHS, SALES)})
    assert message(spec, {"2024": (MONTHS[::-1], SALES)})
    assert message(spec, {"2024": (MONTHS, SALES)}, kind="bar")


def test_the_only_series_of_a_dict_may_stand_alone() -> None:
    assert not message({"type": "bar", "x": MONTHS, "y": SALES}, (MONTHS, SALES), kind="bar")
    assert not message({"type": "pie", "labels": MONTHS, "values": SALES}, (MONTHS, SALES), kind="pie")


def test_arrays_and_frames_in_a_dict_are_lists() -> None:
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    spec = {"x": pd.Series(MONTHS), "series": [{"label": "a", "y": np.array(SALES)}]}
    assert not message(spec, {"a": (MONTHS, SALES)})


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"series": [{"y": SALES}], "data": [{"y": [0, 0, 0]}]}, "both 'series' and 'data'"),
        ({"series": [{"y": SALES, "data": [0, 0, 0]}]}, "both 'y' and 'data'"),
        ({"series": 3}, "no series where one was expected"),
        ({}, "no series where one was expected"),
        ({"series": [{"y": ["3", "5", "4"]}]}, "ys that are no numbers"),
        ({"series": [{"y": [True, 5, 4]}]}, "should be numbers or texts, not bool True"),
        ({"series": [{"y": "354"}]}, "should be a list"),
        ({"series": [{"y": print}]}, "should be a list"),
        ({"series": [{"x": MONTHS[:2], "y": SALES}]}, "2 xs and 3 ys"),
        ({"series": []}, "it shows no series"),
        ("a chart", "expected a matplotlib Figure or a dict, got str"),
        (print, "expected a matplotlib Figure or a dict, got Opaque"),
    ],
)
def test_what_is_no_chart_is_told(spec: Any, told: str) -> None:
    assert told in message(spec, SALES)


def test_what_would_assert_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="would assert nothing"):
        chart_shows("chart")
    with pytest.raises(ValueError, match="2 xs and 3 ys"):
        chart_shows("chart", ([1, 2], SALES))
    with pytest.raises(ValueError, match="no numbers"):
        chart_shows("chart", {"a": MONTHS})


# In the judge


def draw(play: Callable[..., Play], code: str) -> float:
    pytest.importorskip("matplotlib")
    from cave_rl.runtime import Variable

    wanted = chart_shows("fig", (MONTHS, SALES), kind="bar", title="Sales")
    turn = Turn("Draw a bar chart of sales over months, titled 'Sales', as fig.", wanted)
    variables = [Variable("months", MONTHS), Variable("sales", SALES)]
    task = Task([turn], variables=variables, modules=("matplotlib.pyplot",))
    return play(task, python(code), "done").reward


def test_an_honest_figure_is_rewarded(play: Callable[..., Play]) -> None:
    code = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.bar(months, sales)\nax.set_title('Sales')"
    assert draw(play, code) == 1.0


@pytest.mark.parametrize(
    "code",
    [
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.set_title('Sales')",
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.bar(months, [3, 3, 3])\nax.set_title('Sales')",
        "from matplotlib.figure import Figure\nclass F(Figure):\n    __eq__ = lambda *a: True\nfig = F()",
        "class E:\n    __eq__ = lambda *a: True\n    __getattr__ = lambda s, n: s\nfig = E()",
    ],
)
def test_a_figure_that_only_pretends_is_not(play: Callable[..., Play], code: str) -> None:
    assert draw(play, code) == 0.0
