"""`amkit report`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from amkit.cli.console import out, print_json, say, usage


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Finished runs, .keras files or their cards (.json): AMNs of the same games, "
            "baselines and the AMNs' experts; AMNs that differ in an option; or runs of `amkit "
            "transfer`."
        ),
    ],
    guesses: Annotated[
        list[Path] | None,
        typer.Option(
            "--relate",
            help="Of transfers: what `amkit relate --output` guessed beforehand. May be repeated.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder to write.")] = Path("report"),
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Report on recorded runs: Table 1 and Figures 1 to 6; of transfers Table 2 and Figure 7.

    Networks distilled with different options are compared with the first of them. Transfers that
    are not finished, and games without random weights, are left out.

    Writes Markdown, one self-contained HTML page, CSV tables and figures (PNG, SVG).

    Examples:

    [bold]amkit report runs/amn-multitask[/]  one run

    [bold]amkit report runs/amn-multitask runs/amn-multitask-2 runs/mdqn-multitask[/]

    [bold]amkit report runs/both-act runs/student-acts runs/expert-acts[/]

    [bold]amkit report runs/transfer-* --relate krull.json --relate gopher.json[/]
    """
    with usage():
        if not find_spec("matplotlib"):
            raise ValueError("figures need amkit's extra 'plots': pip install -e '.[plots]'")
        if output.exists() and not output.is_dir():
            raise ValueError(f"--output is a folder. Received: {output}, a file")
        from amkit.cli.tables import written_table
        from amkit.reports.write import write_report

        written = write_report(runs, output, seed, guesses or (), on_left_out=say)
    if json:
        print_json({"folder": str(output), **written})
    else:
        out.print(written_table(written))
    say(f"page: {output / 'index.html'}")
