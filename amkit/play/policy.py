"""The epsilon-greedy policy, and schedules of exploration."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from amkit.networks.actions import mask_illegal


class Piecewise:
    """A value that moves in straight lines between points and is constant after the last.

    Args:
        points: (agent step, value) pairs, steps increasing from 0; else ValueError.
    """

    def __init__(self, points: Sequence[tuple[int, float]]):
        self._steps, self._values = zip(*points, strict=True)
        if self._steps[0] != 0 or any(np.diff(self._steps) <= 0):
            raise ValueError(f"steps begin at 0 and increase. Received: {list(self._steps)}")

    def __call__(self, step: int) -> float:
        """Returns the value at agent step `step`."""
        return float(np.interp(step, self._steps, self._values))


class Answer(NamedTuple):
    """What a network says of observations, where one graph computes more than what is acted on."""

    values: tf.Tensor  # float32 [R, 18]. Logits or Q-values to act on.
    guidance: Any  # Any structure of tensors, handed on with the decision.


class EpsilonGreedy:
    """Acts greedily on a network's outputs, or uniformly at random in a share epsilon of the steps.

    Where only a longer effort is rewarded, actions drawn anew in every step cancel out: then random
    actions are held (temporally extended exploration, Dabney et al. 2021).

    Args:
        network: callable, uint8 [R, 4, 84, 84] -> float32 [R, 18], or an `Answer`.
        action_masks: bool [R, 18]. Legal actions of each row.
        rng: `numpy.random.Generator`.
        epsilon: float or float [R]. May be changed between steps.
        hold: float >= 1, or float [R]. Steps that a random action is held for, on average. May be
            changed too.
    """

    def __init__(
        self,
        network: Callable[[tf.Tensor], tf.Tensor | Answer],
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

        def forward(observation: tf.Tensor) -> tuple[tf.Tensor, Answer]:
            answer = network(observation)
            if not isinstance(answer, Answer):
                answer = Answer(answer, None)
            legal = mask_illegal(answer.values, masks)
            return tf.argmax(legal, axis=-1, output_type=tf.int32), answer

        self._forward = tf.function(forward, autograph=False)

    def values(self, observation: np.ndarray) -> np.ndarray:
        """Returns the network's outputs, float32 [R, 18]; draws nothing."""
        values: np.ndarray = self._forward(tf.constant(observation))[1].values.numpy()
        return values

    def __call__(self, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        """Returns (action int32 [R], the network's outputs [R, 18], its guidance), as arrays."""
        greedy, answer = self._forward(tf.constant(observation))
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
        guidance = answer.guidance  # None has no tensors.
        if guidance is not None:
            guidance = tf.nest.map_structure(lambda tensor: tensor.numpy(), guidance)
        return action, answer.values.numpy(), guidance

    def get_state(self) -> dict[str, Any]:
        """Returns the random state, and what is being held, fit for `checkpoints.save`."""
        return {"rng": self.rng.bit_generator.state, "held": self._held}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self.rng.bit_generator.state = state["rng"]
        self._held = np.asarray(state["held"], np.int32)
