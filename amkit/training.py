"""The loop around every training: epochs, metrics, checkpoints, a clean stop.

A `Job` knows how to play and learn for one round; `run_job` repeats that until the job's steps are
done, and reports through Keras callbacks.
"""

import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

from amkit import checkpoints
from amkit.rollout import Environments, ScoreKeeper, Transition
from amkit.runs import Run


class Interrupted(Exception):
    """Somebody asked to stop: the user, or a callback. The run was saved and can be resumed."""


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


@dataclass
class Progress:
    """How far a job has got; part of every checkpoint."""

    epoch: int = 0
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)


def run_job(
    job: Job,
    run: Run,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    checkpoint_seconds: float = 120.0,
) -> Progress:
    """Runs a job to its end, from its newest checkpoint if there is one.

    Args:
        job: what to do.
        run: where to write.
        callbacks: Keras callbacks. `on_train_batch_end` is called once a round with the steps done,
            `on_epoch_end` with the epoch's metrics. They may stop the training by
            `self.model.stop_training`, for good or to be resumed.
        checkpoint_seconds: float. Period of the checkpoints; a kill loses at most this, and what a
            callback was doing.

    Returns:
        `Progress`, complete.

    Raises:
        Interrupted: after Ctrl-C, SIGTERM or a callback's stop, the state saved.
        CheckpointError: if the state cannot be written or read.
    """
    progress = _resume(job, run)
    job.learner.stop_training = False
    reporting = keras.callbacks.CallbackList(list(callbacks), model=job.learner)
    with _stop_on_signal(job.learner), _ending(reporting):
        reporting.on_train_begin({"steps": job.steps, "total_steps": job.total_steps})
        begun = time.monotonic() - progress.seconds
        saved = time.monotonic()
        while job.steps < job.total_steps and not job.learner.stop_training:
            job.play_and_learn()
            progress.seconds = time.monotonic() - begun
            reporting.on_train_batch_end(job.steps, {})
            if job.steps >= min((progress.epoch + 1) * job.epoch_steps, job.total_steps):
                _end_epoch(job, run, progress, reporting)
            begun = time.monotonic() - progress.seconds  # Tests, by callbacks, are not training.
            if time.monotonic() - saved > checkpoint_seconds:
                _save(job, run, progress)
                saved = time.monotonic()
        _save(job, run, progress)
        if job.learner.stop_training:  # Perhaps in a test at the very end: it is done again.
            raise Interrupted
    return progress


@contextmanager
def _ending(reporting: keras.callbacks.CallbackList) -> Iterator[None]:
    """Lets callbacks close what they opened, whatever happens."""
    try:
        yield
    finally:
        reporting.on_train_end({})


def _end_epoch(
    job: Job, run: Run, progress: Progress, reporting: keras.callbacks.CallbackList
) -> None:
    metrics = {
        "steps": job.steps,
        "seconds": round(progress.seconds, 1),
        **job.epoch_metrics(),
    }
    progress.rows.append(metrics)
    run.write_metrics(progress.rows)
    reporting.on_epoch_end(progress.epoch, metrics)
    progress.epoch += 1


def _save(job: Job, run: Run, progress: Progress) -> None:
    checkpoints.save(
        run.checkpoint_folder,
        {
            "progress": vars(progress),
            "learner": learner_state(job.learner),
            "job": job.get_state(),
        },
    )


def _resume(job: Job, run: Run) -> Progress:
    state = checkpoints.restore(run.checkpoint_folder)
    if state is None:
        return Progress()
    try:
        set_learner_state(job.learner, state["learner"])
        job.set_state(state["job"])
        progress = Progress(**state["progress"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise checkpoints.CheckpointError(
            f"The newest checkpoint in {run.checkpoint_folder} is of another run: {error!r}"
        ) from error
    run.write_metrics(progress.rows)  # Rows written after the checkpoint will be measured again.
    return progress


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


@contextmanager
def _stop_on_signal(learner: keras.Model) -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into Keras's flag; the second Ctrl-C interrupts at once."""

    def request(number: int, frame: object) -> None:
        if learner.stop_training:
            raise KeyboardInterrupt
        learner.stop_training = True

    if threading.current_thread() is not threading.main_thread():
        yield  # Only the main thread may handle signals.
        return
    before = {s: signal.signal(s, request) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def metrics_since(learner: keras.Model) -> dict[str, float]:
    """A learner's metrics since the last call; they begin anew."""
    metrics = {name: float(value) for name, value in learner.get_metrics_result().items()}
    learner.reset_metrics()
    return metrics


class TrainingScores:
    """Raw scores of the whole games that end while training.

    Args:
        names: of the games, in the environments' order.
        envs: int. Environments of each game.
    """

    def __init__(self, names: Sequence[str], envs: int):
        self._names = tuple(names)
        self._envs = envs
        self._keeper = ScoreKeeper(len(self._names) * envs)
        self._finished: list[list[float]] = [[] for _ in self._names]

    def update(self, transition: Transition) -> None:
        """Counts one step of every environment."""
        for row, score, _ in self._keeper.update(transition):
            self._finished[row // self._envs].append(score)

    def forget(self, rows: np.ndarray) -> None:
        """The games of some rows, bool [R], were broken off."""
        self._keeper.forget(rows)

    def metrics(self) -> dict[str, float]:
        """Games that ended and `score_<game>`, their mean, NaN of none; they begin anew."""
        metrics = {"games": sum(map(len, self._finished))}
        for name, scores in zip(self._names, self._finished, strict=True):
            metrics[f"score_{name}"] = float(np.mean(scores)) if scores else float("nan")
        self._finished = [[] for _ in self._names]
        return metrics

    def get_state(self) -> dict[str, Any]:
        """Returns the scores of ended and running games, fit for `checkpoints.save`."""
        return {"finished": self._finished, "running": self._keeper.get_state()}

    def set_state(self, state: Mapping[str, Any], games_go_on: bool) -> None:
        """Puts back what `get_state` returned; running games only where they really go on."""
        self._finished = [list(scores) for scores in state["finished"]]
        if games_go_on:
            self._keeper.set_state(state["running"])


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
