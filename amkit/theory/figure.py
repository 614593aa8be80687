"""The figure of section 4: Lemma 1, Theorem 1 and Proposition 1, side by side."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def theory_figure(results: dict[str, Any]) -> "Figure":
    """Lemma 1, Theorem 1 and Proposition 1, side by side.

    Args:
        results: "lemma_1", "theorem_1" and "proposition_1", as `theory_study` returns them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.2), layout="constrained")
    axes = figure.subplots(1, 3)

    lemma = results["lemma_1"]
    for distances in lemma["distances"]:
        axes[0].plot(distances)
    axes[0].set(
        title=f"Lemma 1: one fixed point (λ = {lemma['decay']:g})",
        xlabel="updates of Eq. 8",
        ylabel="distance to θ*",
        yscale="log",
    )

    curves: dict[str, list] = {}
    for row in results["theorem_1"]:
        curves.setdefault(row["operator"], []).append((row["decay"], row["ratio"]))
    for name, points in curves.items():
        axes[1].plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
    axes[1].axhline(1, color="black", linewidth=0.8, linestyle=":")
    axes[1].set(
        title="Theorem 1: contraction, and where it breaks",
        xlabel="weight decay λ",
        ylabel="greatest ratio of distances",
        xscale="log",
        yscale="log",
    )
    axes[1].legend(fontsize=8)

    growth = results["proposition_1"]
    steps = range(1, len(growth["student_acts"]) + 1)
    for who, colour in (("student", "tab:blue"), ("expert", "tab:red")):
        axes[2].plot(steps, growth[f"{who}_acts"], color=colour, label=f"the {who} acts")
        axes[2].plot(
            steps, growth[f"{who}_bound"], color=colour, linestyle=":", label=f"{who}: bound"
        )
    axes[2].set(
        title="Proposition 1: linear or quadratic",
        xlabel="steps T",
        ylabel="cost-to-go J_T of the student",
        xscale="log",
        yscale="log",
    )
    axes[2].legend(fontsize=8)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure
