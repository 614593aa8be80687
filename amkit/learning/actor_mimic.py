"""The Actor-Mimic objective: one student network imitates an expert per game (section 3)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from amkit.learning import losses
from amkit.learning.job import Averaged
from amkit.networks.actions import mask_illegal
from amkit.networks.twins import feature_size, with_features
from amkit.networks.xla import quick

Objective = Literal["policy", "q_values"]
OBJECTIVES = get_args(Objective)


class ActorMimic(Averaged):
    """The Actor-Mimic objective (Eq. 6), `Averaged`.

    Args:
        student: Functional model, observation -> logits [B, 18], with a layer `features`.
            Regressing on Q-values, they are Q-values.
        feature_sizes: int per game, D_i: features of its expert. Used if `feature_weight` > 0.
        temperature: float > 0. tau of Eq. 3; or one per game.
        feature_weight: float >= 0. beta of Eq. 6.
        objective: one of `OBJECTIVES`.
    """

    def __init__(
        self,
        student: keras.Model,
        feature_sizes: Sequence[int],
        temperature: float | Sequence[float] = 1.0,
        feature_weight: float = 0.0,
        objective: Objective = "policy",
    ):
        means = ["feature_loss"] if feature_weight else []
        super().__init__(student, [*means, "loss", "policy_loss", "kl", "agreement"])
        self.temperatures = np.atleast_1d(temperature).tolist()  # [G], or [1] for all.
        self.feature_weight = feature_weight
        self.objective = objective
        self._student_with_features = quick(with_features(student))
        self.projections = []
        if feature_weight:  # f_i of Eq. 5: linear (App. B), one per game.
            width = feature_size(student)
            for i, size in enumerate(feature_sizes):
                projection = keras.layers.Dense(size, name=f"projection{i}", dtype="float32")
                projection.build((None, width))
                self.projections.append(projection)

    @property
    def student(self) -> keras.Model:
        """The network that learns: `online`, by its name in the paper."""
        return self.online

    def call(self, observation: tf.Tensor) -> tf.Tensor:
        """What `acting` says, logits float32 [B, 18]."""
        return self.acting(observation)

    def train_step(self, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """One joint update over all games. Returns the running means of the metrics.

        Args:
            batch: rows of game 0 first, then game 1 and so on, equally many of each:
                "observation" uint8 [B, 4, 84, 84]; "expert_q" float32 [B, 18]; "action_mask" bool
                [B, 18]; if `feature_weight` > 0, "expert_features", a list of one float
                [B / G, D_i] per game.
        """
        expert_q, mask = batch["expert_q"], batch["action_mask"]
        rows = tf.shape(expert_q)[0] // len(self.temperatures)  # Of each game.
        taus = np.array(self.temperatures, np.float32)
        temperature = tf.repeat(taus, rows)[:, tf.newaxis]  # [B, 1]
        with tf.GradientTape() as tape:
            logits, features = self._student_with_features(batch["observation"], training=True)
            if self.objective == "policy":
                loss = policy_loss = losses.policy_regression(expert_q, logits, mask, temperature)
            else:
                loss = losses.q_regression(expert_q, logits, mask)
                policy_loss = losses.policy_regression(
                    expert_q, logits / temperature, mask, temperature
                )
            loss = tf.reduce_mean(loss)
            if self.feature_weight:
                feature_loss = self._feature_regression(features, batch["expert_features"])
                loss += self.feature_weight * tf.reduce_mean(feature_loss)
                self.measure(feature_loss=feature_loss)
        self.descend(tape, loss)

        expert_policy = losses.boltzmann_policy(expert_q, mask, temperature)
        student_action = tf.argmax(mask_illegal(logits, mask), axis=-1)
        expert_action = tf.argmax(mask_illegal(expert_q, mask), axis=-1)
        return self.measure(
            loss=loss,
            policy_loss=policy_loss,
            kl=policy_loss - losses.policy_entropy(expert_policy),
            agreement=tf.cast(student_action == expert_action, tf.float32),
        )

    def _feature_regression(
        self, features: tf.Tensor, expert_features: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        """Eq. 5 for each game's rows, float32 [B]."""
        features = tf.split(tf.cast(features, tf.float32), len(self.projections))
        return tf.concat(
            [
                losses.feature_regression(projection(own), tf.cast(expert, tf.float32))
                for projection, own, expert in zip(
                    self.projections, features, expert_features, strict=True
                )
            ],
            axis=0,
        )
