"""Score tables."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from amkit.reports.text import interval, number, percent
from amkit.reports.transfers import RANDOM

if TYPE_CHECKING:
    from amkit.reports.guesses import Relation


def written_table(written: dict[str, Any]) -> Table:
    """The table of what `pages.write_report` returned, whichever report that was."""
    if "variants" in written:
        return ablation_table(written["variants"])
    if "curves" in written:
        return transfer_table(written["curves"], written["relation"])
    return report_table(written["games"], written["aggregates"])


def report_table(table: list[dict[str, Any]], aggregates: dict[str, Any]) -> Table:
    """A table of `report.table_1`; `report.aggregates` below it."""
    lines = [
        f"{name} {e.value:.2f} ({e.low:.2f} to {e.high:.2f})" for name, e in aggregates.items()
    ]
    shown = Table(
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        caption="norm.: (AMN - random) / (expert - random), 95 % interval; ratio: AMN / expert\n"
        + "\n".join(lines),
    )
    for column in ("game", "expert", "AMN", "±", "norm.", "", "ratio", "paper's"):
        shown.add_column(column, justify="left" if column == "game" else "right", no_wrap=True)
    for row in table:
        paper, normalised = row["paper"], row["normalised"]
        shown.add_row(
            escape(row["game"]),
            number(row["expert"]),
            number(row["amn"]),
            number(row["amn_error"]),
            f"{normalised.value:.2f}",
            f"({normalised.low:.2f}-{normalised.high:.2f})",
            percent(row["ratio"]),
            percent(paper.ratio) if paper else "-",
        )
    return shown


def ablation_table(table: list[dict[str, Any]]) -> Table:
    """A table of `ablation_report.table`: geometric means, and differences from the first."""
    shown = Table(
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        caption="geometric mean of expert-normalised scores, and its difference from the first "
        "row's, with 95 % intervals",
    )
    for column in ("what is different", "runs", "mean", "", "difference", ""):
        left = column == "what is different"
        shown.add_column(column, justify="left" if left else "right", no_wrap=not left)
    for row in table:
        cells = [
            (f"{e.value:.2f}", f"({e.low:.2f} to {e.high:.2f})") if e else ("", "")
            for e in (row["geometric_mean"], row["difference"])
        ]
        variant = escape(row["variant"].replace("_", " "))
        shown.add_row(variant, str(row["runs"]), *cells[0], *cells[1])
    return shown


def transfer_table(table: list[dict[str, Any]], related: "Relation | None" = None) -> Table:
    """A table of `transfer_report.table_2`: first and last tests, area, steps to match.

    Args:
        table: that one.
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
    shown = Table(box=box.SIMPLE, padding=0, caption=caption)
    for column in ("game", "initialisation", "runs", "first", "last", "area", "", "match"):
        left = column in ("game", "initialisation")
        shown.add_column(column, justify="left" if left else "right", no_wrap=True)
    for row in table:
        match = row["steps_to_match"]
        shown.add_row(
            escape(row["game"]),
            escape(row["source"]),
            str(row["runs"]),
            number(row["points"][0]["mean"]),
            number(row["points"][-1]["mean"]),
            *_gain(row),
            "-" if match is None else f"{match / 1000:,.0f} k",
        )
    return shown


def _gain(row: Mapping[str, Any]) -> tuple[str, str]:
    """The area as a ratio and its interval; as a difference where there is no ratio."""
    area, difference = row["area"], row["area_difference"]
    if not math.isnan(area.value):
        return f"{area.value:.2f}", f"({area.low:.2f}-{area.high:.2f})"
    if row["source"] == RANDOM:
        return "-", ""
    return f"{difference.value:+,.0f}", f"({difference.low:,.0f} to {difference.high:,.0f})"
