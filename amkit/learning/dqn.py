"""Expert DQNs as Mnih et al. 2015 train them: replay memory and target network (Eq. 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from amkit.games.catalogue import Game
from amkit.games.environments import Environments
from amkit.learning import losses, returns
from amkit.learning.job import metrics_since, replay_state, set_replay_state
from amkit.networks import actions, xla
from amkit.networks.actions import for_games
from amkit.networks.twins import frozen_copy
from amkit.play.policy import EpsilonGreedy, Piecewise
from amkit.play.replay import ReplayMemory
from amkit.play.rollout import rollout
from amkit.play.tally import TrainingScores


def _rmsprop_2015() -> dict[str, Any]:
    """Averages of gradient and squared gradient 0.95, 0.01 in the root.

    That 0.01 is of gradients summed over the 32 samples of a batch; ours are their mean.
    """
    return {
        "class_name": "RMSprop",
        "config": {"learning_rate": 2.5e-4, "rho": 0.95, "epsilon": 0.01 / 32**2, "centered": True},
    }


@dataclass(frozen=True)
class DQNSettings:
    """Settings of replay Q-learning. The defaults are Mnih et al. 2015, Extended Data Table 1.

    Every count of steps is per game.

    Attributes:
        steps: agent steps in all. 50 M steps are the 200 M frames of that paper.
        envs: environments of each game played in parallel.
        replay_steps: capacity of a game's replay memory.
        replay_start_steps: steps played at random before learning begins.
        update_period_steps: agent steps per update.
        batch_size: samples of each game in an update.
        target_sync_updates: updates between two copies of the online into the target network. That
            paper counts C = 10,000 in updates; its released code in agent steps.
        discount: gamma.
        epsilon: exploration, (agent step, value) points with straight lines between; 1 M frames
            are 250,000 steps.
        optimizer: Keras optimizer configuration: "class_name" and "config".
        epoch_steps: agent steps between rows of metrics.
    """

    steps: int = 50_000_000
    envs: int = 1
    replay_steps: int = 1_000_000
    replay_start_steps: int = 50_000
    update_period_steps: int = 4
    batch_size: int = 32
    target_sync_updates: int = 10_000
    discount: float = 0.99
    epsilon: Sequence[tuple[int, float]] = ((0, 1.0), (250_000, 0.1))
    optimizer: Mapping[str, Any] = field(default_factory=_rmsprop_2015)
    epoch_steps: int = 250_000


class DQN(keras.Model):
    """Q-learning with a target network. Compile with an optimizer, then `train_step`.

    Args:
        online: Functional model as `for_games` takes.
        games: the games it plays: one, or several at once (App. C).
    """

    def __init__(self, online: keras.Model, games: Sequence[Game]):
        super().__init__(name="dqn")
        self.online = online
        self.target = frozen_copy(online)
        self._values = for_games(self.online, games)
        self._target_values = for_games(self.target, games)
        self._loss = keras.metrics.Mean(name="loss")
        self._value = keras.metrics.Mean(name="mean_max_q")
        self.built = True

    def call(self, observation: tf.Tensor) -> tf.Tensor:
        """Online Q-values over the 18 actions, float32 [B, 18]; rows as `for_games` takes them."""
        return self._values(observation)

    def sync_target(self) -> None:
        """Copies the online weights into the target network."""
        self.target.set_weights(self.online.get_weights())

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update on clipped rewards and clipped errors (Eq. 2).

        Args:
            batch: rows of game 0 first, then game 1 and so on, equally many of each:
                "observation", "next_observation" uint8 [B, 4, 84, 84]; "action" int32 [B], ALE
                codes; "action_mask" bool [B, 18]; "reward" and "discount" float32 [B], as
                `ReplayMemory.what_followed` gives.

        Returns:
            The running means of the metrics.
        """
        next_q = self._target_values(batch["next_observation"])
        next_value = tf.reduce_max(actions.mask_illegal(next_q, batch["action_mask"]), axis=-1)
        target = returns.td_target(batch["reward"], batch["discount"], next_value)
        with tf.GradientTape() as tape:
            q_values = self._values(batch["observation"], training=True)
            error = returns.td_error(q_values, batch["action"], target)
            loss = tf.reduce_mean(losses.huber(error))
        variables = self.online.trainable_variables
        xla.apply(self.optimizer, tape.gradient(loss, variables), variables)
        self._loss.update_state(loss)
        self._value.update_state(next_value)
        return self.get_metrics_result()


class DQNTraining:
    """Q-learning from replay of one game (an expert) or several (a baseline): a `training.Job`.

    Args:
        games: the games, G.
        settings: `DQNSettings`.
        environments: `settings.envs` environments of each game, life loss terminal.
        learner: compiled `DQN`.
        seed: int. Of exploration and sampling.
    """

    def __init__(
        self,
        games: Sequence[Game],
        settings: DQNSettings,
        environments: Environments,
        learner: DQN,
        seed: int = 0,
    ):
        self.settings = settings
        self.learner = learner
        self.steps = 0
        self.total_steps = settings.steps
        self.epoch_steps = settings.epoch_steps
        self.updates = 0
        acting, sampling = np.random.default_rng(seed).spawn(2)
        self.memories = [
            ReplayMemory(settings.replay_steps, settings.envs, rng)
            for rng in sampling.spawn(len(games))
        ]
        self.policy = EpsilonGreedy(learner, environments.action_masks, acting)
        self.epsilon = Piecewise(settings.epsilon)
        self.scores = TrainingScores([game.name for game in games], settings.envs)
        self._masks = tf.constant(
            np.repeat([game.action_mask for game in games], settings.batch_size, axis=0)
        )
        self.environments = environments
        self._transitions = rollout(environments, self.policy)
        self._update = tf.function(
            learner.train_step, jit_compile=learner.jit_compile, autograph=False
        )

    def play_and_learn(self) -> None:
        """Act, step, store, learn, sync."""
        settings = self.settings
        learning = self.steps >= settings.replay_start_steps
        self.policy.epsilon = self.epsilon(self.steps) if learning else 1.0
        t = next(self._transitions)
        for i, memory in enumerate(self.memories):
            rows = slice(i * settings.envs, (i + 1) * settings.envs)
            memory.add(
                t.observation[rows],
                action=t.action[rows],
                reward=np.clip(t.reward[rows], -1, 1),
                terminal=t.terminal[rows],
                start=t.start[rows],
                cut=t.cut[rows],
            )
        self.scores.update(t)
        self.steps += settings.envs
        while learning and self._updates_due() > self.updates:
            self.learn()

    def _updates_due(self) -> int:
        since_start = self.steps - self.settings.replay_start_steps
        return since_start // self.settings.update_period_steps

    def learn(self) -> None:
        """One update on a uniform sample of every game, and the target's sync when it is due."""
        settings = self.settings
        samples = [self._sample(memory) for memory in self.memories]
        batch = {
            name: tf.constant(np.concatenate([sample[name] for sample in samples]))
            for name in samples[0]
        }
        self._update({**batch, "action_mask": self._masks})
        self.updates += 1
        if self.updates % settings.target_sync_updates == 0:
            self.learner.sync_target()

    def _sample(self, memory: ReplayMemory) -> dict[str, np.ndarray]:
        settings = self.settings
        row, env = memory.sample(settings.batch_size)
        reward, discount, next_row = memory.what_followed(row, env, settings.discount)
        return {
            "observation": memory.observations(row, env),
            "action": memory.values("action", row, env),
            "reward": reward,
            "discount": discount,
            "next_observation": memory.observations(next_row, env),
        }

    def epoch_metrics(self) -> dict[str, float]:
        """Mean scores of the games that ended, loss, value, epsilon; since the last call."""
        metrics = {**metrics_since(self.learner), **self.scores.metrics()}
        return {**metrics, "epsilon": float(np.mean(self.policy.epsilon)), "updates": self.updates}

    def get_state(self) -> dict[str, Any]:
        """Returns counters, memories, random states; the environments' where they have one."""
        return replay_state(self)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned. Emulators start new games; all else goes on."""
        set_replay_state(self, state)
