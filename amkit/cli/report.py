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
        from amkit import ablation_page, ablation_report, multitask_page, transfer_page
        from amkit import report as tables
        from amkit.cli.tables import ablation_table, report_table, transfer_table
        from amkit.relate_report import read_guesses
        from amkit.transfer_report import transfers, unfinished

        missing = unfinished(runs)
        cards = tables.read_cards(path for path in runs if path not in missing)
        if missing or any("transfer" in card for card in cards):
            recorded = transfers(cards, missing)
            told = read_guesses(guesses) if guesses else None
            for note in recorded.skipped:
                say(note)
            table, related = transfer_page.write(recorded, output, seed, told)
            shown = transfer_table(table, related)
            estimates = ("area", "area_difference", "steps_ratio")
            answer = {
                "curves": [{**row, **{key: vars(row[key]) for key in estimates}} for row in table],
                "relation": related
                and {"points": related.points, "correlation": vars(related.correlation)},
            }
        elif guesses:
            raise ValueError("--relate is for reports of transfers. Received: none of these")
        elif ablation_report.differ(cards):
            table = ablation_page.write(ablation_report.ablations(cards), output, seed)
            shown = ablation_table(table)
            answer = {
                "variants": [
                    {
                        **row,
                        "scores": {game: vars(score) for game, score in row["scores"].items()},
                        "geometric_mean": vars(row["geometric_mean"]),
                        "difference": row["difference"] and vars(row["difference"]),
                    }
                    for row in table
                ]
            }
        else:
            table, aggregates = multitask_page.write(tables.experiment(cards), output, seed)
            shown = report_table(table, aggregates)
            games = [
                {
                    **row,
                    "normalised": vars(row["normalised"]),
                    "paper": row["paper"] and vars(row["paper"]),
                }
                for row in table
            ]
            answer = {
                "games": games,
                "aggregates": {name: vars(value) for name, value in aggregates.items()},
            }
    if json:
        print_json({"folder": str(output), **answer})
    else:
        out.print(shown)
    say(f"page: {output / 'index.html'}")
