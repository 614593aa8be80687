"""Bootstrap intervals over games and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amkit.reports.recorded import level, score_of

REPLICATES = 2000
FEW_RUNS = (  # What a page says of its intervals.
    "With two runs or three they are too narrow: two values, resampled, hold their mean half of "
    "the time."
)
FLOOR = 0.01  # A geometric mean counts a game at or below random play as this.


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds it with probability 0.95."""

    value: float
    low: float
    high: float


def bootstrap(
    cards: Sequence[Mapping[str, Any]], games: Sequence[str], seed: int = 0
) -> np.ndarray:
    """Replicates of expert-normalised scores, stratified by game.

    In each replicate runs are drawn with replacement, the same ones for all games, as one network
    plays them all; and of each its whole games, anew where a run is drawn twice. The means of the
    expert and of random play, which all runs share, vary as their standard errors say. With one run
    the interval says how sure its own scores are, not how another seed would do.

    Args:
        cards: of R runs.
        games: G names.
        seed: int.

    Returns:
        float [REPLICATES, R, G].
    """
    rng = np.random.default_rng(seed)
    draws = np.empty((REPLICATES, len(cards), len(games)))
    chosen = rng.integers(0, len(cards), (REPLICATES, len(cards)))
    for column, game in enumerate(games):
        drawn = np.empty((REPLICATES, len(cards)))
        for i, card in enumerate(cards):
            score = score_of(card, game)
            values = np.array(score.get("scores") or [score["mean"]])
            where = chosen == i
            drawn[where] = rng.choice(values, (where.sum(), len(values))).mean(1)
        expert, random = (
            rng.normal(part["mean"], part["standard_error"] or 0, (REPLICATES, 1))
            for part in (level(cards, game, whose) for whose in ("expert", "random"))
        )
        draws[:, :, column] = (drawn - random) / (expert - random)
    return draws


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half of all values, whatever their shape."""
    ordered = np.sort(values, axis=None)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def geometric_mean(values: np.ndarray) -> float:
    """Geometric mean over games of the means over runs, of values [R, G]; `FLOOR` at least each."""
    return float(np.exp(np.log(values.mean(0).clip(FLOOR)).mean()))


def estimate(value: float, draws: np.ndarray) -> Estimate:
    """A value and the middle 95 % of its replicates."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
