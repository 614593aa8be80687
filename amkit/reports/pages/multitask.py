"""The page of multitask runs: Table 1, Figures 1 to 6, baselines and costs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amkit.games.catalogue import SPLITS
from amkit.games.published import EPSILON
from amkit.reports import blocks, figures, multitask, statistics, text
from amkit.reports.blocks import Block, Grid, Heading, Paragraph
from amkit.reports.recorded import Recorded
from amkit.reports.statistics import REPLICATES, Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(
    recorded: Recorded, folder: Path, seed: int = 0
) -> tuple[list[dict[str, Any]], dict[str, Estimate]]:
    """Writes the page, its tables as CSV and its figures.

    Args:
        recorded: from `recorded.experiment`.
        folder: where to; made if missing, files of the same names replaced.
        seed: int. Of the bootstrap.

    Returns:
        (`multitask.table_1`, `multitask.aggregates`).

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = multitask.table_1(recorded, seed)
    aggregates = multitask.aggregates(recorded, seed)
    curves = multitask.curve_rows(recorded)
    costs = multitask.costs(recorded)
    content = [
        *_scores(recorded, table, aggregates),
        *_pictures(recorded, table, curves, folder),
        *_costs(costs),
    ]
    tables = {
        "table_1.csv": text.csv_text(table),
        "aggregates.csv": text.csv_text(
            [{"statistic": name, "value": value} for name, value in aggregates.items()]
        ),
        "curves.csv": text.csv_text(curves),
        "costs.csv": text.csv_text(costs),
    }
    blocks.write(f"Actor-Mimic on {len(recorded.games)} games", content, tables, folder)
    return table, aggregates


def _scores(
    recorded: Recorded, table: Sequence[Mapping[str, Any]], aggregates: Mapping[str, Estimate]
) -> list[Block]:
    card = recorded.amns[0]
    first = card["scores"][0]
    seeds = ", ".join(str(one.get("seed")) for one in recorded.amns)
    rows = []
    for row in table:
        paper = row["paper"]
        rows.append(
            [
                row["game"].replace("_", " "),
                text.number(row["random"]),
                text.with_error(row["expert"], row["expert_error"]),
                text.with_error(row["amn"], row["amn_error"]),
                text.number(row["amn_max"]),
                text.percent(row["ratio"]),
                text.interval(row["normalised"]),
                text.number(row["steps_to_90"]),
                text.percent(paper.ratio) if paper else "-",
            ]
        )
    return [
        Paragraph(
            f"One network, {card.get('steps', 0):,} agent steps of each of {len(table)} games, "
            f"{len(recorded.amns)} run(s), seed {seeds}, preset {card.get('preset')}, "
            f"{card.get('minutes')} minutes on {text.machine_of(card)}. The paper's: 25,000,000 "
            f"steps of each game, 2 networks. Protocol {first['protocol']}, epsilon "
            f"{first['epsilon']}, raw scores of whole games."
        ),
        Heading("Table 1"),
        Grid(
            (
                *("game", "random", "expert", "AMN", "AMN, best test", "AMN / expert"),
                *("expert-normalised (95 %)", "steps to 90 %", "AMN / expert, paper"),
            ),
            rows,
        ),
        Paragraph(
            "± is a standard error: between runs where there are several, else of one run's games. "
            "Expert-normalised: (AMN - random) / (expert - random). AMN / expert says nothing "
            "where the expert is below 0. Best test: the greatest mean of a test while training; "
            "it is picked, and so too high. Steps to 90 %: at the first "
            "test of 0.9 or more."
        ),
        *_beside_the_papers(recorded, table),
        *_baselines(recorded, table),
        Heading("Over all games"),
        Grid(
            ("expert-normalised", "value", "95 % interval"),
            [
                [name, f"{e.value:.2f}", f"{e.low:.2f} to {e.high:.2f}"]
                for name, e in aggregates.items()
            ],
        ),
        Paragraph(
            f"Intervals: {REPLICATES:,} bootstrap replicates: runs, the same for all games, "
            "and each run's games, drawn anew; the means of experts and of random play vary by "
            "their standard errors. With one run they say nothing of other seeds. "
            f"{statistics.FEW_RUNS} The geometric mean counts a game below {statistics.FLOOR} as "
            f"{statistics.FLOOR}."
        ),
    ]


def _beside_the_papers(recorded: Recorded, table: Sequence[Mapping[str, Any]]) -> list[Block]:
    if not any(row["paper"] for row in table):
        return []
    millions = recorded.amns[0].get("steps", 0) / 1e6
    rows = []
    for row in table:
        kinds = {
            f"ours, {millions:.2g} M": [
                row[key] for key in ("expert", "expert_max", "amn", "amn_max", "ratio", "max_ratio")
            ]
        }
        if p := row["paper"]:
            kinds["the paper's, 25 M"] = [
                *(p.expert_mean, p.expert_max, p.amn_mean, p.amn_max, p.ratio, p.max_ratio)
            ]
        for whose, values in kinds.items():
            texts = [*map(text.number, values[:4]), *map(text.percent, values[4:])]
            rows.append([row["game"].replace("_", " "), whose, *texts])
    return [
        Heading("Table 1 beside the paper's"),
        Grid(
            (
                *("game", "whose, steps of each game", "expert", "expert, best test"),
                *("AMN", "AMN, best test", "AMN / expert", "best / best"),
            ),
            rows,
        ),
        Paragraph(
            "Two scales: the paper's experts were trained until they converged, and its scores are "
            "means over the last 10 testing epochs and the best of all (of 100, for the AMN), with "
            "2 networks; their emulator and protocol are not these. Ratios can be compared. Ours "
            "are means of whole games, and the best of few tests. An expert's best is that of its "
            "tests while it trained (train --test-epochs), where its run or card is given to the "
            "report too; - where it is not known."
        ),
    ]


def _baselines(recorded: Recorded, table: Sequence[Mapping[str, Any]]) -> list[Block]:
    kinds = tuple(recorded.baselines)
    if not kinds:
        return []
    rows = [
        [
            row["game"].replace("_", " "),
            *(
                text.with_error(row[kind], row[f"{kind}_error"])
                for kind in ("expert", "amn", *kinds)
            ),
            f"{row['normalised'].value:.2f}",
            *(f"{row[f'{kind}_normalised']:.2f}" for kind in kinds),
        ]
        for row in table
    ]
    names = ["AMN", *(kind.upper() for kind in kinds)]
    runs = ", ".join(
        f"{kind.upper()} {cards[0].get('steps', 0):,} agent steps of each game, {len(cards)} run(s)"
        for kind, cards in recorded.baselines.items()
    )
    return [
        Heading("Baselines"),
        Grid(("game", "expert", *names, *(f"{name}, expert-normalised" for name in names)), rows),
        Paragraph(
            f"Scores at the end of training, as in Table 1. {runs}: multitask DQNs, which learn "
            "without experts (App. C); the paper shows their curves alone."
        ),
    ]


def _pictures(
    recorded: Recorded,
    table: Sequence[Mapping[str, Any]],
    curves: Sequence[Mapping[str, Any]],
    folder: Path,
) -> list[Block]:
    found: list[Block] = []

    def add(name: str, figure: "Figure", caption: str) -> None:
        found.append(blocks.picture(figure, folder, name, caption))

    add(
        "figure_6",
        figures.relative_scores(table),
        "Figure 6: each game's AMN score in percent of its expert's, beside the paper's Table 1: "
        "means, with one standard error of the AMN's, and best tests; ? is not known.",
    )
    if any(point["network"] == "amn" for point in curves):
        protocol = recorded.amns[0].get("test_protocol")
        captions = {
            _own_figure(recorded): (("amn",), "the AMN"),
            "figure_2": (("amn", "mdqn"), "the AMN and the multitask DQN"),
            "figure_3": (("amn", "mcdqn"), "the AMN and the DQN with shared convolutions"),
        }
        for name, (networks, whose) in captions.items():
            if set(networks) <= {"amn", *recorded.baselines}:
                add(
                    name,
                    figures.learning_curves(table, curves, networks),
                    f"{name.replace('_', ' ').capitalize()}: {whose} while training; each point is "
                    f"a test (protocol {protocol}, epsilon {EPSILON}); the band: a standard error.",
                )
    else:
        found.append(
            Paragraph(
                "No learning curve was recorded: distil with --test-epochs for Figures 1 to 5."
            )
        )
    return [Heading("Figures"), *found]


def _own_figure(recorded: Recorded) -> str:
    """Which of the paper's figures an AMN's learning curves are: 4 and 5 are of the sources."""
    if set(recorded.games) <= set(SPLITS["multitask"]):
        return "figure_1"
    return "figure_5" if recorded.amns[0].get("settings", {}).get("feature_weight") else "figure_4"


def _costs(costs: Sequence[Mapping[str, Any]]) -> list[Block]:
    rows = [
        [
            row["network"].upper() if row["runs"] else row["network"],
            text.number(row["runs"]),
            text.number(row["steps"]),
            text.number(row["minutes"]),
            text.number(row["parameters"]),
            text.number(row["bytes"]),
            text.number(row["forward_1"], 2),
            text.number(row["forward_64"], 2),
        ]
        for row in costs
    ]
    return [
        Heading("Cost"),
        Grid(
            (
                *("network", "runs", "agent steps per game", "minutes", "parameters", "bytes"),
                *("forward pass of 1, ms", "of 64, ms"),
            ),
            rows,
        ),
        Paragraph(
            "Bytes: of the parameters as float32, 4 each. One AMN stands for all its experts."
        ),
    ]
