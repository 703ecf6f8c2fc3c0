from __future__ import annotations

import importlib
import os
import posix
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cave_rl.confinement import readable_paths, warm_import_caches
from tests.confinement.conftest import ROOT, Template, needs_rung


def holds(paths: tuple[str, ...], path: str | Path) -> bool:
    real = os.path.realpath(path)
    return any(real == outer or real.startswith(outer + "/") for outer in paths)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project on `sys.path`: a suite with a world to load and tasks that hold the answers."""
    suite = tmp_path / "shop_suite"
    suite.mkdir()
    for name in ("__init__", "world", "tasks"):
        (suite / f"{name}.py").write_text(f"NAME = {name!r}\n")
    (suite / "data").mkdir()
    (suite / "data" / "answers.json").write_text("[42]")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("shop_suite")]:
        del sys.modules[name]


def test_no_site_packages_is_readable_as_a_whole() -> None:
    paths = readable_paths(["numpy", "pandas"])
    assert not [path for path in paths if os.path.basename(path) in ("site-packages", "dist-packages")]
    for entry in sys.path:
        if entry.rstrip("/").endswith(("site-packages", "dist-packages")):
            assert not holds(paths, entry)
            assert not holds(paths, os.path.join(entry, "a_package_nobody_named"))


def test_named_packages_come_with_their_bundled_libraries() -> None:
    import numpy

    paths = readable_paths(["numpy"])
    assert holds(paths, numpy.__file__)
    libraries = Path(numpy.__file__).parents[1] / "numpy.libs"
    assert not libraries.exists() or holds(paths, libraries)


def test_the_standard_library_is_readable() -> None:
    import json
    import sqlite3

    paths = readable_paths()
    assert holds(paths, json.__file__)
    assert holds(paths, sqlite3.__file__)


def test_nothing_of_this_package_ever_is() -> None:
    paths = readable_paths(["numpy"])
    assert not holds(paths, ROOT / "cave_rl" / "confinement" / "kernel.py")
    assert not holds(paths, ROOT)
    assert readable_paths(["cave_rl"]) == readable_paths()


def test_of_a_project_only_the_loaded_files(project: Path) -> None:
    importlib.import_module("shop_suite.world")
    paths = readable_paths()
    assert holds(paths, project / "shop_suite" / "world.py")
    assert not holds(paths, project / "shop_suite" / "tasks.py")
    assert not holds(paths, project / "shop_suite" / "data")


def test_denied_wins_over_named(project: Path) -> None:
    paths = readable_paths(["shop_suite"], deny=["shop_suite.tasks", str(project / "shop_suite" / "data")])
    assert holds(paths, project / "shop_suite" / "world.py")
    assert not holds(paths, project / "shop_suite" / "tasks.py")
    assert not holds(paths, project / "shop_suite" / "data" / "answers.json")
    assert not holds(paths, project / "shop_suite")
    assert "shop_suite" not in sys.modules, "denying must not import"


def test_denied_packages_are_gone_altogether(project: Path) -> None:
    assert not holds(readable_paths(["shop_suite"], deny=["shop_suite"]), project / "shop_suite" / "world.py")


def test_unknown_modules_are_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        readable_paths(["no_such_module"])


def test_no_path_lies_within_another() -> None:
    paths = readable_paths(["numpy", "pandas"])
    assert [path for path in paths if holds(tuple(other for other in paths if other != path), path)] == []


def test_warm_caches_import_without_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_to_the_party.py").write_text("HERE = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    warm_import_caches()

    def refuse(*_: object) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(posix, "listdir", refuse)
    assert importlib.import_module("late_to_the_party").HERE
    del sys.modules["late_to_the_party"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Template, Path]]:
    """A Template with the scientific stack and a project whose world is loaded."""
    project = tmp_path_factory.mktemp("project")
    (project / "world_of_shop.py").write_text("X = 1\n")
    (project / "tasks_of_shop.py").write_text("ANSWER = 42\n")
    scratch = tmp_path_factory.mktemp("scratch")
    (scratch / "mine").mkdir()
    made = Template(
        {"require": "none"},
        modules=("numpy", "pandas"),
        warm=("import pandas, numpy.linalg", "import world_of_shop"),
        writable=(scratch,),
        path=(project,),
    )
    assert "error" not in made.hardened, made.hardened
    yield made, scratch / "mine"
    made.close()


@needs_rung("landlock", "seccomp")
class TestInARollout:
    def test_numpy_and_pandas_work(self, data: tuple[Template, Path]) -> None:
        template, workdir = data
        source = """
import numpy as np, pandas as pd, io, datetime, zoneinfo
frame = pd.DataFrame({"k": [1, 2, 3], "v": np.linalg.inv(np.diag([1.0, 2.0, 4.0])).diagonal()})
merged = frame.merge(frame, on="k").groupby("k").sum()
frame.to_csv("frame.csv", index=False)
back = pd.read_csv("frame.csv")
stamp = pd.Timestamp("2024-03-01", tz="Europe/Berlin").utcoffset().total_seconds()
answer = [float(merged.v_x.sum()), back.shape[0], float(np.fft.fft(np.ones(8))[0].real), stamp]
"""
        assert template.value(source, workdir=workdir) == [1.75, 3, 8.0, 3600.0]

    def test_sqlite_works_in_memory_and_in_files(self, data: tuple[Template, Path]) -> None:
        template, workdir = data
        source = """
import sqlite3
answer = []
for name in (":memory:", "shop.db"):
    with sqlite3.connect(name) as db:
        db.execute("create table t (x)"); db.executemany("insert into t values (?)", [(i,) for i in range(10)])
        answer.append(db.execute("select sum(x) from t").fetchone()[0])
"""
        assert template.value(source, workdir=workdir) == [45, 45]

    def test_lazy_imports_of_what_is_readable_work(self, data: tuple[Template, Path]) -> None:
        template, _ = data
        assert template.value("import statistics, wave, numpy.polynomial.chebyshev, pandas.io.sas; answer = 1") == 1

    def test_code_that_is_not_loaded_can_neither_be_imported_nor_read(self, data: tuple[Template, Path]) -> None:
        template, _ = data
        assert template.value("import world_of_shop; answer = world_of_shop.X") == 1
        assert template.error("import tasks_of_shop") in ("PermissionError", "ModuleNotFoundError")
        steal = "import world_of_shop; open(world_of_shop.__file__.replace('world', 'tasks')).read()"
        assert template.error(steal) == "PermissionError"

    @pytest.mark.parametrize("module", ["cave_rl.suites", "cave_rl.training", "pytest"])
    def test_suites_and_unnamed_packages_cannot_be_imported(self, template: Template, module: str) -> None:
        assert template.error(f"import {module}") in ("PermissionError", "ModuleNotFoundError", "ImportError")
