"""Expert DQNs as Mnih et al. 2015 train them: replay memory and target network (Eq. 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from amkit.games.catalogue import Game
from amkit.games.environments import Environments
from amkit.learning import losses, returns
from amkit.learning.job import (
    Count,
    Learner,
    Positive,
    Probability,
    ProbabilitySchedule,
    ReplaySettings,
    ReplayTraining,
)
from amkit.networks.actions import for_games, mask_illegal
from amkit.networks.twins import frozen_copy
from amkit.play.policy import Piecewise
from amkit.storage.validation import checked


@checked
class DQNSettings(ReplaySettings):
    """Settings of replay Q-learning. The defaults are Mnih et al. 2015, Extended Data Table 1.

    50 M agent steps are the 200 M frames of that paper. The others are those of `ReplaySettings`;
    until learning begins, all actions are random.

    Attributes:
        target_sync_updates: updates between two copies of the online into the target network. That
            paper counts C = 10,000 in updates; its released code in agent steps.
        discount: gamma.
        epsilon: exploration, (agent step, value) points with straight lines between; 1 M frames
            are 250,000 steps.
        learning_rate: of centred RMSProp.
        rho: decay of the averages of gradient and squared gradient.
        rms_epsilon: in the root. That paper's 0.01 is of gradients summed over the 32 samples of a
            batch; ours are their mean.
    """

    steps: Count = 50_000_000
    envs: Count = 1
    replay_steps: Count = 1_000_000
    replay_start_steps: Count = 50_000
    update_period_steps: Count = 4
    batch_size: Count = 32
    target_sync_updates: Count = 10_000
    discount: Probability = 0.99
    epsilon: ProbabilitySchedule = ((0, 1.0), (250_000, 0.1))
    learning_rate: Positive = 2.5e-4
    rho: Probability = 0.95
    rms_epsilon: Positive = 0.01 / 32**2
    epoch_steps: Count = 250_000

    def learner(self, network: keras.Model, games: Sequence[Game]) -> "DQN":
        """A new learner of the network."""
        return DQN(network, games)

    def schedule(self) -> float:
        """The learning rate, which stays as it is."""
        return self.learning_rate

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Centred RMSProp."""
        return keras.optimizers.RMSprop(
            self.schedule(), rho=self.rho, epsilon=self.rms_epsilon, centered=True
        )


class DQN(Learner):
    """Q-learning with a target network.

    Args:
        online: Functional model as `for_games` takes.
        games: the games it plays: one, or several at once (App. C).
    """

    def __init__(self, online: keras.Model, games: Sequence[Game]):
        super().__init__(online, ["loss", "mean_max_q"])
        self.target = frozen_copy(online)
        self._values = for_games(self.online, games)
        self._target_values = for_games(self.target, games)

    def call(self, observation: tf.Tensor) -> tf.Tensor:
        """Online Q-values over the 18 actions, float32 [B, 18]; rows as `for_games` takes them."""
        return self._values(observation)

    @property
    def acting(self) -> keras.Model:
        """What plays, and is kept: the online network itself."""
        return self.online

    def sync_target(self) -> None:
        """Copies the online weights into the target network."""
        self.target.set_weights(self.online.get_weights())

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update on clipped errors (Eq. 2). Returns the running means of the metrics.

        Args:
            batch: rows of game 0 first, then game 1 and so on, equally many of each:
                "observation", "next_observation" uint8 [B, 4, 84, 84]; "action" int32 [B], ALE
                codes; "action_mask" bool [B, 18]; "reward" and "discount" float32 [B], as
                `ReplayMemory.what_followed` gives.
        """
        next_q = self._target_values(batch["next_observation"])
        next_value = tf.reduce_max(mask_illegal(next_q, batch["action_mask"]), axis=-1)
        target = returns.td_target(batch["reward"], batch["discount"], next_value)
        with tf.GradientTape() as tape:
            q_values = self._values(batch["observation"], training=True)
            error = returns.td_error(q_values, batch["action"], target)
            loss = tf.reduce_mean(losses.huber(error))
        self.descend(tape, loss)
        return self.measure(loss=loss, mean_max_q=next_value)


class DQNTraining(ReplayTraining):
    """Q-learning from replay of one game (an expert) or several (a baseline); as `Training`."""

    settings: DQNSettings

    def __init__(
        self,
        games: Sequence[Game],
        settings: DQNSettings,
        environments: Environments,
        learner: DQN,
        seed: int = 0,
    ):
        super().__init__(games, settings, environments, learner, seed)
        self.epsilon = Piecewise(settings.epsilon)

    def play_and_learn(self) -> None:
        """Act, step, store, learn, sync."""
        learning = self.steps >= self.settings.replay_start_steps
        self.policy.epsilon = self.epsilon(self.steps) if learning else 1.0
        transition = self.act()
        reward = np.clip(transition.reward, -1, 1)
        self.store(transition, reward=reward, terminal=transition.terminal)
        for _ in range(self.updates_due()):
            self.learn()
            if self.updates % self.settings.target_sync_updates == 0:
                self.learner.sync_target()

    def batch(self) -> dict[str, Any]:
        """What `DQN.train_step` takes, but for the masks: uniform samples of every game."""
        samples = []
        for memory in self.memories:
            row, env = memory.sample(self.settings.batch_size)
            reward, discount, next_row = memory.what_followed(row, env, self.settings.discount)
            sample = {
                "observation": memory.observations(row, env),
                "action": memory.values("action", row, env),
                "reward": reward,
                "discount": discount,
                "next_observation": memory.observations(next_row, env),
            }
            samples.append(sample)
        return {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}

    def epoch_metrics(self) -> dict[str, float]:
        """As `ReplayTraining` has them, and epsilon."""
        return {**super().epoch_metrics(), "epsilon": float(np.mean(self.policy.epsilon))}
