"""Expert DQNs as Mnih et al. 2015 train them: replay memory and target network (Eq. 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from amkit import losses
from amkit.games import Game
from amkit.networks import over_all_actions
from amkit.replay import ReplayMemory
from amkit.rollout import Environments, EpsilonGreedy, ScoreKeeper, rollout
from amkit.schedules import Piecewise
from amkit.training import environments_state, mean_or_nan, metrics_since, set_environments_state


def _rmsprop_2015() -> dict[str, Any]:
    """Averages of gradient and squared gradient 0.95, 0.01 in the root."""
    return {
        "class_name": "RMSprop",
        "config": {"learning_rate": 2.5e-4, "rho": 0.95, "epsilon": 0.01, "centered": True},
    }


@dataclass(frozen=True)
class DQNSettings:
    """Settings of replay Q-learning. The defaults are Mnih et al. 2015, Extended Data Table 1.

    Attributes:
        steps: agent steps in all. 50 M steps are the 200 M frames of that paper.
        envs: environments played in parallel.
        replay_steps: capacity of the replay memory.
        replay_start_steps: steps played at random before learning begins.
        update_period_steps: agent steps per update.
        batch_size: samples per update.
        target_sync_updates: updates between two copies of the online into the target network. That
            paper counts C = 10,000 in updates; its released code in agent steps.
        discount: gamma.
        n_step: rewards summed before the bootstrap.
        double: whether the online network picks the action that the target network values.
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
    n_step: int = 1
    double: bool = False
    epsilon: Sequence[tuple[int, float]] = ((0, 1.0), (250_000, 0.1))
    optimizer: Mapping[str, Any] = field(default_factory=_rmsprop_2015)
    epoch_steps: int = 250_000


class DQN(keras.Model):
    """Q-learning with a target network. Compile with an optimizer, then `train_step`.

    Args:
        online: Functional model, observation -> Q-values [B, n] or [B, 18].
        game: the game it plays.
        double: bool. Double Q-learning (van Hasselt et al. 2016).
    """

    def __init__(self, online: keras.Model, game: Game, double: bool = False):
        super().__init__(name="dqn")
        self.online = online
        self.target = keras.models.clone_model(online)
        self.target.trainable = False
        self.double = double
        self._codes = game.action_codes
        self._mask = game.action_mask
        self._loss = keras.metrics.Mean(name="loss")
        self._value = keras.metrics.Mean(name="mean_max_q")
        self.sync_target()
        self.built = True

    def call(self, observation: tf.Tensor) -> tf.Tensor:
        """Online Q-values over the 18 actions, float32 [B, 18]; zero where illegal."""
        return over_all_actions(self.online(observation), self._codes)

    def sync_target(self) -> None:
        """Copies the online weights into the target network."""
        self.target.set_weights(self.online.get_weights())

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update on clipped rewards and clipped errors (Eq. 2).

        Args:
            batch: "observation", "next_observation" uint8 [B, 4, 84, 84]; "action" int32 [B], ALE
                codes; "reward" and "discount" float32 [B], as `ReplayMemory.n_step_returns` gives.

        Returns:
            The running means of the metrics.
        """
        next_q = over_all_actions(self.target(batch["next_observation"]), self._codes)
        chooser = self(batch["next_observation"]) if self.double else next_q
        best = tf.argmax(losses.mask_illegal(chooser, self._mask), axis=-1, output_type=tf.int32)
        next_value = tf.gather(next_q, best, batch_dims=1)
        target = losses.td_target(batch["reward"], batch["discount"], next_value)
        with tf.GradientTape() as tape:
            q_values = over_all_actions(
                self.online(batch["observation"], training=True), self._codes
            )
            error = losses.td_error(q_values, batch["action"], target)
            loss = tf.reduce_mean(losses.huber(error))
        variables = self.online.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self._loss.update_state(loss)
        self._value.update_state(next_value)
        return self.get_metrics_result()


class DQNTraining:
    """An expert learning one game from replay: a `training.Job`.

    Args:
        game: the game.
        settings: `DQNSettings`.
        environments: `settings.envs` environments of the game, life loss terminal.
        learner: compiled `DQN`.
        seed: int. Of exploration and sampling.
    """

    def __init__(
        self,
        game: Game,
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
        self.memory = ReplayMemory(settings.replay_steps, settings.envs, sampling)
        self.policy = EpsilonGreedy(learner, environments.action_masks, acting)
        self.epsilon = Piecewise(settings.epsilon)
        self.scores = ScoreKeeper(len(environments.observation))
        self.finished: list[float] = []
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
        self.memory.add(
            t.observation,
            action=t.action,
            reward=np.clip(t.reward, -1, 1),
            terminal=t.terminal,
            start=t.start,
            cut=t.cut,
        )
        self.finished += [score for _, score, _ in self.scores.update(t)]
        self.steps += settings.envs
        while learning and self._updates_due() > self.updates:
            self.learn()

    def _updates_due(self) -> int:
        since_start = self.steps - self.settings.replay_start_steps
        return since_start // self.settings.update_period_steps

    def learn(self) -> None:
        """One update on a uniform sample, and the target's sync when it is due."""
        settings = self.settings
        row, env = self.memory.sample(settings.batch_size, settings.n_step)
        reward, discount, next_row = self.memory.n_step_returns(
            row, env, settings.n_step, settings.discount
        )
        batch = {
            "observation": self.memory.observations(row, env),
            "action": self.memory.values("action", row, env),
            "reward": reward,
            "discount": discount,
            "next_observation": self.memory.observations(next_row, env),
        }
        self._update({name: tf.constant(value) for name, value in batch.items()})
        self.updates += 1
        if self.updates % settings.target_sync_updates == 0:
            self.learner.sync_target()

    def epoch_metrics(self) -> dict[str, float]:
        """Mean score of the games that ended, loss, value, epsilon; since the last call."""
        metrics = metrics_since(self.learner)
        metrics |= {"games": len(self.finished), "score": mean_or_nan(self.finished)}
        self.finished = []
        return {**metrics, "epsilon": float(np.mean(self.policy.epsilon)), "updates": self.updates}

    def get_state(self) -> dict[str, Any]:
        """Returns counters, memory, random states; the environments' state where they have one."""
        return {
            "steps": self.steps,
            "updates": self.updates,
            "finished": self.finished,
            "memory": self.memory.get_state(),
            "acting": self.policy.rng.bit_generator.state,
            "scores": self.scores.get_state(),
            **environments_state(self.environments),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned. Emulators start new games; all else goes on."""
        self.steps = state["steps"]
        self.updates = state["updates"]
        self.finished = list(state["finished"])
        self.memory.set_state(state["memory"])
        self.policy.rng.bit_generator.state = state["acting"]
        if set_environments_state(self.environments, state):
            self.scores.set_state(state["scores"])
        else:
            self.memory.cut_off()
