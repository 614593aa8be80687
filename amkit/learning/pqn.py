"""Expert DQNs without a replay memory: parallel Q-learning on lambda-returns.

After PQN (Gallici et al. 2024, "Simplifying deep temporal difference learning"): many environments
play a short rollout; its lambda-returns, bootstrapped from the values computed while acting, are
regressed on in a few passes; then the rollout is dropped. Unlike PQN's, returns are those of one
policy, however much is explored (tree backup): the epsilon-greedy one that scores are measured
under. And who acts, whose values are bootstrapped from, and what comes out in the end, is a running
average of the network that learns: large steps then do not make it forget or tremble.

Where rewards are far apart, a policy that has met none yet gets worse by exploring less. Then some
environments go on exploring, and traces are not cut by what the policy would hardly have done
(Q(lambda) with off-policy corrections, Harutyunyan et al. 2016): what a random action led to is
told to all that came before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from amkit.games.catalogue import Game
from amkit.games.environments import Environments
from amkit.learning import losses, returns
from amkit.learning.job import environments_state, metrics_since, set_environments_state
from amkit.networks import xla
from amkit.networks.actions import for_games
from amkit.networks.twins import frozen_copy, move_towards
from amkit.play.policy import EpsilonGreedy, Piecewise
from amkit.play.rollout import rollout
from amkit.play.tally import TrainingScores

# Of the first and of the last explorer; those between lie on a geometric scale.
EXPLORER_EPSILON = (0.05, 0.5)


@dataclass(frozen=True)
class PQNSettings:
    """Settings of parallel Q-learning. Every count of steps is per game.

    Attributes:
        steps: agent steps in all.
        envs: N, environments of each game played in parallel.
        rollout_steps: T, steps of each environment between updates.
        passes: times that every step of a rollout is learnt from; PQN's epochs.
        batch_size: samples of each game in an update; divides T * N.
        discount: gamma.
        trace_decay: lambda.
        averaging: how far the acting network moves towards the learning one after each rollout
            (Polyak averaging), in (0, 1]; 1 acts with the learning one itself.
        target_epsilon: of the epsilon-greedy policy whose values are learnt; 0 for the greedy one.
        tree_backup: whether a return ends where that policy would hardly have acted so; if not, it
            goes on whatever was done (Harutyunyan et al. 2016).
        epsilon: exploration, (agent step, value) points with straight lines between.
        hold: steps that a random action is held for, on average; points as for epsilon.
        explorers: the last so many environments of each game go on exploring: their epsilon falls
            to `EXPLORER_EPSILON`, and random actions are held as at first.
        learning_rate: of Adam; falls linearly to 2 % at the end.
        adam_epsilon: of Adam.
        clip_norm: largest norm of the whole gradient.
        epoch_steps: agent steps between rows of metrics.

    Raises:
        ValueError: if batches do not divide a rollout, or one is out of its range.
    """

    steps: int
    envs: int
    rollout_steps: int
    passes: int
    batch_size: int
    discount: float
    trace_decay: float
    averaging: float
    target_epsilon: float
    tree_backup: bool
    epsilon: Sequence[tuple[int, float]]
    hold: Sequence[tuple[int, float]]
    explorers: int
    learning_rate: float
    adam_epsilon: float
    clip_norm: float
    epoch_steps: int

    def __post_init__(self):
        if self.envs * self.rollout_steps % self.batch_size:
            raise ValueError(
                f"A rollout of {self.envs} * {self.rollout_steps} steps is cut into whole batches. "
                f"Received: batch_size={self.batch_size}"
            )
        if not 0 < self.averaging <= 1:
            raise ValueError(f"averaging lies in (0, 1]. Received: {self.averaging}")
        if not 0 <= self.explorers <= self.envs:
            raise ValueError(f"explorers lies in [0, {self.envs}]. Received: {self.explorers}")

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Adam with the learning rate's fall over the whole run."""
        rounds = self.steps // (self.envs * self.rollout_steps)
        updates = rounds * self.passes * (self.envs * self.rollout_steps // self.batch_size)
        return keras.optimizers.Adam(
            keras.optimizers.schedules.PolynomialDecay(
                self.learning_rate, max(updates, 1), self.learning_rate * 0.02
            ),
            epsilon=self.adam_epsilon,
            global_clipnorm=self.clip_norm,
        )


class PQN(keras.Model):
    """Regression of Q-values on given returns. Compile with an optimizer, then `train_step`.

    `online` learns; `acting`, its running average, is what plays and what is kept.

    Args:
        online: Functional model as `for_games` takes; features normalised.
        games: the games it plays: one, or several at once (App. C).
    """

    def __init__(self, online: keras.Model, games: Sequence[Game]):
        super().__init__(name="pqn")
        self.online = online
        self.acting = frozen_copy(online)
        self._values = for_games(online, games)
        self._acting_values = for_games(self.acting, games)
        self._loss = keras.metrics.Mean(name="loss")
        self._returns = keras.metrics.Mean(name="mean_return")
        self.built = True

    def call(self, observation: tf.Tensor) -> tf.Tensor:
        """What `acting` says, float32 [B, 18]; rows as `for_games` takes them."""
        return self._acting_values(observation)

    def average(self, share: float) -> None:
        """Moves `acting` so far towards `online`."""
        move_towards(self.acting, self.online, share)

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update.

        Args:
            batch: rows of game 0 first, then game 1 and so on, equally many of each:
                "observation" uint8 [B, 4, 84, 84]; "action" int32 [B], ALE codes; "returns"
                float32 [B]; "weight" float32 [B], 0 where the row is no transition.

        Returns:
            The running means of the metrics.
        """
        with tf.GradientTape() as tape:
            q_values = self._values(batch["observation"], training=True)
            error = returns.td_error(q_values, batch["action"], batch["returns"])
            loss = tf.reduce_mean(losses.squared(error) * batch["weight"])
        variables = self.online.trainable_variables
        xla.apply(self.optimizer, tape.gradient(loss, variables), variables)
        self._loss.update_state(loss)
        self._returns.update_state(batch["returns"], sample_weight=batch["weight"])
        return self.get_metrics_result()


class PQNTraining:
    """Parallel Q-learning of one game (an expert) or several (a baseline): a `training.Job`.

    Args:
        games: the games, G.
        settings: `PQNSettings`.
        environments: `settings.envs` environments of each game, life loss terminal.
        learner: compiled `PQN`.
        seed: int. Of exploration and of the batches' order.
    """

    def __init__(
        self,
        games: Sequence[Game],
        settings: PQNSettings,
        environments: Environments,
        learner: PQN,
        seed: int = 0,
    ):
        self.settings = settings
        self.learner = learner
        self.environments = environments
        self.steps = 0
        self.total_steps = settings.steps
        self.epoch_steps = settings.epoch_steps
        acting, self._shuffling = np.random.default_rng(seed).spawn(2)
        self.policy = EpsilonGreedy(learner, environments.action_masks, acting)
        self.epsilon = Piecewise(settings.epsilon)
        self.hold = Piecewise(settings.hold)
        least_epsilon = np.zeros(settings.envs)
        least_hold = np.ones(settings.envs)
        if settings.explorers:
            least_epsilon[-settings.explorers :] = np.geomspace(
                *EXPLORER_EPSILON, settings.explorers
            )
            least_hold[-settings.explorers :] = self.hold(0)
        self._least_epsilon = np.tile(least_epsilon, len(games))
        self._least_hold = np.tile(least_hold, len(games))
        self.scores = TrainingScores([game.name for game in games], settings.envs)
        self._transitions = rollout(environments, self.policy)
        self._update = tf.function(
            learner.train_step, jit_compile=learner.jit_compile, autograph=False
        )
        self._average = tf.function(
            lambda: learner.average(settings.averaging), jit_compile=True, autograph=False
        )
        # One rollout, reused: 4 frames per step are kept, as the rollout is short.
        self._num_games = len(games)
        shape = (settings.rollout_steps, len(games) * settings.envs)
        self._observation = np.zeros((*shape, 4, 84, 84), np.uint8)
        self._action = np.zeros(shape, np.int32)
        self._reward = np.zeros(shape, np.float32)
        self._terminal = np.zeros(shape, bool)
        self._cut = np.zeros(shape, bool)
        self._action_value = np.zeros(shape, np.float32)
        self._trace = np.zeros(shape, np.float32)
        self._value = np.zeros((shape[0] + 1, shape[1]), np.float32)

    def play_and_learn(self) -> None:
        """Act, step, store for a rollout; then its lambda-returns; then learn from it."""
        settings, masks = self.settings, self.environments.action_masks
        for i in range(settings.rollout_steps):
            self.policy.epsilon = np.maximum(self.epsilon(self.steps), self._least_epsilon)
            self.policy.hold = np.maximum(self.hold(self.steps), self._least_hold)
            t = next(self._transitions)
            self._observation[i] = t.observation
            self._action[i] = t.action
            self._reward[i] = np.clip(t.reward, -1, 1)
            self._terminal[i] = t.terminal
            self._cut[i] = t.cut
            self._value[i] = returns.epsilon_greedy_value(t.outputs, masks, settings.target_epsilon)
            self._action_value[i] = t.outputs[np.arange(len(t.action)), t.action]
            trace = settings.trace_decay
            if settings.tree_backup:
                trace = trace * returns.epsilon_greedy_probability(
                    t.outputs, masks, self._action_value[i], settings.target_epsilon
                )
            self._trace[i] = np.where(t.cut, 0, trace)
            self.scores.update(t)
            self.steps += settings.envs
        q_values = self.policy.values(self.environments.observation)
        self._value[-1] = returns.epsilon_greedy_value(q_values, masks, settings.target_epsilon)
        targets = returns.lambda_returns(
            self._reward,
            self._terminal,
            self._value,
            self._action_value,
            self._trace,
            settings.discount,
        )
        self._learn(targets)
        self._average()

    def _learn(self, targets: np.ndarray) -> None:
        size = targets.size
        observation = self._observation.reshape(size, 4, 84, 84)
        action, weight = self._action.reshape(size), ~self._cut.reshape(size)
        # Positions of each game's steps among all: [G, T * N].
        own = np.arange(size).reshape(len(targets), self._num_games, -1)
        own = own.swapaxes(0, 1).reshape(self._num_games, -1)
        for _ in range(self.settings.passes):
            order = np.stack([self._shuffling.permutation(positions) for positions in own])
            batches = order.reshape(self._num_games, -1, self.settings.batch_size).swapaxes(0, 1)
            for batch in batches:
                chosen = batch.ravel()
                self._update(
                    {
                        "observation": tf.constant(observation[chosen]),
                        "action": tf.constant(action[chosen]),
                        "returns": tf.constant(targets.reshape(size)[chosen]),
                        "weight": tf.constant(weight[chosen].astype(np.float32)),
                    }
                )

    def epoch_metrics(self) -> dict[str, float]:
        """Mean scores of the games that ended, loss, value, epsilon; since the last call."""
        metrics = {**metrics_since(self.learner), **self.scores.metrics()}
        return {**metrics, "epsilon": float(np.mean(self.policy.epsilon))}

    def get_state(self) -> dict[str, Any]:
        """Returns counters and random states; the environments' state where they have one."""
        return {
            "steps": self.steps,
            "acting": self.policy.get_state(),
            "shuffling": self._shuffling.bit_generator.state,
            "scores": self.scores.get_state(),
            **environments_state(self.environments),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned. Emulators start new games; all else goes on."""
        self.steps = state["steps"]
        self.policy.set_state(state["acting"])
        self._shuffling.bit_generator.state = state["shuffling"]
        games_go_on = set_environments_state(self.environments, state)
        self.scores.set_state(state["scores"], games_go_on)
