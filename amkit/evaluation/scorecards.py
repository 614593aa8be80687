"""Score cards: a model's scores beside random play's and the expert's, all under one protocol."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amkit.evaluation.protocols import PROTOCOLS, Protocol
from amkit.evaluation.whole_games import Player, evaluate_games, random_network
from amkit.games.atari import find_game
from amkit.games.catalogue import NUM_ACTIONS, Game, UnknownGame
from amkit.games.published import EPSILON
from amkit.networks.actions import for_game, plays
from amkit.storage import models
from amkit.storage.cards import (
    SHIPPED,
    Card,
    ModelFileError,
    Played,
    at_hand,
    card_path,
    how_played,
    models_in,
    played,
    presses_fire,
    read_card,
)
from amkit.storage.experts import Expert, Listed, find_experts

if TYPE_CHECKING:
    import keras

SEED = 2**30  # Above every training's emulator seeds: the games reported were never learnt from.


@dataclass(frozen=True)
class Request:
    """A checked request for scores: every file named is there, every game can be played."""

    path: Path
    network: "keras.Model"
    kind: str  # What the model is, as its card says, such as "amn".
    games: tuple[Game, ...]
    protocol: Protocol
    epsilon: float  # Probability of a random action.
    seed: int  # Of emulators and exploration.
    experts: Mapping[str, Expert | Listed]  # By game, for comparison.
    played_in: Mapping[str, Played]  # How the model was trained, by game.

    def summary(self) -> str:
        """One line: what will be done."""
        names = ", ".join(game.name for game in self.games)
        how = {name: how_played(one, self.protocol.sticky) for name, one in self.played_in.items()}
        return (
            f"evaluating {self.path} on {names}: {self.protocol.summary}, epsilon {self.epsilon}, "
            f"seed {self.seed}" + "".join(f"; {name}: {line}" for name, line in how.items() if line)
        )


def request(
    model: Path | None,
    game_names: Sequence[str] | None = None,
    protocol: str = "paper",
    epsilon: float = EPSILON,
    experts: Path | None = None,
    seed: int = SEED,
) -> Request:
    """Checks a request for scores and loads the model.

    Args:
        model: a `.keras` file; None means the newest AMN of `runs/`, else of `pretrained/`.
        game_names: which games; None means all on the model's card.
        protocol: one of `PROTOCOLS`.
        epsilon: in [0, 1].
        experts: folder of experts to compare with; None means those of `pretrained/` that taught
            the AMN, and none for an expert.
        seed: as in `evaluate_game`.

    Raises:
        ValueError: if something asked for does not exist or cannot be played.
        ModelFileError: if the model is damaged.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}. Received: {protocol!r}")
    path, network, card, games = player(model, game_names, epsilon)
    taught_by = set(card.get("expert_weights", []))
    compared = find_experts(experts) if taught_by or experts is not None else {}
    if experts is None:  # Those at hand by chance need not be its teachers.
        compared = {k: e for k, e in compared.items() if e.card["weight_hash"] in taught_by}
    return Request(
        path,
        network,
        card["kind"],
        games,
        PROTOCOLS[protocol],
        epsilon,
        seed,
        compared,
        {game.name: played(card, game.name) for game in games},
    )


def player(
    model: Path | None, game_names: Sequence[str] | None, epsilon: float
) -> tuple[Path, "keras.Model", "Card", tuple[Game, ...]]:
    """Checks who is to play which games, and loads it; arguments and errors as in `request`.

    Returns (the model's file, its network, its card, the games).
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must be in [0, 1]. Received: {epsilon}")
    path, known = (at_hand(model), None) if model else newest_amn()
    network, card = models.load_with_card(path, known)
    try:
        learnt = tuple(map(find_game, card["games"]))
    except UnknownGame as error:
        raise ModelFileError(f"{card_path(path)}: {error}") from None
    games = tuple(map(find_game, game_names)) if game_names else learnt
    outputs = network.output.shape[-1]
    for game in games:
        if not plays(network, game):
            raise ValueError(
                f"{path} plays {', '.join(card['games'])}: the network's {outputs} outputs do not "
                f"fit the {game.num_actions} actions of {game.name}. Received: {game.name}"
            )
        # As many actions are not enough: those of Breakout are no use in Atlantis.
        if outputs < NUM_ACTIONS and game.actions not in [one.actions for one in learnt]:
            raise ValueError(
                f"{path} plays {', '.join(card['games'])}, and games with the same actions. "
                f"Received: {game.name}, with {', '.join(game.actions)}"
            )
    return path, network, card, games


def newest_amn(roots: Iterable[Path] = (Path("runs"), Path("pretrained"))) -> "tuple[Path, Card]":
    """Finds the AMN written last, in the first of the folders that has one, and its card.

    One called `amn.keras` comes before all others: in a fresh clone no file is newer than another.
    ValueError if there is none.
    """

    def rank(path: Path) -> tuple[bool, float]:
        return path.name == "amn.keras", path.stat().st_mtime

    for root in roots:
        for path in sorted(models_in(root), key=rank, reverse=True):
            try:
                card = read_card(path)
            except ModelFileError:
                continue  # Not the one looked for; naming it would tell what is wrong with it.
            if card["kind"] == "amn":
                return path, card
    raise ValueError(
        "name a model, or distil one: runs/ and pretrained/ hold no Actor-Mimic network; "
        f"{SHIPPED}. Received: none"
    )


def score(
    asked: Request, on_progress: Callable[[str, int, int], None] | None = None
) -> list[dict[str, Any]]:
    """Plays what was asked for; `on_progress` as in `evaluate_games`.

    The scores of the expert and of random play come from the expert's card where it holds them
    under the same epsilon and protocol, or one of more such games; otherwise they are measured too.
    FIRE is pressed for the model and for the expert where each one's card asks for that, and never
    for random play, which presses it by chance.

    Returns:
        One entry per game: game, protocol, epsilon, seed, mean, standard_error, games, steps,
        scores; `random` and, where there is one, `expert` with mean, standard_error and games.
    """
    known = {game.name: _known_scores(asked, game) for game in asked.games}
    players: dict[tuple[str, str], Player] = {}  # (game, role) -> who is to play
    for game in asked.games:
        name, network = game.name, for_game(asked.network, game)
        fire = asked.played_in.get(name, {}).get("fire_on_life_loss", False)
        label = f"{name} ({asked.kind})"
        players[name, "model"] = Player(network, game, asked.epsilon, label, fire)
        if "random" not in known[name]:
            players[name, "random"] = Player(random_network, game, 1.0, f"{name} (random)")
        if name in asked.experts and "expert" not in known[name]:
            expert = asked.experts[name]
            network = (expert if isinstance(expert, Expert) else expert.load()).network
            fire, label = presses_fire(expert.card, name), f"{name} (its expert)"
            players[name, "expert"] = Player(network, game, asked.epsilon, label, fire)
    results = evaluate_games(
        list(players.values()), asked.protocol, seed=asked.seed, on_progress=on_progress
    )
    results_of = dict(zip(players, results, strict=True))
    entries = []
    for game in asked.games:
        result = results_of[game.name, "model"]
        entry = {
            "game": game.name,
            "protocol": asked.protocol.name,
            "epsilon": asked.epsilon,
            "seed": asked.seed,
            **result.summary,
            "steps": sum(result.lengths),
            "scores": result.scores,
            **known[game.name],
        }
        for role in ("random", "expert"):
            if (game.name, role) in results_of:
                entry[role] = results_of[game.name, role].summary
        entries.append(entry)
    return entries


def _known_scores(asked: Request, game: Game) -> dict[str, Any]:
    """What the expert's card holds of what is asked for: "random" and "expert"."""
    if game.name not in asked.experts:
        return {}
    for entry in asked.experts[game.name].card.get("scores", []):
        measured = PROTOCOLS.get(entry["protocol"])
        enough = measured and measured.covers(asked.protocol)
        if enough and (entry["game"], entry["epsilon"]) == (game.name, asked.epsilon):
            fields = ("mean", "standard_error", "games")
            return {
                "random": entry["random"],
                "expert": {field: entry.get(field) for field in fields},
            }
    return {}
