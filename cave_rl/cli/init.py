"""`cave-rl init`: a package of your own, with a suite, an example family and its tests."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import unicodedata
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from cave_rl.cli import output

TEMPLATES = Path(__file__).parent / "scaffold"
"""The files as templates: `$package` is filled in; `package/` and `dot_` are renamed."""


class ScaffoldError(ValueError):
    """A package that cannot be made; the message says what to do."""


def init(
    name: Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's name: my_suite.")],
    directory: Annotated[
        Path | None, typer.Option("--directory", "-d", help="Where to put it.  [default: the package's name]")
    ] = None,
) -> None:
    """Start a suite of your own: an installable package with an example family and its tests.

    What it holds is found by name once it is installed: the package has an entry point for cave-rl.

    Examples:
        cave-rl init my_suite
        cave-rl init my_suite --directory work/suites
        pip install -e 'my_suite[dev]' && pytest my_suite
    """
    where = directory or Path(name)
    for path in scaffold(name, where):
        output.line(str(path))
    output.line(f"\nNext: pip install -e '{where}[dev]' && pytest {where}")
    output.line(f"      cave-rl show {suite_name(name)} --run")


def scaffold(name: str, directory: Path) -> list[Path]:
    """Writes the files of a new package; returns their paths.

    Args:
        name: the package's.
        directory: where its `pyproject.toml` goes. It is made if it is not there, and must be empty if it is.

    Raises:
        ScaffoldError: the name is no package's, or the directory cannot be used.
    """
    _check_name(name)
    words = {"package": name, "project": name.replace("_", "-"), "suite": suite_name(name)}
    try:
        if directory.exists() and any(directory.iterdir()):
            raise ScaffoldError(f"{directory} is not empty: nothing was written; choose another with --directory")
        written = []
        for template in sorted(TEMPLATES.rglob("*.tmpl")):
            parts = template.relative_to(TEMPLATES).with_suffix("").parts
            renamed = [name if part == "package" else part.replace("dot_", ".") for part in parts]
            path = directory.joinpath(*renamed)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(template.read_text()).substitute(words))
            written.append(path)
    except OSError as error:
        raise ScaffoldError(f"cannot write to {directory}: {error.strerror}") from error
    return written


def suite_name(package: str) -> str:
    """What the suite of a package is called at first.

    >>> suite_name("my_suite")
    'MySuite-v0'
    """
    return "".join(part.capitalize() for part in package.split("_")) + "-v0"


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ScaffoldError(
            f"{name!r} is no name of a package (small letters, digits and _, no keyword); did you mean "
            f"{nearest_package(name)!r}?"
        )
    if name in sys.stdlib_module_names or name == "cave_rl":
        raise ScaffoldError(f"{name!r} is a module already, which yours would hide; did you mean '{name}_suite'?")
    found = importlib.util.find_spec(name)
    if found is not None and found.origin is not None:  # a bare directory of that name is none
        raise ScaffoldError(f"{name!r} is installed already ({found.origin}): choose another name")


def nearest_package(name: str) -> str:
    """A name that a package can have, as near as possible to one that it cannot.

    >>> [nearest_package(each) for each in ("My Suite", "ShopTasks", "2nd-shop", "class", "Läden", "?")]
    ['my_suite', 'shop_tasks', 'suite_2nd_shop', 'class_suite', 'laden', 'my_suite']
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    words = re.findall(r"[a-z0-9]+", snake)
    if not words:
        return "my_suite"
    near = "_".join(words)
    if near[0].isdigit():
        near = f"suite_{near}"
    return f"{near}_suite" if keyword.iskeyword(near) or near in sys.stdlib_module_names else near
