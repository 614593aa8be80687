"""What a training is to the loop around it, and what all trainings share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Self

import keras
import numpy as np
import tensorflow as tf
from pydantic import AfterValidator, Field, model_validator

from amkit.games.catalogue import Game
from amkit.games.environments import Environments
from amkit.networks import xla
from amkit.networks.twins import frozen_copy, move_towards
from amkit.play.policy import Answer, EpsilonGreedy
from amkit.play.replay import ReplayMemory
from amkit.play.rollout import Decision, Transition, rollout
from amkit.play.tally import TrainingScores
from amkit.storage.checkpoints import CheckpointError
from amkit.storage.validation import checked

MOST_STEPS = 10**9  # Room for 20 times the paper's longest run.
# Fields of settings.
Count = Annotated[int, Field(ge=1, le=MOST_STEPS)]
Share = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _from_zero(points: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    steps = [step for step, _ in points]
    if steps[:1] != [0] or steps != sorted(set(steps)):
        raise ValueError(f"steps begin at 0 and increase. Received: {steps}")
    return points


# Points (agent step, value) of `play.policy.Piecewise`: of epsilon, and of how long to hold.
ProbabilitySchedule = Annotated[tuple[tuple[int, Probability], ...], AfterValidator(_from_zero)]
HoldSchedule = Annotated[
    tuple[tuple[int, Annotated[float, Field(ge=1, allow_inf_nan=False)]], ...],
    AfterValidator(_from_zero),
]


@checked
class Settings:
    """What the settings of every algorithm have. ValueError if one is out of its range.

    Attributes:
        steps: agent steps in all, per game, as every count of steps is that says no other.
        envs: N, environments of each game played in parallel.
        batch_size: samples of each game in an update.
        epoch_steps: agent steps between rows of metrics.
    """

    steps: Count
    envs: Count
    batch_size: Count
    epoch_steps: Count

    def learner(self, network: keras.Model, games: Sequence[Game]) -> "Learner":
        """A new learner of the Q-values of a network."""
        raise NotImplementedError

    @property
    def least_steps(self) -> int:
        """Agent steps per game with which something is learnt."""
        raise NotImplementedError

    def schedule(self) -> float | keras.optimizers.schedules.LearningRateSchedule:
        """The learning rate over the whole run."""
        raise NotImplementedError

    def optimizer(self) -> keras.optimizers.Optimizer:
        """A new optimizer, with that learning rate."""
        raise NotImplementedError


@checked
class ReplaySettings(Settings):
    """What the settings of algorithms with replay memories have, beside `Settings`.

    Attributes:
        replay_steps: capacity of a game's replay memory.
        replay_start_steps: steps played before learning begins.
        update_period_steps: agent steps per update.
    """

    replay_steps: Count
    replay_start_steps: Count
    update_period_steps: Count

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if self.steps < self.least_steps:
            raise ValueError(
                f"steps must be {self.least_steps:,} or more, where learning starts. "
                f"Received: {self.steps:,}"
            )
        return self

    @property
    def least_steps(self) -> int:
        """As `Settings` has it: up to the first update."""
        return self.replay_start_steps + self.update_period_steps


class Learner(keras.Model):
    """A network that learns, and running means of what is measured. Compile with an optimizer.

    Args:
        online: Functional model.
        metrics: names of the means.
    """

    def __init__(self, online: keras.Model, metrics: Iterable[str]):
        super().__init__()
        self.online = online
        self.means = {name: keras.metrics.Mean(name=name) for name in metrics}
        self.built = True

    def descend(self, tape: tf.GradientTape, loss: tf.Tensor) -> None:
        """One step of the optimizer."""
        variables = self.trainable_variables
        xla.apply(self.optimizer, tape.gradient(loss, variables), variables)

    def measure(self, **values: tf.Tensor) -> dict[str, tf.Tensor]:
        """Takes values into the means of their names, and returns all means."""
        for name, value in values.items():
            self.means[name].update_state(value)
        metrics: dict[str, tf.Tensor] = self.get_metrics_result()
        return metrics


class Averaged(Learner):
    """A learner whose running average, `acting`, plays and is kept (Polyak averaging).

    `average(share)` moves it so far towards `kept_weights()`. `acting` begins as `online`, or as
    the frozen network given.
    """

    def __init__(
        self, online: keras.Model, metrics: Iterable[str], acting: keras.Model | None = None
    ):
        super().__init__(online, metrics)
        self.acting = acting or frozen_copy(online)
        self.average = xla.kernel(
            lambda share: move_towards(self.acting, self.kept_weights(), share)
        )

    def kept_weights(self) -> Sequence[tf.Tensor]:
        """What of the learning network's weights is kept, in the order of `acting`'s."""
        weights: list[tf.Tensor] = self.online.variables
        return weights


class Training:
    """Base of the trainings, and all that `loop.run_job` drives: counters, scores, an update.

    Args:
        games: the games, G.
        settings: of the algorithm.
        environments: `settings.envs` environments of each game, life loss terminal.
        learner: compiled.
        seed: int. Of exploration and sampling.
        network: what acts, as `EpsilonGreedy` takes; None is the learner itself.
    """

    def __init__(
        self,
        games: Sequence[Game],
        settings: Settings,
        environments: Environments,
        learner: keras.Model,
        seed: int = 0,
        network: Callable[[tf.Tensor], tf.Tensor | Answer] | None = None,
    ):
        self.settings = settings
        self.environments = environments
        self.learner = learner
        self.steps = 0
        acting, self.sampling = np.random.default_rng(seed).spawn(2)
        self.policy = EpsilonGreedy(network or learner, environments.action_masks, acting)
        self.scores = TrainingScores([game.name for game in games], settings.envs)
        self._transitions = rollout(environments, self.policy)
        self._update = self._traced_update()

    def _traced_update(self) -> Callable[..., Any]:
        step = self.learner.train_step
        update: Callable[..., Any] = tf.function(
            step, jit_compile=self.learner.jit_compile, autograph=False
        )
        return update

    def play_and_learn(self) -> None:
        """One round: act, step, store, learn. Advances `steps`, agent steps per game."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the environments; there is no more playing."""
        self.environments.close()

    def end_at(self, steps: int) -> None:
        """Sets anew how many agent steps per game it takes in all; the learning rate follows."""
        self.settings = replace(self.settings, steps=min(steps, MOST_STEPS))
        self.learner.optimizer.learning_rate = self.settings.schedule()
        self._update = self._traced_update()  # The old one has the old rate in it.

    def act(self) -> Transition:
        """Acts once in every environment, and counts that."""
        transition = next(self._transitions)
        self.scores.update(transition)
        self.steps += self.settings.envs
        return transition

    def epoch_metrics(self) -> dict[str, float]:
        """The learner's metrics and each game's mean score, since the last call."""
        metrics = {name: float(value) for name, value in self.learner.get_metrics_result().items()}
        self.learner.reset_metrics()
        return {**metrics, **self.scores.metrics()}

    def get_state(self) -> dict[str, Any]:
        """All that going on needs beside the learner; of the environments what they can save."""
        state = {
            "steps": self.steps,
            "acting": self.policy.get_state(),
            "scores": self.scores.get_state(),
        }
        environments = self.environments.get_state()
        return state if environments is None else {**state, "environments": environments}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned. Emulators start new games; all else goes on."""
        self.steps = state["steps"]
        self.policy.set_state(state["acting"])
        self.scores.set_state(state["scores"])
        if "environments" in state:
            self.environments.set_state(state["environments"])
        else:
            self.scores.forget(np.ones(len(self.environments.action_masks), bool))


class ReplayTraining(Training):
    """Base of the trainings that keep a memory of each game. Arguments as of `Training`, and:

    Args:
        answers: of each game, what its memory keeps of a decision's guidance: `ReplayMemory`'s
            extras. None keeps nothing.
    """

    settings: ReplaySettings

    def __init__(
        self,
        games: Sequence[Game],
        settings: ReplaySettings,
        environments: Environments,
        learner: keras.Model,
        seed: int = 0,
        network: Callable[[tf.Tensor], tf.Tensor | Answer] | None = None,
        answers: Iterable[Mapping[str, tuple[tuple[int, ...], str]]] | None = None,
    ):
        super().__init__(games, settings, environments, learner, seed, network)
        self.memories = [
            ReplayMemory(settings.replay_steps, settings.envs, rng, extras)
            for rng, extras in zip(
                self.sampling.spawn(len(games)), answers or [{} for _ in games], strict=True
            )
        ]
        self.updates = 0
        self._masks = np.repeat([game.action_mask for game in games], settings.batch_size, axis=0)

    def close(self) -> None:
        """As `Training` does, and frees the memories."""
        super().close()
        self.memories.clear()

    def store(self, decision: Decision, **values: np.ndarray) -> None:
        """Keeps a step of every environment in the memory of its game.

        Args:
            decision: of R rows. Its guidance, if any, is a mapping of values for each game.
            values: [R, ...]. What else is kept, as `ReplayMemory.add` takes it.
        """
        values |= {"action": decision.action, "start": decision.start, "cut": decision.cut}
        envs = self.settings.envs
        for i, memory in enumerate(self.memories):
            rows = slice(i * envs, (i + 1) * envs)
            answer = decision.guidance[i] if decision.guidance else {}
            own = {name: value[rows] for name, value in values.items()}
            memory.add(decision.observation[rows], **own, **answer)

    def batch(self) -> dict[str, Any]:
        """As many samples of every game, for the learner; all but the action masks."""
        raise NotImplementedError

    def learn(self) -> None:
        """One update on as many samples of every game."""
        batch = {**self.batch(), "action_mask": self._masks}
        self._update(tf.nest.map_structure(tf.constant, batch))
        self.updates += 1

    def updates_due(self) -> int:
        """How many updates are behind: one is due every `update_period_steps`."""
        since_start = max(self.steps - self.settings.replay_start_steps, 0)
        return max(since_start // self.settings.update_period_steps - self.updates, 0)

    def epoch_metrics(self) -> dict[str, float]:
        """As `Training` has them, and the number of updates so far."""
        return {**super().epoch_metrics(), "updates": self.updates}

    def get_state(self) -> dict[str, Any]:
        """As `Training` has it, and the memories."""
        memories = {str(i): memory.get_state() for i, memory in enumerate(self.memories)}
        return {**super().get_state(), "updates": self.updates, "memories": memories}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """As `Training` does, and the memories; CheckpointError if those are of other shapes."""
        super().set_state(state)
        self.updates = state["updates"]
        for i, memory in enumerate(self.memories):
            saved = state["memories"].get(str(i), {"blocks": {}, "rows_added": -1})
            if not memory.fits(saved):
                raise CheckpointError(
                    f"the checkpoint must hold replay memories of {memory.rows} rows of "
                    f"{memory.num_envs} environments: config.json may be of another run"
                )
            memory.set_state(saved)
            if "environments" not in state:
                memory.cut_off()


def compile_learner(
    learner: keras.Model, optimizer: keras.optimizers.Optimizer, jit_compile: bool
) -> None:
    """Compiles a learner; the optimizer gets its variables now, as tracing may not make them."""
    optimizer.build(learner.trainable_variables)
    learner.compile(optimizer=optimizer, jit_compile=jit_compile)


def _variables(learner: keras.Model) -> list[keras.Variable]:
    """Weights, optimizer and running metrics of a learner, in their fixed order."""
    return [*learner.weights, *learner.optimizer.variables, *learner.metrics_variables]


def learner_state(learner: keras.Model) -> dict[str, np.ndarray]:
    """Everything that a learner needs to go on."""
    return {f"{i:04d}": np.asarray(variable) for i, variable in enumerate(_variables(learner))}


def set_learner_state(learner: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Puts back what `learner_state` returned; CheckpointError if it is of other variables."""
    variables = _variables(learner)
    saved = [state[key] for key in sorted(state)]
    if [v.shape for v in variables] != [s.shape for s in saved]:
        raise CheckpointError(
            "the checkpoint is of a network with other shapes: config.json may be of another run"
        )
    for variable, value in zip(variables, saved, strict=True):
        variable.assign(value)
