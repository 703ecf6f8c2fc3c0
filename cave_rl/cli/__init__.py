"""The command line: `cave-rl VERB`. One module a verb; here they are put together and their errors are told.

What is wrong with a request, a suite or this machine is told on stderr, with exit code 2. Anything else is a bug of ours
and shows its traceback. Modules of verbs import nothing heavy at their top: `cave-rl doctor` must work where training
could not.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cave_rl.cli import doctor, errors, output, show, suites


class _Verbs(TyperGroup):
    """The verbs, with the errors of all of them told in one place."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except errors.EXPECTED as error:
            told = errors.tell(error)
            if told is None:
                raise
            typer.echo(f"cave-rl: {told}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Verbs,
    name="cave-rl",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: the same on a terminal, in a pipe and in a log
    pretty_exceptions_enable=False,
    epilog=output.examples(
        "cave-rl doctor                     can this machine confine a model's code?",
        "cave-rl list                       which suites are there?",
        "cave-rl show Types-v0 --run        one task, as a model sees it, and its solution",
        "cave-rl VERB --help                more of one verb",
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cave-rl {version('cave-rl')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Coder models learn by reinforcement to operate a live Python runtime."""


app.command("list", epilog=suites.EXAMPLES)(suites.list_suites)
app.command("show", epilog=show.EXAMPLES)(show.show)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.doctor)
for _verb in ("train", "evaluate"):
    if find_spec(f"cave_rl.cli.{_verb}") is not None:
        app.command(_verb)(getattr(import_module(f"cave_rl.cli.{_verb}"), _verb))


def main() -> None:
    """What the script `cave-rl` runs."""
    sys.exit(app(prog_name="cave-rl"))
