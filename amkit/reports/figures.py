"""Figures from recorded numbers; nothing is trained or measured here. Needs the extra `plots`."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from amkit import palette
from amkit.reports.text import Row
from amkit.storage.files import whole

NETWORKS = {
    "amn": ("AMN", palette.AMN),
    "mdqn": ("MDQN", palette.MDQN),
    "mcdqn": ("MCDQN", palette.MCDQN),
}


def training_curves(results: Sequence[Row]) -> Figure:
    """Each expert's scores while it trained, exploring, from `storage.experts.results`."""
    panels = _Panels([row["game"] for row in results], "thousand agent steps")
    for row in results:
        steps = [point["steps"] / 1000 for point in row["curve"]]
        scores = [point["score"] for point in row["curve"]]
        (line,) = panels.axes[row["game"]].plot(steps, scores, color=palette.EXPERT, linewidth=1)
        panels.legend["expert in training"] = line
        panels.line(row["game"], row["mean"], "final evaluation", palette.EXPERT, "--")
        panels.line(row["game"], row["dqn"], "published DQN", palette.PUBLISHED)
        panels.line(row["game"], row["random"], "random play", palette.RANDOM_PLAY, ":")
    return panels.finished()


def learning_curves(
    table: Sequence[Row], curves: Sequence[Row], networks: Sequence[str] = ("amn",)
) -> Figure:
    """Figures 1 to 5: each game's tests while training, beside the expert's and random play's.

    From `multitask.table_1` and `multitask.curve_rows`; which `networks`: "amn", "mdqn", "mcdqn".
    """
    panels = _Panels([row["game"] for row in table], "thousand agent steps of each game")
    for row in table:
        game = row["game"]
        for name in networks:
            points = [p for p in curves if p["network"] == name and p["game"] == game]
            panels.curve(game, points, NETWORKS[name][1], NETWORKS[name][0])
        panels.line(game, row["expert"], "expert", palette.EXPERT)
        panels.line(game, row["random"], "random play", palette.RANDOM_PLAY, ":")
    return panels.finished()


def transfer_curves(table: Sequence[Row]) -> Figure:
    """Figure 7: each target game's tests, a curve for each initialisation, from `table_2`.

    Beside random play and, where it was given, the target's own expert.
    """
    panels = _Panels([row["game"] for row in table], "thousand agent steps")
    colours = _colours(row["source"] for row in table)
    for row in table:
        name = "random weights" if row["source"] == "random" else row["source"]
        panels.curve(row["game"], row["points"], colours[row["source"]], name)
    for row in table:
        panels.line(row["game"], row["expert"], "its own expert", palette.EXPERT)
        panels.line(row["game"], row["chance"], "random play", palette.RANDOM_PLAY, ":")
    return panels.finished()


def relative_scores(table: Sequence[Row]) -> Figure:
    """Figure 6: each game's AMN score in percent of its expert's and the paper's, from `table_1`.

    Means, and below them best tests; what is not known is marked by a question mark.
    """
    figure, axes = _figure(max(4, 1.6 + 0.9 * len(table)), 6, nrows=2, sharex=True)
    places = np.arange(len(table))
    errors = [100 * row["amn_error"] / abs(row["expert"] or np.nan) for row in table]
    for ax, what, key in zip(axes, ("mean", "best test"), ("ratio", "max_ratio"), strict=True):
        theirs = [getattr(row["paper"], key, np.nan) for row in table]
        for shift, ratios, colour, label in (
            (-0.19, [row[key] for row in table], palette.AMN, "amkit"),
            (0.19, theirs, palette.PUBLISHED, "the paper (Table 1)"),
        ):
            heights = 100 * np.array(ratios)
            ax.bar(places + shift, heights, 0.38, color=colour, label=label)
            for place in places[np.isnan(heights)]:
                ax.text(place + shift, 2, "?", ha="center", color="gray")
        ax.axhline(100, color=palette.EXPERT, linewidth=1, label="expert")
        ax.set_ylabel(f"AMN, % of the expert's ({what})")
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))  # Even where nothing is known.
    means = [100 * row["ratio"] for row in table]
    axes[0].errorbar(places - 0.19, means, np.nan_to_num(errors), fmt="none", ecolor="black")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    axes[1].set_xticks(places, [plain(row["game"], True) for row in table], rotation=20)
    return figure


def variant_scores(table: Sequence[Row]) -> Figure:
    """Expert-normalised scores and intervals, a panel for each game, from `ablations.table`."""
    panels = {game: [row["scores"][game] for row in table] for game in table[0]["scores"]}
    panels["geometric mean"] = [row["geometric_mean"] for row in table]
    size = 2.6 + 1.7 * len(panels), 1.0 + 0.4 * len(table)
    figure, axes = _figure(*size, ncols=len(panels), sharey=True)
    places = np.arange(len(table))
    for ax, (name, scores) in zip(axes, panels.items(), strict=True):
        values = np.array([score.value for score in scores])
        ends = np.array([[score.low, score.high] for score in scores]).T
        spread = np.abs(ends - values)
        ax.errorbar(values, places, xerr=spread, fmt="o", markersize=4, color=palette.AMN)
        ax.axvline(1, color=palette.EXPERT, linewidth=1)
        ax.axvline(values[0], color=palette.AMN, linewidth=0.8, linestyle="--")
        ax.set_title(plain(name, True))
        ax.set_xlim(left=min(0, ends.min()))
    axes[0].set_yticks(places, [textwrap.fill(plain(row["variant"], True), 36) for row in table])
    axes[0].invert_yaxis()
    figure.supxlabel("expert-normalised score")
    return figure


def guesses_and_gains(points: Sequence[Row]) -> Figure:
    """What transfer gained over what was guessed, a colour for each game, from a `Relation`."""
    figure, (ax,) = _figure(7, 4)
    ax.set_prop_cycle(color=palette.OTHERS)
    for game in dict.fromkeys(point["game"] for point in points):
        pairs = [(point["guess"], point["gain"]) for point in points if point["game"] == game]
        ax.scatter(*zip(*pairs, strict=True), s=24, label=plain(game, True))
    for line in (ax.axhline, ax.axvline):
        line(0, color="gray", linewidth=0.8, linestyle="--")
    ax.set_xlabel("guess: R² of the reward ahead, less random weights'")
    ax.set_ylabel("gain of transfer")
    if points:
        figure.legend(loc="outside right upper", frameon=False)
    return figure


def plain(label: str, words: bool = False) -> str:
    """A label whose dollars are not taken for formulas; with words, no underscores."""
    return (label.replace("_", " ") if words else label).replace("$", r"\$")


def save(figure: Figure, path: Path, shows: str | None = None) -> None:
    """Writes a figure, .png or .svg, whole or not at all; what it `shows` is its alternative text.

    A page needs none in the file, as its `alt` attribute says it.
    """
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=130, metadata={"Title": shows} if shows else None)


def _figure(width: float, height: float, **subplots: Any) -> tuple[Figure, np.ndarray]:
    """An empty figure, in inches, and its axes; at 80 pixels an inch its text can be read."""
    open_frame = {f"axes.spines.{side}": False for side in ("top", "right")}
    with rc_context({**open_frame, "axes.titlesize": "medium"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(squeeze=False, **subplots).ravel()


def _colours(sources: Iterable[str]) -> dict[str, str]:
    """A colour for each initialisation: that of its role in the palette, or one without a role."""
    roles = {"amn": palette.AMN, "amn-policy": palette.AMN, "amn-feature": palette.AMN_FEATURE}
    colours = {"random": palette.RANDOM_WEIGHTS}
    free = cycle(palette.OTHERS)
    for source in sources:
        if source not in colours:
            role = roles.get(source)
            colours[source] = role if role and role not in colours.values() else next(free)
    return colours


class _Panels:
    """A panel of scores over steps for each game, four in a row, above one legend."""

    def __init__(self, games: Sequence[str], xlabel: str):
        names = list(dict.fromkeys(games))
        columns = min(4, len(names))
        lines = -(-len(names) // columns)
        size = max(4, 2.5 * columns), 2.1 * lines + 0.9
        self.figure, axes = _figure(*size, nrows=lines, ncols=columns)
        self.axes = dict(zip(names, axes, strict=False))
        self.legend: dict[str, Any] = {}  # Label -> what is drawn so.
        for game, ax in self.axes.items():
            ax.set_title(plain(game, True))
        for ax in axes[len(names) :]:
            ax.axis("off")
        self.figure.supxlabel(xlabel)
        self.figure.supylabel("score")

    def curve(self, game: str, points: Sequence[Row], colour: str, label: str) -> None:
        """Means with a band of one standard error; a single game has none."""
        steps = np.array([point["steps"] for point in points]) / 1000
        means = np.array([point["mean"] for point in points])
        errors = np.nan_to_num([point["standard_error"] for point in points])
        ax = self.axes[game]
        (self.legend[label],) = ax.plot(steps, means, marker="o", markersize=3, color=colour)
        ax.fill_between(steps, means - errors, means + errors, color=colour, alpha=0.2)

    def line(
        self, game: str, score: float | None, label: str, colour: str, style: str = "-"
    ) -> None:
        """A score that does not change, if it is known."""
        if score is not None:
            line = self.axes[game].axhline(score, linewidth=1, color=colour, linestyle=style)
            self.legend[label] = line

    def finished(self) -> Figure:
        """The figure, once everything is drawn."""
        for ax in self.axes.values():
            ax.set_xlim(left=0)
            if ax.get_ylim()[1] >= 20_000:
                ax.yaxis.set_major_formatter(lambda score, _: f"{score / 1000:g} k")
        # Handles and labels, both named: a label like _best would be left out otherwise.
        labels = [plain(label) for label in self.legend]
        self.figure.legend(
            list(self.legend.values()), labels, loc="outside upper center", ncols=4, frameon=False
        )
        return self.figure
