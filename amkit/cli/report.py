"""`amkit report`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from amkit.cli.console import out, print_json, say, usage


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Finished runs of the same games, or .keras files with their cards: AMNs that "
            "differ in the seed alone, and baselines."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write.")] = Path("report"),
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Report on recorded runs: Table 1, Figures 1, 2, 3 and 6, and what each network cost.

    Writes Markdown, one self-contained HTML page, CSV tables and figures (PNG, SVG).

    Examples:

    [bold]amkit report runs/amn-multitask[/]  one run

    [bold]amkit report runs/amn-multitask runs/amn-multitask-2 runs/mdqn-multitask[/]
    """
    with usage():
        if not find_spec("matplotlib"):
            raise ValueError("figures need amkit's extra 'plots': pip install -e '.[plots]'")
        if output.exists() and not output.is_dir():
            raise ValueError(f"--output is a folder. Received: {output}, a file")
        from amkit import pages
        from amkit import report as tables

        recorded = tables.read(runs)
        table = pages.write(recorded, output, seed)
        aggregates = tables.aggregates(recorded, seed)
    if json:
        plain = [
            {
                **row,
                "normalised": vars(row["normalised"]),
                "paper": row["paper"] and vars(row["paper"]),
            }
            for row in table
        ]
        print_json(
            {
                "folder": str(output),
                "games": plain,
                "aggregates": {name: vars(value) for name, value in aggregates.items()},
            }
        )
        return
    from amkit.cli.tables import report_table

    out.print(report_table(table, aggregates))
    say(f"page: {escape(str(output / 'index.html'))}")
