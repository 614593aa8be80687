"""FIRE, pressed for whoever plays, as Stable-Baselines3's wrappers do.

Its experts never saw a game that waits for FIRE: in Breakout they would stand still for ever.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amkit.games.catalogue import ACTIONS, Game

NOOP, FIRE = ACTIONS.index("NOOP"), ACTIONS.index("FIRE")
PLAYER = -1  # Whoever plays decides.
_LIFE_LOST, _GAME_BEGUN, _DONE = 0, 1, 3  # Places in `FirePresses._codes`.


class FirePresses:
    """Which rows take an action of their own, whatever whoever plays would do.

    A game begins with FIRE, then the third action of the game (`FireResetEnv`). After a lost life
    come NOOP, FIRE and the third action (`EpisodicLifeEnv`). Each is held for a step, 4 frames.

    Args:
        games: the games played.
        envs_per_game: N, rows of each game.
        fire_games: names of the games in which FIRE is pressed. Nothing is pressed in a game that
            has no FIRE. ValueError if a game's first actions are others than NOOP and FIRE:
            Stable-Baselines3 does not play it.
    """

    def __init__(self, games: Sequence[Game], envs_per_game: int, fire_games: Collection[str]):
        presses = [_presses(game) if game.name in fire_games else [PLAYER] * 3 for game in games]
        codes = [[*row, PLAYER] for row in presses for _ in range(envs_per_game)]
        self._codes = np.array(codes, np.int32)  # [R, 4]
        self._place = np.full(len(codes), _GAME_BEGUN)

    @property
    def forced(self) -> NDArray[np.int32]:
        """The ALE code that each row takes next, int32 [R]; `PLAYER` where nothing is pressed."""
        return np.take_along_axis(self._codes, self._place[:, np.newaxis], axis=1)[:, 0]

    def step(self, start: NDArray[np.bool_], life_lost: NDArray[np.bool_]) -> None:
        """A step has been taken: rows, bool [R], began a game, or lost a life and play on."""
        self._place = np.minimum(self._place + 1, _DONE)
        self._place[life_lost] = _LIFE_LOST
        self.begin(start)

    def begin(self, rows: NDArray[np.bool_]) -> None:
        """Rows, bool [R], are at a game's beginning."""
        self._place[rows] = _GAME_BEGUN


def _presses(game: Game) -> list[Any]:
    if "FIRE" not in game.actions:
        return [PLAYER] * 3
    if game.actions[:2] != ("NOOP", "FIRE") or game.num_actions < 3:
        raise ValueError(
            "FIRE after a lost life needs a game with three actions or more, the first two NOOP "
            f"and FIRE. Received: {game.name}, with {', '.join(game.actions)}"
        )
    return [NOOP, FIRE, game.action_codes[2]]
