"""The contract of environments: what a policy plays in."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


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
    """What a rollout needs of environments: see `AtariEnvironments`."""

    action_masks: np.ndarray
    observation: np.ndarray
    start: np.ndarray
    ended: np.ndarray

    def send(self, actions: np.ndarray) -> None:
        """Begins to take one action in every environment."""

    def receive(self) -> Outcome:
        """Waits until they are taken."""
