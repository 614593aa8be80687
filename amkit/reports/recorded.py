"""Cards of finished runs, sorted into one experiment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amkit.storage.cards import KINDS, read_card

STICKY = "sticky"  # The protocol whose emulator repeats actions; scores of others are not its.

# What runs that are pooled or compared have in common; "settings" says least of what is not alike.
ALIKE = ("preset", "precision", "jit_compile", "test_protocol", "settings")


@dataclass(frozen=True)
class Recorded:
    """What is reported on: runs of one experiment, which differ in their seeds alone.

    Attributes:
        amns: cards of Actor-Mimic networks of the same games, one at least.
        baselines: "mdqn" and "mcdqn" -> cards, where there are any.
        games: names of the AMNs' games.
        experts: game -> card of the AMNs' expert, where it is given.
    """

    amns: tuple[dict[str, Any], ...]
    baselines: dict[str, tuple[dict[str, Any], ...]]
    games: tuple[str, ...]
    experts: dict[str, dict[str, Any]]


def read_cards(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Reads the cards of finished runs.

    Args:
        paths: run folders, `.keras` files with their cards beside them, or cards alone.

    Raises:
        ValueError: if one is not there, or has no scores of its games.
        ModelFileError: if a card is missing or damaged.
    """
    cards = []
    for path in map(Path, paths):
        file = path / "model.keras" if path.is_dir() else path
        if not file.is_file():
            raise ValueError(
                "a report is of finished runs, which hold model.keras, of .keras files or of their "
                "cards, .json. "
                f"Received: {path}"
            )
        card = read_card(file)
        missing = set(card["games"]) - {entry["game"] for entry in card.get("scores", [])}
        if missing:
            raise ValueError(f"{file}: its card has no score of {', '.join(sorted(missing))}")
        cards.append(card)
    return cards


def experiment(cards: Sequence[dict[str, Any]]) -> Recorded:
    """Sorts the cards of AMNs, baselines and the AMNs' experts.

    Args:
        cards: from `read_cards`.

    Raises:
        ValueError: if they do not make one experiment.
    """
    by_kind = {kind: [c for c in cards if c["kind"] == kind] for kind in KINDS}
    if not by_kind["amn"]:
        raise ValueError(
            "a report is of Actor-Mimic networks (amn), one or more seeds, and of baselines. "
            f"Received: {', '.join(card['kind'] for card in cards) or 'nothing'}"
        )
    experts = by_kind.pop("expert")
    cards = [card for alike in by_kind.values() for card in alike]
    games = tuple(by_kind["amn"][0]["games"])
    for card in cards:
        if set(card["games"]) != set(games):
            raise ValueError(
                f"a report is of runs of the same games, here {', '.join(games)}. "
                f"Received: {', '.join(card['games'])}"
            )
    for card in by_kind["amn"]:
        without = [entry["game"] for entry in card["scores"] if "expert" not in entry]
        if without:
            raise ValueError(f"an AMN's card has no expert's score of {', '.join(without)}")
    amns = by_kind["amn"]
    for kind, alike in by_kind.items():
        check_alike(alike, ("steps", "expert_weights", *ALIKE), kind)
        if any(begun_with(card) != begun_with(alike[0]) for card in alike):
            raise ValueError(
                f"the runs of {kind} in a report differ in their seeds alone. "
                "Received: different initialisation (--from)"
            )
    measured = {(entry["protocol"], entry["epsilon"]) for c in cards for entry in c["scores"]}
    if len(measured) > 1:
        raise ValueError(f"a report is of scores of one protocol. Received: {sorted(measured)}")
    for game in games:
        if not level(amns, game, "expert")["mean"] > level(amns, game, "random")["mean"]:
            raise ValueError(
                f"a report is of experts that play better than at random. Received: {game}"
            )
    for card in experts:
        name = card["games"][0]
        if card["weight_hash"] not in amns[0].get("expert_weights", []):
            raise ValueError(
                "the experts in a report are those that its networks (amn) imitate. "
                f"Received: another one of {name}"
            )
        if card.get("tests") and card.get("test_protocol") != amns[0].get("test_protocol"):
            raise ValueError(
                "experts and networks in a report are tested by one protocol. "
                f"Received: {card.get('test_protocol')} of {name}, {amns[0].get('test_protocol')}"
            )
    return Recorded(
        tuple(amns),
        {kind: tuple(by_kind[kind]) for kind in ("mdqn", "mcdqn") if by_kind[kind]},
        games,
        {card["games"][0]: card for card in experts},
    )


def check_alike(
    cards: Sequence[Mapping[str, Any]], keys: Iterable[str], whose: str, but: str = "their seeds"
) -> None:
    """Checks that runs can stand beside one another, and that each is named once.

    Args:
        cards: theirs.
        keys: what has to be the same on all cards.
        whose: runs they are, such as "amn".
        but: what alone they may differ in.

    Raises:
        ValueError: if more differs, or a run is there twice.
    """
    for key in keys:
        values = [comparable(card, key) for card in cards]
        if any(value != values[0] for value in values):
            which = ""
            if key == "settings" and all(values):
                names = sorted(set().union(*values))
                differ = [n for n in names if len({str(value.get(n)) for value in values}) > 1]
                which = f" ({', '.join(differ)})"
            raise ValueError(
                f"the runs of {whose} in a report differ in {but} alone. "
                f"Received: different {key}{which}"
            )
    if len({card["weight_hash"] for card in cards}) < len(cards):
        raise ValueError(f"a report names each run once. Received: one of {whose} twice")


def comparable(card: Mapping[str, Any], key: str) -> Any:
    """A card's value of a key; of lists, which go by the games, whatever their order."""
    value = card.get(key)
    return sorted(value) if isinstance(value, list) else value


def begun_with(card: Mapping[str, Any]) -> str | None:
    """Hash of the weights that a student began with; None of random ones.

    The file that they were in does not say it: two of one name may hold different networks.
    """
    return card.get("begin", {}).get("weights")


def curve(cards: Sequence[Mapping[str, Any]], game: str) -> list[dict[str, Any]]:
    """A game's tests while training, over all runs.

    Returns:
        In order, one entry for each number of steps that every run was tested at: steps, mean, and
        standard_error, between runs where there are several, else of the run's games.
    """
    by_steps: dict[int, list[dict]] = {}
    for card in cards:
        for row in card.get("tests", []):
            if row["game"] == game:
                by_steps.setdefault(row["steps"], []).append(row)
    return [
        {
            "steps": steps,
            "mean": float(np.mean([row["mean"] for row in rows])),
            "standard_error": error_of(rows),
        }
        for steps, rows in sorted(by_steps.items())
        if len(rows) == len(cards)
    ]


def level(cards: Sequence[Mapping[str, Any]], game: str, whose: str) -> dict[str, float]:
    """What all runs' scores of a game are measured by: their mean, where runs measured it anew.

    Args:
        cards: of the runs.
        game: name.
        whose: "expert" or "random".

    Returns:
        "mean" and "standard_error"; runs that took both from the expert's card agree.
    """
    own = [score_of(card, game)[whose] for card in cards]
    return {
        "mean": float(np.mean([part["mean"] for part in own])),
        "standard_error": float(np.mean([part["standard_error"] or 0 for part in own])),
    }


def score_of(card: Mapping[str, Any], game: str) -> dict[str, Any]:
    """A card's entry for a game."""
    return next(entry for entry in card["scores"] if entry["game"] == game)


def tested_alike(card: Mapping[str, Any], game: str) -> bool:
    """Whether tests while training and scores are of one emulator: both sticky, or neither."""
    return (score_of(card, game)["protocol"] == STICKY) == (card.get("test_protocol") == STICKY)


def error_of(rows: Sequence[Mapping[str, Any]]) -> float:
    """Standard error of a mean: between runs where there are several, else of the run's games."""
    if len(rows) == 1:
        error = rows[0]["standard_error"]
        return float("nan") if error is None else error
    return float(np.std([row["mean"] for row in rows], ddof=1) / np.sqrt(len(rows)))
