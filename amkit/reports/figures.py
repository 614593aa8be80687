"""Figures from recorded numbers; nothing is trained or measured here. Needs the extra `plots`."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amkit.storage.files import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def training_curves(results: Sequence[Mapping[str, Any]]) -> "Figure":
    """Each expert's scores while it trained, exploring, beside the one it ended with.

    Args:
        results: from `experts.results`.
    """
    figure, panels = _panels([row["game"] for row in results], "thousand agent steps")
    for row in results:
        ax = panels[row["game"]]
        steps = np.array([point["steps"] for point in row["curve"]]) / 1000
        ax.plot(steps, [point["score"] for point in row["curve"]], color="#1f77b4", linewidth=1)
        for key, label, style in (
            ("mean", "as evaluated", {"color": "#1f77b4", "linestyle": "--"}),
            ("dqn", "DQN, 2015", {"color": "black"}),
            ("random", "random", {"color": "gray", "linestyle": ":"}),
        ):
            if row[key] is not None:
                ax.axhline(row[key], linewidth=1, label=label, **style)
    _finish(panels)
    return figure


_LABELS = {"amn": "AMN", "mdqn": "MDQN", "mcdqn": "MCDQN"}
_COLOURS = {"amn": "#1f77b4", "mdqn": "#d62728", "mcdqn": "#9467bd"}


def learning_curves(
    table: Sequence[Mapping[str, Any]],
    curves: Sequence[Mapping[str, Any]],
    networks: Sequence[str] = ("amn",),
) -> "Figure":
    """Figures 1 to 5: each game's tests while training, beside the expert's and random play's.

    Args:
        table: from `report.table_1`.
        curves: from `report.curve_rows`.
        networks: which of them: "amn", "mdqn", "mcdqn".
    """
    figure, panels = _panels([row["game"] for row in table], "thousand agent steps of each game")
    for row in table:
        ax = panels[row["game"]]
        for name in networks:
            points = [p for p in curves if p["network"] == name and p["game"] == row["game"]]
            _curve(ax, points, _COLOURS[name], _LABELS[name])
        ax.axhline(row["expert"], color="black", linewidth=1, label="expert")
        ax.axhline(row["random"], color="gray", linewidth=1, linestyle=":", label="random")
    _finish(panels)
    return figure


def relative_scores(table: Sequence[Mapping[str, Any]]) -> "Figure":
    """Figure 6: each game's AMN score in percent of its expert's, beside the paper's.

    Means, and below them best tests; what is not known is marked by a question mark.

    Args:
        table: from `report.table_1`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 + 1.1 * len(table), 6.4), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    places = np.arange(len(table))
    errors = [100 * row["amn_error"] / abs(row["expert"] or np.nan) for row in table]
    papers = [row["paper"] for row in table]
    panels = {
        "mean": ("ratio", np.nan_to_num(errors), [p and p.ratio for p in papers]),
        "best test": ("max_ratio", None, [p and p.max_ratio for p in papers]),
    }
    width = 0.38
    for ax, (what, (key, spread, theirs)) in zip(axes, panels.items(), strict=True):
        for left, ratios, error, colour, label in (
            (places - width / 2, [row[key] for row in table], spread, "#1f77b4", "amkit"),
            (places + width / 2, theirs, None, "#c7c7c7", "the paper (Table 1)"),
        ):
            heights = 100 * np.array(ratios, float)
            ax.bar(left, heights, width, yerr=error, color=colour, label=label)
            for place in left[np.isnan(heights)]:
                ax.text(place, 2, "?", ha="center", color="gray")
        ax.axhline(100, color="black", linewidth=0.8)
        ax.set_ylabel(f"AMN, % of the expert's ({what})")
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))  # Even where nothing is known.
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=9)
    axes[-1].set_xticks(places, [row["game"].replace("_", " ") for row in table], rotation=20)
    return figure


def variant_scores(table: Sequence[Mapping[str, Any]]) -> "Figure":
    """Expert-normalised scores with their intervals: a panel for each game, a line per variant.

    Args:
        table: from `ablation_report.table`.
    """
    from matplotlib.figure import Figure

    panels = {game: [row["scores"][game] for row in table] for game in table[0]["scores"]}
    panels["geometric mean"] = [row["geometric_mean"] for row in table]
    size = (2.6 + 2.0 * len(panels), 1.0 + 0.3 * len(table))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True)
    places = np.arange(len(table))
    for ax, (name, found) in zip(axes, panels.items(), strict=True):
        values = np.array([score.value for score in found])
        ends = np.array([[score.low, score.high] for score in found]).T
        ax.errorbar(values, places, xerr=np.abs(ends - values), fmt="o", markersize=4)
        ax.axvline(1, color="black", linewidth=0.8)
        ax.axvline(values[0], color="gray", linewidth=0.8, linestyle="--")
        ax.set_title(name.replace("_", " "), fontsize=10)
        ax.set_xlim(left=min(0, ends.min()))
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    names = [textwrap.fill(row["variant"].replace("_", " "), 36) for row in table]
    axes[0].set_yticks(places, names)
    axes[0].invert_yaxis()
    figure.supxlabel("expert-normalised score", fontsize=9)
    return figure


def transfer_curves(table: Sequence[Mapping[str, Any]]) -> "Figure":
    """Figure 7: each target game's tests, a curve for each initialisation.

    Args:
        table: from `transfer_report.table_2`.
    """
    figure, panels = _panels([row["game"] for row in table], "thousand agent steps")
    sources = list(dict.fromkeys(row["source"] for row in table))
    for row in table:
        place = sources.index(row["source"])
        colour = "black" if row["source"] == "random" else f"C{place - 1}"
        _curve(panels[row["game"]], row["points"], colour, row["source"])
    _finish(panels)
    return figure


def guesses_and_gains(points: Sequence[Mapping[str, Any]]) -> "Figure":
    """What transfer gained over what was guessed, a colour for each game.

    Args:
        points: `relate_report.Relation.points`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    ax = figure.subplots()
    for game in dict.fromkeys(point["game"] for point in points):
        own = [point for point in points if point["game"] == game]
        ax.scatter(
            [point["guess"] for point in own],
            [point["gain"] for point in own],
            s=18,
            label=game.replace("_", " "),
        )
    for line in (ax.axhline, ax.axvline):
        line(0, color="gray", linewidth=0.8, linestyle="--")
    ax.set_xlabel("R² of the reward ahead, less random weights'", fontsize=9)
    ax.set_ylabel("gain of transfer", fontsize=9)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    if points:
        ax.legend(fontsize=8, frameon=False)
    return figure


def _panels(games: Sequence[str], xlabel: str) -> "tuple[Figure, dict[str, Axes]]":
    """A panel of scores over steps for each game, four in a row."""
    from matplotlib.figure import Figure

    games = list(dict.fromkeys(games))
    columns = min(4, len(games))
    lines = -(-len(games) // columns)
    figure = Figure(figsize=(3.3 * columns, 2.6 * lines + 0.4), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax in axes[len(games) :]:
        ax.axis("off")
    figure.supxlabel(xlabel, fontsize=9)
    figure.supylabel("score", fontsize=9)
    return figure, dict(zip(games, axes, strict=False))


def _curve(ax: "Axes", points: Sequence[Mapping[str, Any]], colour: str, label: str) -> None:
    """Means with a band of one standard error; a single game has none."""
    steps = np.array([p["steps"] for p in points]) / 1000
    means = np.array([p["mean"] for p in points])
    errors = np.nan_to_num([p["standard_error"] for p in points])
    ax.plot(steps, means, marker="o", markersize=3, color=colour, label=label)
    ax.fill_between(steps, means - errors, means + errors, color=colour, alpha=0.2)


def _finish(panels: "Mapping[str, Axes]") -> None:
    """Titles, axes, and a legend in the first panel, once everything is drawn."""
    for game, ax in panels.items():
        ax.set_title(game.replace("_", " "), fontsize=10)
        ax.set_xlim(left=0)
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-3, 5))
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    next(iter(panels.values())).legend(fontsize=8, frameon=False)


def save(figure: "Figure", path: Path) -> None:
    """Writes a figure, .png or .svg, whole or not at all."""
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=130)
