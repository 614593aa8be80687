"""What `amkit relate` guessed, and whether `amkit transfer` then gave it. Nothing is trained."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from amkit.games.atari import FRAMES_PER_STEP
from amkit.games.catalogue import canonical_name
from amkit.reports.statistics import REPLICATES, Estimate
from amkit.reports.transfers import RANDOM, Transfers, chance
from amkit.storage.cards import ModelFileError, read_bounded

_MAX_BYTES = 2**20
_RANDOM_WEIGHTS = "random weights"  # What `amkit relate` calls them.


@dataclass(frozen=True)
class Relation:
    """Guesses beside what came of them.

    Attributes:
        points: one per game and source that was both judged and run: game, source, guess (R² of its
            features, less that of random weights) and gain: (a - b) / (|a| + |b|), a and b the mean
            scores above random play, over all tests, begun with its weights and with random ones. 0
            is none, 1/3 twice as much.
        correlation: Spearman's, over all points; its interval draws games anew. NaN of fewer than
            three points, or where one side is the same everywhere.
    """

    points: list[dict[str, Any]]
    correlation: Estimate


def guess_json(
    target: str,
    steps: int,
    seed: int,
    candidates: Iterable[Mapping[str, Any]],
    facts: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What `amkit relate` found, as it is printed and written, and as `read_guesses` takes it.

    Args:
        target: name of the game that was played at random.
        steps: int. Agent steps that the candidates were judged by.
        seed: int. Of the random play.
        candidates: from `relate.relate`.
        facts: from `relate.facts`; of what was made here, such as random weights, there are none.

    Returns:
        target, steps, frames, seed, and candidates: rows with name, r_squared, standard_error,
        weight_hash (None where there are no facts) and knows_target.
    """
    nothing = {"weight_hash": None, "knows_target": False}
    return {
        "target": target,
        "steps": steps,
        "frames": steps * FRAMES_PER_STEP,
        "seed": seed,
        "candidates": [{**row, **facts.get(row["name"], nothing)} for row in candidates],
    }


def read_guesses(paths: Iterable[Path]) -> dict[tuple[str, str], float]:
    """Reads what `amkit relate --output` wrote.

    Args:
        paths: the files.

    Returns:
        (target game, weight hash of a network) -> its R², less that of random weights.

    Raises:
        ValueError: if one is missing or something else.
    """
    guesses = {}
    for path in paths:
        try:
            result = json.loads(read_bounded(path, _MAX_BYTES, "guesses are of amkit relate"))
            rows = {row["name"]: row for row in result["candidates"]}
            scores = {name: float(row["r_squared"]) for name, row in rows.items()}
            nothing = fmean(v for name, v in scores.items() if name.startswith(_RANDOM_WEIGHTS))
            target = canonical_name(result["target"])
            guesses |= {
                (target, rows[name]["weight_hash"]): score - nothing
                for name, score in scores.items()
                if rows[name]["weight_hash"]
            }
        except ModelFileError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"a guess is a file of `amkit relate GAME --output FILE`. Received: {path}"
            ) from error
    return guesses


def relation(
    recorded: Transfers,
    table: Sequence[Mapping[str, Any]],
    guesses: Mapping[tuple[str, str], float],
    seed: int = 0,
) -> Relation:
    """Compares guesses with gains.

    Args:
        recorded: from `transfer_report.transfers`.
        table: from `transfer_report.table_2`.
        guesses: from `read_guesses`.
        seed: int. Of the interval.
    """
    areas = {(row["game"], row["source"]): _area(row["points"]) for row in table}
    points = []
    for (game, source), area in areas.items():
        card = recorded.runs[game, source][0]
        guess = guesses.get((game, card["transfer"].get("weights")))
        level, _ = chance(recorded.runs[game, RANDOM][0], game)
        own, random = area - level, areas[game, RANDOM] - level
        size = abs(own) + abs(random)
        if guess is not None and size > 0:
            gain = (own - random) / size
            points.append({"game": game, "source": source, "guess": guess, "gain": gain})
    return Relation(points, _correlation(points, seed))


def recommended(related: Relation) -> dict[str, str]:
    """What relate would have begun each game with.

    Returns:
        game -> of the initialisations that were run, the one with the highest guess; `RANDOM` where
        none tells more than random weights.
    """
    best: dict[str, str] = {}
    highest: dict[str, float] = {}
    for point in related.points:
        game, guess = point["game"], point["guess"]
        best.setdefault(game, RANDOM)
        if guess > highest.get(game, 0):
            best[game], highest[game] = point["source"], guess
    return best


def _area(points: Sequence[Mapping[str, Any]]) -> float:
    return float(np.mean([point["mean"] for point in points]))


def _correlation(points: Sequence[Mapping[str, Any]], seed: int) -> Estimate:
    games = list(dict.fromkeys(point["game"] for point in points))
    by_game = [[(p["guess"], p["gain"]) for p in points if p["game"] == game] for game in games]
    pairs = [pair for own in by_game for pair in own]
    rng = np.random.default_rng(seed)
    draws = [
        spearman([pair for i in drawn for pair in by_game[i]])
        for drawn in rng.integers(0, len(games), (REPLICATES, len(games)))
    ]
    known = [draw for draw in draws if not np.isnan(draw)]
    value = spearman(pairs)
    if np.isnan(value) or not known:
        return Estimate(np.nan, np.nan, np.nan)
    low, high = np.percentile(known, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def spearman(pairs: Sequence[tuple[float, float]]) -> float:
    """Rank correlation; NaN of fewer than three pairs, or where one side is the same everywhere."""
    if len(pairs) < 3:
        return float("nan")
    one, other = (_ranks(np.array(side)) for side in zip(*pairs, strict=True))
    if not (one.std() and other.std()):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places in order; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[places]
