"""The loop around every training: resume bit for bit, clean stops, metrics."""

import os
import shutil
import signal
from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest

from amkit.learning import loop
from amkit.learning.loop import Interrupted, run_job
from amkit.storage import checkpoints, run_folders
from amkit.storage.checkpoints import CheckpointError
from tests.trainings import JOBS, compiled, distill_job, pqn_job


class StopAt(keras.callbacks.Callback):
    """Presses Ctrl-C when so many steps are done."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.steps:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def stopped_run(scripted, pong, breakout, tmp_path_factory):
    """Kind of job -> the folder of one that Ctrl-C stopped, begun on a laptop."""

    @cache
    def run(kind):
        folder = tmp_path_factory.mktemp(kind) / "stopped"
        with run_folders.Run(folder, {}) as run, pytest.raises(Interrupted):
            job, machine = JOBS[kind](scripted, pong, breakout), {"processor": "laptop"}
            run_job(job, run, [StopAt(96)], machine=machine)
        return folder

    return run


@pytest.fixture
def stopped(stopped_run, tmp_path):
    """Kind of job -> a copy of the folder of one that was stopped."""
    return lambda kind: shutil.copytree(stopped_run(kind), tmp_path / "parts")


@pytest.fixture(scope="module", params=JOBS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def whole(kind, scripted, pong, breakout, tmp_path_factory):
    """(a job that ran without a stop, its progress, its run folder)."""
    folder = tmp_path_factory.mktemp(kind)
    job = JOBS[kind](scripted, pong, breakout)
    with run_folders.Run(folder / "whole", {}) as run:
        return job, run_job(job, run), folder / "whole"


def test_a_seed_repeats_a_run_bit_for_bit_stopped_or_not(
    kind, whole, stopped, scripted, pong, breakout
):
    job, whole_progress, _ = whole
    resumed = JOBS[kind](scripted, pong, breakout)
    with run_folders.Run(stopped(kind)) as run:
        progress = run_job(resumed, run)

    assert resumed.steps == job.steps == job.settings.steps
    for one, other in zip(job.learner.weights, resumed.learner.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(
        job.learner.optimizer.variables, resumed.learner.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(whole_progress.rows, progress.rows, strict=True):
        assert {**one, "seconds": 0} == pytest.approx({**other, "seconds": 0}, nan_ok=True, rel=0)
    np.testing.assert_array_equal(job.environments.observation, resumed.environments.observation)


class Until:
    """A budget that allows 192 steps, as it finds after 96."""

    spent, begun_after = 7.0, None

    def begin(self, spent):
        self.begun_after = spent

    def steps(self, job):
        return 192 if job.steps == 96 else None


@pytest.mark.parametrize("kind", ["pqn", "distill"])
def test_a_budget_sets_the_steps_anew_and_they_stay_so(kind, scripted, pong, breakout, tmp_path):
    job, budget = JOBS[kind](scripted, pong, breakout), Until()
    with run_folders.Run(tmp_path / "run", {}) as run, pytest.raises(Interrupted):
        run_job(job, run, [StopAt(128)], budget=budget)
    assert budget.begun_after == 0.0
    resumed = JOBS[kind](scripted, pong, breakout)
    with run_folders.Run(tmp_path / "run") as run:
        progress = run_job(resumed, run, budget=budget)
    assert budget.begun_after == progress.spent == 7.0
    assert progress.plans == [{"at": 0, "steps": 256}, {"at": 96, "steps": 192}]
    assert resumed.steps == resumed.settings.steps == 192
    optimizer = resumed.learner.optimizer
    rates = {"pqn": 1e-3 * 0.02, "distill": 5e-4}
    assert float(resumed.settings.schedule()(optimizer.iterations)) == pytest.approx(rates[kind])


def test_a_total_that_is_set_before_the_first_round_is_as_one_of_the_settings(
    scripted, pong, breakout
):
    one, other = pqn_job(scripted, pong, breakout), pqn_job(scripted, pong, breakout)
    one.settings = replace(one.settings, steps=64)
    compiled(one.learner, one.settings.optimizer())
    other.end_at(64)
    for job in (one, other):
        while job.steps < 64:
            job.play_and_learn()
    for mine, its in zip(one.learner.weights, other.learner.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), its.numpy())


def test_another_seed_is_another_run(kind, whole, scripted, pong, breakout):
    other = JOBS[kind](scripted, pong, breakout, 1)
    other.play_and_learn()
    taken, others = (np.concatenate(job.environments.calls) for job in (whole[0], other))
    assert (taken[: len(others)] != others).any()


def test_without_the_environments_state_new_games_begin(kind, whole, scripted, pong, breakout):
    state = whole[0].get_state()
    del state["environments"]  # As with emulators.
    resumed = JOBS[kind](scripted, pong, breakout)
    resumed.set_state(state)
    steps = resumed.steps
    assert steps == whole[0].steps
    while resumed.steps < steps + 64:
        resumed.play_and_learn()


def test_metrics_file_has_one_row_per_epoch(whole):
    lines = (whole[2] / "metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + 4
    assert lines[0].startswith("steps,seconds,")
    assert [line.split(",")[0] for line in lines[1:]] == ["64", "128", "192", "256"]


class Slow:
    """A job whose rounds take a second each by a clock of its own."""

    def __init__(self, job, now):
        self._job, self._now = job, now

    def __getattr__(self, name):
        return getattr(self._job, name)

    def play_and_learn(self):
        self._job.play_and_learn()
        self._now[0] += 1.0


def test_neither_tests_nor_checkpoints_count_as_training(
    scripted, pong, breakout, tmp_path, monkeypatch
):
    now = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])

    def save(*words):
        now[0] += 100.0

    monkeypatch.setattr(loop.checkpoints, "save", save)

    class Test(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            now[0] += 10.0

    job = Slow(pqn_job(scripted, pong, breakout), now)
    with run_folders.Run(tmp_path / "run", {}) as run:
        progress = run_job(job, run, [Test()], checkpoint_seconds=1.0)
    assert progress.seconds == 256 / 32  # As many seconds as rounds.


def test_a_run_knows_every_machine_that_trained_it(stopped, scripted, pong, breakout):
    with run_folders.Run(stopped("pqn")) as run:
        server = {"processor": "server"}
        progress = run_job(pqn_job(scripted, pong, breakout), run, machine=server)
    assert [machine["processor"] for machine in progress.machines] == ["laptop", "server"]
    seconds = [machine["seconds"] for machine in progress.machines]
    assert min(seconds) > 0 and sum(seconds) == pytest.approx(progress.seconds)


def test_a_run_that_is_begun_again_and_again_at_its_end_makes_no_progress(
    scripted, pong, breakout, tmp_path
):
    """As where each evaluation takes the process down: a campaign gives such a run up."""
    counts = []
    for begun in ([{}], [], []):
        with run_folders.Run(tmp_path / "run", *begun) as run:
            run_job(pqn_job(scripted, pong, breakout), run)
            counts.append(checkpoints.count(run.checkpoint_folder))
    assert counts[0] == counts[1] == counts[2] > 0


def test_a_checkpoint_of_another_algorithm_is_refused(stopped, scripted, pong, breakout):
    with (
        run_folders.Run(stopped("dqn")) as run,
        pytest.raises(CheckpointError, match="must hold acting, .*shuffling.*Received: .*memories"),
    ):
        run_job(pqn_job(scripted, pong, breakout), run)


def test_a_checkpoint_of_other_memories_is_refused(stopped, scripted, pong, breakout):
    other = distill_job(scripted, pong, breakout, replay_steps=100)
    with (
        run_folders.Run(stopped("distill")) as run,
        pytest.raises(CheckpointError, match="must hold replay memories"),
    ):
        run_job(other, run)


def test_a_bug_in_going_on_is_no_damaged_checkpoint(stopped, scripted, pong, breakout, monkeypatch):
    resumed = pqn_job(scripted, pong, breakout)

    def broken(state):
        raise KeyError("a bug of ours")

    monkeypatch.setattr(resumed, "set_state", broken)
    with run_folders.Run(stopped("pqn")) as run, pytest.raises(KeyError, match="a bug of ours"):
        run_job(resumed, run)
