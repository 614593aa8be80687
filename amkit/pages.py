"""A report as Markdown and as one self-contained HTML page, with figures and CSV beside them."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amkit import ablation_report, files, plots, report
from amkit.ablation_report import Ablations
from amkit.games import EPSILON, SPLITS, TABLE_2
from amkit.relate_report import Relation, relation
from amkit.report import Estimate, Recorded
from amkit.transfer_report import Transfers, table_2

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Heading:
    """A section's title."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Grid:
    """A table: a header and rows of text, the first column's to the left."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A figure of the folder: `<name>.svg` and `<name>.png`."""

    name: str
    caption: str


Block = Heading | Paragraph | Grid | Picture

_FEW_RUNS = (
    "With two runs or three they are too narrow: two values, resampled, hold their mean half of "
    "the time."
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #888; } th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; } img { max-width: 100%; height: auto; }
figure { margin: 1rem 0; } figcaption, .small { color: #666; font-size: 0.85rem; }
"""


def write(
    recorded: Recorded, folder: Path, seed: int = 0
) -> tuple[list[dict[str, Any]], dict[str, Estimate]]:
    """Writes a multitask report: `report.md`, `index.html`, CSV tables, figures as PNG and SVG.

    Args:
        recorded: from `report.experiment`.
        folder: where to; made if missing, files of the same names replaced.
        seed: int. Of the bootstrap.

    Returns:
        (`report.table_1`, `report.aggregates`).

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = report.table_1(recorded, seed)
    aggregates = report.aggregates(recorded, seed)
    curves = report.curve_rows(recorded)
    costs = report.costs(recorded)
    blocks: list[Block] = [
        *_scores(recorded, table, aggregates),
        *_pictures(recorded, table, curves, folder),
        *_costs(costs),
    ]
    tables = {
        "table_1.csv": report.csv_text(table),
        "aggregates.csv": report.csv_text(
            [{"statistic": name, "value": value} for name, value in aggregates.items()]
        ),
        "curves.csv": report.csv_text(curves),
        "costs.csv": report.csv_text(costs),
    }
    _write_texts(f"Actor-Mimic on {len(recorded.games)} games", blocks, tables, folder)
    return table, aggregates


def write_transfer(
    recorded: Transfers,
    folder: Path,
    seed: int = 0,
    guesses: Mapping[tuple[str, str], float] | None = None,
) -> tuple[list[dict[str, Any]], Relation | None]:
    """Writes a report on transfer, in the same form.

    Args:
        recorded: from `transfer_report.transfers`.
        folder: as in `write`.
        seed: int. Of the intervals.
        guesses: from `relate_report.read_guesses`; None where there are none.

    Returns:
        (`transfer_report.table_2`, `relate_report.relation` of the guesses).

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = table_2(recorded, seed)
    blocks = [*_table_2(recorded, table)]
    _draw(plots.transfer_curves(table), folder / "figure_7")
    caption = (
        f"Figure 7: tests of the target DQNs while they learn (epsilon {EPSILON}); the band is one "
        "standard error."
    )
    blocks += [Heading("Learning curves"), Picture("figure_7", caption)]
    points = [
        {"game": row["game"], "source": row["source"], **point}
        for row in table
        for point in row["points"]
    ]
    areas = [{key: value for key, value in row.items() if key != "points"} for row in table]
    tables = {"table_2.csv": report.csv_text(points), "areas.csv": report.csv_text(areas)}
    related = None
    if guesses is not None:
        related = relation(recorded, table, guesses, seed)
        _draw(plots.guesses_and_gains(related.points), folder / "relation")
        tables["relation.csv"] = report.csv_text(related.points)
        blocks += _relation(related)
    _write_texts(f"Transfer to {len(recorded.games)} games", blocks, tables, folder)
    return table, related


def write_ablations(recorded: Ablations, folder: Path, seed: int = 0) -> list[dict[str, Any]]:
    """Writes a report on distillations that differ in an option, in the same form.

    Args:
        recorded: from `ablation_report.ablations`.
        folder: as in `write`.
        seed: int. Of the bootstrap.

    Returns:
        `ablation_report.table`.

    Raises:
        OSError: if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = ablation_report.table(recorded, seed)
    _draw(plots.variant_scores(table), folder / "variants")
    caption = (
        "Expert-normalised scores of each game, and their geometric mean, with 95 % intervals; "
        "1 is the expert, and the dashed line the first variant."
    )
    blocks = [*_variants(recorded, table), Heading("Figure"), Picture("variants", caption)]
    flat = [
        {**{key: value for key, value in row.items() if key != "scores"}, **row["scores"]}
        for row in table
    ]
    tables = {"variants.csv": report.csv_text(flat)}
    _write_texts(f"{len(table)} ways to distil {len(recorded.games)} games", blocks, tables, folder)
    return table


def _draw(figure: "Figure", path: Path) -> None:
    for ending in (".png", ".svg"):
        plots.save(figure, path.with_name(path.name + ending))


def _variants(recorded: Ablations, table: Sequence[Mapping[str, Any]]) -> list[Block]:
    runs = next(iter(recorded.variants.values())).amns
    first, machine = runs[0]["scores"][0], runs[0].get("machine", {})
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
            f"{machine.get('cores')} cores of {machine.get('processor')}. Protocol "
            f"{first['protocol']}, epsilon {first['epsilon']}, whole games."
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
            "(AMN - chance) / (expert - chance). Intervals: "
            f"{report.REPLICATES:,} bootstrap replicates: runs, the same for all games, and each "
            "run's games, drawn anew. With one run they say nothing of other seeds: two runs that "
            "differ in the seed alone can be further apart than an interval is wide. "
            f"{_FEW_RUNS}"
        ),
    ]


def _write_texts(
    title: str, blocks: Sequence[Block], tables: Mapping[str, str], folder: Path
) -> None:
    pages = {
        "report.md": markdown(title, blocks),
        "index.html": page(title, blocks, folder),
    }
    for name, text in {**tables, **pages}.items():
        files.write_text(folder / name, text)


def _relation(related: Relation) -> list[Block]:
    rows = [
        [p["game"].replace("_", " "), p["source"], f"{p['guess']:+.3f}", f"{p['gain']:+.2f}"]
        for p in related.points
    ]
    return [
        Heading("Did relate tell?"),
        Paragraph(
            "Guess: how much more of the reward ahead a network's features tell than those of "
            "random weights, from random play (R², amkit relate). Gain: (a - b) / (|a| + |b|) of "
            "the mean scores above chance over all tests, begun with its weights and with random "
            "ones; 0 is none, 0.33 twice as much. Spearman's correlation over "
            f"{len(rows)} pairs: {report.interval(related.correlation)}, games drawn anew."
        ),
        Picture("relation", "What relate said beforehand, and what transfer gained."),
        Grid(("game", "first weights", "guess", "gain"), rows),
    ]


def _table_2(recorded: Transfers, table: Sequence[Mapping[str, Any]]) -> list[Block]:
    first = table[0]["points"]
    steps = [point["steps"] for point in first]
    card = next(iter(recorded.runs.values()))[0]
    rows = [
        [
            row["game"].replace("_", " "),
            row["source"],
            str(row["runs"]),
            *(_with_error(point["mean"], point["standard_error"]) for point in row["points"]),
        ]
        for row in table
    ]
    gains = [
        [
            row["game"].replace("_", " "),
            row["source"],
            report.interval(row["area"]),
            report.interval(row["area_difference"], 1),
            report.number(row["steps_to_match"]),
            report.interval(row["steps_ratio"]),
        ]
        for row in table
    ]
    machine = card.get("machine", {})
    return [
        Paragraph(
            f"Target DQNs, {card.get('steps', 0):,} agent steps each, preset {card.get('preset')}, "
            f"on {machine.get('cores')} cores of {machine.get('processor')}; they differ in their "
            "first weights and in what a name adds (head new: the output layer is; freeze: layers "
            "up to it do not learn). The paper's: 10,000,000 steps each. Each test: protocol "
            f"{card.get('test_protocol')}, epsilon {EPSILON}, raw scores of whole games."
        ),
        *map(Paragraph, recorded.skipped),
        Heading("Table 2"),
        Grid(("game", "first weights", "runs", *(f"{s / 1000:,.0f} k" for s in steps)), rows),
        Paragraph(
            "± is a standard error: between runs where there are several, else of one run's games."
        ),
        Heading("Gain"),
        Grid(
            (
                *("game", "first weights", "area, relative (95 %)", "area, difference (95 %)"),
                *("steps to random's last score", "of random's own (95 %)"),
            ),
            gains,
        ),
        Paragraph(
            "Area: mean score over all tests. Relative: above chance, divided by that of random "
            "weights; none where random weights do not get clearly above chance. Difference: less "
            "that of random weights, in score. Their intervals let runs vary as much as those do "
            "that differ in the seed alone: relative, in share of their mean, pooled over all "
            "games and first weights; the difference in score, pooled over the first weights of "
            "the game. Where nothing was run twice (for the difference: nothing of the game), the "
            "tests vary by their standard errors: then an interval says nothing of other seeds."
        ),
        Paragraph(
            "Steps to random's last score: at the first test that reaches the last one of random "
            "weights; none where no test does, and none where random weights do not end clearly "
            "above chance, which leaves nothing to match. (Chance is not known where the tests "
            "alone, or the scores alone, have sticky actions: there it is not asked about.) Of "
            "random's own: divided by the steps that random weights take to that score; ∞ where no "
            "test reaches it. Intervals: "
            f"{report.REPLICATES:,} bootstrap replicates: runs drawn anew, and their tests by "
            f"standard errors. {_FEW_RUNS}"
        ),
        *_known_targets(recorded),
        *_papers_table_2(recorded.games),
    ]


def _papers_table_2(games: Sequence[str]) -> list[Block]:
    rows = [
        [game.replace("_", " "), weights, *map(report.number, scores)]
        for game in games
        for weights, scores in TABLE_2.get(game, {}).items()
    ]
    if not rows:
        return []
    return [
        Heading("Table 2 of the paper, on another scale"),
        Grid(("game", "first weights", *(f"{millions} M" for millions in range(1, 11))), rows),
        Paragraph(
            "Test scores after 1 to 10 million agent steps of the paper's own network, training "
            "and protocol: what can be compared is how far the first weights are apart. The paper "
            "gives no errors."
        ),
    ]


def _known_targets(recorded: Transfers) -> list[Block]:
    known = [
        f"{source} (weights that have learnt {game.replace('_', ' ')} itself)"
        for (game, source), cards in recorded.runs.items()
        if cards[0]["transfer"].get("knows_target")
    ]
    return [Paragraph(f"No transfer to a new game: {', '.join(known)}.")] if known else []


def _scores(
    recorded: Recorded, table: Sequence[Mapping[str, Any]], aggregates: Mapping[str, Estimate]
) -> list[Block]:
    card = recorded.amns[0]
    first = card["scores"][0]
    machine = card.get("machine", {})
    seeds = ", ".join(str(one.get("seed")) for one in recorded.amns)
    rows = []
    for row in table:
        paper = row["paper"]
        rows.append(
            [
                row["game"].replace("_", " "),
                report.number(row["random"]),
                _with_error(row["expert"], row["expert_error"]),
                _with_error(row["amn"], row["amn_error"]),
                report.number(row["amn_max"]),
                report.percent(row["ratio"]),
                report.interval(row["normalised"]),
                report.number(row["steps_to_90"]),
                report.percent(paper.ratio) if paper else "-",
            ]
        )
    return [
        Paragraph(
            f"One network, {card.get('steps', 0):,} agent steps of each of {len(table)} games, "
            f"{len(recorded.amns)} run(s), seed {seeds}, preset {card.get('preset')}, "
            f"{card.get('minutes')} minutes on {machine.get('cores')} cores of "
            f"{machine.get('processor')}. The paper's: 25,000,000 steps of each game, 2 networks. "
            f"Protocol {first['protocol']}, epsilon {first['epsilon']}, raw scores of whole games."
        ),
        Heading("Table 1"),
        Grid(
            (
                *("game", "chance", "expert", "AMN", "AMN, best test", "AMN / expert"),
                *("expert-normalised (95 %)", "steps to 90 %", "AMN / expert, paper"),
            ),
            rows,
        ),
        Paragraph(
            "± is a standard error: between runs where there are several, else of one run's games. "
            "Expert-normalised: (AMN - chance) / (expert - chance). AMN / expert says nothing "
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
            f"Intervals: {report.REPLICATES:,} bootstrap replicates: runs, the same for all games, "
            "and each run's games, drawn anew; the experts' and chance's means vary by their "
            f"standard errors. With one run they say nothing of other seeds. {_FEW_RUNS} The "
            f"geometric mean counts a game below {report.FLOOR} as {report.FLOOR}."
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
            texts = [*map(report.number, values[:4]), *map(report.percent, values[4:])]
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
            *(_with_error(row[kind], row[f"{kind}_error"]) for kind in ("expert", "amn", *kinds)),
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
        _draw(figure, folder / name)
        found.append(Picture(name, caption))

    add(
        "figure_6",
        plots.relative_scores(table),
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
                    plots.learning_curves(table, curves, networks),
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
            report.number(row["runs"]),
            report.number(row["steps"]),
            report.number(row["minutes"]),
            report.number(row["parameters"]),
            report.number(row["bytes"]),
            report.number(row["forward_1"], 2),
            report.number(row["forward_64"], 2),
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


def markdown(title: str, blocks: Sequence[Block]) -> str:
    """The page as Markdown; pictures lie beside it."""
    parts = [f"# {title}"]
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"## {text}")
            case Paragraph(text):
                parts.append(text)
            case Grid(header, rows):
                rule = ["---", *["---:"] * (len(header) - 1)]
                lines = [header, rule, *rows]
                parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
            case Picture(name, caption):
                parts.append(f"![{caption}]({name}.png)\n\n{caption}")
    return "\n\n".join(parts) + "\n"


def page(title: str, blocks: Sequence[Block], folder: Path) -> str:
    """The page as HTML, its pictures inside it."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for block in blocks:
        match block:
            case Heading(text):
                parts.append(f"<h2>{html.escape(text)}</h2>")
            case Paragraph(text):
                parts.append(f"<p>{html.escape(text)}</p>")
            case Grid(header, rows):
                head = _row(header, "th")
                body = "\n".join(_row(row, "td") for row in rows)
                parts.append(
                    f'<div class="wide"><table><thead>{head}</thead>\n<tbody>{body}</tbody></table>'
                    "</div>"
                )
            case Picture(name, caption):
                data = base64.b64encode((folder / f"{name}.svg").read_bytes()).decode()
                text = html.escape(caption)
                parts.append(
                    f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}">'
                    f"<figcaption>{text}</figcaption></figure>"
                )
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _with_error(value: float, error: float | None) -> str:
    return f"{report.number(value)} ± {report.number(error)}"
