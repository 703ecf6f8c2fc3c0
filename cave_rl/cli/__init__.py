"""The command line: `cave-rl VERB`. One module a verb; here they are put together and their errors are told.

What is wrong with a request, a suite or this machine is told on stderr, with exit code 2. Anything else is a bug of
ours and shows its traceback. Modules of verbs import nothing heavy at their top: `cave-rl doctor` must work where
training could not.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cave_rl.cli import (
    compare,
    doctor,
    errors,
    evaluate,
    export,
    init,
    merge,
    play,
    report,
    rescore,
    serve_model,
    sft,
    show,
    suites,
    train,
    validate,
)

VERBS: dict[str, Callable[..., None]] = {
    "list": suites.list_suites,
    "show": show.show,
    "validate": validate.validate,
    "init": init.init,
    "export": export.export,
    "doctor": doctor.doctor,
    "train": train.train,
    "sft": sft.sft,
    "serve-model": serve_model.serve_model,
    "merge": merge.merge,
    "eval": evaluate.evaluate,
    "report": report.report,
    "view": report.view,
    "play": play.play,
    "compare": compare.compare,
    "rescore": rescore.rescore,
}


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
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: the same on a terminal, in a pipe and in a log
    pretty_exceptions_enable=False,
)


def _help(function: Callable[..., None]) -> str:
    """The docstring, with the lines of its examples kept as they are."""
    return (inspect.getdoc(function) or "").replace("\nExamples:\n", "\n\b\nExamples:\n")  # \b asks it of click


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cave-rl {version('cave-rl')}")
        raise typer.Exit


def _cave_rl(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Coder models learn by reinforcement to operate a live Python runtime.

    Examples:
        cave-rl doctor                    can this machine confine a model's code?
        cave-rl list                      which suites are there?
        cave-rl show Types-v0 --run       a task, as a model sees it, and its solution
        cave-rl VERB --help               more of one verb
    """


app.callback(help=_help(_cave_rl))(_cave_rl)
for _name, _verb in VERBS.items():
    app.command(_name, help=_help(_verb))(_verb)


def main() -> None:
    """What the script `cave-rl` runs."""
    sys.exit(app(prog_name="cave-rl"))
