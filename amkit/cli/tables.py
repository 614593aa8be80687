"""Score tables."""

import math
import statistics
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from amkit.games.catalogue import SPLITS
from amkit.games.published import normalized
from amkit.reports.text import number


def score_table(scores: list[dict[str, Any]]) -> Table:
    """A table of `scoring.score`: score, its error, games, random, expert, the ratio."""
    first = scores[0]
    table = Table(
        caption=f"protocol {escape(first['protocol'])}, epsilon {first['epsilon']}, "
        "raw scores of whole games, mean and standard error"
    )
    for column in ("game", "score", "±", "games", "random", "expert", "expert-normalised"):
        table.add_column(column, justify="left" if column == "game" else "right")
    for score in scores:
        expert = score.get("expert", {}).get("mean", math.nan)
        ratio = normalized(score["mean"], score["random"]["mean"], expert)
        table.add_row(
            escape(score["game"]),
            number(score["mean"], 2),
            number(score["standard_error"], 2),
            str(score["games"]),
            number(score["random"]["mean"], 2),
            number(expert, 2),
            "-" if math.isnan(ratio) else f"{100 * ratio:.1f} %",
        )
    return table


def theory_table(results: dict[str, Any]) -> list[Table]:
    """Tables of Lemma 1's distances, Theorem 1's contraction ratios and Proposition 1's costs."""
    lemma = results["lemma_1"]
    distances = lemma["distances"]
    fixed_point = Table(
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        title="Lemma 1: distance to the fixed point",
        caption=f"one fixed policy, weight decay {lemma['decay']:g}; greatest and least of "
        f"{len(distances)} starts",
    )
    for column in ("updates", "greatest", "least"):
        fixed_point.add_column(column, justify="right")
    for update in (0, 25, 50, 100, 200):
        at = [start[update] for start in distances]
        fixed_point.add_row(str(update), f"{max(at):.2g}", f"{min(at):.2g}")

    ratios: dict[str, dict[float, float]] = {}
    for row in results["theorem_1"]:
        ratios.setdefault(row["operator"], {})[row["decay"]] = row["ratio"]
    decays = next(iter(ratios.values()))
    contraction = Table(
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        title="Theorem 1: greatest contraction ratio found, by weight decay",
        caption="1 or more: no contraction; softmax / t is mixed with 10 % uniform",
    )
    for column in ("policy", *(f"{decay:g}" for decay in decays)):
        contraction.add_column(column, justify="left" if column == "policy" else "right")
    for name, by_decay in ratios.items():
        contraction.add_row(
            name, *(f"{r:.2f}" if r < 10 else f"{r:,.0f}" for r in by_decay.values())
        )

    growth = results["proposition_1"]
    cost = Table(
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        title="Proposition 1: cost-to-go of the student",
    )
    for column in ("steps", "student acts", "bound", "expert acts", "bound"):
        cost.add_column(column, justify="right")
    for steps in (50, 100, 200, 400):
        names = ("student_acts", "student_bound", "expert_acts", "expert_bound")
        cost.add_row(str(steps), *(f"{growth[name][steps - 1]:,.1f}" for name in names))
    return [fixed_point, contraction, cost]


def expert_table(results: list[dict[str, Any]], markdown: bool = False) -> Table:
    """A table of `experts.results`, 80 columns wide; as Markdown, for a page."""
    table = Table(box=box.MARKDOWN) if markdown else Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("game", "random", "human", "DQN", "score", "of DQN", "steps", "min"):
        table.add_column(column, justify="left" if column == "game" else "right", no_wrap=True)
    for row in results:
        share, steps = row["dqn_normalised"], row["steps"]
        table.add_row(
            escape(row["game"]),
            *(number(row[key]) for key in ("random", "human", "dqn")),
            f"{number(row['mean'])} ± {number(row['standard_error'])}",
            "-" if share is None else f"{share:.2f}",
            "-" if steps is None else f"{steps / 1e6:.1f} M",
            number(row["minutes"]),
        )
    return table


def expert_notes(results: list[dict[str, Any]]) -> str:
    """What the numbers of `expert_table` are, and the median over the paper's multitask games."""
    scored = {row["game"]: row["dqn_normalised"] for row in results}
    multitask = [scored[name] for name in SPLITS["multitask"] if scored.get(name) is not None]
    protocols = ", ".join(
        dict.fromkeys(
            f"protocol {row['protocol']}, epsilon {row['epsilon']}"
            for row in results
            if row["protocol"]
        )
    )
    notes = (
        f"score: mean and standard error of whole games, {protocols}; random: under the "
        "same protocol; human, DQN: Mnih et al. 2015; of DQN: (score - random) / (DQN - random)"
    )
    if not multitask:
        return notes
    return (
        f"{notes}; its median over {len(multitask)} of the 8 multitask games: "
        f"{statistics.median(multitask):.2f}"
    )


def benchmark_tables(measurements: dict[str, Any]) -> list[Table]:
    """The tables of `benchmark.measure`: whole jobs, updates alone, students of other layers."""
    machine = measurements["machine"]
    jobs = Table(
        title=f"{measurements['game']}, {measurements['precision']}, "
        f"{machine['cores']} cores, TensorFlow {machine['tensorflow']}"
    )
    jobs.add_column("job")
    jobs.add_column("agent steps/s", justify="right")
    jobs.add_column("of emulation alone", justify="right")
    for row in measurements["steps"]:
        jobs.add_row(row["what"], f"{row['rate']:,.0f}", f"{100 * row['ratio']:.0f} %")
    updates = Table(title="regression updates of the Nature network, samples/s")
    for column in ("batch", "precision", "plain graph", "XLA", "XLA / plain"):
        updates.add_column(column, justify="right")
    rates = {
        (row["batch_size"], row["precision"], row["xla"]): row["rate"]
        for row in measurements["updates"]
    }
    for batch, precision in dict.fromkeys(key[:2] for key in rates):
        plain, xla = rates[batch, precision, False], rates[batch, precision, True]
        updates.add_row(str(batch), precision, f"{plain:,.0f}", f"{xla:,.0f}", f"{xla / plain:.2f}")
    bodies = Table(
        title=f"students for --body, {measurements['precision']}",
        caption="distilling: agent steps/s at two samples per step, the parts each alone",
    )
    bodies.add_column("body")
    for column in ("parameters", "forward, obs/s", "training, samples/s", "distilling", "cost"):
        bodies.add_column(column, justify="right")
    first = measurements["bodies"][0]
    for row in measurements["bodies"]:
        numbers = (row["parameters"], row["forward"], row["training"], row["steps"])
        cost = f"{first['steps'] / row['steps']:.1f} x"
        bodies.add_row(row["body"], *(f"{number:,.0f}" for number in numbers), cost)
    return [jobs, updates, bodies]
