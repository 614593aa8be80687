"""`amkit scores`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from amkit.cli.console import out, print_json, say, usage
from amkit.cli.extras import missing
from amkit.storage.files import check_target


def scores(
    experts: Annotated[Path, typer.Argument(help="Folder of experts.")] = Path("pretrained"),
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As a Markdown table, for a page.")
    ] = False,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw their scores while training: .png or .svg."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Show what the experts of a folder scored, as their cards say, beside the published DQN.

    Examples:

    [bold]amkit scores[/]  the shipped experts

    [bold]amkit scores runs/ --markdown[/]  those you trained

    [bold]amkit scores --figure curves.svg[/]  and how they learnt
    """
    with usage():
        from amkit.storage.experts import results as experts_results

        if json and markdown:
            raise ValueError("--json and --markdown exclude each other. Received: both")
        if figure:
            if extra := missing("plots"):
                raise ValueError(f"a figure needs {extra}")
            check_target(figure, "a figure", (".png", ".svg"))
        results = experts_results(experts)
    if figure:
        from amkit.reports import figures

        with usage():
            figures.save(figures.training_curves(results), figure)
        say(f"figure: {figure}")
    if json:
        print_json(results)
        return
    from amkit.cli.tables import expert_notes, expert_table

    # A page is as wide as it need be.
    (Console(width=200) if markdown else out).print(expert_table(results, markdown))
    out.print(expert_notes(results), soft_wrap=markdown, markup=False)
