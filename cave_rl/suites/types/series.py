"""pandas Series."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import Any

from cave_rl.suites.making import Families, single, where
from cave_rl.suites.types.drawing import numbers, words
from cave_rl.suites.types.frames import holds
from cave_rl.tasks.task import Task

family = Families()

NAMES = ("series", "sales", "visits", "counts", "readings")


def _series(rng: random.Random, low: int = 5, high: int = 9) -> Any:
    """Distinct numbers, labelled by words."""
    import pandas as pd

    labels = words(rng, low, high)
    return pd.Series(numbers(rng, len(labels), len(labels)), index=labels)


def _on_series(
    query: str, name: str, value: Any, result: str, wanted: Any, gold: str, *misses: str, difficulty: float = 3
) -> Task:
    """A task whose result is a series: a new one, or the given one changed."""
    return single(
        query, {name: value}, {result: holds(result, wanted)}, gold, *misses, modules=("pandas",), difficulty=difficulty
    )


@family(tags=("series",))
def scale_series(rng: random.Random) -> Task:
    name, by, series = rng.choice(NAMES), rng.randint(2, 9), _series(rng)
    query = rng.choice(
        (f"Multiply every item of the Series {name} by {by}.", f"Make each item of {name} {by} times as large.")
    )
    return _on_series(
        query, name, series, name, series * by, f"{name} = {name} * {by}", f"{name} * {by}", f"{name} = {name} + {by}",
        f"{name} = ({name} * {by}).tolist()", f"{name}.iloc[0] *= {by}",
    )  # fmt: skip


@family(tags=("series",))
def running_series(rng: random.Random) -> Task:
    name, series = rng.choice(NAMES), _series(rng)
    query = rng.choice(
        (
            f"Store the running totals of {name} in running (a Series with its labels).",
            f"Set running to the Series of cumulative sums of {name}.",
        )
    )
    return _on_series(
        query, name, series, "running", series.cumsum(), f"running = {name}.cumsum()", f"running = {name}.sum()",
        f"running = {name}.cumsum().reset_index(drop=True)", f"running = {name}[::-1].cumsum()",
        f"running = {name}.cummax()",
    )  # fmt: skip


@family(tags=("series", "none"))
def fill_gaps(rng: random.Random) -> Task:
    name, series, value = rng.choice(NAMES), _series(rng, 6, 10).astype(float), rng.randint(1, 999)
    gaps = rng.sample(range(len(series)), rng.randint(2, 3))
    series.iloc[gaps] = float("nan")
    query = rng.choice(
        (
            f"Replace the missing items (nan) of {name} with {value}.",
            f"Fill the gaps in the Series {name} with {value}.",
        )
    )
    return _on_series(
        query, name, series, name, series.fillna(value), f"{name} = {name}.fillna({value})", f"{name}.fillna({value})",
        f"{name} = {name}.dropna()", f"{name} = {name}.fillna({value + 1})", f"{name}.iloc[{gaps[0]}] = {value}",
    )  # fmt: skip


@family(tags=("series", "text"))
def peak_label(rng: random.Random) -> Task:
    name = rng.choice(NAMES)
    series = where(lambda: _series(rng), lambda series: series.idxmax() not in (series.index[-1], max(series.index)))
    query = rng.choice(
        (
            f"Store the label of the largest item of {name} in peak.",
            f"Set peak to the label at which {name} is largest.",
        )
    )
    return single(
        query, {name: series}, {"peak": series.idxmax()}, f"peak = {name}.idxmax()", f"peak = {name}.max()",
        f"peak = {name}.argmax()", f"peak = {name}.index[-1]", f"peak = {name}.idxmin()", f"peak = {name}.index.max()",
        modules=("pandas",), difficulty=3,
    )  # fmt: skip


@family(held_out=True, tags=("series",))
def largest_items(rng: random.Random) -> Task:
    name, series, count = rng.choice(NAMES), _series(rng, 6, 9), rng.randint(2, 4)
    wanted = series.sort_values(ascending=False).head(count)
    query = rng.choice(
        (
            f"Store the {count} largest items of {name}, largest first, in best (a Series with their labels).",
            f"Set best to a Series of the {count} largest items of {name} in descending order.",
        )
    )
    return _on_series(
        query, name, series, "best", wanted, f"best = {name}.nlargest({count})", f"best = {name}.nsmallest({count})",
        f"best = {name}.nlargest({count + 1})", f"best = {name}.nlargest({count}).sort_values()",
        f"best = {name}.nlargest({count}).tolist()",
    )  # fmt: skip


@family(held_out=True, tags=("series",))
def rolling_mean(rng: random.Random) -> Task:
    name, series = rng.choice(NAMES), _series(rng, 6, 10)
    width = rng.choice((2, 3))
    query = rng.choice(
        (
            f"Store in smooth a Series of the means of {width} neighbouring items of {name}, labelled as the last.",
            f"Set smooth to the rolling mean of {name} over {width} items, without the leading gaps.",
        )
    )
    return _on_series(
        query, name, series, "smooth", series.rolling(width).mean().dropna(),
        f"smooth = {name}.rolling({width}).mean().dropna()", f"smooth = {name}.rolling({width}).mean()",
        f"smooth = {name}.rolling({width}).sum().dropna()", f"smooth = {name}.rolling({width + 1}).mean().dropna()",
        f"smooth = {name}.mean()", difficulty=4,
    )  # fmt: skip
