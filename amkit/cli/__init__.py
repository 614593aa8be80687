"""The `amkit` command: parse, call one function of the library, render. No logic."""

from typing import Any

import typer
from typer import Option
from typer.core import TyperGroup

from amkit.cli.bench import bench
from amkit.cli.campaign import campaign
from amkit.cli.check import check
from amkit.cli.console import open_streams, out, work
from amkit.cli.evaluate import evaluate
from amkit.cli.export import export
from amkit.cli.games import games
from amkit.cli.importing import import_
from amkit.cli.record import record
from amkit.cli.relate import relate
from amkit.cli.report import report
from amkit.cli.scores import scores
from amkit.cli.theory import theory
from amkit.cli.trainings import baseline, distill, train, transfer
from amkit.cli.watch import watch


class _Commands(TyperGroup):
    """The commands; what they print, and what befalls them, is taken care of here."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        open_streams()
        return super().main(*args, **kwargs)

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        with work():
            try:
                return super().invoke(*args, **kwargs)
            except typer.BadParameter as error:
                from pydantic import ValidationError

                from amkit.storage.validation import one_line

                if isinstance(error.__cause__, ValidationError):  # Typer leaves out the value.
                    error.message = one_line(error.__cause__)
                raise


app = typer.Typer(
    cls=_Commands,
    name="amkit",
    help="Actor-Mimic in Keras: one network learns many Atari games from expert DQNs.\n\n"
    "An AMN is an Actor-Mimic network, the student that `amkit distill` trains.",
    epilog="Start with: amkit distill --experts pretrained/",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_NOTHING_WITHOUT_ARGUMENTS = (
    watch, train, import_, baseline, relate, transfer, report, export, campaign, check,
)  # fmt: skip
for command in (
    games, watch, train, import_, scores, distill, baseline, relate, transfer, campaign, evaluate,
    report,
    record, export, theory, check, bench,
):  # fmt: skip
    name = command.__name__.rstrip("_")  # A word of Python's own gets an underscore.
    app.command(name, no_args_is_help=command in _NOTHING_WITHOUT_ARGUMENTS)(command)


@app.callback(invoke_without_command=True)
def _main(version: bool = Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        from amkit import __version__

        out.print(f"amkit {__version__}")
        raise typer.Exit
