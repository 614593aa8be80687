"""Distillations that differ in an option, side by side. Nothing is trained."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amkit.reports import multitask
from amkit.reports.recorded import Recorded, begun_with, comparable, experiment
from amkit.reports.statistics import bootstrap, estimate, geometric_mean


@dataclass(frozen=True)
class Ablations:
    """What is reported on: distillations of the same experts, alike but for their settings.

    Attributes:
        variants: name -> runs, one per seed. The first is what the others are compared with; its
            name says what it has where any other differs, theirs what differs from it.
        games: names.
    """

    variants: dict[str, Recorded]
    games: tuple[str, ...]


def differ(cards: Sequence[Mapping[str, Any]]) -> bool:
    """Whether cards are of Actor-Mimic networks alone, and differ in their settings."""
    return {card["kind"] for card in cards} == {"amn"} and any(
        _options(card) != _options(cards[0]) for card in cards
    )


def ablations(cards: Sequence[dict[str, Any]]) -> Ablations:
    """Sorts the cards of distillations by what differs from the first.

    Args:
        cards: from `recorded.read_cards`.

    Raises:
        ValueError: if they cannot be compared.
    """
    first = cards[0]
    for key in ("games", "expert_weights", "test_protocol"):
        if any(comparable(card, key) != comparable(first, key) for card in cards):
            raise ValueError(
                "distillations are compared that imitate the same experts and are tested alike. "
                f"Received: different {key}"
            )
    varied = [
        key
        for key, value in _options(first).items()
        if any(_options(card).get(key) != value for card in cards)
    ]
    shared = _shared_names(cards)
    grouped: dict[str, list] = {}
    for card in cards:
        own = [key for key in varied if _options(card).get(key) != _options(first).get(key)]
        grouped.setdefault(_name(card, own or varied, shared), []).append(card)
    variants = {name: experiment(alike) for name, alike in grouped.items()}
    protocols = {name: _protocol(recorded) for name, recorded in variants.items()}
    if len(set(protocols.values())) > 1:
        raise ValueError(f"distillations are compared under one protocol. Received: {protocols}")
    return Ablations(variants, next(iter(variants.values())).games)


def _options(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a distillation can be asked for, but its seed."""
    return (
        card.get("settings", {})
        | {key: card.get(key) for key in ("precision", "jit_compile")}
        | {"from": _source(card)}
    )


def _source(card: Mapping[str, Any]) -> tuple[str, str | None]:
    """What a student began as: a name, and the hash of the weights, None of random ones."""
    return str(card.get("begin", {}).get("source", "random")), begun_with(card)


def _shared_names(cards: Sequence[Mapping[str, Any]]) -> set[str]:
    """Names of sources that stand for several: files of one name may hold different networks."""
    counts = Counter(name for name, _ in set(map(_source, cards)))
    return {name for name, count in counts.items() if count > 1}


def _name(card: Mapping[str, Any], keys: Sequence[str], shared: Collection[str]) -> str:
    """Such as "temperature 1"; sources of a shared name are told apart by their hash."""
    values = {key: _options(card).get(key) for key in keys}
    if "from" in values:
        name, weights = _source(card)
        values["from"] = f"{name} ({weights[:8]})" if name in shared and weights else name
    return ", ".join(
        f"{key} {f'{value:g}' if isinstance(value, float) else value}"
        for key, value in values.items()
    )


def _protocol(recorded: Recorded) -> str:
    score = recorded.amns[0]["scores"][0]  # `experiment` has seen that all are alike.
    return f"{score['protocol']}, epsilon {score['epsilon']}"


def table(recorded: Ablations, seed: int = 0) -> list[dict[str, Any]]:
    """Every variant's expert-normalised scores, and how far they are from the first's.

    Args:
        recorded: from `ablations`.
        seed: int. Of the bootstrap.

    Returns:
        One entry per variant: variant, runs, steps (per game), minutes (of its first run), scores
        (game -> an `Estimate`), geometric_mean (an `Estimate`) and difference (an `Estimate`:
        of the geometric mean from the first variant's; None for the first). Errors of variants are
        drawn independently, though they share their experts' scores: a difference's interval is, if
        anything, too wide.
    """
    rows: list[dict[str, Any]] = []
    reference = None
    for i, (name, runs) in enumerate(recorded.variants.items()):
        draws = bootstrap(runs.amns, runs.games, seed + i)
        games = {row["game"]: row["normalised"] for row in multitask.table_1(runs, seed + i)}
        drawn = np.array([geometric_mean(draw) for draw in draws])
        mean = estimate(
            geometric_mean(np.array([[score.value for score in games.values()]])), drawn
        )
        difference = None
        if reference is not None:
            difference = estimate(mean.value - reference[0], drawn - reference[1])
        else:
            reference = mean.value, drawn
        rows.append(
            {
                "variant": name,
                "runs": len(runs.amns),
                "steps": runs.amns[0].get("steps", 0),
                "minutes": runs.amns[0].get("minutes"),
                "scores": games,
                "geometric_mean": mean,
                "difference": difference,
            }
        )
    return rows
