"""What `amkit relate` guessed, and whether `amkit transfer` then gave it. Nothing is trained."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from scipy import stats

from amkit.games.catalogue import canonical_name
from amkit.reports.recorded import chance
from amkit.reports.statistics import REPLICATES, estimate
from amkit.reports.text import UNKNOWN, Estimate, Row
from amkit.reports.transfers import RANDOM_BEGINNING, Transfers
from amkit.storage.cards import ModelFileError, read_bounded

Guesses = Mapping[tuple[str, str], float]

_MAX_BYTES = 2**20
_RANDOM_WEIGHTS = "random weights"  # What `amkit relate` calls them.


@dataclass(frozen=True)
class Relation:
    """Guesses beside what came of them.

    `points` are one per game and source that was both judged and run: game, source, guess (R² of
    its features, less that of random weights) and gain: (a - b) / (|a| + |b|), a and b the mean
    scores above random play over all tests, with its weights and with random ones. `correlation` is
    Spearman's, over all points; its interval draws games anew.
    """

    points: list[Row]
    correlation: Estimate


def read_guesses(paths: Iterable[Path]) -> dict[tuple[str, str], float]:
    """Reads what `amkit relate --output` wrote; ValueError if a file is missing or something else.

    Returns (target game, weight hash of a network) -> its R², less that of random weights.
    """
    guesses = {}
    for path in paths:
        try:
            result = json.loads(read_bounded(path, _MAX_BYTES, "guesses are of amkit relate"))
            rows = {row["name"]: row for row in result["candidates"]}
            scores = {name: float(row["r_squared"]) for name, row in rows.items()}
            nothing = fmean(v for name, v in scores.items() if name.startswith(_RANDOM_WEIGHTS))
            target = canonical_name(result["target"])
            for name, score in scores.items():
                if weights := rows[name]["weight_hash"]:
                    guesses[target, weights] = score - nothing
        except ModelFileError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                "--relate takes a file that `amkit relate GAME --output FILE` wrote. "
                f"Received: {path}"
            ) from error
    return guesses


def relation(
    recorded: Transfers, table: Sequence[Row], guesses: Guesses, seed: int = 0
) -> Relation:
    """Compares `guesses` with gains; `table` is from `transfers.table_2`."""
    areas = {
        (row["game"], row["source"]): float(np.mean([point["mean"] for point in row["points"]]))
        for row in table
    }
    points: list[Row] = []
    for (game, source), area in areas.items():
        weights = recorded.runs[game, source][0]["transfer"].get("weights")
        guess = guesses.get((game, weights))
        level, _ = chance(recorded.runs[game, RANDOM_BEGINNING][0], game)
        above, random = area - level, areas[game, RANDOM_BEGINNING] - level
        size = abs(above) + abs(random)
        if guess is not None and size > 0:
            gain = (above - random) / size
            points.append({"game": game, "source": source, "guess": guess, "gain": gain})
    return Relation(points, _correlation(points, seed))


def recommended(related: Relation) -> dict[str, str]:
    """What relate would have begun each game with, of the initialisations that were run.

    The one with the highest guess; `RANDOM_BEGINNING` where none tells more than random weights.
    """
    best: dict[str, tuple[float, str]] = {}
    for point in related.points:
        told = best.get(point["game"], (0, RANDOM_BEGINNING)), (point["guess"], point["source"])
        best[point["game"]] = max(told, key=lambda guess: guess[0])
    return {game: source for game, (_, source) in best.items()}


def _correlation(points: Sequence[Row], seed: int) -> Estimate:
    by_game: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        by_game.setdefault(point["game"], []).append((point["guess"], point["gain"]))
    pairs = list(by_game.values())
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(pairs), (REPLICATES, len(pairs)))
    draws = np.array([spearman([pair for i in games for pair in pairs[i]]) for games in chosen])
    known = draws[~np.isnan(draws)]
    value = spearman([pair for game in pairs for pair in game])
    return estimate(value, known) if known.size and not np.isnan(value) else UNKNOWN


def spearman(pairs: Sequence[tuple[float, float]]) -> float:
    """Rank correlation; NaN of fewer than three pairs, or where one side is the same everywhere."""
    if len(pairs) < 3 or not np.ptp(pairs, axis=0).all():
        return float("nan")
    return float(stats.spearmanr(pairs).statistic)
