"""The loop around every training: epochs, metrics, checkpoints, a clean stop.

A `Training` plays and learns for one round; `run_job` repeats that until its steps are done, and
reports through Keras callbacks.
"""

import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras

from amkit.learning.job import Training, learner_state, set_learner_state
from amkit.storage import checkpoints
from amkit.storage.run_folders import Run


class Interrupted(Exception):
    """Somebody asked to stop: the user, or a callback. The run was saved and can be resumed."""


@dataclass
class Progress:
    """How far a job has got; part of every checkpoint."""

    epoch: int = 0  # Epochs done.
    seconds: float = 0.0  # Of training, without tests and checkpoints.
    rows: list[dict[str, float]] = field(default_factory=list)  # Of metrics, one per epoch.
    # One entry per machine that trained, in order: its description, and its "seconds".
    machines: list[dict[str, Any]] = field(default_factory=list)
    spent: float = 0.0  # Seconds that a `Budget` has counted, with starts, tests and checkpoints.
    # Of a `Budget`: steps done ("at"), and how many in all it then allowed ("steps").
    plans: list[dict[str, int]] = field(default_factory=list)

    def train_on(self, machine: Mapping[str, Any]) -> None:
        """The training goes on, on this machine."""
        if not self.machines or {**self.machines[-1], "seconds": 0} != {**machine, "seconds": 0}:
            self.machines.append({**machine, "seconds": 0.0})

    def add(self, seconds: float) -> None:
        """So much longer was trained, on the last machine."""
        self.seconds += seconds
        self.machines[-1]["seconds"] += seconds


class Budget(Protocol):
    """What keeps a job to a time, by setting anew how many steps it takes in all."""

    def begin(self, spent: float) -> None:
        """The training begins; or goes on, after so many seconds of the run."""

    @property
    def spent(self) -> float:
        """Seconds of the run so far."""

    def steps(self, job: Training) -> int | None:
        """Steps in all that there is time for; None while it is not time to set them anew."""


def run_job(
    job: Training,
    run: Run,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    checkpoint_seconds: float = 120.0,
    machine: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
) -> Progress:
    """Runs a job to its end, from its newest checkpoint if there is one.

    Args:
        job: what to do.
        run: where to write.
        callbacks: Keras callbacks. `on_train_batch_end` is called once a round with the steps done
            and, in its logs, "total_steps"; `on_epoch_end` with the epoch's metrics. They may stop
            the training by
            `self.model.stop_training`, for good or to be resumed.
        checkpoint_seconds: between checkpoints: a kill loses that, and what a callback was doing.
        machine: what this machine is, for `Progress.machines`.
        budget: of a job whose steps follow from a time.

    Raises:
        Interrupted: after Ctrl-C, SIGTERM or a callback's stop, the state saved.
        CheckpointError: if the state cannot be written or read.
        RunError: if the checkpoints of a run that has begun are gone.
    """
    progress = _resume(job, run)
    # Without a step, a checkpoint more would pass for progress where runs are begun over and over.
    saved_steps = job.steps if checkpoints.count(run.checkpoint_folder) else -1
    progress.train_on(machine or {})
    if budget:
        budget.begin(progress.spent)
        progress.plans = progress.plans or [{"at": 0, "steps": job.settings.steps}]
    job.learner.stop_training = False
    reporting = keras.callbacks.CallbackList(list(callbacks), model=job.learner)
    with _stop_on_signal(job.learner), ExitStack() as ending:
        ending.callback(reporting.on_train_end, {})  # Callbacks close what they opened.
        reporting.on_train_begin({"steps": job.steps, "total_steps": job.settings.steps})
        saved = time.monotonic()
        while job.steps < job.settings.steps and not job.learner.stop_training:
            round_begin = time.monotonic()
            job.play_and_learn()
            progress.add(time.monotonic() - round_begin)  # Neither tests nor checkpoints count.
            if budget:
                _follow(budget, job, progress)
            settings = job.settings
            reporting.on_train_batch_end(job.steps, {"total_steps": settings.steps})
            if job.steps >= min((progress.epoch + 1) * settings.epoch_steps, settings.steps):
                _end_epoch(job, run, progress, reporting)
            if time.monotonic() - saved > checkpoint_seconds:
                _save(job, run, progress)
                saved = time.monotonic()
        if job.steps > saved_steps:
            _save(job, run, progress)
        if job.learner.stop_training:  # Perhaps in a test at the very end: it is done again.
            raise Interrupted
    return progress


def _follow(budget: Budget, job: Training, progress: Progress) -> None:
    """Sets the job's steps anew, if its budget does."""
    steps = budget.steps(job)
    progress.spent = budget.spent
    if steps is not None:
        job.end_at(steps)
        progress.plans.append({"at": job.steps, "steps": steps})


def _end_epoch(
    job: Training, run: Run, progress: Progress, reporting: keras.callbacks.CallbackList
) -> None:
    seconds = round(progress.seconds, 1)
    metrics = {"steps": job.steps, "seconds": seconds, **job.epoch_metrics()}
    progress.rows.append(metrics)
    progress.epoch += 1
    if progress.epoch == 1:  # A run that has metrics has a checkpoint to go on from.
        _save(job, run, progress)
    run.write_metrics(progress.rows)
    reporting.on_epoch_end(progress.epoch - 1, metrics)


def _save(job: Training, run: Run, progress: Progress) -> None:
    state = {"learner": learner_state(job.learner), "job": job.get_state()}
    checkpoints.save(run.checkpoint_folder, {"progress": vars(progress), **state})


def _resume(job: Training, run: Run) -> Progress:
    state = checkpoints.restore(run.checkpoint_folder)
    if state is None:
        run.check_checkpoints()
        return Progress()
    expected, received = job.get_state().keys(), state.get("job", {}).keys()
    if expected != received:
        raise checkpoints.CheckpointError(
            f"a checkpoint of this training must hold {', '.join(sorted(expected))}. Received: "
            f"{run.checkpoint_folder}, with {', '.join(sorted(received)) or 'nothing of it'}"
        )
    set_learner_state(job.learner, state["learner"])
    job.set_state(state["job"])
    progress = Progress(**state["progress"])
    if progress.plans:
        job.end_at(progress.plans[-1]["steps"])
    run.write_metrics(progress.rows)  # Rows written after the checkpoint will be measured again.
    return progress


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
