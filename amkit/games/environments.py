"""The contract of environments: what a policy plays in, and a training learns in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from amkit.games.catalogue import Game


@dataclass(frozen=True)
class Outcome:
    """What one step brought, for every environment.

    Attributes:
        reward: float32 [R]. Raw, as the game counts; 0 where the step was ignored.
        terminal: bool [R]. A life or the game was lost: nothing follows, for learning.
        game_over: bool [R]. The whole game ended, lost or cut at its time limit.
    """

    reward: np.ndarray
    terminal: np.ndarray
    game_over: np.ndarray


class Environments(Protocol):
    """N parallel environments of each of G games, in lockstep; rows g * N to (g + 1) * N: game g.

    Between steps the attributes describe the observation to act on.

    Attributes:
        games: the G games.
        envs_per_game: N.
        action_masks: bool [R, 18]. Legal actions of each row, R = G * N.
        observation: uint8 [R, 4, 84, 84], oldest frame first.
        start: bool [R]. First observation of a game.
        ended: bool [R]. Last observation of a finished game: the next action is ignored and the
            step after it starts a new game. Such a row is no transition.
    """

    games: Sequence[Game]
    envs_per_game: int
    action_masks: np.ndarray
    start: np.ndarray
    ended: np.ndarray

    @property
    def observation(self) -> np.ndarray:
        """What to act on now."""

    def __len__(self) -> int:
        """Returns R."""

    def send(self, actions: np.ndarray) -> None:
        """Begins to take one action in every environment: int [R], ALE codes.

        Raises:
            ValueError: if an action is not legal in its game. Nothing is sent then.
        """

    def receive(self) -> Outcome:
        """Waits until the actions are taken."""

    def restart(self, rows: np.ndarray) -> None:
        """Begins new games in some rows, bool [R], whatever was going on there; between steps."""

    def get_state(self) -> dict[str, Any] | None:
        """Returns what is needed to go on; None where that cannot be saved, as in emulators."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned."""

    def close(self) -> None:
        """Ends the environments' threads and frees what they hold."""


def make(games: Sequence[Game], envs_per_game: int, **options: Any) -> Environments:
    """Opens environments of some games; whoever opens them closes them.

    Args:
        games: the G games, all of one suite. Today there is one: the Atari games of the ALE.
        envs_per_game: int. N.
        **options: as `atari.AtariEnvironments` takes.
    """
    from amkit.games.atari import AtariEnvironments  # Lazy: it takes its types from here.

    return AtariEnvironments(games, envs_per_game, **options)
