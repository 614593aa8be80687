"""`amkit report`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from amkit.cli.console import out, print_json, say, usage
from amkit.cli.extras import need
from amkit.reports.text import Estimate, Row, interval, number, percent

if TYPE_CHECKING:
    from amkit.reports.guesses import Relation


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
        need("report", "a report")
        if output.exists() and not output.is_dir():
            raise ValueError(f"--output is a folder. Received: {output}, a file")
        from amkit.reports.pages import write_report

        written = write_report(runs, output, seed, guesses or (), on_left_out=say)
    if json:
        print_json({"folder": str(output), **written})
    else:
        out.print(written_table(written))
    say(f"page: {output / 'index.html'}")


def written_table(written: dict[str, Any]) -> Table:
    """The table of what `write_report` returned, whichever report that was."""
    if "variants" in written:
        return ablation_table(written["variants"])
    if "curves" in written:
        return transfer_table(written["curves"], written["relation"])
    return report_table(written["games"], written["aggregates"])


def _table(
    caption: str, left: tuple[str, ...], right: tuple[str, ...], wrap: bool = False
) -> Table:
    """An empty table; columns of names to the left, columns of numbers to the right."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), caption=caption)
    for column in left:
        table.add_column(column, no_wrap=not wrap)
    for column in right:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def report_table(rows: list[Row], aggregates: dict[str, Estimate]) -> Table:
    """A table of `multitask.table_1`; `multitask.aggregates` below it."""
    lines = ["norm.: (AMN - random) / (expert - random), 95 % interval; ratio: AMN / expert"]
    lines += [f"{name} {interval(value)}" for name, value in aggregates.items()]
    columns = ("expert", "AMN", "±", "norm.", "", "ratio", "paper's")
    table = _table("\n".join(lines), ("game",), columns)
    for row in rows:
        paper, normalised = row["paper"], row["normalised"]
        table.add_row(
            Text(row["game"]),
            *(number(row[key]) for key in ("expert", "amn", "amn_error")),
            f"{normalised.value:.2f}",
            f"({normalised.low:.2f}-{normalised.high:.2f})",
            percent(row["ratio"]),
            percent(paper.ratio) if paper else "-",
        )
    return table


def ablation_table(rows: list[Row]) -> Table:
    """A table of `ablations.table`: geometric means, and differences from the first."""
    table = _table(
        "geometric mean of expert-normalised scores, and its difference from the first row's, "
        "with 95 % intervals",
        ("what is different",),
        ("runs", "mean", "", "difference", ""),
        wrap=True,
    )
    for row in rows:
        cells = []
        for part in (row["geometric_mean"], row["difference"]):
            value, _, ends = interval(part).partition(" ") if part else ("", "", "")
            cells += [value, ends]
        table.add_row(Text(row["variant"].replace("_", " ")), str(row["runs"]), *cells)
    return table


def transfer_table(rows: list[Row], related: "Relation | None" = None) -> Table:
    """A table of `transfers.table_2`: first and last tests, area, steps to match.

    Args:
        rows: that one.
        related: what `relate` guessed beforehand, if that is known; for the caption.
    """
    caption = (
        "area: mean score above random play, relative to random weights, 95 % interval (with a "
        "sign, where those are not above it: what it is more); match: agent steps to random "
        "weights' last score"
    )
    if related:
        caption += (
            f"; relate's guesses and gains, {len(related.points)} pairs: Spearman "
            f"{interval(related.correlation)}"
        )
    columns = ("runs", "first", "last", "area", "", "match")
    table = _table(caption, ("game", "initialisation"), columns)
    table.padding = (0, 0, 0, 0)
    for row in rows:
        match = row["steps_to_match"]
        table.add_row(
            Text(row["game"]),
            Text(row["source"]),
            str(row["runs"]),
            number(row["points"][0]["mean"]),
            number(row["points"][-1]["mean"]),
            *_gain(row),
            "-" if match is None else f"{match / 1000:,.0f} k",
        )
    return table


def _gain(row: Row) -> tuple[str, str]:
    """The area as a ratio and its interval; as a difference where there is no ratio."""
    area, difference = row["area"], row["area_difference"]
    if not math.isnan(area.value):
        return f"{area.value:.2f}", f"({area.low:.2f}-{area.high:.2f})"
    if row["source"] == "random":
        return "-", ""
    return f"{difference.value:+,.0f}", f"({difference.low:,.0f} to {difference.high:,.0f})"
