"""`amkit theory`."""

import json as json_format
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from typer import Option

from amkit.cli.console import StatusLine, deliver, missing, say, table, usage
from amkit.cli.options import RUNS, Json, RunFolder


def theory(
    seed: int = Option(0, help="Seed of the random process.", min=0),
    run: RunFolder = None,
    json: Json = False,
) -> None:
    """Test the claims of section 4 of the paper on small decision processes.

    Lemma 1 (there is one fixed point), Theorem 1 (when the iteration contracts) and Proposition 1
    (the cost of imitation grows linearly or quadratically). Takes half a minute.

    Example: [bold]amkit theory[/]  tables, and a figure in runs/theory/ (needs the extra 'plots')
    """
    from amkit import __version__
    from amkit.storage import run_folders
    from amkit.theory import study

    with usage():
        opened = run_folders.claim(RUNS, "theory", run)
        opened.begin({"kind": "theory", "seed": seed, "amkit": __version__})
        folder = opened.folder
    with opened:
        with StatusLine(0) as status:
            status("measuring Lemma 1")
            results: dict[str, Any] = {"lemma_1": study.lemma_1(seed)}
            status("measuring Theorem 1")
            results["theorem_1"] = study.theorem_1(seed)
            status("measuring Proposition 1")
            results["proposition_1"] = study.proposition_1()
        opened.write("results.json", json_format.dumps(results) + "\n")
        if extra := missing("plots"):  # The numbers are numpy's alone.
            say(f"no figure: it needs {extra}")
        else:
            from amkit.reports import figures
            from amkit.theory.figure import theory_figure

            figures.save(theory_figure(results), folder / "theory.png")
            say(f"figure: {folder / 'theory.png'}")
    deliver({"run": str(folder), **results}, json, theory_tables)


def theory_tables(results: Mapping[str, Any]) -> Group:
    """Tables of Lemma 1's distances, Theorem 1's contraction ratios and Proposition 1's costs."""
    lemma, growth = results["lemma_1"], results["proposition_1"]
    distances = list(zip(*lemma["distances"], strict=True))  # Of all starts, by update.
    decays = dict.fromkeys(f"{row['decay']:g}" for row in results["theorem_1"])
    policies: dict[str, list[str]] = {}  # Ratios, by decay.
    for row in results["theorem_1"]:
        ratio = f"{row['ratio']:.2f}" if row["ratio"] < 10 else f"{row['ratio']:,.0f}"
        policies.setdefault(row["operator"], []).append(ratio)
    costs = [
        {"steps": n, **{name: cost[n - 1] for name, cost in growth.items()}}
        for n in (50, 100, 200, 400)
    ]
    return Group(
        table(
            [
                {"updates": n, "greatest": max(distances[n]), "least": min(distances[n])}
                for n in (0, 25, 50, 100, 200)
            ],
            "updates | greatest | least",
            "{updates} | {greatest:.2g} | {least:.2g}",
            title="Lemma 1: distance to the fixed point",
            caption=f"one fixed policy, weight decay {lemma['decay']:g}; greatest and least of "
            f"{len(lemma['distances'])} starts",
        ),
        "",
        table(
            [{"policy": name, "ratios": ratios} for name, ratios in policies.items()],
            " | ".join(["policy", *decays]),
            " | ".join(["{policy}", *(f"{{ratios[{i}]}}" for i in range(len(decays)))]),
            left=("policy",),
            title="Theorem 1: greatest contraction ratio found, by weight decay",
            caption="1 or more: no contraction; softmax / t is mixed with 10 % uniform",
        ),
        "",
        table(
            costs,
            "steps | student acts | student bound | expert acts | expert bound",
            "{steps} | {student_acts:,.1f} | {student_bound:,.1f} | {expert_acts:,.1f} | "
            "{expert_bound:,.1f}",
            title="Proposition 1: cost-to-go of the student",
        ),
    )
