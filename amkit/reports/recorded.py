"""Cards of finished runs, sorted into one experiment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from amkit.storage.cards import KINDS, read_card

Card = Mapping[str, Any]

STICKY = "sticky"  # The protocol whose emulator repeats actions; scores of others are not its.

INITIALISATION = "initialisation (--from)"
# What runs that are pooled or compared have in common; "settings" says least of what is not alike.
ALIKE = ("preset", "precision", "jit_compile", "test_protocol", "settings")


class Point(TypedDict):
    """A test while training: agent steps, mean score and its standard error."""

    steps: int
    mean: float
    standard_error: float


@dataclass(frozen=True)
class Recorded:
    """Cards of one experiment's runs, which differ in their seeds alone."""

    amns: tuple[Card, ...]  # Actor-Mimic networks of the same games, one at least.
    baselines: dict[str, tuple[Card, ...]]  # "mdqn" and "mcdqn", where there are any.
    games: tuple[str, ...]  # Names of the AMNs' games.
    experts: dict[str, Card]  # By game, where they are given.

    @property
    def networks(self) -> dict[str, tuple[Card, ...]]:
        """The AMNs and the baselines, by kind."""
        return {"amn": self.amns, **self.baselines}


def expect(true: object, what: str, received: object) -> None:
    """Refuses runs that make no report: a ValueError says what a report is of."""
    if not true:
        raise ValueError(f"a report needs {what}. Received: {received}")


def read_cards(paths: Iterable[Path]) -> list[Card]:
    """Reads the cards of run folders, of `.keras` files that have one beside them, or cards alone.

    Raises:
        ValueError: if one is not there, or has no score of one of its games.
        ModelFileError: if a card is missing or damaged.
    """
    cards: list[Card] = []
    for path in map(Path, paths):
        file = path / "model.keras" if path.is_dir() else path
        what = (
            "finished runs (folders with model.keras), .keras files or cards (.json); "
            "for a folder of experts use `amkit scores`"
        )
        expect(file.is_file(), what, path)
        card = read_card(file)
        missing = set(card["games"]) - {entry["game"] for entry in card.get("scores", [])}
        received = f"{file}, without a score for {', '.join(sorted(missing))}"
        expect(not missing, "cards with a score for each game", received)
        cards.append(card)
    return cards


def experiment(cards: Sequence[Card]) -> Recorded:
    """Sorts the cards of AMNs, baselines and the AMNs' experts.

    ValueError if they do not make one experiment.
    """
    by_kind = {kind: [card for card in cards if card["kind"] == kind] for kind in KINDS}
    experts, amns = by_kind.pop("expert"), by_kind["amn"]
    kinds = ", ".join(card["kind"] for card in cards) or "nothing"
    what = "one or more Actor-Mimic networks (amn); for experts alone use `amkit scores`"
    expect(amns, what, kinds)
    games = tuple(amns[0]["games"])
    networks = [card for runs in by_kind.values() for card in runs]
    for card in networks:
        same = set(card["games"]) == set(games)
        what = f"runs of the same games, here {', '.join(games)}"
        expect(same, what, ", ".join(card["games"]))
    without = [score["game"] for card in amns for score in card["scores"] if "expert" not in score]
    received = f"no expert's score for {', '.join(without)}"
    expect(not without, "AMNs with their experts' scores", received)
    for kind, runs in by_kind.items():
        check_alike(runs, ("steps", "expert_weights", INITIALISATION, *ALIKE), kind)
    protocols = {(score["protocol"], score["epsilon"]) for c in networks for score in c["scores"]}
    expect(len(protocols) == 1, "scores of one protocol", sorted(protocols))
    for game in games:
        better = level(amns, game, "expert")[0] > level(amns, game, "random")[0]
        expect(better, "experts that score more than random play", game)
    for card in experts:
        known = card["weight_hash"] in amns[0].get("expert_weights", [])
        received = f"another expert of {card['games'][0]}"
        expect(known, "experts that taught its networks (amn)", received)
        tested, others = card.get("test_protocol"), amns[0].get("test_protocol")
        received = f"{tested} of {card['games'][0]}, {others}"
        alike = not card.get("tests") or tested == others
        expect(alike, "experts and networks tested by one protocol", received)
    baselines = {kind: tuple(by_kind[kind]) for kind in ("mdqn", "mcdqn") if by_kind[kind]}
    return Recorded(tuple(amns), baselines, games, {card["games"][0]: card for card in experts})


def check_alike(
    cards: Sequence[Card], keys: Iterable[str], whose: str, but: str = "their seeds"
) -> None:
    """ValueError if the runs of `whose` differ in more than `but`, or one is named twice.

    `keys` are what has to be the same on all cards.
    """
    for key in keys:
        values = [comparable(card, key) for card in cards]
        if all(value == values[0] for value in values):
            continue
        which = ""
        if key == "settings" and all(values):
            names = sorted(set().union(*values))
            differ = [n for n in names if len({str(value.get(n)) for value in values}) > 1]
            which = f" ({', '.join(differ)})"
        raise ValueError(
            f"the runs of {whose} in one report may differ only in {but}. "
            f"Received: different {key}{which}"
        )
    once = len({card["weight_hash"] for card in cards}) == len(cards)
    expect(once, "each run only once", f"one run of {whose} twice")


def comparable(card: Card, key: str) -> Any:
    """A card's value of a key; of lists, which go by the games, whatever their order.

    First weights are known by their hash, as two files of one name may differ; None: random ones.
    """
    value = card.get("begin", {}).get("weights") if key == INITIALISATION else card.get(key)
    return sorted(value) if isinstance(value, list) else value


def score_of(card: Card, game: str) -> dict[str, Any]:
    """A card's entry for a game."""
    return next(entry for entry in card["scores"] if entry["game"] == game)


def level(cards: Sequence[Card], game: str, whose: str) -> tuple[float, float]:
    """Mean and standard error of the "expert" or "random" play of a game, over runs.

    Runs may have measured it anew; those that took it from the expert's card agree.
    """
    parts = [score_of(card, game)[whose] for card in cards]
    errors = [part["standard_error"] or 0 for part in parts]
    return float(np.mean([part["mean"] for part in parts])), float(np.mean(errors))


def curve(cards: Sequence[Card], game: str) -> list[Point]:
    """A game's tests while training: means over runs, wherever every run was tested."""
    by_steps: dict[int, list[Card]] = {}
    for card in cards:
        for test in card.get("tests", []):
            if test["game"] == game:
                by_steps.setdefault(test["steps"], []).append(test)
    known = {steps: tests for steps, tests in sorted(by_steps.items()) if len(tests) == len(cards)}
    means = {steps: mean_of(tests) for steps, tests in known.items()}
    return [Point(steps=steps, mean=m, standard_error=e) for steps, (m, e) in means.items()]


def mean_of(rows: Sequence[Card]) -> tuple[float, float]:
    """Mean over runs, and its standard error: between several runs, else of the run's games."""
    means = [row["mean"] for row in rows]
    error = rows[0]["standard_error"]
    if len(rows) > 1:
        error = float(np.std(means, ddof=1) / np.sqrt(len(rows)))
    return float(np.mean(means)), float("nan") if error is None else error


def tested_alike(card: Card, game: str) -> bool:
    """Whether tests while training and scores are of one emulator: both sticky, or neither."""
    protocols = card.get("test_protocol"), score_of(card, game)["protocol"]
    return len({protocol == STICKY for protocol in protocols}) == 1


def chance(card: Card, game: str) -> tuple[float, float]:
    """Mean score of random play and its error; NaN where the tests were of another emulator."""
    random = score_of(card, game)["random"]
    mean = random["mean"] if tested_alike(card, game) else float("nan")
    return mean, random["standard_error"] or 0
