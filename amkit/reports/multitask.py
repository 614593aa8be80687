"""Table 1, and the curves of Figures 1 to 6."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from amkit.games.published import TABLE_1, normalized
from amkit.reports.recorded import Recorded, curve, error_of, level, score_of, tested_alike
from amkit.reports.statistics import (
    Estimate,
    bootstrap,
    estimate,
    geometric_mean,
    interquartile_mean,
)


def table_1(recorded: Recorded, seed: int = 0) -> list[dict[str, Any]]:
    """Table 1: each game's scores beside its expert's and the paper's.

    Args:
        recorded: from `experiment`.
        seed: int. Of the bootstrap.

    Returns:
        One entry per game: game; random; expert and amn (mean scores) and their standard errors;
        normalised (an `Estimate`: (amn - random) / (expert - random)); ratio (amn / expert, as the
        paper has it); amn_max (greatest mean over runs of a test; None without tests); expert_max
        (greatest mean of a test; None without its card, or without tests); max_ratio (amn_max /
        expert_max, NaN where one is unknown); steps_to_90 (agent steps at the first test with a
        normalised score of 0.9 or more; None if none had, or the tests' emulator was not that of
        the scores); paper (a `games.PaperResult`, None where the paper has none); and of every
        baseline, as "mdqn": its mean score, "mdqn_error": that one's standard error, and
        "mdqn_normalised": (mdqn - random) / (expert - random).
    """
    draws = bootstrap(recorded.amns, recorded.games, seed)
    rows = []
    for column, game in enumerate(recorded.games):
        scores = [score_of(card, game) for card in recorded.amns]
        expert, random = (level(recorded.amns, game, whose) for whose in ("expert", "random"))
        mean = float(np.mean([score["mean"] for score in scores]))
        tests = curve(recorded.amns, game)
        amn_max = _greatest(tests)
        taught = [recorded.experts[game]] if game in recorded.experts else []
        expert_max = _greatest(curve(taught, game))
        reached = [
            point["steps"]
            for point in tests
            if normalized(point["mean"], random["mean"], expert["mean"]) >= 0.9
            and tested_alike(recorded.amns[0], game)
        ]
        rows.append(
            {
                "game": game,
                "random": random["mean"],
                "expert": expert["mean"],
                "expert_error": expert["standard_error"],
                "amn": mean,
                "amn_error": error_of(scores),
                "normalised": estimate(
                    normalized(mean, random["mean"], expert["mean"]), draws[:, :, column].mean(1)
                ),
                "ratio": _ratio(mean, expert["mean"]),
                "amn_max": amn_max,
                "expert_max": expert_max,
                "max_ratio": _ratio(amn_max, expert_max),
                "steps_to_90": reached[0] if reached else None,
                "paper": TABLE_1.get(game),
            }
        )
        for kind, cards in recorded.baselines.items():
            own = [score_of(card, game) for card in cards]
            score = float(np.mean([entry["mean"] for entry in own]))
            rows[-1] |= {
                kind: score,
                f"{kind}_error": error_of(own),
                f"{kind}_normalised": normalized(score, random["mean"], expert["mean"]),
            }
    return rows


def _greatest(tests: Sequence[Mapping[str, Any]]) -> float | None:
    """Greatest mean of a test; None of none."""
    return max((point["mean"] for point in tests), default=None)


def _ratio(amn: float | None, expert: float | None) -> float:
    """The paper's ratio; NaN where a score is unknown, or the expert's is not above 0."""
    return float("nan") if amn is None or expert is None or expert <= 0 else amn / expert


def aggregates(recorded: Recorded, seed: int = 0) -> dict[str, Estimate]:
    """Expert-normalised scores over all games and seeds, each with its interval.

    Args:
        recorded: from `experiment`.
        seed: int. Of the bootstrap.

    Returns:
        "interquartile mean" (Agarwal et al. 2021), "geometric mean", "median" and "lowest" of the
        games' means over seeds.
    """
    draws = bootstrap(recorded.amns, recorded.games, seed)
    levels = {
        game: [level(recorded.amns, game, whose)["mean"] for whose in ("random", "expert")]
        for game in recorded.games
    }
    found = np.array(
        [
            [normalized(score_of(card, game)["mean"], *levels[game]) for game in recorded.games]
            for card in recorded.amns
        ]
    )
    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "interquartile mean": interquartile_mean,
        "geometric mean": geometric_mean,
        "median": lambda x: float(np.median(x.mean(0))),
        "lowest": lambda x: float(x.mean(0).min()),
    }
    return {
        name: estimate(statistic(found), np.array([statistic(draw) for draw in draws]))
        for name, statistic in statistics.items()
    }


def curve_rows(recorded: Recorded) -> list[dict[str, Any]]:
    """Every curve of the figures as rows: network, game, steps, mean, standard_error."""
    networks = {"amn": recorded.amns, **recorded.baselines}
    return [
        {"network": name, "game": game, **point}
        for name, cards in networks.items()
        for game in recorded.games
        for point in curve(cards, game)
    ]


def costs(recorded: Recorded) -> list[dict[str, Any]]:
    """What each kind of network is and took, by its first run; None where the card does not say.

    Returns:
        One entry per kind, and one for a single expert: network, runs, steps (per game), minutes,
        parameters, bytes (of those, as float32), and milliseconds of a forward pass of 1 and of 64
        observations.
    """
    networks = {"amn": recorded.amns, **recorded.baselines}
    kinds = {name: {**cards[0], "runs": len(cards)} for name, cards in networks.items()}
    kinds["one expert"] = recorded.amns[0].get("one_expert", {})
    rows = []
    for name, card in kinds.items():
        times = card.get("forward_milliseconds", {})
        rows.append(
            {
                "network": name,
                **{key: card.get(key) for key in ("runs", "steps", "minutes", "parameters")},
                "bytes": card.get("parameters") and 4 * card["parameters"],
                "forward_1": times.get("1"),
                "forward_64": times.get("64"),
            }
        )
    return rows
