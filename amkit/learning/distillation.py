"""Distillation: the student plays, its experts say what they would do, and it learns from that."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, Self, get_args

import keras
import numpy as np
import tensorflow as tf

from amkit.games.catalogue import NUM_ACTIONS
from amkit.games.environments import Environments
from amkit.learning.actor_mimic import ActorMimic, Objective
from amkit.learning.job import (
    Count,
    NotNegative,
    Positive,
    Probability,
    ReplaySettings,
    ReplayTraining,
    Share,
)
from amkit.networks.actions import over_all_actions
from amkit.networks.bodies import BodyName
from amkit.networks.twins import with_features
from amkit.networks.xla import quick
from amkit.play.policy import Answer
from amkit.play.rollout import complete, decide
from amkit.storage.experts import Expert
from amkit.storage.validation import checked

Behaviour = Literal["student", "expert", "both"]
BEHAVIOURS = get_args(Behaviour)
# Long enough for the one to get somewhere the other would not, and short beside a game.
TURN = 128
# The share of the rounds so far that most of the average is of: one of older weights would lag
# behind a young student.
_RECENT = 0.1
TemperatureUnit = Literal["q_values", "spread"]


@checked
class DistillSettings(ReplaySettings):
    """Settings of distillation, beside `ReplaySettings`. An update is of all games together.

    Attributes:
        total_envs: at most so many environments of all games together: see `divided_by`. None is
            no limit.
        total_replay_steps: the same of the capacity of their replay memories.
        averaging: share of the way towards the student that its running average (Polyak averaging),
            which acts and is kept, moves in each round of `envs` steps that has an update; at first
            farther, so that it is of the last tenth of all rounds. 1 is no average.
        objective: what the student regresses on: the experts' "policy" (Eq. 4), or their "q_values"
            (section 3.1).
        temperature: tau of Eq. 3.
        temperature_unit: what it is measured in: "q_values", one tau for all games as in Eq. 3, or
            the `spread` of each game's expert, so that all say as much as each other.
        feature_weight: beta of Eq. 6.
        epsilon: exploration of whoever acts.
        restart_steps: half of the environments break a game off after so many steps, one after the
            other, so that openings stay in the memory however long games are. None breaks none off.
        behaviour: who acts: "student", "expert" (section 4.3), or "both" in turns of `TURN` steps.
        learning_rate, beta_1, beta_2, adam_epsilon: of Adam.
        final_learning_rate: that the rate falls to, along a cosine, at the end.
        body: the student's layers, one of `networks.BODIES`.
        normalize_features: whether the student's features are layer-normalised.
    """

    total_envs: Count | None
    total_replay_steps: Count | None
    averaging: Share
    objective: Objective
    temperature: Positive
    temperature_unit: TemperatureUnit
    feature_weight: NotNegative
    epsilon: Probability
    restart_steps: Count | None
    behaviour: Behaviour
    learning_rate: Positive
    final_learning_rate: Positive
    beta_1: Probability
    beta_2: Probability
    adam_epsilon: Positive
    body: BodyName
    normalize_features: bool

    def divided_by(self, games: int, asked: int | None = None) -> Self:
        """The settings of each of several games; without limits of all together, these very ones.

        Games that share limits share an update's samples: as many samples per step, in as many
        times smaller updates of each game, after a whole number of steps. Each has fewer
        environments, which get deeper into their games, and a smaller memory; learning begins when
        all together have played as much as one alone. The running average moves as far per step.

        Args:
            games: G.
            asked: agent steps per game. As many as the preset's or more come with the environments
                of a single game.
        """
        if self.total_envs is None or self.total_replay_steps is None:
            return self
        period = max(self.update_period_steps // games, 1)
        envs = self.envs
        if asked is None or asked < self.steps:
            envs = max(min(envs, self.total_envs // games), 1)
        return replace(
            self,
            envs=envs,
            total_envs=None,
            averaging=self.averaging * envs / self.envs,
            replay_steps=min(self.replay_steps, self.total_replay_steps // games),
            total_replay_steps=None,
            replay_start_steps=max(self.replay_start_steps // games, 1),
            update_period_steps=period,
            batch_size=max(round(period * self.batch_size / self.update_period_steps), 1),
        )

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """The learning rate, along a cosine over the whole run."""
        updates = max(self.steps - self.replay_start_steps, 1) // self.update_period_steps
        share = self.final_learning_rate / self.learning_rate
        return keras.optimizers.schedules.CosineDecay(
            self.learning_rate, max(updates, 1), alpha=share
        )

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Adam."""
        return keras.optimizers.Adam(self.schedule(), self.beta_1, self.beta_2, self.adam_epsilon)


class Distillation(ReplayTraining):
    """A student learning from experts while it plays. Arguments as of `Training`, but for:

    Args:
        experts: one per game, in the order of the environments' games.
        learner: compiled `ActorMimic`.
    """

    settings: DistillSettings

    def __init__(
        self,
        experts: Sequence[Expert],
        settings: DistillSettings,
        environments: Environments,
        learner: ActorMimic,
        seed: int = 0,
    ):
        self.experts = tuple(experts)
        self._network = _StudentAndExperts(learner.acting, experts, settings)
        games = [expert.game for expert in experts]
        super().__init__(
            games,
            settings,
            environments,
            learner,
            seed,
            self._network,
            [_answer(expert, settings) for expert in experts],
        )
        self.policy.epsilon = settings.epsilon
        # Of one batch, reused.
        self._observation = np.empty((len(self._masks), 4, 84, 84), np.uint8)

    def play_and_learn(self) -> None:
        """Act and ask the experts; step; store and learn while the emulators step."""
        self._restart()
        self._network.step.assign(self.steps // self.settings.envs)
        decision = decide(self.environments, self.policy)  # The experts' answers are with it.
        self.environments.send(decision.action)
        self.store(decision)
        self.steps += self.settings.envs
        if updates := self.updates_due():
            for _ in range(updates):
                self.learn()
            self.learner.average(tf.constant(self._averaging(), tf.float32))
        self.scores.update(complete(decision, self.environments.receive()))

    def _averaging(self) -> float:
        """The share of the way that the average moves in this round."""
        rounds = (self.steps - self.settings.replay_start_steps) / self.settings.envs
        return min(max(self.settings.averaging, 1 / (_RECENT * rounds)), 1.0)

    def _restart(self) -> None:
        """Begins new games in the environments whose turn it is."""
        envs, period = self.settings.envs, self.settings.restart_steps
        if period is None:
            return
        half = envs // 2
        turn = np.arange(half - envs, half) * period // max(half, 1)  # Below 0: never.
        due = turn == self.steps // envs % period
        if due.any():
            rows = np.tile(due, len(self.experts))
            self.environments.restart(rows)
            self.scores.forget(rows)

    def batch(self) -> dict[str, Any]:
        """What `ActorMimic.train_step` takes, but for the masks: uniform samples of every game."""
        drawn = [(memory, *memory.sample(self.settings.batch_size)) for memory in self.memories]
        parts = np.split(self._observation, len(drawn))
        for (memory, row, env), observation in zip(drawn, parts, strict=True):
            memory.observations(row, env, out=observation)
        batch = {
            "observation": self._observation,
            "expert_q": np.concatenate([m.values("expert_q", row, env) for m, row, env in drawn]),
        }
        if self.settings.feature_weight:
            features = [m.values("expert_features", row, env) for m, row, env in drawn]
            return {**batch, "expert_features": features}
        return batch


def _answer(expert: Expert, settings: DistillSettings) -> dict[str, tuple[tuple[int, ...], str]]:
    """What an expert says of a step, as its game's memory keeps it: shapes and dtypes."""
    answer: dict[str, tuple[tuple[int, ...], str]] = {"expert_q": ((NUM_ACTIONS,), "float32")}
    if settings.feature_weight:
        answer["expert_features"] = ((expert.feature_size,), "float16")
    return answer


class _StudentAndExperts:
    """The policy of whoever acts, and what every expert says of its game's rows, in one graph."""

    def __init__(self, student: keras.Model, experts: Sequence[Expert], settings: DistillSettings):
        self._student = quick(student)
        self._behaviour = settings.behaviour
        self.step = tf.Variable(0, dtype=tf.int32, trainable=False)  # Of each environment.
        # Turns begin at different steps in different environments.
        env = np.arange(len(experts) * settings.envs) % settings.envs
        self._head_start = (2 * TURN * env // settings.envs).astype(np.int32)
        self._features = bool(settings.feature_weight)
        self._experts = [
            (quick(with_features(e.network) if self._features else e.network), e.game.action_codes)
            for e in experts
        ]

    def __call__(self, observation: tf.Tensor) -> Answer:
        """Answers observations uint8 [R, 4, 84, 84], equally many rows of each game.

        Returns:
            Logits or Q-values [R, 18] to act on, and as guidance per game what its memory keeps:
            "expert_q" float32 [N, 18], and "expert_features" float16 [N, D_i] if they are wanted.
        """
        guidance = [
            self._ask(network, codes, rows)
            for (network, codes), rows in zip(
                self._experts, tf.split(observation, len(self._experts)), strict=True
            )
        ]
        if self._behaviour == "student":
            return Answer(self._student(observation), guidance)
        expert_q = tf.concat([answer["expert_q"] for answer in guidance], axis=0)
        if self._behaviour == "expert":
            return Answer(expert_q, guidance)
        students_rows = tf.where((self.step + self._head_start) // TURN % 2 == 1)  # [R', 1]
        logits = tf.cond(  # One environment takes whole turns, and no convolution an empty batch.
            tf.size(students_rows) > 0,
            lambda: self._student(tf.gather_nd(observation, students_rows)),
            lambda: tf.zeros((0, expert_q.shape[-1])),
        )
        values = tf.tensor_scatter_nd_update(expert_q, students_rows, logits)
        return Answer(values, guidance)

    def _ask(
        self, network: keras.Model, codes: np.ndarray, observation: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        q_values, *features = keras.tree.flatten(network(observation))
        # Another's expert may answer in half precision.
        answer = {"expert_q": over_all_actions(tf.cast(q_values, tf.float32), codes)}
        if not self._features:
            return answer
        # Or it may have no normalised features: larger ones than float16 holds.
        bounded = tf.clip_by_value(tf.cast(features[0], tf.float32), -6e4, 6e4)
        return {**answer, "expert_features": tf.cast(bounded, tf.float16)}
