"""Parallel Q-learning of how returns are spread: quantiles of each action's lambda-return.

After QR-DQN (Dabney et al. 2018, "Distributional reinforcement learning with quantile regression").
What learns has K outputs for each action; what acts and is kept has one, their mean. The mean is
linear, so it folds into the output layer, and an expert's file is what it would be without.
Unlike QR-DQN's, targets are numbers: lambda-returns, which bootstrap from the mean. Their spread is
that of the rewards on the way, not of all that may follow.
"""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from amkit.games.catalogue import Game
from amkit.learning import losses
from amkit.learning.job import Count, Positive
from amkit.learning.pqn import PQN, PQNSettings
from amkit.networks.quantiles import mean_weights, with_quantiles
from amkit.networks.twins import frozen_copy
from amkit.storage.validation import checked


@checked
class QuantilePQNSettings(PQNSettings):
    """Settings of parallel Q-learning with quantiles, beside `PQNSettings`.

    Attributes:
        quantiles: K, of each action's return.
        huber_threshold: kappa, the error from which the loss is linear.
    """

    quantiles: Count
    huber_threshold: Positive

    def learner(self, network: keras.Model, games: Sequence[Game]) -> "QuantilePQN":
        """A new learner of the network."""
        return QuantilePQN(network, games, self.quantiles, self.huber_threshold)


class QuantilePQN(PQN):
    """Regression of quantiles on given returns; their mean, averaged over time, acts.

    Args:
        network: Functional model, observation -> [B, n] for its one game or [B, 18]; it begins so.
        games: the games it plays.
        quantiles: K.
        huber_threshold: kappa.
    """

    def __init__(
        self, network: keras.Model, games: Sequence[Game], quantiles: int, huber_threshold: float
    ):
        super().__init__(with_quantiles(network, quantiles), games, frozen_copy(network))
        self._huber_threshold = huber_threshold

    def kept_weights(self) -> list[tf.Tensor]:
        """Those whose mean over quantiles the plain network says."""
        return mean_weights(self.online)

    def row_loss(self, outputs: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The quantile loss of each row's action, float32 [B], from outputs [B, 18, K]."""
        quantiles = tf.gather(outputs, batch["action"], batch_dims=1)
        return losses.quantile_huber(quantiles, batch["returns"], self._huber_threshold)
