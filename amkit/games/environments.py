"""The contract of environments: what a policy plays in, and a training learns in.

A new suite of games is a class that fulfils `Environments`, in a file beside this one, which `make`
opens.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict, Unpack, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from amkit.games.catalogue import Game


@dataclass(frozen=True)
class Outcome:
    """What one step brought, for every environment."""

    reward: NDArray[np.float32]  # [R]. Raw, as the game counts; 0 where the step was ignored.
    terminal: NDArray[np.bool_]  # [R]. A life or game was lost: nothing follows, for learning.
    game_over: NDArray[np.bool_]  # [R]. The whole game ended, lost or cut at its time limit.


@runtime_checkable
class Environments(Protocol):
    """N parallel environments of each of G games, in lockstep; rows g * N to (g + 1) * N: game g.

    Between steps the attributes describe the observation to act on, `start` and `ended` whether it
    is the first or last of a game. The next action of a finished game is ignored, and the step
    after it starts a new one: such a row is no transition.

    Those that press FIRE for whoever plays also have `forced`, int32 [R]: the ALE code that a row
    takes next, whatever is sent; -1 where what is sent is taken.
    """

    games: Sequence[Game]
    envs_per_game: int
    action_masks: NDArray[np.bool_]  # [R, 18]. Legal actions of each row, R = G * N.
    start: NDArray[np.bool_]  # [R]
    ended: NDArray[np.bool_]  # [R]

    @property
    def observation(self) -> NDArray[np.uint8]:
        """What to act on now: uint8 [R, 4, 84, 84], oldest frame first."""

    def __len__(self) -> int:
        """Returns R."""

    def send(self, actions: NDArray[np.integer[Any]]) -> None:
        """Begins to take one action in every environment: int [R], ALE codes.

        ValueError, and nothing is sent, if an action is not legal in its game.
        """

    def receive(self) -> Outcome:
        """Waits until the actions are taken."""

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """Begins new games in some rows, bool [R], whatever was going on there; between steps."""

    def get_state(self) -> dict[str, Any] | None:
        """Returns what is needed to go on; None where that cannot be saved, as in emulators."""

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned."""

    def close(self) -> None:
        """Ends the environments' threads and frees what they hold."""


class Options(TypedDict, total=False):
    """How environments are opened; `atari.AtariEnvironments` explains each."""

    seed: int
    life_loss_terminal: bool
    sticky: float
    max_steps: int
    fire_games: Collection[str]
    on_ready: Callable[[int], None] | None


def make(games: Sequence[Game], envs_per_game: int, **options: Unpack[Options]) -> Environments:
    """Opens environments of some games of one suite; whoever opens them closes them.

    Today there is one suite: the Atari games of the ALE.
    """
    from amkit.games.atari import AtariEnvironments  # Lazy: it takes its types from here.

    return AtariEnvironments(games, envs_per_game, **options)
