"""Expert-normalised scores over games and seeds: aggregates and their bootstrap intervals.

The aggregates are those of rliable (Agarwal et al. 2021), by the same functions of scipy. Its
intervals are not used: they draw runs for each game apart, as if games were trained apart, and take
a run's mean for exact. Here one network plays all games, so that a bad seed may be bad in all, and
its scores are means of few games.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from scipy import stats

from amkit.reports.recorded import Card, level, score_of
from amkit.reports.text import Estimate

REPLICATES = 2000
FLOOR = 0.01  # A geometric mean counts a game at or below random play as this.


def bootstrap(cards: Sequence[Card], games: Sequence[str], seed: int = 0) -> np.ndarray:
    """Replicates of expert-normalised scores, stratified by game.

    Each replicate draws runs with replacement, the same ones for all games, and of each run its
    whole games, anew where a run is drawn twice. The means of the expert and of random play, which
    all runs share, vary by their standard errors.

    Returns float [REPLICATES, R, G], of R cards and G games.
    """
    rng = np.random.default_rng(seed)
    draws = np.empty((REPLICATES, len(cards), len(games)))
    chosen = rng.integers(0, len(cards), (REPLICATES, len(cards)))
    for column, game in enumerate(games):
        drawn = np.empty(chosen.shape)
        for i, card in enumerate(cards):
            score = score_of(card, game)
            values = np.array(score.get("scores") or [score["mean"]])
            places = chosen == i
            drawn[places] = rng.choice(values, (places.sum(), len(values))).mean(1)
        expert, random = (
            rng.normal(*level(cards, game, whose), (REPLICATES, 1))
            for whose in ("expert", "random")
        )
        draws[:, :, column] = (drawn - random) / (expert - random)
    return draws


def interquartile_mean(scores: np.ndarray) -> np.ndarray:
    """Mean of the middle half of all values of [..., R, G]."""
    return np.asarray(stats.trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1))


def geometric_mean(scores: np.ndarray) -> np.ndarray:
    """Geometric mean over games of the means over runs of [..., R, G]; each `FLOOR` at least."""
    return np.asarray(np.exp(np.log(scores.mean(-2).clip(FLOOR)).mean(-1)))


def probability_of_improvement(runs: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of pairs of [..., R] and [..., S] in which the run has more; ties count half.

    Mann and Whitney's U, divided by the number of pairs.
    """
    first, second = runs[..., :, np.newaxis], others[..., np.newaxis, :]
    return np.asarray(((first > second) + 0.5 * (first == second)).mean(axis=(-2, -1)))


AGGREGATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # Of scores [..., R, G].
    "interquartile mean": interquartile_mean,
    "geometric mean": geometric_mean,
    "median": lambda scores: np.asarray(np.median(scores.mean(-2), axis=-1)),
    "lowest": lambda scores: np.asarray(scores.mean(-2).min(-1)),
}


def estimate(
    value: float, draws: np.ndarray, method: Literal["linear", "inverted_cdf"] = "linear"
) -> Estimate:
    """A value and the middle 95 % of its replicates; "inverted_cdf" takes infinite ones too."""
    low, high = np.percentile(draws, [2.5, 97.5], method=method)
    return Estimate(float(value), float(low), float(high))
