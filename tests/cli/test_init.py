"""`cave-rl init` writes a package that is found by name and whose own tests pass."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cave_rl import cli
from cave_rl.cli.init import TEMPLATES, ScaffoldError, nearest_package, scaffold, suite_name

ROOT = Path(__file__).parents[2]


def call(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments), prog_name="cave-rl")


def installed(directory: Path) -> dict[str, str]:
    """The environment in which a scaffolded package is installed as by `pip install -e`, without a network."""
    project = tomllib.loads((directory / "pyproject.toml").read_text())["project"]
    info = directory / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [
        f"[{group}]\n" + "\n".join(f"{name} = {path}" for name, path in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))
    return {**os.environ, "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"}


def run(*arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=200, env=env, cwd=cwd)


def test_a_scaffolded_package_passes_its_own_tests_and_is_found_by_name(tmp_path: Path) -> None:
    directory = tmp_path / "mine"
    result = call("init", "corner_shop", "--directory", str(directory))
    assert result.exit_code == 0, result.output
    assert str(directory / "corner_shop" / "tasks.py") in result.stdout
    env = installed(directory)
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", env=env, cwd=directory)
    assert tested.returncode == 0, tested.stdout[-3000:]
    assert " passed" in tested.stdout
    if importlib.util.find_spec("cave_rl.tasks.validation") is not None:
        assert "skipped" not in tested.stdout
    code = "import gymnasium, cave_rl; print(gymnasium.make('cave_rl/CornerShop-v0').reset(seed=0)[0])"
    found = run("-c", code, env=env, cwd=tmp_path)
    assert found.stdout.startswith("Remove from basket every item"), found.stderr
    shown = run("-m", "cave_rl", "show", "CornerShop-v0", "--run", env=env, cwd=tmp_path)
    assert shown.stdout.splitlines()[-1] == "reward 1, solved", shown.stderr


def test_what_is_written_is_clean_and_whole(tmp_path: Path) -> None:
    written = scaffold("corner_shop", tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in written} == {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "corner_shop/__init__.py",
        "corner_shop/world.py",
        "corner_shop/tasks.py",
        "tests/test_tasks.py",
    }
    assert not [path for path in written if "$" in path.read_text()]
    for command in ("check", "format --check"):
        checked = run("-m", "ruff", *command.split(), "--isolated", "--line-length=120", ".", env={}, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout


def test_the_templates_are_in_the_wheel() -> None:
    """Hatch takes all files of the package that git does not ignore."""
    names = [str(path.relative_to(ROOT)) for path in TEMPLATES.rglob("*.tmpl")]
    ignored = subprocess.run(["git", "check-ignore", *names], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ignored.stdout == ""
    assert TEMPLATES.is_relative_to(ROOT / "cave_rl")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("my-suite", "did you mean 'my_suite'"),
        ("MySuite", "did you mean 'my_suite'"),
        ("2shops", "did you mean 'suite_2shops'"),
        ("class", "did you mean 'class_suite'"),
        ("../up", "did you mean 'up'"),
        ("", "did you mean 'my_suite'"),
        ("random", "is a module already.*did you mean 'random_suite'"),
        ("cave_rl", "is a module already"),
        ("pytest", "'pytest' is installed already"),
    ],
)
def test_a_name_that_no_package_can_have_is_told_with_the_nearest(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(ScaffoldError, match=told):
        scaffold(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["My Suite", "2nd-shop", "class", "random", "?", "ÄÖ", "_private", "a--b"])
def test_the_nearest_name_is_one_that_is_taken(tmp_path: Path, name: str) -> None:
    assert scaffold(nearest_package(name), tmp_path / "new")


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    result = call("init", "corner_shop", "--directory", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == f"cave-rl: {tmp_path} is not empty: nothing was written; choose another with --directory\n"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert "is not empty" not in call("init", "corner_shop", "--directory", str(tmp_path / "inside")).output


def test_a_directory_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScaffoldError, match=r"cannot write to .*file: Not a directory"):
        scaffold("corner_shop", tmp_path / "file")


def test_the_suite_is_named_after_the_package() -> None:
    assert suite_name("corner_shop") == "CornerShop-v0"
