"""The page of distillations that differ in an option."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amkit import ablation_report, blocks, plots, report
from amkit.ablation_report import Ablations
from amkit.blocks import Block, Grid, Heading, Paragraph


def write(recorded: Ablations, folder: Path, seed: int = 0) -> list[dict[str, Any]]:
    """Writes the page, its table as CSV and its figure.

    Args:
        recorded: from `ablation_report.ablations`.
        folder: where to; made if missing, files of the same names replaced.
        seed: int. Of the bootstrap.

    Returns:
        `ablation_report.table`.

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = ablation_report.table(recorded, seed)
    caption = (
        "Expert-normalised scores of each game, and their geometric mean, with 95 % intervals; "
        "1 is the expert, and the dashed line the first variant."
    )
    figure = blocks.picture(plots.variant_scores(table), folder, "variants", caption)
    content = [*_variants(recorded, table), Heading("Figure"), figure]
    flat = [
        {**{key: value for key, value in row.items() if key != "scores"}, **row["scores"]}
        for row in table
    ]
    tables = {"variants.csv": report.csv_text(flat)}
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
            report.number(row["minutes"]),
            *(f"{row['scores'][game].value:.2f}" for game in recorded.games),
            report.interval(row["geometric_mean"]),
            report.interval(row["difference"]) if row["difference"] else "-",
        ]
        for row in table
    ]
    games = [game.replace("_", " ") for game in recorded.games]
    return [
        Paragraph(
            f"{table[0]['steps']:,} agent steps of each game (unless a row says otherwise), on "
            f"{report.machine_of(card)}. Protocol {first['protocol']}, epsilon "
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
            f"{report.REPLICATES:,} bootstrap replicates: runs, the same for all games, and each "
            "run's games, drawn anew. With one run they say nothing of other seeds: two runs that "
            "differ in the seed alone can be further apart than an interval is wide. "
            f"{report.FEW_RUNS}"
        ),
    ]
