"""Experts on disk: a folder of `.keras` files with their cards, one expert per game."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amkit.games.atari import find_game
from amkit.games.catalogue import NUM_ACTIONS, Game, UnknownGame
from amkit.games.published import normalized
from amkit.storage import models
from amkit.storage.cards import SHIPPED, Card, ModelFileError, card_path, models_in, read_card

if TYPE_CHECKING:  # Listing a folder needs no Keras.
    import keras

_PRETRAINED = Path("pretrained")


class ExpertError(ValueError):
    """A folder does not hold the experts asked for."""


@dataclass(frozen=True)
class Listed:
    """An expert of a folder, of which only the card has been read: what it plays, and its file."""

    game: Game
    card: Card
    path: Path

    def load(self, dtype: str = "float32") -> "Expert":
        """Reads and builds its network, as `load_experts`."""
        network, _ = models.load_with_card(self.path, self.card)
        outputs = network.output.shape[-1]
        if outputs not in (self.game.num_actions, NUM_ACTIONS):
            raise ModelFileError(
                f"{self.path}: an expert of {self.game.name} has {self.game.num_actions} or "
                f"{NUM_ACTIONS} outputs. Received: {outputs}"
            )
        if dtype != "float32":
            from amkit.networks.twins import for_running

            network = for_running(network, dtype)
        return Expert(self.game, self.card, self.path, network)


@dataclass(frozen=True)
class Expert(Listed):
    """An expert at hand, its network a Functional model: observation -> Q-values [B, n or 18]."""

    network: "keras.Model"

    @property
    def feature_size(self) -> int:
        """D, the width of the layer `features`; ExpertError if there is none such."""
        from amkit.networks.twins import feature_size

        try:
            return feature_size(self.network)
        except ValueError as error:
            raise ExpertError(f"feature regression, {self.path}: {error}") from None


def find_experts(folder: Path | None = None) -> dict[str, Listed]:
    """Lists the experts of a folder by their cards, game -> expert; no model is read.

    Args:
        folder: where `.keras` files and their cards lie; or run folders, `runs/`. None means
            `pretrained/`, if it is there.

    Raises:
        ExpertError: if there is no such folder, or it has two experts of one game.
        ModelFileError: if a model has no card, or one that cannot be read.
    """
    if folder is None and not _PRETRAINED.is_dir():
        return {}
    folder = Path(_PRETRAINED if folder is None else folder)
    if not folder.is_dir():
        raise ExpertError(
            f"experts must be in a folder; {SHIPPED}. Received: {folder}, which is not a folder"
        )
    experts: dict[str, Listed] = {}
    for path in models_in(folder):
        card = read_card(path)
        if card["kind"] != "expert" or "transfer" in card:  # A target DQN is no teacher.
            continue
        try:
            game = find_game(card["games"][0])
        except UnknownGame as error:
            raise ModelFileError(f"{card_path(path)}: {error}") from None
        if game.name in experts:
            two = " and ".join(str(p.relative_to(folder)) for p in (experts[game.name].path, path))
            raise ExpertError(f"{folder} has two experts of {game.name}, {two}: keep one")
        experts[game.name] = Listed(game, card, path)
    return dict(sorted(experts.items()))


def choose_experts(folder: Path, game_names: Sequence[str] | None = None) -> list[Listed]:
    """Lists the experts of some games, in this order, or of all; no model is read.

    Raises:
        ExpertError: if there is no expert at all, or none of a game asked for.
        ModelFileError: if a model has no card, or one that cannot be read.
    """
    experts = find_experts(folder)
    if not experts:
        raise ExpertError(
            f"{folder} holds no expert. An expert is a .keras file with its card (.json) beside it"
        )
    names = list(experts) if game_names is None else [find_game(name).name for name in game_names]
    for name in names:
        if name not in experts:
            raise ExpertError(
                f"{folder} has experts of {', '.join(experts)} only. Received: {name}"
            )
    return [experts[name] for name in names]


def load_experts(
    folder: Path, game_names: Sequence[str] | None = None, dtype: str = "float32"
) -> list[Expert]:
    """Loads the experts of some games.

    Args:
        folder: where they lie, as in `find_experts`.
        game_names: which games, in this order; None means all that the folder has.
        dtype: Keras dtype policy to run them in.

    Raises:
        ExpertError: as `choose_experts` has it.
        ModelFileError: if a file is damaged, has no card, or is not what its card says.

    Examples:
        >>> from pathlib import Path
        >>> import amkit
        >>> (expert,) = amkit.load_experts(Path("pretrained"), ["pong"])
        >>> expert.network.output.shape
        (None, 6)
    """
    return [expert.load(dtype) for expert in choose_experts(folder, game_names)]


def results(folder: Path) -> list[dict[str, Any]]:
    """What the experts of a folder scored, by their cards, beside published scores.

    Returns:
        One entry per expert: game, protocol, epsilon, mean, standard_error, games, random (measured
        under the same protocol), human and dqn (published), dqn_normalised, steps, minutes, and
        curve: {"steps", "score"} of the games that ended while it trained, exploring. None where
        the card, or the literature, does not say. Errors as of `choose_experts`.
    """
    entries = []
    fields = ("protocol", "epsilon", "mean", "standard_error", "games")
    for expert in choose_experts(folder):
        name, card, published = expert.game.name, expert.card, expert.game.scores
        of_game = (score for score in card.get("scores", []) if score["game"] == name)
        score: Mapping[str, Any] = next(of_game, {})
        share = None
        if score and published.dqn is not None:
            share = normalized(score["mean"], score["random"]["mean"], published.dqn)
        curve = [(row["steps"], row.get(f"score_{name}")) for row in card.get("learning_curve", [])]
        entries.append(
            {
                "game": name,
                **{field: score.get(field) for field in fields},
                "random": score["random"]["mean"] if score else None,
                "human": published.human,
                "dqn": published.dqn,
                "dqn_normalised": share,
                "steps": card.get("steps"),
                "minutes": card.get("minutes"),
                # None where no game ended.
                "curve": [{"steps": x, "score": y} for x, y in curve if y is not None],
            }
        )
    return entries
