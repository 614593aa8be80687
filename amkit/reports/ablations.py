"""Distillations that differ in an option, side by side. Nothing is trained."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from amkit.reports import multitask
from amkit.reports.recorded import INITIALISATION, Card, Recorded, comparable, experiment
from amkit.reports.statistics import bootstrap, estimate, geometric_mean
from amkit.reports.text import Row


def differ(cards: Sequence[Card]) -> bool:
    """Whether cards are of Actor-Mimic networks alone, and differ in their settings."""
    return {card["kind"] for card in cards} == {"amn"} and any(
        _options(card) != _options(cards[0]) for card in cards
    )


def ablations(cards: Sequence[Card]) -> dict[str, Recorded]:
    """Sorts the cards of distillations of the same experts; ValueError if they cannot be compared.

    Returns:
        Name -> runs, one per seed, alike but for their settings. A name says what differs from the
        first variant; the first's, what it has where any other differs.
    """
    for key in ("games", "expert_weights", "test_protocol"):
        if any(comparable(card, key) != comparable(cards[0], key) for card in cards):
            raise ValueError(
                "compared distillations must have the same experts and the same kind of tests. "
                f"Received: different {key}"
            )
    first = _options(cards[0])
    varied = [key for key in first if any(_options(c).get(key) != first[key] for c in cards)]
    sources = Counter(name for name, _ in {_options(card)["from"] for card in cards})
    shared = {name for name, count in sources.items() if count > 1}
    by_name: dict[str, list[Card]] = {}
    for card in cards:
        options = _options(card)
        different = [key for key in varied if options.get(key) != first[key]]
        name = _name({key: options.get(key) for key in different or varied}, shared)
        by_name.setdefault(name, []).append(card)
    variants = {name: experiment(runs) for name, runs in by_name.items()}
    scores = {name: runs.amns[0]["scores"][0] for name, runs in variants.items()}
    protocols = {n: f"{s['protocol']}, epsilon {s['epsilon']}" for n, s in scores.items()}
    if len(set(protocols.values())) > 1:
        raise ValueError(f"compared distillations must have one protocol. Received: {protocols}")
    return variants


def _options(card: Card) -> dict[str, Any]:
    """What a distillation can be asked for, but its seed; "from" is a name and weights' hash."""
    begin = str(card.get("begin", {}).get("source", "random")), comparable(card, INITIALISATION)
    kernels = {key: card.get(key) for key in ("precision", "jit_compile")}
    return {**card.get("settings", {}), **kernels, "from": begin}


def _name(options: dict[str, Any], shared: Collection[str]) -> str:
    """Such as "temperature 1"; sources that share a name are told apart by their hash."""
    if "from" in options:
        name, weights = options["from"]
        options["from"] = f"{name} ({weights[:8]})" if name in shared and weights else name
    return ", ".join(
        f"{key} {f'{value:g}' if isinstance(value, float) else value}"
        for key, value in options.items()
    )


def table(variants: Mapping[str, Recorded], seed: int = 0) -> list[Row]:
    """Expert-normalised scores of the variants from `ablations`; `seed` is of the bootstrap.

    Returns:
        One row per variant: variant, runs, steps (per game), minutes (of its first run), scores
        (game -> an `Estimate`), geometric_mean (an `Estimate`) and difference (an `Estimate` of the
        geometric mean less the first variant's; None for the first). Errors of variants are drawn
        independently, though they share their experts' scores: a difference's interval is, if
        anything, too wide.
    """
    rows: list[Row] = []
    first: tuple[float, np.ndarray] | None = None
    for i, (name, runs) in enumerate(variants.items()):
        drawn = geometric_mean(bootstrap(runs.amns, runs.games, seed + i))
        scores = {row["game"]: row["normalised"] for row in multitask.table_1(runs, seed + i)}
        mean = float(geometric_mean(np.array([[score.value for score in scores.values()]])))
        rows.append(
            {
                "variant": name,
                "runs": len(runs.amns),
                "steps": runs.amns[0].get("steps", 0),
                "minutes": runs.amns[0].get("minutes"),
                "geometric_mean": estimate(mean, drawn),
                "difference": estimate(mean - first[0], drawn - first[1]) if first else None,
                "scores": scores,
            }
        )
        first = first or (mean, drawn)
    return rows
