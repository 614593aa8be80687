"""`amkit scores`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from amkit.cli.console import out, print_json, usage


def scores(
    experts: Annotated[Path, typer.Argument(help="Folder of experts.")] = Path("pretrained"),
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As a Markdown table, for a page.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Show what the experts of a folder scored, as their cards say, beside the published DQN.

    Examples:

    [bold]amkit scores[/]  the shipped experts

    [bold]amkit scores runs/ --markdown[/]  those you trained
    """
    with usage():
        from amkit.experts import results as experts_results

        if json and markdown:
            raise ValueError("--json and --markdown exclude each other. Received: both")
        results = experts_results(experts)
    if json:
        print_json(results)
        return
    from amkit.cli.tables import expert_notes, expert_table

    # A page is as wide as it need be.
    (Console(width=200) if markdown else out).print(expert_table(results, markdown))
    out.print(expert_notes(results), soft_wrap=markdown, markup=False)
