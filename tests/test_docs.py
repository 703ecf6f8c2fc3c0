"""Every Python snippet of the documentation runs as written, every command of ours is accepted."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON = [page for page in PAGES if "```python\n" in page.read_text()]
COMMANDS = sorted(
    {
        line.partition(" #")[0].strip()
        for page in PAGES
        for block in re.findall(r"^```bash\n(.*?)^```", page.read_text(), re.S | re.M)
        for line in block.splitlines()
        if line.startswith("cave-rl ")
    }
)


def snippets(page: Path) -> str:
    """All Python blocks of a page as one script: later ones build on earlier ones."""
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.S | re.M))


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_snippets_run_as_an_unguarded_script(page: Path, tmp_path: Path) -> None:
    script = tmp_path / "snippets.py"
    script.write_text(snippets(page))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_readme_example_says_what_it_prints(tmp_path: Path) -> None:
    source = snippets(ROOT / "README.md")
    said = [line[2:] for line in source.splitlines() if line.startswith("# ")]
    done = subprocess.run(
        [sys.executable, "-"], input=source, capture_output=True, text=True, timeout=200, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert said
    assert done.stdout.splitlines() == said


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_accepted(command: str, tmp_path: Path) -> None:
    for each in ROOT.iterdir():  # as from the repository, but what they write is not left in it
        if each.name != "outputs":
            (tmp_path / each.name).symlink_to(each)
    arguments = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "cave_rl", *arguments], capture_output=True, text=True, timeout=200, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("package", sorted(each.parent.name for each in (ROOT / "examples").glob("*/__main__.py")))
def test_example_packages_run(package: str) -> None:
    command = [sys.executable, "-m", package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=ROOT / "examples")
    assert done.returncode == 0, done.stderr[-3000:]


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name} links to {link}"
