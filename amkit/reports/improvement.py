"""What transfer changes over all games and seeds, by the aggregates of Agarwal et al. 2021."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from amkit.games.published import SCORES, normalized
from amkit.reports.recorded import Card, curve
from amkit.reports.statistics import (
    REPLICATES,
    estimate,
    interquartile_mean,
    probability_of_improvement,
)
from amkit.reports.text import UNKNOWN, Estimate, Row
from amkit.reports.transfers import RANDOM_BEGINNING, Transfers

_UNDECIDED = 0.5  # Of a game in which neither beginning gets above random play.


class _Areas(NamedTuple):
    """Each run's mean score over all tests, of one game and source with R runs."""

    values: np.ndarray  # float [R].
    draws: np.ndarray  # float [REPLICATES, R]. Runs drawn anew, and their tests by errors.


def overall(recorded: Transfers, table: Sequence[Row], seed: int = 0) -> list[Row]:
    """Each source over all its games; `table` is from `transfers.table_2`, `seed` of intervals.

    Intervals draw runs anew within each game, and tests by their standard errors: where games have
    one run each, they say nothing of other seeds.

    Returns:
        One row per source: source; games and undecided, their numbers; interquartile_mean: an
        `Estimate` of the middle half of all runs' areas, normalised so that published random play
        is 0 and the published DQN 1, unknown without published games; improvement: an `Estimate` of
        the probability that a run has more area than one from random weights of the same game, the
        mean over games, unknown of random weights. An undecided game counts as one half.
    """
    rng = np.random.default_rng(seed)
    areas = {key: _areas(cards, key[0], rng) for key, cards in recorded.runs.items()}
    decided = {(row["game"], row["source"]): row["decided"] for row in table}
    rows: list[Row] = []
    for source in recorded.sources:
        games = [game for game in recorded.games if (game, source) in areas]
        rows.append(
            {
                "source": source,
                "games": len(games),
                "undecided": sum(not decided[game, source] for game in games),
                "interquartile_mean": _middle({game: areas[game, source] for game in games}),
                "improvement": UNKNOWN
                if source == RANDOM_BEGINNING
                else _improvement(
                    [
                        (areas[game, source], areas[game, RANDOM_BEGINNING])
                        if decided[game, source]
                        else None
                        for game in games
                    ]
                ),
            }
        )
    return rows


def _areas(cards: Sequence[Card], game: str, rng: np.random.Generator) -> _Areas:
    tests = [curve([card], game) for card in cards]
    means = np.array([[point["mean"] for point in run] for run in tests])  # [R, T]
    errors = np.nan_to_num([[point["standard_error"] for point in run] for run in tests])
    of_areas = np.sqrt(np.square(errors).sum(axis=1)) / errors.shape[1]
    values = means.mean(axis=1)
    chosen = rng.integers(0, len(cards), (REPLICATES, len(cards)))
    return _Areas(values, rng.normal(values[chosen], of_areas[chosen]))


def _middle(areas: dict[str, _Areas]) -> Estimate:
    """The interquartile mean over runs and games of areas in units of the published DQN."""
    values, draws = [], []
    for game, of in areas.items():
        published = SCORES.get(game)
        if published and published.random is not None and published.dqn is not None:
            scale = published.random, published.dqn
            values.append([normalized(area, *scale) for area in of.values])
            draws.append(normalized(of.draws, *scale))  # type: ignore[arg-type]  # Elementwise.
    if not values:
        return UNKNOWN
    together = np.concatenate(values)[:, np.newaxis]  # As of that many runs of one game.
    drawn = np.concatenate(draws, axis=1)[..., np.newaxis]
    return estimate(float(interquartile_mean(together)), interquartile_mean(drawn))


def _improvement(pairs: Sequence[tuple[_Areas, _Areas] | None]) -> Estimate:
    """The mean over games of the probability of improvement; None is an undecided game."""
    shares: list[float] = []
    draws: list[np.ndarray] = []
    for pair in pairs:
        if pair is None:
            shares.append(_UNDECIDED)
            draws.append(np.full(REPLICATES, _UNDECIDED))
            continue
        run, random = pair
        shares.append(float(probability_of_improvement(run.values, random.values)))
        draws.append(probability_of_improvement(run.draws, random.draws))
    return estimate(float(np.mean(shares)), np.mean(draws, axis=0))
