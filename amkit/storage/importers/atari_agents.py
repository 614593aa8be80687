"""atari-agents: gzip of what torch.save wrote, with an `estimator_state`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amkit.games.catalogue import Game
from amkit.storage.cards import ModelFileError
from amkit.storage.importers import parts
from amkit.storage.importers.parts import Parts

_STATE = "estimator_state"
# The folder says which protocol, as it does to the agents' own player.
_STICKY = {"_modern": 0.25, "_classic": 0.0}


def recognises(document: object) -> bool:
    """Whether what torch.save wrote is such a checkpoint."""
    return isinstance(document, dict) and isinstance(document.get(_STATE), dict)


def read(document: Mapping[Any, Any], game: Game, path: Path) -> Parts:
    """Reads a checkpoint; ModelFileError if it is a C51, whose Q-values no linear layer gives."""
    state = document[_STATE]
    if "_AtariNet__support" in state:
        raise ModelFileError(
            "the expert is a C51, whose Q-values are not linear: import a DQN or M-DQN"
        )
    layers, dense = parts.from_torch(
        [parts.pair(state, f"_AtariNet__features.{i}") for i in (0, 2, 4)],
        [parts.pair(state, f"_AtariNet__head.{i}") for i in (0, 2)],
    )
    parts.check_nature(layers)
    folders = " ".join(path.absolute().parts)
    sticky = next((value for mark, value in _STICKY.items() if mark in folders), None)
    unknown = [parts.NOT_STATED, "whether a DQN or an M-DQN"]
    if sticky is None:
        unknown.append("sticky actions: 0.25 in folders named *_modern, 0 in *_classic")
    return Parts(
        "atari-agents",
        layers,
        dense,
        {
            "fire_on_life_loss": False,
            "sticky_actions": sticky,
            "resize": "grey, area, maximum",
            "source": "atari-agents",
        },
        unknown=unknown,
    )
