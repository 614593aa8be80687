"""The paper's 20 Atari games as data: their names, actions, scores, and splits.

`GAMES` and `SPLITS` are tables:

>>> import amkit
>>> pong = amkit.GAMES["pong"]
>>> pong.actions
('NOOP', 'FIRE', 'RIGHT', 'LEFT', 'RIGHTFIRE', 'LEFTFIRE')
>>> pong.splits, pong.scores.dqn
(('multitask', 'sources'), 18.9)
>>> [amkit.GAMES[name].title for name in amkit.SPLITS["multitask"]][:3]
['Atlantis', 'Boxing', 'Breakout']
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amkit.games.published import NOT_PUBLISHED, PAPER, SCORES, Scores

# The 18 joystick actions. An action's place in this tuple is its ALE code and its network output.
ACTIONS: tuple[str, ...] = tuple(PAPER["joystick"])
NUM_ACTIONS = len(ACTIONS)
SPLITS: dict[str, tuple[str, ...]] = {name: tuple(games) for name, games in PAPER["splits"].items()}
"""The paper's groups of games, by name: `multitask`, `sources`, `targets`."""


@dataclass(frozen=True)
class Game:
    """One Atari game; ValueError if its actions are no different ones of `ACTIONS`."""

    name: str  # The emulator's own id, in snake case, such as "space_invaders".
    title: str  # The name for people, such as "Space Invaders".
    actions: tuple[str, ...]  # The minimal ones in the emulator's order: that of expert outputs.
    scores: Scores = NOT_PUBLISHED

    def __post_init__(self) -> None:
        distinct = set(self.actions)
        if not distinct or len(distinct) < len(self.actions) or not distinct.issubset(ACTIONS):
            raise ValueError(
                f"The actions of {self.name!r} must be one or more different names out of: "
                f"{', '.join(ACTIONS)}. Received: {self.actions!r}"
            )

    @property
    def num_actions(self) -> int:
        """The number of minimal actions, 1 to 18."""
        return len(self.actions)

    @property
    def action_codes(self) -> NDArray[np.int64]:
        """int64 [num_actions]. The place of each of `actions` in `ACTIONS`; a fresh array."""
        return np.array([ACTIONS.index(action) for action in self.actions], np.int64)

    @property
    def action_mask(self) -> NDArray[np.bool_]:
        """bool [18]. True where the action is legal in this game; a fresh array."""
        return np.isin(ACTIONS, self.actions)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits this game is in; empty for a game the paper does not use."""
        return tuple(split_name for split_name, names in SPLITS.items() if self.name in names)


class UnknownGame(ValueError):
    """Raised for a name that is no known game."""


GAMES: dict[str, Game] = {
    name: Game(
        name,
        name.replace("_", " ").title(),
        ACTIONS if actions == "ALL" else tuple(actions.split()),
        SCORES[name],
    )
    for name, actions in PAPER["actions"].items()
}
"""The paper's 20 games, by name."""


def split(name: str) -> tuple[Game, ...]:
    """The games of one split, a key of `SPLITS`, in the paper's order; ValueError of another."""
    if name not in SPLITS:
        raise ValueError(f"a split must be one of {', '.join(SPLITS)}. Received: {name!r}")
    return tuple(GAMES[game_name] for game_name in SPLITS[name])


def canonical_name(text: str) -> str:
    """Turns the usual spellings of a game's name into its snake-case ALE id, known or not.

    Such as `"Space Invaders"`, `"space-invaders"` and `"ALE/SpaceInvaders-v5"`.
    """
    text = re.sub(r"^ALE/", "", text.strip())
    text = re.sub(r"(-ram)?-?(NoFrameskip|Deterministic)?-v\d+$", "", text)
    text = re.sub(r"['*.]", "", text)  # Q*bert, H.E.R.O.
    text = re.sub(r"(?<=[a-z])(?=[A-Z]|\d[A-Z])", "_", text)  # BeamRider, TicTacToe3D
    text = re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])", "_", text)  # UpNDown
    return re.sub(r"[\W_]+", "_", text).strip("_").lower()


def unknown_game(name: str, valid_names: Iterable[str]) -> UnknownGame:
    """The error for a name that is no game: it names the nearest valid ones, if any are near."""
    nearest = difflib.get_close_matches(canonical_name(name), sorted(valid_names))
    hint = f"Nearest: {', '.join(nearest)}" if nearest else "`amkit games` lists games"
    return UnknownGame(f"Unknown game. {hint}. Received: {name!r}")
