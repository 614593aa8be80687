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
from typing import Annotated, Any, Self

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field, model_validator

from amkit.games.catalogue import NUM_ACTIONS, Game
from amkit.games.environments import Environments
from amkit.learning import losses, returns
from amkit.learning.job import (
    Averaged,
    Count,
    HoldSchedule,
    Positive,
    Probability,
    ProbabilitySchedule,
    Settings,
    Share,
    Training,
)
from amkit.networks.actions import for_games
from amkit.play.policy import Piecewise
from amkit.play.rollout import Transition
from amkit.storage.validation import checked

# Of the first and of the last explorer; those between lie on a geometric scale.
EXPLORER_EPSILON = (0.05, 0.5)


@checked
class PQNSettings(Settings):
    """Settings of parallel Q-learning, beside `Settings`. Batches divide a rollout of T * N steps.

    Attributes:
        rollout_steps: T, steps of each environment between updates.
        passes: times that every step of a rollout is learnt from; PQN's epochs.
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
    """

    rollout_steps: Count
    passes: Count
    discount: Probability
    trace_decay: Probability
    averaging: Share
    target_epsilon: Probability
    tree_backup: bool
    epsilon: ProbabilitySchedule
    hold: HoldSchedule
    explorers: Annotated[int, Field(ge=0)]
    learning_rate: Positive
    adam_epsilon: Positive
    clip_norm: Positive

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.envs * self.rollout_steps % self.batch_size:
            raise ValueError(
                f"a rollout of {self.envs} * {self.rollout_steps} steps must divide into whole "
                f"batches. Received: batch_size={self.batch_size}"
            )
        if self.explorers > self.envs:
            raise ValueError(f"explorers must be in [0, {self.envs}]. Received: {self.explorers}")
        return self

    def learner(self, network: keras.Model, games: Sequence[Game]) -> "PQN":
        """A new learner of the network."""
        return PQN(network, games)

    @property
    def least_steps(self) -> int:
        """As `Settings` has it: a rollout."""
        return self.envs * self.rollout_steps

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """The learning rate, which falls over the whole run."""
        rounds = self.steps // (self.envs * self.rollout_steps)
        updates = rounds * self.passes * (self.envs * self.rollout_steps // self.batch_size)
        return keras.optimizers.schedules.PolynomialDecay(
            self.learning_rate, max(updates, 1), self.learning_rate * 0.02
        )

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Adam."""
        return keras.optimizers.Adam(
            self.schedule(), epsilon=self.adam_epsilon, global_clipnorm=self.clip_norm
        )


class PQN(Averaged):
    """Regression of Q-values on given returns, `Averaged`.

    Args:
        online: Functional model as `for_games` takes; features normalised.
        games: the games it plays: one, or several at once (App. C).
        acting: as `Averaged` takes it.
    """

    def __init__(
        self, online: keras.Model, games: Sequence[Game], acting: keras.Model | None = None
    ):
        super().__init__(online, ["loss", "mean_return"], acting)
        self._values = for_games(online, games)
        self._acting_values = for_games(self.acting, games)

    def call(self, observation: tf.Tensor) -> tf.Tensor:
        """What `acting` says, float32 [B, 18]; rows as `for_games` takes them."""
        return self._acting_values(observation)

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update. Returns the running means of the metrics.

        Args:
            batch: rows of game 0 first, then game 1 and so on, equally many of each:
                "observation" uint8 [B, 4, 84, 84]; "action" int32 [B], ALE codes; "returns"
                float32 [B]; "weight" float32 [B], 0 where the row is no transition.
        """
        with tf.GradientTape() as tape:
            outputs = self._values(batch["observation"], training=True)
            loss = tf.reduce_mean(self.row_loss(outputs, batch) * batch["weight"])
        self.descend(tape, loss)
        self.means["mean_return"].update_state(batch["returns"], batch["weight"])
        return self.measure(loss=loss)

    def row_loss(self, outputs: tf.Tensor, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The squared error of each row's action, float32 [B], from outputs [B, 18] (Eq. 2)."""
        return losses.squared(returns.td_error(outputs, batch["action"], batch["returns"]))


class _Rollout:
    """T steps of R environments, reused: 4 frames of each step are kept, as a rollout is short."""

    def __init__(self, steps: int, rows: int):
        shape = (steps, rows)
        self.observation = np.zeros((*shape, 4, 84, 84), np.uint8)
        self.action = np.zeros(shape, np.int32)
        self.reward = np.zeros(shape, np.float32)
        self.terminal = np.zeros(shape, bool)
        self.cut = np.zeros(shape, bool)
        self.q_values = np.zeros((steps + 1, rows, NUM_ACTIONS), np.float32)

    def store(self, t: int, transition: Transition) -> None:
        self.observation[t] = transition.observation
        self.action[t] = transition.action
        self.reward[t] = np.clip(transition.reward, -1, 1)
        self.terminal[t] = transition.terminal
        self.cut[t] = transition.cut
        self.q_values[t] = transition.outputs


class PQNTraining(Training):
    """Parallel Q-learning of one game (an expert) or several (a baseline); as `Training`."""

    settings: PQNSettings

    def __init__(
        self,
        games: Sequence[Game],
        settings: PQNSettings,
        environments: Environments,
        learner: PQN,
        seed: int = 0,
    ):
        super().__init__(games, settings, environments, learner, seed)
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
        self._rollout = _Rollout(settings.rollout_steps, len(games) * settings.envs)

    def play_and_learn(self) -> None:
        """Act, step, store for a rollout; then its lambda-returns; then learn from it."""
        for t in range(self.settings.rollout_steps):
            self.policy.epsilon = np.maximum(self.epsilon(self.steps), self._least_epsilon)
            self.policy.hold = np.maximum(self.hold(self.steps), self._least_hold)
            self._rollout.store(t, self.act())
        self._rollout.q_values[-1] = self.policy.values(self.environments.observation)
        self._learn(self._returns())
        self.learner.average(self.settings.averaging)

    def _returns(self) -> np.ndarray:
        """The rollout's lambda-returns, float32 [T, R]."""
        played, masks = self._rollout, self.environments.action_masks
        q_values, epsilon = played.q_values, self.settings.target_epsilon
        action_value = np.take_along_axis(q_values[:-1], played.action[..., None], -1)[..., 0]
        trace = np.full(action_value.shape, self.settings.trace_decay)
        if self.settings.tree_backup:
            trace *= returns.epsilon_greedy_probability(q_values[:-1], masks, action_value, epsilon)
        return returns.lambda_returns(
            played.reward,
            played.terminal,
            returns.epsilon_greedy_value(q_values, masks, epsilon),
            action_value,
            np.where(played.cut, 0, trace).astype(np.float32),
            self.settings.discount,
        )

    def _learn(self, targets: np.ndarray) -> None:
        """A few passes over the rollout, in batches of as many steps of every game."""
        settings, played = self.settings, self._rollout
        games = targets.shape[1] // settings.envs
        rows: dict[str, np.ndarray] = {
            "observation": played.observation.reshape(targets.size, 4, 84, 84),
            "action": played.action.ravel(),
            "returns": targets.ravel(),
            "weight": (~played.cut).astype(np.float32).ravel(),
        }
        # Positions of each game's steps among all: [G, T * N].
        positions = np.arange(targets.size).reshape(-1, games, settings.envs)
        of_game = positions.swapaxes(0, 1).reshape(games, -1)
        for _ in range(settings.passes):
            order = np.stack([self.sampling.permutation(steps) for steps in of_game])
            batches = order.reshape(games, -1, settings.batch_size).swapaxes(0, 1)
            for batch in batches.reshape(len(batches), -1):
                self._update({name: tf.constant(values[batch]) for name, values in rows.items()})

    def epoch_metrics(self) -> dict[str, float]:
        """As `Training` has them, and epsilon."""
        return {**super().epoch_metrics(), "epsilon": float(np.mean(self.policy.epsilon))}

    def get_state(self) -> dict[str, Any]:
        """As `Training` has it, and the order of batches."""
        return {**super().get_state(), "shuffling": self.sampling.bit_generator.state}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """As `Training` does, and the order of batches."""
        super().set_state(state)
        self.sampling.bit_generator.state = state["shuffling"]
