"""The page of transfers: Table 2, Figure 7, and whether `amkit relate` had told."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amkit.games.published import EPSILON, TABLE_2
from amkit.reports import blocks, figures, statistics, text
from amkit.reports.blocks import Block, Grid, Heading, Paragraph
from amkit.reports.guesses import Relation, recommended, relation
from amkit.reports.transfers import Transfers, table_2


def write(
    recorded: Transfers,
    folder: Path,
    seed: int = 0,
    guesses: Mapping[tuple[str, str], float] | None = None,
) -> tuple[list[dict[str, Any]], Relation | None]:
    """Writes the page, its tables as CSV and its figures.

    Args:
        recorded: from `transfer_report.transfers`.
        folder: where to; made if missing, files of the same names replaced.
        seed: int. Of the intervals.
        guesses: from `relate_report.read_guesses`; None where there are none.

    Returns:
        (`transfer_report.table_2`, `relate_report.relation` of the guesses).

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = table_2(recorded, seed)
    caption = (
        f"Figure 7: tests of the target DQNs while they learn (epsilon {EPSILON}); the band is one "
        "standard error."
    )
    figure = blocks.picture(figures.transfer_curves(table), folder, "figure_7", caption)
    content = [
        *_runs(recorded),
        *_tests(table),
        *_gains(table),
        *_known_targets(recorded),
        *_papers_table_2(recorded.games),
        Heading("Learning curves"),
        figure,
    ]
    points = [
        {"game": row["game"], "source": row["source"], **point}
        for row in table
        for point in row["points"]
    ]
    areas = [{key: value for key, value in row.items() if key != "points"} for row in table]
    tables = {"table_2.csv": text.csv_text(points), "areas.csv": text.csv_text(areas)}
    related = None
    if guesses is not None:
        related = relation(recorded, table, guesses, seed)
        tables["relation.csv"] = text.csv_text(related.points)
        content += _relation(related, table, folder)
    blocks.write(f"Transfer to {len(recorded.games)} games", content, tables, folder)
    return table, related


def _runs(recorded: Transfers) -> list[Block]:
    card = next(iter(recorded.runs.values()))[0]
    return [
        Paragraph(
            f"Target DQNs, {card.get('steps', 0):,} agent steps each, preset {card.get('preset')}, "
            f"on {text.machine_of(card)}; they differ in their initialisation and in what a name "
            "adds (head new: the output layer is; freeze: layers up to it do not learn). The "
            "paper's: 10,000,000 steps each. Each test: protocol "
            f"{card.get('test_protocol')}, epsilon {EPSILON}, raw scores of whole games."
        ),
        *map(Paragraph, recorded.skipped),
    ]


def _tests(table: Sequence[Mapping[str, Any]]) -> list[Block]:
    steps = [point["steps"] for point in table[0]["points"]]
    rows = [
        [
            row["game"].replace("_", " "),
            row["source"],
            str(row["runs"]),
            *(text.with_error(point["mean"], point["standard_error"]) for point in row["points"]),
        ]
        for row in table
    ]
    return [
        Heading("Table 2"),
        Grid(("game", "initialisation", "runs", *(f"{s / 1000:,.0f} k" for s in steps)), rows),
        Paragraph(
            "± is a standard error: between runs where there are several, else of one run's games."
        ),
    ]


def _gains(table: Sequence[Mapping[str, Any]]) -> list[Block]:
    rows = [
        [
            row["game"].replace("_", " "),
            row["source"],
            text.interval(row["area"]),
            text.interval(row["area_difference"], 1),
            text.number(row["steps_to_match"]),
            text.interval(row["steps_ratio"]),
        ]
        for row in table
    ]
    return [
        Heading("Gain"),
        Grid(
            (
                *("game", "initialisation", "area, relative (95 %)", "area, difference (95 %)"),
                *("steps to random weights' last score", "of random weights' own (95 %)"),
            ),
            rows,
        ),
        Paragraph(
            "Area: mean score over all tests. Relative: above random play, divided by that of "
            "random weights; none where random weights do not get clearly above random play. "
            "Difference: less that of random weights, in score. Their intervals let runs vary as "
            "much as those do that differ in the seed alone: relative, in share of their mean, "
            "pooled over all games and initialisations; the difference in score, pooled over the "
            "initialisations of the game. Where nothing was run twice (for the difference: nothing "
            "of the game), the tests vary by their standard errors: then an interval says nothing "
            "of other seeds."
        ),
        Paragraph(
            "Steps to random weights' last score: at the first test that reaches it; none where no "
            "test does, and none where random weights do not end clearly above random play, which "
            "leaves nothing to match. (Random play's score is not known where the tests alone, or "
            "the scores alone, have sticky actions: there it is not asked about.) Of random "
            "weights' own: divided by the steps that they take to it; ∞ where no test reaches it. "
            "Intervals: "
            f"{statistics.REPLICATES:,} bootstrap replicates: runs drawn anew, and their tests by "
            f"standard errors. {statistics.FEW_RUNS}"
        ),
    ]


def _known_targets(recorded: Transfers) -> list[Block]:
    known = [
        f"{source} (weights that have learnt {game.replace('_', ' ')} itself)"
        for (game, source), cards in recorded.runs.items()
        if cards[0]["transfer"].get("knows_target")
    ]
    return [Paragraph(f"No transfer to a new game: {', '.join(known)}.")] if known else []


def _papers_table_2(games: Sequence[str]) -> list[Block]:
    rows = [
        [game.replace("_", " "), weights, *map(text.number, scores)]
        for game in games
        for weights, scores in TABLE_2.get(game, {}).items()
    ]
    if not rows:
        return []
    return [
        Heading("Table 2 of the paper, on another scale"),
        Grid(("game", "initialisation", *(f"{millions} M" for millions in range(1, 11))), rows),
        Paragraph(
            "Test scores after 1 to 10 million agent steps of the paper's own network, training "
            "and protocol: what can be compared is how far the initialisations are apart. The "
            "paper gives no errors."
        ),
    ]


def _relation(related: Relation, table: Sequence[Mapping[str, Any]], folder: Path) -> list[Block]:
    came = {(row["game"], row["source"]): row for row in table}
    choices = [
        [
            game.replace("_", " "),
            source,
            text.interval(came[game, source]["area"]),
            text.interval(came[game, source]["area_difference"], 1),
            text.interval(came[game, source]["steps_ratio"]),
        ]
        for game, source in recommended(related).items()
    ]
    rows = [
        [p["game"].replace("_", " "), p["source"], f"{p['guess']:+.3f}", f"{p['gain']:+.2f}"]
        for p in related.points
    ]
    return [
        Heading("Did relate tell?"),
        Paragraph(
            "Guess: how much more of the reward ahead a network's features tell than those of "
            "random weights, from random play (R², amkit relate). Gain: (a - b) / (|a| + |b|) of "
            "the mean scores above random play over all tests, begun with its weights and with "
            "random ones; 0 is none, 0.33 twice as much. Spearman's correlation over "
            f"{len(rows)} pairs: {text.interval(related.correlation)}, games drawn anew."
        ),
        blocks.picture(
            figures.guesses_and_gains(related.points),
            folder,
            "relation",
            "What relate said beforehand, and what transfer gained.",
        ),
        Grid(("game", "initialisation", "guess", "gain"), rows),
        Paragraph(
            "What it recommends: the highest guess, and random weights where no guess is above 0. "
            "What that came to (area and steps as above, beside random weights):"
        ),
        Grid(
            (
                *("game", "recommended", "area, relative (95 %)", "area, difference (95 %)"),
                "steps, relative (95 %)",
            ),
            choices,
        ),
    ]
