"""Policies times environments: transitions, one per step and environment. Nothing is learnt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

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

    def send(self, actions: np.ndarray) -> None:
        """Begins to take one action in every environment."""

    def receive(self) -> Outcome:
        """Waits until they are taken."""


@dataclass(frozen=True)
class Decision:
    """What was acted on, and how, in every environment, R rows.

    Attributes:
        observation: uint8 [R, 4, 84, 84]. What was acted on.
        start: bool [R]. It was the first observation of a game.
        cut: bool [R]. No transition: it was the last observation of a finished game.
        action: int32 [R]. ALE codes.
        outputs: float32 [R, 18]. The acting network's, in the structure that it has them in.
    """

    observation: np.ndarray
    start: np.ndarray
    cut: np.ndarray
    action: np.ndarray
    outputs: Any


@dataclass(frozen=True)
class Transition(Decision):
    """One step of every environment, R rows: a decision and what it led to.

    Attributes:
        reward: float32 [R]. Raw.
        terminal: bool [R]. A life or the game was lost.
        game_over: bool [R]. The whole game ended.
    """

    reward: np.ndarray
    terminal: np.ndarray
    game_over: np.ndarray


class EpsilonGreedy:
    """Acts greedily on a network's outputs, or uniformly at random in a share epsilon of the steps.

    Args:
        network: callable, uint8 [R, 4, 84, 84] -> float32 [R, 18], or a structure of tensors whose
            first is that: one graph runs faster than two, one after the other.
        action_masks: bool [R, 18]. Legal actions of each row.
        rng: `numpy.random.Generator`.
        epsilon: float or float [R]. May be changed between steps.
        hold: float >= 1, or float [R]. Steps that a random action is held for, on average. May be
            changed too.
            Where only a longer effort is rewarded, actions drawn anew in every step cancel out
            (temporally extended exploration, Dabney et al. 2021).
    """

    def __init__(
        self,
        network: Callable[[tf.Tensor], Any],
        action_masks: np.ndarray,
        rng: np.random.Generator,
        epsilon: float | np.ndarray = 0.0,
        hold: float | np.ndarray = 1.0,
    ):
        self.rng = rng
        self.epsilon = epsilon
        self.hold = hold
        # The random action that each row is taking; -1 where it is taking none.
        self._held = np.full(len(action_masks), -1, np.int32)
        # Row r's legal actions, then padding: a uniform draw is one look-up.
        self._counts = action_masks.sum(axis=1)
        self._codes = np.argsort(~action_masks, axis=1, kind="stable").astype(np.int32)
        masks = tf.constant(action_masks)

        @tf.function(autograph=False)
        def forward(observation: tf.Tensor):
            outputs = network(observation)
            values = tf.nest.flatten(outputs)[0]  # [R, 18]
            greedy = tf.argmax(mask_illegal(values, masks), axis=-1, output_type=tf.int32)
            return greedy, outputs

        self._forward = forward

    def values(self, observation: np.ndarray) -> np.ndarray:
        """Returns the network's outputs, float32 [R, 18]; draws nothing."""
        return self._forward(tf.constant(observation))[1].numpy()

    def __call__(self, observation: np.ndarray) -> tuple[np.ndarray, Any]:
        """Returns (action int32 [R], the network's outputs as arrays)."""
        greedy, outputs = self._forward(tf.constant(observation))
        rows = np.arange(len(observation))
        going_on = np.zeros(len(rows), bool)
        if np.max(self.hold) > 1:
            going_on = (self._held >= 0) & (self.rng.random(len(rows)) < 1 - 1 / self.hold)
        # As many begin as make a share epsilon of all steps random.
        begin = self.epsilon / (self.epsilon + self.hold * (1 - self.epsilon))
        begun = ~going_on & (self.rng.random(len(rows)) < begin)
        drawn = self._codes[rows, self.rng.integers(0, self._counts)]
        self._held = np.where(going_on, self._held, np.where(begun, drawn, -1))
        action = np.where(self._held >= 0, self._held, greedy.numpy())
        return action, tf.nest.map_structure(lambda output: output.numpy(), outputs)

    def get_state(self) -> dict[str, Any]:
        """Returns the random state, and what is being held, fit for `checkpoints.save`."""
        return {"rng": self.rng.bit_generator.state, "held": self._held}

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self.rng.bit_generator.state = state["rng"]
        self._held = np.asarray(state["held"], np.int32)


def rollout(
    environments: Environments,
    policy: Callable[[np.ndarray], tuple[np.ndarray, Any]],
    meanwhile: Callable[[Decision], None] | None = None,
) -> Iterator[Transition]:
    """Plays for ever: observe, act, step.

    Args:
        environments: where to play.
        policy: observation [R, 4, 84, 84] -> (action [R], outputs [R, 18]).
        meanwhile: called with each decision while the environments carry it out, for what need not
            wait for them: neither emulators nor networks keep every core busy.

    Yields:
        `Transition`, one per step of all environments.
    """
    while True:
        observation, start, cut = environments.observation, environments.start, environments.ended
        action, outputs = policy(observation)
        decision = (observation, start, cut, action, outputs)
        environments.send(action)
        if meanwhile:
            meanwhile(Decision(*decision))
        outcome = environments.receive()
        yield Transition(*decision, outcome.reward, outcome.terminal, outcome.game_over)


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

    def forget(self, rows: np.ndarray) -> None:
        """Games that were broken off: those of rows, bool [R], begin at nothing."""
        self._score[rows] = 0
        self._steps[rows] = 0

    def get_state(self) -> dict:
        """Returns the running games' scores, fit for `checkpoints.save`."""
        return {"score": self._score.copy(), "steps": self._steps.copy()}

    def set_state(self, state: dict) -> None:
        """Puts back what `get_state` returned."""
        self._score[:] = state["score"]
        self._steps[:] = state["steps"]
