"""Policies times environments: transitions, one per step and environment. Nothing is learnt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf

from amkit.atari import Outcome
from amkit.losses import mask_illegal


class Environments(Protocol):
    """What a rollout needs of environments: see `AtariEnvironments`."""

    action_masks: np.ndarray
    observation: np.ndarray
    start: np.ndarray
    ended: np.ndarray

    def step(self, actions: np.ndarray) -> Outcome:
        """Takes one action in every environment."""


@dataclass(frozen=True)
class Transition:
    """One step of every environment, R rows.

    Attributes:
        observation: uint8 [R, 4, 84, 84]. What was acted on.
        start: bool [R]. It was the first observation of a game.
        cut: bool [R]. No transition: it was the last observation of a finished game.
        action: int32 [R]. ALE codes.
        values: float32 [R, 18]. The acting network's outputs.
        reward: float32 [R]. Raw.
        terminal: bool [R]. A life or the game was lost.
        game_over: bool [R]. The whole game ended.
    """

    observation: np.ndarray
    start: np.ndarray
    cut: np.ndarray
    action: np.ndarray
    values: np.ndarray
    reward: np.ndarray
    terminal: np.ndarray
    game_over: np.ndarray


class EpsilonGreedy:
    """Acts greedily on a network's outputs, or uniformly at random with probability epsilon.

    Args:
        network: callable, uint8 [R, 4, 84, 84] -> float32 [R, 18].
        action_masks: bool [R, 18]. Legal actions of each row.
        rng: `numpy.random.Generator`.
        epsilon: float or float [R]. May be changed between steps.
    """

    def __init__(
        self,
        network: Callable[[tf.Tensor], tf.Tensor],
        action_masks: np.ndarray,
        rng: np.random.Generator,
        epsilon: float = 0.0,
    ):
        self.rng = rng
        self.epsilon = epsilon
        # Row r's legal actions, then padding: a uniform draw is one look-up.
        self._counts = action_masks.sum(axis=1)
        self._codes = np.argsort(~action_masks, axis=1, kind="stable").astype(np.int32)
        masks = tf.constant(action_masks)

        @tf.function(autograph=False)
        def forward(observation: tf.Tensor):
            values = network(observation)  # [R, 18]
            greedy = tf.argmax(mask_illegal(values, masks), axis=-1, output_type=tf.int32)
            return greedy, values

        self._forward = forward

    def values(self, observation: np.ndarray) -> np.ndarray:
        """Returns the network's outputs, float32 [R, 18]; draws nothing."""
        return self._forward(tf.constant(observation))[1].numpy()

    def __call__(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (action int32 [R], the network's outputs float32 [R, 18])."""
        greedy, values = self._forward(tf.constant(observation))
        rows = np.arange(len(observation))
        explore = self.rng.random(len(rows)) < self.epsilon
        drawn = self._codes[rows, self.rng.integers(0, self._counts)]
        return np.where(explore, drawn, greedy.numpy()), values.numpy()


def rollout(
    environments: Environments,
    policy: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Iterator[Transition]:
    """Plays for ever: observe, act, step.

    Args:
        environments: where to play.
        policy: observation [R, 4, 84, 84] -> (action [R], outputs [R, 18]).

    Yields:
        `Transition`, one per step of all environments.
    """
    while True:
        observation, start, cut = environments.observation, environments.start, environments.ended
        action, values = policy(observation)
        outcome = environments.step(action)
        yield Transition(
            observation,
            start,
            cut,
            action,
            values,
            outcome.reward,
            outcome.terminal,
            outcome.game_over,
        )


class ScoreKeeper:
    """Sums raw rewards into the scores of whole games.

    Args:
        num_rows: int. R, environments over all games.
    """

    def __init__(self, num_rows: int):
        self._score = np.zeros(num_rows, np.float64)
        self._steps = np.zeros(num_rows, np.int64)

    def update(self, transition: Transition) -> list[tuple[int, float, int]]:
        """Counts one step.

        Returns:
            (row, score, steps) of every game that ended in it; steps are agent steps.
        """
        played = ~transition.cut
        self._score += np.where(played, transition.reward, 0)
        self._steps += played
        ended = np.flatnonzero(transition.game_over & played)
        finished = [(int(r), float(self._score[r]), int(self._steps[r])) for r in ended]
        self._score[ended] = 0
        self._steps[ended] = 0
        return finished

    def get_state(self) -> dict:
        """Returns the running games' scores, fit for `checkpoints.save`."""
        return {"score": self._score.copy(), "steps": self._steps.copy()}

    def set_state(self, state: dict) -> None:
        """Puts back what `get_state` returned."""
        self._score[:] = state["score"]
        self._steps[:] = state["steps"]
