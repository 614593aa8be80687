"""Table 2 of recorded runs of `amkit transfer`: what an AMN's weights gain over random ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amkit.report import REPLICATES, Estimate, curve, estimate, score_of

RANDOM = "random"


@dataclass(frozen=True)
class Transfers:
    """What is reported on: target DQNs that learnt alike from different first weights.

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
        for key in ("settings", "preset", "parameters", "test_protocol"):
            if any(card.get(key) != own[0].get(key) for card in own):
                raise ValueError(
                    f"runs of one game differ in first weights and seed alone. "
                    f"Received: different {key} of {game}"
                )
        for (name, source), found in runs.items():
            if name == game and any(c["transfer"] != found[0]["transfer"] for c in found):
                raise ValueError(f"runs from one source begin alike. Received: unlike {source}")
            if name == game and any(_tested(c) != _tested(own[0]) for c in found):
                raise ValueError(f"runs of one game are tested at the same steps. Received: {game}")
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
        interval lets every point vary by its standard error); steps_to_match (agent steps at the
        first test that reaches the last one of random weights; None if none does).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for game in recorded.games:
        baseline = curve(recorded.runs[game, RANDOM], game)
        chance = score_of(recorded.runs[game, RANDOM][0], game)["random"]["mean"]
        for source in recorded.sources:
            cards = recorded.runs.get((game, source))
            if not cards:
                continue
            points = curve(cards, game)
            area = Estimate(1.0, 1.0, 1.0)  # Of itself.
            if source != RANDOM:
                area = _relative_area(points, baseline, chance, rng)
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


def _relative_area(
    points: Sequence[Mapping[str, Any]],
    baseline: Sequence[Mapping[str, Any]],
    chance: float,
    rng: np.random.Generator,
) -> Estimate:
    def areas(curve: Sequence[Mapping[str, Any]]) -> tuple[float, np.ndarray]:
        means = np.array([p["mean"] for p in curve])
        errors = np.nan_to_num([p["standard_error"] for p in curve])
        draws = rng.normal(means, errors, (REPLICATES, len(means)))
        return means.mean() - chance, draws.mean(axis=1) - chance

    (own, own_draws), (random, random_draws) = areas(points), areas(baseline)
    if np.percentile(random_draws, 2.5) <= 0:  # Not above chance: a ratio would mean nothing.
        return Estimate(np.nan, np.nan, np.nan)
    return estimate(own / random, own_draws / random_draws)
