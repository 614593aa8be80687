"""Table 2 of recorded runs of `amkit transfer`: what an AMN's weights gain over random ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amkit.report import REPLICATES, Estimate, curve, estimate, score_of, tested_alike

RANDOM = "random"


@dataclass(frozen=True)
class Transfers:
    """What is reported on: target DQNs that learnt alike from different beginnings.

    A beginning is first weights, and the luminance that the first layer takes for zero with them.

    Attributes:
        runs: (game, source) -> cards, one per seed; the source "random" is there for every game.
        games: names.
        sources: names of the AMNs, "random" first.
    """

    runs: dict[tuple[str, str], tuple[dict[str, Any], ...]]
    games: tuple[str, ...]
    sources: tuple[str, ...]


def transfers(cards: Sequence[dict[str, Any]]) -> Transfers:
    """Sorts the cards of target DQNs.

    Args:
        cards: from `report.read_cards`.

    Raises:
        ValueError: if they cannot be compared.
    """
    runs: dict[tuple[str, str], list] = {}
    for card in cards:
        if "transfer" not in card:
            raise ValueError(
                "a report on transfer is of runs of `amkit transfer` alone. "
                f"Received: {card['kind']} of {', '.join(card['games'])}"
            )
        if not card.get("tests"):
            raise ValueError(
                f"a run of {card['games'][0]} was not tested while it learnt: --test-epochs 10"
            )
        runs.setdefault((card["games"][0], card["transfer"]["source"]), []).append(card)
    games = tuple(dict.fromkeys(game for game, _ in runs))
    names = dict.fromkeys(source for _, source in runs)
    sources = (RANDOM, *(name for name in names if name != RANDOM))
    for game in games:
        if (game, RANDOM) not in runs:
            raise ValueError(
                f"a report on transfer needs --from none too. Received: none of {game}"
            )
        own = [card for (name, _), found in runs.items() if name == game for card in found]
        alike = ("settings", "preset", "precision", "jit_compile", "parameters", "test_protocol")
        for key in alike:
            if any(card.get(key) != own[0].get(key) for card in own):
                raise ValueError(
                    f"runs of one game differ in first weights and seed alone. "
                    f"Received: different {key} of {game}"
                )
        for (name, source), found in runs.items():
            if name == game and any(c["transfer"] != found[0]["transfer"] for c in found):
                raise ValueError(f"runs from one source begin alike. Received: unlike {source}")
            if len({c["weight_hash"] for c in found}) < len(found):
                raise ValueError(
                    f"a report names each run once. Received: one of {name} from {source} twice"
                )
    tested = {game: _tested(runs[game, RANDOM][0]) for game in games}
    for (game, _), found in runs.items():
        if any(_tested(c) != tested[games[0]] for c in found):
            raise ValueError(
                "all runs of a report are tested at the same steps. "
                f"Received: {games[0]} and {game}, which are not"
            )
    return Transfers({key: tuple(found) for key, found in runs.items()}, games, sources)


def _tested(card: Mapping[str, Any]) -> list[int]:
    return [test["steps"] for test in card["tests"]]


def table_2(recorded: Transfers, seed: int = 0) -> list[dict[str, Any]]:
    """Table 2: every curve, and what it is beside that of random weights.

    Args:
        recorded: from `transfers`.
        seed: int. Of the intervals.

    Returns:
        One entry per game and source: game, source, runs; points (as `report.curve`); area (an
        `Estimate`: mean score above chance over all tests, divided by that of random weights; its
        interval lets runs vary as much as those of one game and source do that differ in the seed
        alone, in their logarithms, pooled over all games and sources; or, where nothing was run
        twice, the tests by their standard errors; NaN where random weights do not get above chance,
        or chance was measured with sticky actions and the tests were not); steps_to_match (agent
        steps at the first test that reaches the last one of random weights; None if none does).
    """
    rng = np.random.default_rng(seed)
    chances = {game: _chance(recorded.runs[game, RANDOM][0], game) for game in recorded.games}
    between_runs = _between_runs(
        [_areas(cards, game, chances[game]) for (game, _), cards in recorded.runs.items()]
    )
    rows = []
    for game in recorded.games:
        baseline = curve(recorded.runs[game, RANDOM], game)
        chance = chances[game]
        for source in recorded.sources:
            cards = recorded.runs.get((game, source))
            if not cards:
                continue
            points = curve(cards, game)
            area = Estimate(1.0, 1.0, 1.0)  # Of itself.
            if source != RANDOM:
                area = _relative_area(
                    cards, recorded.runs[game, RANDOM], game, chance, between_runs, rng
                )
            reached = [p["steps"] for p in points if p["mean"] >= baseline[-1]["mean"]]
            rows.append(
                {
                    "game": game,
                    "source": source,
                    "runs": len(cards),
                    "points": points,
                    "area": area,
                    "steps_to_match": reached[0] if reached else None,
                }
            )
    return rows


def _chance(card: Mapping[str, Any], game: str) -> float:
    """Mean score of random actions; NaN where the tests were of another emulator."""
    return score_of(card, game)["random"]["mean"] if tested_alike(card, game) else float("nan")


def _areas(cards: Sequence[Mapping[str, Any]], game: str, chance: float) -> np.ndarray:
    """Mean score above chance over all tests, of each run."""
    return np.array([np.mean([p["mean"] for p in curve([c], game)]) for c in cards]) - chance


def _between_runs(areas: Sequence[np.ndarray]) -> tuple[float, int]:
    """How far runs are apart that differ in the seed alone, pooled.

    Args:
        areas: of the runs of each game and source.

    Returns:
        (standard deviation of their logarithms, its degrees of freedom; 0 of them where nothing was
        run twice).
    """
    logs = [np.log(own) for own in areas if len(own) > 1 and own.min() > 0]
    freedom = sum(len(own) - 1 for own in logs)
    squares = sum(float(np.square(own - own.mean()).sum()) for own in logs)
    return (np.sqrt(squares / freedom) if freedom else 0.0), freedom


def _relative_area(
    cards: Sequence[Mapping[str, Any]],
    baseline: Sequence[Mapping[str, Any]],
    game: str,
    chance: float,
    between_runs: tuple[float, int],
    rng: np.random.Generator,
) -> Estimate:
    def draws(of: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Of the area, as the errors of the tests have it."""
        errors = np.nan_to_num([point["standard_error"] for point in curve(of, game)])
        noise = rng.normal(0, errors, (REPLICATES, len(errors))).mean(axis=1)
        return _areas(of, game, chance).mean() + noise

    own, random = draws(cards), draws(baseline)
    if not np.percentile(random, 2.5) > 0:  # Not above chance: a ratio would mean nothing.
        return Estimate(np.nan, np.nan, np.nan)
    ratio = _areas(cards, game, chance).mean() / _areas(baseline, game, chance).mean()
    spread, freedom = between_runs
    if not freedom:
        return estimate(ratio, own / random)
    # A run that is high is high in all its tests, and the spread is an estimate too (Student's t).
    spread = spread * np.sqrt(freedom / rng.chisquare(freedom, REPLICATES))
    spread = spread * np.sqrt(1 / len(cards) + 1 / len(baseline))
    with np.errstate(over="ignore"):  # Of two runs alone, a draw may be as far off as that.
        return estimate(ratio, ratio * np.exp(spread * rng.normal(size=REPLICATES)))
