"""Table 1, and the curves of Figures 1 to 6."""

import math

import numpy as np

from amkit.games.published import TABLE_1, normalized
from amkit.reports.recorded import Recorded, curve, level, mean_of, score_of, tested_alike
from amkit.reports.statistics import AGGREGATES, bootstrap, estimate
from amkit.reports.text import Estimate, Row


def table_1(recorded: Recorded, seed: int = 0) -> list[Row]:
    """Table 1: each game's scores beside its expert's and the paper's. `seed` is the bootstrap's.

    Returns:
        One row per game. game; random, expert and amn: mean scores; expert_error, amn_error:
        standard errors; normalised: an `Estimate` of (amn - random) / (expert - random); ratio:
        amn / expert; amn_max, expert_max: greatest mean of a test, None without tests; max_ratio:
        of these (a ratio is NaN where one side is unknown, or the expert's not above 0);
        steps_to_90: agent steps at the first test with a normalised score of 0.9 or more, None
        without one or where tests had another emulator than scores; paper: a `PaperResult` or None;
        and of every baseline, as "mdqn": its mean score, mdqn_error and mdqn_normalised.
    """
    draws = bootstrap(recorded.amns, recorded.games, seed).mean(1)
    rows: list[Row] = []
    for game, drawn in zip(recorded.games, draws.T, strict=True):
        expert, expert_error = level(recorded.amns, game, "expert")
        random, _ = level(recorded.amns, game, "random")
        amn, amn_error = mean_of([score_of(card, game) for card in recorded.amns])
        tests = curve(recorded.amns, game)
        taught = [recorded.experts[game]] if game in recorded.experts else []
        amn_max, expert_max = (
            max((point["mean"] for point in points), default=None)
            for points in (tests, curve(taught, game))
        )
        reached = (
            point["steps"]
            for point in tests
            if normalized(point["mean"], random, expert) >= 0.9
            and tested_alike(recorded.amns[0], game)
        )
        row: Row = {
            "game": game,
            "random": random,
            "expert": expert,
            "expert_error": expert_error,
            "amn": amn,
            "amn_error": amn_error,
            "normalised": estimate(normalized(amn, random, expert), drawn),
            "ratio": _ratio(amn, expert),
            "amn_max": amn_max,
            "expert_max": expert_max,
            "max_ratio": _ratio(amn_max, expert_max),
            "steps_to_90": next(reached, None),
            "paper": TABLE_1.get(game),
        }
        for kind, cards in recorded.baselines.items():
            mean, error = mean_of([score_of(card, game) for card in cards])
            row |= {kind: mean, f"{kind}_error": error}
            row[f"{kind}_normalised"] = normalized(mean, random, expert)
        rows.append(row)
    return rows


def _ratio(amn: float | None, expert: float | None) -> float:
    """The paper's ratio."""
    return math.nan if amn is None or expert is None or expert <= 0 else amn / expert


def aggregates(recorded: Recorded, seed: int = 0) -> dict[str, Estimate]:
    """Expert-normalised scores over all games and seeds, each with its interval.

    Returns:
        "interquartile mean" (Agarwal et al. 2021), "geometric mean", "median" and "lowest" of the
        games' means over seeds.
    """
    draws = bootstrap(recorded.amns, recorded.games, seed)
    columns = []
    for game in recorded.games:
        expert, random = (level(recorded.amns, game, whose)[0] for whose in ("expert", "random"))
        means = [score_of(card, game)["mean"] for card in recorded.amns]
        columns.append([normalized(mean, random, expert) for mean in means])
    scores = np.array(columns).T
    return {name: estimate(float(of(scores)), of(draws)) for name, of in AGGREGATES.items()}


def curve_rows(recorded: Recorded) -> list[Row]:
    """Every curve of the figures as rows: network, game, steps, mean, standard_error."""
    return [
        {"network": name, "game": game, **point}
        for name, cards in recorded.networks.items()
        for game in recorded.games
        for point in curve(cards, game)
    ]


def costs(recorded: Recorded) -> list[Row]:
    """What each kind of network is and took, by its first run; and what a single expert is.

    Steps are of each game, bytes those of parameters as float32, forward_64 the milliseconds of a
    forward pass of 64 observations; None where the card does not say.
    """
    kinds = {name: {**cards[0], "runs": len(cards)} for name, cards in recorded.networks.items()}
    kinds["one expert"] = recorded.amns[0].get("one_expert", {})
    rows = []
    for name, card in kinds.items():
        row: Row = {"network": name}
        row |= {key: card.get(key) for key in ("runs", "steps", "minutes", "parameters")}
        row["bytes"] = card.get("parameters") and 4 * card["parameters"]
        times = card.get("forward_milliseconds", {})
        rows.append({**row, "forward_1": times.get("1"), "forward_64": times.get("64")})
    return rows
