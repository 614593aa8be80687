"""Distillation: the student plays, its experts say what they would do, and it learns from that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from amkit.games.catalogue import NUM_ACTIONS
from amkit.games.environments import Environments
from amkit.learning.actor_mimic import OBJECTIVES, ActorMimic
from amkit.learning.job import metrics_since, replay_state, set_replay_state
from amkit.networks.actions import over_all_actions
from amkit.networks.bodies import BODIES
from amkit.networks.twins import with_features
from amkit.networks.xla import quick
from amkit.play.policy import EpsilonGreedy
from amkit.play.replay import ReplayMemory
from amkit.play.rollout import Decision, rollout
from amkit.play.tally import TrainingScores
from amkit.storage.experts import Expert

BEHAVIOURS = ("student", "expert", "both")
# Long enough for the one to get somewhere the other would not, and short beside a game.
TURN = 128
TEMPERATURE_UNITS = ("q_values", "spread")


@dataclass(frozen=True)
class DistillSettings:
    """Settings of distillation. Every count of steps is per game.

    Attributes:
        steps: agent steps in all.
        total_steps: a budget, of all games together: see `divided_by`. None is no budget.
        envs: N, environments of each game played in parallel.
        total_envs: within a budget, at most so many of all games together.
        replay_steps: capacity of a game's replay memory.
        replay_start_steps: steps played before learning begins.
        update_period_steps: agent steps per joint update over all games.
        batch_size: samples of each game in an update.
        averaging: share of the way towards the student that its running average (Polyak averaging),
            which acts and is kept, moves in each round of `envs` steps that has an update. 1 is
            no average.
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
        learning_rate: of Adam.
        final_learning_rate: that it falls to, along a cosine, at the end.
        beta_1: of Adam.
        beta_2: of Adam.
        adam_epsilon: of Adam.
        body: the student's layers, one of `networks.BODIES`.
        normalize_features: whether the student's features are layer-normalised.
        epoch_steps: agent steps between rows of metrics.

    Raises:
        ValueError: if one is none of those named, or out of its range.
    """

    steps: int
    total_steps: int | None
    envs: int
    total_envs: int | None
    replay_steps: int
    replay_start_steps: int
    update_period_steps: int
    batch_size: int
    averaging: float
    objective: str
    temperature: float
    temperature_unit: str
    feature_weight: float
    epsilon: float
    restart_steps: int | None
    behaviour: str
    learning_rate: float
    final_learning_rate: float
    beta_1: float
    beta_2: float
    adam_epsilon: float
    body: str
    normalize_features: bool
    epoch_steps: int

    def __post_init__(self):
        if self.behaviour not in BEHAVIOURS:
            raise ValueError(f"behaviour is one of {BEHAVIOURS}. Received: {self.behaviour!r}")
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective is one of {OBJECTIVES}. Received: {self.objective!r}")
        if self.body not in BODIES:
            raise ValueError(f"body is one of {tuple(BODIES)}. Received: {self.body!r}")
        if not 0 < self.averaging <= 1:
            raise ValueError(f"averaging lies in (0, 1]. Received: {self.averaging}")
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"temperature is above 0. Received: {self.temperature}")
        if self.temperature_unit not in TEMPERATURE_UNITS:
            raise ValueError(
                f"temperature_unit is one of {TEMPERATURE_UNITS}. "
                f"Received: {self.temperature_unit!r}"
            )
        if not 0 <= self.feature_weight < np.inf:
            raise ValueError(f"feature_weight is 0 or more. Received: {self.feature_weight}")
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"epsilon lies in [0, 1]. Received: {self.epsilon}")
        if self.restart_steps is not None and self.restart_steps < 1:
            raise ValueError(f"restart_steps is 1 or more, or None. Received: {self.restart_steps}")

    def divided_by(self, games: int, asked: int | None = None) -> "DistillSettings":
        """The settings of each of several games; without a budget, these very ones.

        Games that share a budget of steps also share an update's samples: as many samples per step,
        in as many times smaller updates of each game. An update comes after a whole number of
        steps: where the games do not divide it, it has fewer samples in all than alone. Where the
        budget leaves each fewer steps than alone, its memory is as much smaller: it goes as far
        back as before, in share of those steps. Nor does each need as many environments for an
        update's worth of rows; fewer get deeper into their games. The running average moves as far
        per step.

        Args:
            games: G.
            asked: int or None. Agent steps per game, where the budget is not to say. As many as
                alone or more come with the memory and the environments of alone, fewer with those
                of the budget.
        """
        if self.total_steps is None:
            return self
        period = max(self.update_period_steps // games, 1)
        steps = min(self.steps, self.total_steps // games)
        envs = max(min(self.envs, self.total_envs // games), 1)
        if asked is not None and asked >= self.steps:
            steps, envs = self.steps, self.envs
        return replace(
            self,
            steps=steps,
            total_steps=None,
            envs=envs,
            total_envs=None,
            averaging=self.averaging * envs / self.envs,
            replay_steps=self.replay_steps * steps // self.steps,
            update_period_steps=period,
            batch_size=max(round(period * self.batch_size / self.update_period_steps), 1),
        )

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Adam, its learning rate along a cosine over the whole run."""
        updates = max(self.steps - self.replay_start_steps, 1) // self.update_period_steps
        learning_rate = keras.optimizers.schedules.CosineDecay(
            self.learning_rate,
            max(updates, 1),
            alpha=self.final_learning_rate / self.learning_rate,
        )
        return keras.optimizers.Adam(learning_rate, self.beta_1, self.beta_2, self.adam_epsilon)


class Distillation:
    """A student learning from experts while it plays: a `training.Job`.

    Args:
        experts: one per game, in the order of the environments' games.
        settings: `DistillSettings`.
        environments: `settings.envs` environments of each game.
        learner: compiled `ActorMimic`.
        seed: int. Of exploration and sampling.
    """

    def __init__(
        self,
        experts: Sequence[Expert],
        settings: DistillSettings,
        environments: Environments,
        learner: ActorMimic,
        seed: int = 0,
    ):
        self.experts = tuple(experts)
        self.settings = settings
        self.learner = learner
        self.environments = environments
        self.steps = 0
        self.total_steps = settings.steps
        self.epoch_steps = settings.epoch_steps
        self.updates = 0
        acting, sampling = np.random.default_rng(seed).spawn(2)
        extras: dict[str, tuple] = {"expert_q": ((NUM_ACTIONS,), "float32")}
        self.memories = []
        for expert, rng in zip(self.experts, sampling.spawn(len(self.experts)), strict=True):
            if settings.feature_weight:
                extras["expert_features"] = ((expert.feature_size,), "float16")
            self.memories.append(
                ReplayMemory(settings.replay_steps, settings.envs, rng, dict(extras))
            )
        self._network = _StudentAndExperts(learner.acting, self.experts, settings)
        self.policy = EpsilonGreedy(
            self._network,
            environments.action_masks,
            acting,
            settings.epsilon,
        )
        self.scores = TrainingScores([e.game.name for e in self.experts], settings.envs)
        self._transitions = rollout(environments, self.policy, meanwhile=self._store_and_learn)
        self._masks = np.repeat(
            environments.action_masks[:: settings.envs], settings.batch_size, axis=0
        )
        # One batch, reused.
        self._observation = np.empty((len(self._masks), 4, 84, 84), np.uint8)
        self._expert_q = np.empty((len(self._masks), NUM_ACTIONS), np.float32)
        self._update = tf.function(
            learner.train_step, jit_compile=learner.jit_compile, autograph=False
        )
        self._average = tf.function(
            lambda: learner.average(settings.averaging), jit_compile=True, autograph=False
        )  # Element by element: one kernel, as in `kernels`.

    def play_and_learn(self) -> None:
        """Act and ask the experts; store and learn while the emulators step."""
        self._network.step.assign(self.steps // self.settings.envs)
        if self.settings.restart_steps:
            self._restart()
        self.scores.update(next(self._transitions))

    def _restart(self) -> None:
        """Begins new games in the environments whose turn it is."""
        envs, period = self.settings.envs, self.settings.restart_steps
        half = envs // 2
        turn = np.arange(half - envs, half) * period // max(half, 1)  # Below 0: never.
        due = turn == self.steps // envs % period
        if due.any():
            rows = np.tile(due, len(self.experts))
            self.environments.restart(rows)
            self.scores.forget(rows)

    def _store_and_learn(self, decision: Decision) -> None:
        self._store(decision)
        self.steps += self.settings.envs
        if self._updates_due() > self.updates:
            while self._updates_due() > self.updates:
                self.learn()
            self._average()

    def _updates_due(self) -> int:
        since_start = max(self.steps - self.settings.replay_start_steps, 0)
        return since_start // self.settings.update_period_steps

    def _store(self, decision: Decision) -> None:
        guidance = decision.outputs[1]  # Next to what was acted on.
        for i, memory in enumerate(self.memories):
            rows = slice(i * self.settings.envs, (i + 1) * self.settings.envs)
            memory.add(
                decision.observation[rows],
                action=decision.action[rows],
                start=decision.start[rows],
                cut=decision.cut[rows],
                **guidance[i],
            )

    def learn(self) -> None:
        """One joint update on as many samples of every game."""
        size = self.settings.batch_size
        observation, expert_q = self._observation, self._expert_q
        features = []
        for i, memory in enumerate(self.memories):
            rows = slice(i * size, (i + 1) * size)
            row, env = memory.sample(size)
            memory.observations(row, env, out=observation[rows])
            expert_q[rows] = memory.values("expert_q", row, env)
            if self.settings.feature_weight:
                features.append(tf.constant(memory.values("expert_features", row, env)))
        batch = {
            "observation": tf.constant(observation),
            "expert_q": tf.constant(expert_q),
            "action_mask": tf.constant(self._masks),
        }
        if features:
            batch["expert_features"] = features
        self._update(batch)
        self.updates += 1

    def epoch_metrics(self) -> dict[str, float]:
        """Losses and each game's mean score while training; since the last call."""
        metrics = {**metrics_since(self.learner), **self.scores.metrics()}
        return {**metrics, "updates": self.updates}

    def get_state(self) -> dict[str, Any]:
        """Returns counters, memories, random states; the environments' where they have one."""
        return replay_state(self)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned. Emulators start new games; all else goes on."""
        set_replay_state(self, state)


class _StudentAndExperts:
    """The policy of whoever acts, and what every expert says of its game's rows, in one graph.

    Args:
        student: observation -> logits [B, 18].
        experts: one per game.
        settings: who acts, and whether the experts' features are wanted too.
    """

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

    def __call__(self, observation: tf.Tensor) -> tuple[tf.Tensor, list[dict[str, tf.Tensor]]]:
        """Returns what is acted on, float32 [R, 18], and the experts' answers.

        Args:
            observation: uint8 [R, 4, 84, 84], equally many rows of each game.

        Returns:
            (logits or Q-values [R, 18]; per game a dictionary of what its memory keeps: "expert_q"
            float32 [N, 18], and "expert_features" float16 [N, D_i] if they are wanted).
        """
        guidance = [
            self._ask(network, codes, own)
            for (network, codes), own in zip(
                self._experts, tf.split(observation, len(self._experts)), strict=True
            )
        ]
        if self._behaviour == "student":
            return self._student(observation), guidance
        expert_q = tf.concat([answer["expert_q"] for answer in guidance], axis=0)
        if self._behaviour == "expert":
            return expert_q, guidance
        students_rows = tf.where((self.step + self._head_start) // TURN % 2 == 1)  # [R', 1]
        logits = tf.cond(  # One environment takes whole turns, and no convolution an empty batch.
            tf.size(students_rows) > 0,
            lambda: self._student(tf.gather_nd(observation, students_rows)),
            lambda: tf.zeros((0, expert_q.shape[-1])),
        )
        return tf.tensor_scatter_nd_update(expert_q, students_rows, logits), guidance

    def _ask(
        self, network: keras.Model, codes: np.ndarray, observation: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        if not self._features:
            return {"expert_q": over_all_actions(network(observation), codes)}
        q_values, features = network(observation)
        # Another's expert may have no normalised features: larger ones than float16 holds.
        features = tf.clip_by_value(tf.cast(features, tf.float32), -6e4, 6e4)
        return {
            "expert_q": over_all_actions(q_values, codes),
            "expert_features": tf.cast(features, tf.float16),
        }
