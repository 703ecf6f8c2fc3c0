from __future__ import annotations

import itertools
import random
import subprocess
import sys

import pytest

from cave_rl.rewards import equals
from cave_rl.runtime import Variable
from cave_rl.tasks import Split, Suite, SuiteError, Task, TaskError, Turn, find, names, register, split_of

SCRIPT = """
from tests.tasks.test_suite import made
print([task.id for task in made().tasks("train", n=20)], [task.seed for task in made().tasks("test", n=5)])
"""


def made(bound: int = 10**6) -> Suite:
    suite = Suite("Made-v0")

    @suite.family
    def double(rng: random.Random) -> Task:
        n = rng.randrange(bound)
        return Task([Turn("Double n.", equals("n", 2 * n), changes=["n"], gold="n *= 2")], [Variable("n", n)])

    @suite.family(tags=("list",))
    def sort(rng: random.Random) -> Task:
        xs = rng.sample(range(bound), 5)
        return Task([Turn("Sort xs.", equals("xs", sorted(xs)), changes=["xs"])], [Variable("xs", xs)], tags=("own",))

    @suite.family(held_out=True, name="kept")
    def third(rng: random.Random) -> Task:
        n = rng.randrange(bound)
        return Task([Turn("Treble n.", equals("n", 3 * n), changes=["n"])], [Variable("n", n)])

    return suite


def test_splits_are_disjoint_by_content_whatever_the_index() -> None:
    suite = made()
    contents = {
        split: {task.content for task in suite.tasks(split, n=120)}
        for split in ("train", "validation", "test", "heldout")
    }  # type: ignore[arg-type]
    assert all(len(each) == 120 for each in contents.values())
    for one, other in itertools.combinations(contents.values(), 2):
        assert not one & other


def test_a_tasks_split_is_a_function_of_its_content() -> None:
    for task in made().tasks("validation", n=20):
        assert split_of(task) == "validation"


def test_a_held_out_family_is_in_no_other_split() -> None:
    suite = made()
    assert suite.names("train") == suite.names("test") == ["double", "sort"]
    assert suite.names("heldout") == ["kept"]


def test_a_task_is_a_pure_function_of_split_family_and_index() -> None:
    assert made().task("train", "sort", 7).content == made().task("train", "sort", 7).content
    assert made().task("train", "sort", 7).content != made().task("train", "sort", 8).content


def test_another_process_makes_the_same_tasks() -> None:
    runs = {
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1
    assert "double/" in runs.pop()


def test_a_task_knows_where_it_comes_from() -> None:
    task = made().task("train", "sort", 0)
    assert (task.suite, task.family, task.tags) == ("Made-v0", "sort", ("list", "own"))
    assert task.id.startswith("sort/")


def test_families_come_in_turn() -> None:
    assert [task.family for task in made().tasks("train", n=4)] == ["double", "sort", "double", "sort"]


def test_a_family_with_too_few_tasks_says_so() -> None:
    suite = Suite("Small-v0")

    @suite.family
    def only(rng: random.Random) -> Task:
        return Task([Turn("q", equals("n", 1))], [Variable("n", 0)])

    fitting = split_of(suite._make("only", 0))
    other = next(split for split in ("train", "test") if split != fitting)
    with pytest.raises(SuiteError, match=r"'only' of Small-v0 gave no task of split .* too few"):
        suite.task(other, "only", 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: Suite("shop"), "looks like 'Shop-v0'"),
        (lambda: made().names("trian"), "no split 'trian'.*did you mean 'train'"),
        (lambda: made().task("train", "sorted", 0), "no family 'sorted' in split 'train'.*did you mean 'sort'"),
        (lambda: made().task("train", "kept", 0), "no family 'kept' in split 'train'"),
        (lambda: next(Suite("Empty-v0").tasks("train")), "no family in split 'train'"),
        (lambda: find("Made-v9"), "no suite 'Made-v9'"),
        (lambda: find("tests.tasks.test_suite:made"), "is a function, not a Suite"),
        (lambda: find("tests.tasks.test_suite:nothing"), "cannot load suite.*nothing"),
        (lambda: find("no_such_module:suite"), "cannot load suite.*no_such_module"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest(ask: object, told: str) -> None:
    with pytest.raises(SuiteError, match=told):
        ask()  # type: ignore[operator]


def test_a_family_is_named_once() -> None:
    suite = made()
    with pytest.raises(SuiteError, match="has a family 'double' already"):
        suite.family(name="double")(lambda rng: None)  # type: ignore[arg-type, return-value]


def test_a_family_that_returns_no_task_is_named() -> None:
    suite = Suite("Wrong-v0")
    suite.family(name="none")(lambda rng: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(TaskError, match="family 'none' of Wrong-v0 must return a Task, not NoneType"):
        suite.task("train", "none", 0)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ModuleNotFoundError("No module named 'pandas'", name="pandas"),
            r"pandas is not .*pip install 'cave-rl\[data\]'",
        ),
        (ModuleNotFoundError("No module named 'shop'", name="shop"), "ModuleNotFoundError: No module named 'shop'"),
    ],
)
def test_a_family_that_needs_a_missing_module_is_named_with_it(error: ImportError, told: str) -> None:
    suite = Suite("Needy-v0")

    @suite.family
    def needy(rng: random.Random) -> Task:
        raise error

    with pytest.raises(SuiteError, match=f"family 'needy' of Needy-v0: {told}"):
        suite.task("train", "needy", 0)


def test_registered_and_installed_suites_are_found_by_name_or_path() -> None:
    suite = register(made())
    assert find("Made-v0") is find("cave_rl/Made-v0") is suite
    assert "Made-v0" in names()
    assert "Types-v0" in names()
    assert find("cave_rl.suites.types.tasks:suite").name == "Types-v0"
    with pytest.raises(SuiteError, match="did you mean 'Types-v0'"):
        find("Type-v0")


# difficulty


def levelled() -> Suite:
    suite = Suite("Levels-v0")

    @suite.family(difficulty=(2, 5))
    def longer(rng: random.Random, difficulty: int) -> Task:
        xs = rng.sample(range(10**6), difficulty)
        return Task([Turn("Sort xs.", equals("xs", sorted(xs)), changes=["xs"])], [Variable("xs", xs)])

    @suite.family
    def plain(rng: random.Random) -> Task:
        n = rng.randrange(10**6)
        return Task([Turn("Double n.", equals("n", 2 * n))], [Variable("n", n)], difficulty=7.5)

    @suite.family(difficulty=(1, 2))
    def tells(rng: random.Random, difficulty: int) -> Task:
        n = rng.randrange(10**6)
        return Task([Turn("Double n.", equals("n", 2 * n))], [Variable("n", n)], difficulty=10 * difficulty)

    return suite


@pytest.mark.parametrize("split", ["train", "test", "validation"])
def test_a_level_that_is_asked_for_is_made(split: Split) -> None:
    for level in (2, 3, 4, 5):
        tasks = [levelled().task(split, "longer", index, difficulty=level) for index in range(10)]
        assert {(len(task.variables[0].value), task.difficulty, split_of(task)) for task in tasks} == {
            (level, level, split)
        }
        assert len({task.content for task in tasks}) == 10
        assert [task.id for task in tasks] == [
            levelled().task(split, "longer", index, difficulty=level).id for index in range(10)
        ]


def test_where_no_level_is_asked_for_they_are_spread() -> None:
    tasks = [levelled().task("train", "longer", index) for index in range(80)]
    assert {task.difficulty for task in tasks} == {2, 3, 4, 5}
    assert all(len(task.variables[0].value) == task.difficulty for task in tasks)


def test_what_a_task_says_of_its_difficulty_stands() -> None:
    assert levelled().task("train", "plain", 0).difficulty == 7.5
    assert levelled().task("train", "tells", 0, difficulty=2).difficulty == 20
    assert made().task("train", "sort", 0).difficulty is None


@pytest.mark.parametrize(
    ("family", "level", "told"),
    [
        ("longer", 6, "'longer' has the levels 2 to 5, not 6"),
        ("longer", 1, "'longer' has the levels 2 to 5, not 1"),
        ("plain", 1, "'plain' takes no difficulty"),
    ],
)
def test_a_level_that_a_family_does_not_have_is_told(family: str, level: int, told: str) -> None:
    with pytest.raises(SuiteError, match=told):
        levelled().task("train", family, 0, difficulty=level)


@pytest.mark.parametrize("levels", [(5, 1), (1,), (1, 2, 3)])
def test_levels_are_a_range(levels: object) -> None:
    with pytest.raises(SuiteError, match="easiest and the hardest level"):
        Suite("Wrong-v0").family(difficulty=levels)  # type: ignore[call-overload]
