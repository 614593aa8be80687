"""The figure of section 4: Lemma 1, Theorem 1 and Proposition 1, side by side."""

from typing import Any

from matplotlib.figure import Figure

from amkit import palette


def theory_figure(results: dict[str, Any]) -> Figure:
    """Lemma 1, Theorem 1 and Proposition 1, side by side.

    Args:
        results: "lemma_1", "theorem_1" and "proposition_1", as `amkit.theory.study` returns them.
    """
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    lemma_1, theorem_1, proposition_1 = figure.subplots(1, 3)

    lemma = results["lemma_1"]
    for distances in lemma["distances"]:
        lemma_1.plot(distances, color=palette.AMN, linewidth=1)
    lemma_1.set(
        title=f"Lemma 1: one fixed point (λ = {lemma['decay']:g})",
        xlabel="updates of Eq. 8, a line for each start",
        ylabel="distance to θ*",
        yscale="log",
    )

    curves: dict[str, list[tuple[float, float]]] = {}
    for row in results["theorem_1"]:
        curves.setdefault(row["operator"], []).append((row["decay"], row["ratio"]))
    theorem_1.set_prop_cycle(color=palette.OTHERS)
    for name, points in curves.items():
        theorem_1.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
    theorem_1.axhline(1, color="black", linewidth=0.8, linestyle=":")
    theorem_1.set(
        title="Theorem 1: contraction below 1",
        xlabel="weight decay λ",
        ylabel="greatest ratio of distances",
        xscale="log",
        yscale="log",
    )

    growth = results["proposition_1"]
    steps = range(1, len(growth["student_acts"]) + 1)
    for who, colour in (("student", palette.AMN), ("expert", palette.EXPERT)):
        proposition_1.plot(steps, growth[f"{who}_acts"], color=colour, label=f"the {who} acts")
        proposition_1.plot(steps, growth[f"{who}_bound"], ":", color=colour, label="its bound")
    proposition_1.set(
        title="Proposition 1: linear or quadratic",
        xlabel="steps T",
        ylabel="cost-to-go J_T of the student",
        xscale="log",
        yscale="log",
    )
    for ax in (theorem_1, proposition_1):
        ax.legend(fontsize=8, frameon=False)
    for ax in (lemma_1, theorem_1, proposition_1):
        ax.title.set_size("medium")
        ax.spines[["top", "right"]].set_visible(False)
    return figure
