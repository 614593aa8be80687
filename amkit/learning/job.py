"""What a training is to the loop around it, and what trainings share."""

from collections.abc import Mapping
from typing import Any, Protocol

import keras
import numpy as np

from amkit.games.environments import Environments
from amkit.storage import checkpoints


class Job(Protocol):
    """What `run_job` drives.

    Attributes:
        learner: compiled `keras.Model`: weights, optimizer, metrics.
        environments: where it plays.
        steps: agent steps done, per game.
        total_steps: agent steps to do, per game.
        epoch_steps: agent steps between two rows of metrics.
    """

    learner: keras.Model
    environments: Environments
    steps: int
    total_steps: int
    epoch_steps: int

    def play_and_learn(self) -> None:
        """One round: act, step, store, learn. Advances `steps`."""

    def epoch_metrics(self) -> dict[str, float]:
        """What was measured since the last call; begins anew."""

    def get_state(self) -> dict[str, Any]:
        """Everything needed to go on, beside the learner."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Puts back what `get_state` returned."""


def compile_learner(
    learner: keras.Model, optimizer: keras.optimizers.Optimizer, jit_compile: bool
) -> None:
    """Compiles a learner; the optimizer gets its variables now, as tracing may not make them."""
    optimizer.build(learner.trainable_variables)
    learner.compile(optimizer=optimizer, jit_compile=jit_compile)


def learner_state(learner: keras.Model) -> dict[str, np.ndarray]:
    """Weights, optimizer and running metrics of a learner, in their fixed order."""
    return {f"{i:04d}": np.asarray(variable) for i, variable in enumerate(_variables(learner))}


def set_learner_state(learner: keras.Model, state: dict[str, np.ndarray]) -> None:
    """Puts back what `learner_state` returned.

    Raises:
        CheckpointError: if the learner has other variables than the saved one.
    """
    variables = _variables(learner)
    saved = [state[key] for key in sorted(state)]
    if [v.shape for v in variables] != [s.shape for s in saved]:
        raise checkpoints.CheckpointError(
            "The checkpoint was written by a network of another shape: is config.json its own?"
        )
    for variable, value in zip(variables, saved, strict=True):
        variable.assign(value)


def _variables(learner: keras.Model) -> list:
    return [*learner.weights, *learner.optimizer.variables, *learner.metrics_variables]


def metrics_since(learner: keras.Model) -> dict[str, float]:
    """A learner's metrics since the last call; they begin anew."""
    metrics = {name: float(value) for name, value in learner.get_metrics_result().items()}
    learner.reset_metrics()
    return metrics


def replay_state(job: Any) -> dict[str, Any]:
    """The state of a job that keeps a memory of each game: counters, memories, random states.

    Args:
        job: with `steps`, `updates`, `memories`, `policy`, `scores` and `environments`.
    """
    return {
        "steps": job.steps,
        "updates": job.updates,
        "memories": {str(i): memory.get_state() for i, memory in enumerate(job.memories)},
        "acting": job.policy.get_state(),
        "scores": job.scores.get_state(),
        **environments_state(job.environments),
    }


def set_replay_state(job: Any, state: Mapping[str, Any]) -> None:
    """Puts back what `replay_state` returned. Emulators start new games; all else goes on."""
    job.steps = state["steps"]
    job.updates = state["updates"]
    for i, memory in enumerate(job.memories):
        memory.set_state(state["memories"][str(i)])
    job.policy.set_state(state["acting"])
    games_go_on = set_environments_state(job.environments, state)
    job.scores.set_state(state["scores"], games_go_on)
    if not games_go_on:
        for memory in job.memories:
            memory.cut_off()


def environments_state(environments: object) -> dict[str, Any]:
    """The environments' state, where they can hand it out: emulators cannot."""
    return {"environments": environments.get_state()} if hasattr(environments, "get_state") else {}


def set_environments_state(environments: object, state: Mapping[str, Any]) -> bool:
    """Puts the environments' state back. Returns whether there was one."""
    if "environments" not in state:
        return False
    environments.set_state(state["environments"])
    return True
