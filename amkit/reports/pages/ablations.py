"""The page of distillations that differ in an option."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amkit.reports import ablations, blocks, figures, statistics, text
from amkit.reports.ablations import Ablations
from amkit.reports.blocks import Block, Grid, Heading, Paragraph
from amkit.reports.statistics import REPLICATES


def write(recorded: Ablations, folder: Path, seed: int = 0) -> list[dict[str, Any]]:
    """Writes the page, its table as CSV and its figure.

    Args:
        recorded: from `ablations.ablations`.
        folder: where to; made if missing, files of the same names replaced.
        seed: int. Of the bootstrap.

    Returns:
        `ablations.table`.

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = ablations.table(recorded, seed)
    caption = (
        "Expert-normalised scores of each game, and their geometric mean, with 95 % intervals; "
        "1 is the expert, and the dashed line the first variant."
    )
    figure = blocks.picture(figures.variant_scores(table), folder, "variants", caption)
    content = [*_variants(recorded, table), Heading("Figure"), figure]
    flat = [
        {**{key: value for key, value in row.items() if key != "scores"}, **row["scores"]}
        for row in table
    ]
    tables = {"variants.csv": text.csv_text(flat)}
    title = f"{len(table)} ways to distil {len(recorded.games)} games"
    blocks.write(title, content, tables, folder)
    return table


def _variants(recorded: Ablations, table: Sequence[Mapping[str, Any]]) -> list[Block]:
    card = next(iter(recorded.variants.values())).amns[0]
    first = card["scores"][0]
    rows = [
        [
            row["variant"].replace("_", " "),
            str(row["runs"]),
            text.number(row["minutes"]),
            *(f"{row['scores'][game].value:.2f}" for game in recorded.games),
            text.interval(row["geometric_mean"]),
            text.interval(row["difference"]) if row["difference"] else "-",
        ]
        for row in table
    ]
    games = [game.replace("_", " ") for game in recorded.games]
    return [
        Paragraph(
            f"{table[0]['steps']:,} agent steps of each game (unless a row says otherwise), on "
            f"{text.machine_of(card)}. Protocol {first['protocol']}, epsilon "
            f"{first['epsilon']}, whole games."
        ),
        Heading("Expert-normalised scores"),
        Grid(
            (
                *("what is different", "runs", "minutes", *games),
                *("geometric mean (95 %)", "difference from the first (95 %)"),
            ),
            rows,
        ),
        Paragraph(
            "(AMN - random) / (expert - random). Intervals: "
            f"{REPLICATES:,} bootstrap replicates: runs, the same for all games, and each "
            "run's games, drawn anew. With one run they say nothing of other seeds: two runs that "
            "differ in the seed alone can be further apart than an interval is wide. "
            f"{statistics.FEW_RUNS}"
        ),
    ]
