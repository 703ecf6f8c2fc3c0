"""numpy arrays."""

# ruff: noqa: D103  (a family says what it is by its queries)

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from cave_rl.suites.making import Families, single, spoils
from cave_rl.suites.types.drawing import numbers
from cave_rl.tasks.task import NearMiss, Task

if TYPE_CHECKING:
    import numpy as np

family = Families()

NAMES = ("grid", "signal", "matrix", "samples", "values")


def _grid(rng: random.Random, rows: int, columns: int) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array(numbers(rng, rows * columns, rows * columns), dtype=np.int64).reshape(rows, columns)


def _on_array(
    query: str,
    name: str,
    value: Any,
    result: str,
    wanted: Any,
    gold: str,
    *misses: str | NearMiss,
    difficulty: float = 3,
) -> Task:
    """A task whose result is an array: a new one, or the given one changed."""
    return single(query, {name: value}, {result: wanted}, gold, *misses, modules=("numpy",), difficulty=difficulty)


@family(tags=("array",))
def scale_array(rng: random.Random) -> Task:
    name, by, grid = rng.choice(NAMES), rng.randint(2, 9), _grid(rng, rng.randint(2, 4), rng.randint(2, 5))
    query = rng.choice(
        (f"Multiply every item of the array {name} by {by}.", f"Make each item of {name} {by} times as large.")
    )
    return _on_array(
        query, name, grid, name, grid * by, f"{name} = {name} * {by}", f"{name} * {by}", f"{name} = {name} + {by}",
        f"{name} = ({name} * {by}).tolist()", f"{name}[0] = {name}[0] * {by}",
    )  # fmt: skip


@family(tags=("array",))
def fold_array(rng: random.Random) -> Task:
    rows, columns = rng.sample(range(2, 7), 2)
    name, flat = rng.choice(NAMES), _grid(rng, 1, rows * columns).reshape(-1)
    query = rng.choice(
        (
            f"Reshape the array {name} to {rows} rows and {columns} columns.",
            f"Fold {name} into an array of {rows} rows by {columns} columns, row by row.",
        )
    )
    return _on_array(
        query, name, flat, name, flat.reshape(rows, columns), f"{name} = {name}.reshape({rows}, {columns})",
        f"{name}.reshape({rows}, {columns})", f"{name} = {name}.reshape({columns}, {rows})",
        f"{name} = {name}.reshape({columns}, {rows}).T", f"{name} = {name}.reshape({rows}, {columns}).tolist()",
    )  # fmt: skip


@family(tags=("array",))
def row_sums(rng: random.Random) -> Task:
    name, grid = rng.choice(NAMES), _grid(rng, rng.randint(2, 4), rng.randint(2, 5))
    query = rng.choice(
        (f"Store the sum of each row of {name} in sums (an array).", f"Set sums to an array of the row sums of {name}.")
    )
    return _on_array(
        query, name, grid, "sums", grid.sum(axis=1), f"sums = {name}.sum(axis=1)", f"sums = {name}.sum(axis=0)",
        f"sums = {name}.sum()", f"sums = {name}.sum(axis=1).tolist()", f"sums = {name}.mean(axis=1)",
    )  # fmt: skip


@family(tags=("array",))
def cap_array(rng: random.Random) -> Task:
    name, grid = rng.choice(NAMES), _grid(rng, rng.randint(2, 4), rng.randint(3, 5))
    items = sorted(grid.reshape(-1).tolist())
    limit = rng.randint(items[2], items[-2])
    query = rng.choice(
        (f"Set every item of {name} above {limit} to {limit}.", f"Cap the array {name} at {limit}: no item is larger.")
    )
    return _on_array(
        query, name, grid, name, grid.clip(max=limit), f"{name}[{name} > {limit}] = {limit}",
        f"{name}[{name} < {limit}] = {limit}", f"{name}[{name} > {limit}] = 0", f"{name} = {name}[{name} <= {limit}]",
        f"{name}.clip(max={limit})",
    )  # fmt: skip


@family(tags=("array",))
def lower_columns(rng: random.Random) -> Task:
    name, grid = rng.choice(NAMES), _grid(rng, rng.randint(3, 5), rng.randint(2, 4))
    query = rng.choice(
        (
            f"Store {name} less the smallest item of each of its columns in lowered.",
            f"Set lowered to {name}, from each column of which its smallest item was taken off.",
        )
    )
    return _on_array(
        query, name, grid, "lowered", grid - grid.min(axis=0), f"lowered = {name} - {name}.min(axis=0)",
        f"lowered = {name} - {name}.min()", f"lowered = {name} - {name}.min(axis=1, keepdims=True)",
        f"lowered = {name}.min(axis=0)", f"lowered = {name} - {name}.max(axis=0)", difficulty=4,
    )  # fmt: skip


@family(tags=("array",))
def join_arrays(rng: random.Random) -> Task:
    import numpy as np

    (a, b), columns = rng.sample(NAMES, 2), rng.randint(2, 4)
    one, other = _grid(rng, rng.randint(2, 3), columns), _grid(rng, rng.randint(2, 3), columns)
    query = rng.choice(
        (
            f"Store the rows of {a}, and below them those of {b}, in one array both.",
            f"Stack the array {a} on top of {b} and store it in both.",
        )
    )
    return single(
        query, {a: one, b: other}, {"both": np.vstack([one, other])},
        f"import numpy as np\nboth = np.vstack([{a}, {b}])", f"import numpy as np\nboth = np.vstack([{b}, {a}])",
        f"import numpy as np\nboth = np.concatenate([{a}.reshape(-1), {b}.reshape(-1)])", f"both = [{a}, {b}]",
        spoils(f"import numpy as np\n{a} = np.vstack([{a}, {b}])\nboth = {a}", a), modules=("numpy",), difficulty=4,
    )  # fmt: skip


@family(held_out=True, tags=("array",))
def turn_array(rng: random.Random) -> Task:
    rows, columns = rng.sample(range(2, 6), 2)
    name, grid = rng.choice(NAMES), _grid(rng, rows, columns)
    query = rng.choice((f"Transpose the array {name}.", f"Make the rows of the array {name} its columns."))
    return _on_array(
        query, name, grid, name, grid.T, f"{name} = {name}.T", f"{name} = {name}.reshape({columns}, {rows})",
        f"{name} = {name}[::-1]", f"{name}.T", f"{name} = {name}.T[::-1]",
    )  # fmt: skip


@family(held_out=True, tags=("array",))
def column_peaks(rng: random.Random) -> Task:
    name, grid = rng.choice(NAMES), _grid(rng, rng.randint(3, 5), rng.randint(2, 4))
    query = rng.choice(
        (
            f"Store the largest item of each column of {name} in peaks (an array).",
            f"Set peaks to an array of the column maxima of {name}.",
        )
    )
    return _on_array(
        query, name, grid, "peaks", grid.max(axis=0), f"peaks = {name}.max(axis=0)", f"peaks = {name}.max(axis=1)",
        f"peaks = {name}.max()", f"peaks = {name}.argmax(axis=0)", f"peaks = {name}.min(axis=0)",
        f"peaks = {name}.max(axis=0).tolist()",
    )  # fmt: skip
