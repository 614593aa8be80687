"""CleanRL's `dqn_atari`: a state_dict. What its JAX version writes is in `flax_files`."""

from collections.abc import Mapping
from typing import Any

from amkit.games.catalogue import Game
from amkit.storage.cards import Played
from amkit.storage.importers import parts
from amkit.storage.importers.parts import Parts

FORMAT = "CleanRL"


def recognises(state: object) -> bool:
    """Whether what torch.save wrote is such a network's."""
    return isinstance(state, dict) and {"network.0.weight", "network.9.weight"} <= set(state)


def read(state: Mapping[Any, Any], game: Game) -> Parts:
    """Reads a state_dict."""
    convolutions = [parts.pair(state, f"network.{i}") for i in (0, 2, 4)]
    layers, dense = parts.from_torch(
        convolutions, [parts.pair(state, f"network.{i}") for i in (7, 9)]
    )
    parts.check_nature(layers)
    unknown = [parts.NOT_STATED]
    return Parts(FORMAT, layers, dense, played(game), unknown=unknown)


def played(game: Game) -> Played:
    """How CleanRL plays."""
    return {
        "fire_on_life_loss": parts.fires(game),
        "sticky_actions": 0.0,
        "resize": "maximum, area, grey",
        "source": "cleanrl",
    }
