"""Experts on disk: a folder of `.keras` files with their cards, one expert per game."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amkit.games.atari import find_game
from amkit.games.catalogue import NUM_ACTIONS, Game, UnknownGame
from amkit.games.published import normalized
from amkit.storage import models
from amkit.storage.cards import ModelFileError, card_path, models_in, read_card

if TYPE_CHECKING:  # Listing a folder needs no Keras.
    import keras


_SHIPPED = Path("pretrained")


class ExpertError(ValueError):
    """A folder does not hold the experts asked for."""


@dataclass(frozen=True)
class Expert:
    """An expert at hand.

    Attributes:
        game: what it plays.
        network: Functional model, observation -> Q-values [B, n] or [B, 18].
        card: its model card.
        path: its file.
    """

    game: Game
    network: "keras.Model"
    card: dict[str, Any]
    path: Path

    @property
    def feature_size(self) -> int:
        """D, the width of the layer `features`; ExpertError if there is none such."""
        from amkit.networks.twins import feature_size

        try:
            return feature_size(self.network)
        except ValueError as error:
            raise ExpertError(f"feature regression, {self.path}: {error}") from None


def find_experts(folder: Path) -> dict[str, Path]:
    """Lists the experts of a folder by their cards; no model is read.

    Args:
        folder: where `.keras` files and their cards lie; or run folders, `runs/`.

    Returns:
        game -> path, in alphabetical order; nothing where the folder holds only other models.

    Raises:
        ExpertError: if there is no such folder, or it has two experts of one game.
        ModelFileError: if a model has no card, or one that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ExpertError(
            f"experts come from a folder that holds them. Received: {folder}, which is no folder"
        )
    found: dict[str, Path] = {}
    for path in models_in(folder):
        card = read_card(path)
        if card["kind"] != "expert" or "transfer" in card:  # A target DQN is no teacher.
            continue
        try:
            game = find_game(card["games"][0]).name
        except UnknownGame as error:
            raise ModelFileError(f"{card_path(path)}: {error}") from None
        if game in found:
            raise ExpertError(
                f"{folder} has two experts of {game}, {found[game].relative_to(folder)} and "
                f"{path.relative_to(folder)}: keep one"
            )
        found[game] = path
    return dict(sorted(found.items()))


def _some(folder: Path) -> dict[str, Path]:
    """As `find_experts`; ExpertError if there is none."""
    found = find_experts(folder)
    if not found:
        raise ExpertError(f"{folder} holds no expert: expected .keras files with cards beside them")
    return found


def experts_at_hand(folder: Path | None = None) -> dict[str, Path]:
    """As `find_experts`; without a folder, those of `pretrained/`, if it is there."""
    if folder is None and not _SHIPPED.is_dir():
        return {}
    return find_experts(_SHIPPED if folder is None else folder)


def results(folder: Path) -> list[dict[str, Any]]:
    """What the experts of a folder scored, by their cards, beside published scores.

    Args:
        folder: as in `find_experts`.

    Returns:
        One entry per expert: game, protocol, epsilon, mean, standard_error, games, random (measured
        under the same protocol), human and dqn (published), dqn_normalised, steps, minutes, and
        curve: {"steps", "score"} of the games that ended while it trained, exploring. None where
        the card, or the literature, does not say.

    Raises:
        ExpertError, ModelFileError: as in `load_experts`.
    """
    entries = []
    for name, path in _some(folder).items():
        card = read_card(path)
        published = find_game(name).scores
        score = next((entry for entry in card.get("scores", []) if entry["game"] == name), {})
        random = score.get("random", {}).get("mean")
        known = score and published.dqn is not None
        entries.append(
            {
                "game": name,
                **{key: score.get(key) for key in ("protocol", "epsilon", "mean")},
                **{key: score.get(key) for key in ("standard_error", "games")},
                "random": random,
                "human": published.human,
                "dqn": published.dqn,
                "dqn_normalised": normalized(score["mean"], random, published.dqn)
                if known
                else None,
                "steps": card.get("steps"),
                "minutes": card.get("minutes"),
                "curve": [
                    {"steps": row["steps"], "score": row[f"score_{name}"]}
                    for row in card.get("learning_curve", [])
                    if row.get(f"score_{name}") is not None  # No game ended.
                ],
            }
        )
    return entries


def load_experts(
    folder: Path, game_names: Sequence[str] | None = None, dtype: str = "float32"
) -> list[Expert]:
    """Loads the experts of some games.

    Args:
        folder: as in `find_experts`.
        game_names: which games, in this order; None means all that the folder has.
        dtype: str. Keras dtype policy to run them in.

    Returns:
        One `Expert` per game.

    Raises:
        ExpertError: if there is no expert at all, or none of a game asked for.
        ModelFileError: if a file is damaged or not what its card says.

    Example:
        >>> from pathlib import Path
        >>> import amkit
        >>> (pong,) = amkit.load_experts(Path("pretrained"), ["pong"])
        >>> pong.game.num_actions, pong.network.output.shape
        (6, (None, 6))
    """
    found = _some(folder)
    names = list(found) if game_names is None else [find_game(n).name for n in game_names]
    for name in names:
        if name not in found:
            raise ExpertError(
                f"experts come from {folder}, which has those of {', '.join(found)}. "
                f"Received: {name}"
            )
    return [_load(found[name], find_game(name), dtype) for name in names]


def _load(path: Path, game: Game, dtype: str) -> Expert:
    network, card = models.load_with_card(path)
    outputs = network.output.shape[-1]
    if outputs not in (game.num_actions, NUM_ACTIONS):
        raise ModelFileError(
            f"{path}: an expert of {game.name} has {game.num_actions} or {NUM_ACTIONS} outputs. "
            f"Received: {outputs}"
        )
    if dtype != "float32":
        from amkit.networks.twins import for_running

        network = for_running(network, dtype)
    return Expert(game, network, card, path)
