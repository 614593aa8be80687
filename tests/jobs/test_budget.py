"""A run that has minutes keeps to them, however fast it really goes."""

from types import SimpleNamespace

import pytest

from amkit.jobs import budget
from amkit.jobs.forecast import Split


class Clock:
    """Time that passes when something is done."""

    now = 100.0

    def monotonic(self):
        return self.now


class Curve:
    """Tests, evenly spaced, of so many seconds each."""

    def __init__(self, clock, count, each):
        self.clock, self.count, self.each, self.seconds = clock, count, each, []

    def left(self, steps):
        return self.count - self.count * steps // self.total

    def test_if_due(self, steps, total):
        self.total = total
        if self.count * steps // total > len(self.seconds):
            self.clock.now += self.each
            self.seconds.append(self.each)


PARTS = Split(
    seconds=600.0, start=20.0, training=400.0, test=20.0, tests=0, evaluation=180.0,
    least_training=10.0, steps=40_000,
)  # fmt: skip


def as_foreseen(lengths):
    return PARTS.evaluation


def train(clock, seconds_of_step, parts=PARTS, tests=None, evaluation=as_foreseen):
    """Trains by rounds of 100 steps; returns (steps in all, how often they were set anew)."""
    curve = tests or Curve(clock, 0, 0.0)
    keeper = budget.Budget(parts, clock.now, curve, evaluation)
    clock.now += parts.start
    total, plans = parts.steps, 0
    optimizer, settings = SimpleNamespace(iterations=0), SimpleNamespace(least_steps=1_000)
    learner, scores = SimpleNamespace(optimizer=optimizer), SimpleNamespace(lengths=lambda: [50.0])
    job = SimpleNamespace(steps=0, learner=learner, settings=settings, scores=scores)
    keeper.begin(0.0)
    curve.test_if_due(0, total)
    while job.steps < total:
        clock.now += 100 * seconds_of_step(job.steps)
        job.steps += 100
        optimizer.iterations += job.steps > settings.least_steps
        if (steps := keeper.steps(job)) is not None:
            total, plans = steps, plans + 1
        curve.test_if_due(job.steps, total)
    return job.steps, plans


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)
    return clock


@pytest.mark.parametrize("pace", [0.002, 0.01, 0.03])  # Foreseen is 0.01.
def test_training_ends_when_only_the_evaluation_is_left_to_do(clock, pace):
    steps, plans = train(clock, lambda steps: pace)
    assert clock.now - 100 == pytest.approx(420, rel=0.02)
    assert steps == pytest.approx(400 / pace, rel=0.02)
    assert 3 <= plans <= 6


def test_a_machine_that_gets_busy_in_the_middle(clock):
    train(clock, lambda steps: 0.01 if steps < 16_000 else 0.013)  # So will the evaluation be.
    assert clock.now - 100 + 1.3 * PARTS.evaluation == pytest.approx(600, rel=0.03)


def test_tests_that_take_longer_than_foreseen_say_that_the_evaluation_will(clock):
    parts = PARTS._replace(tests=4)
    # Before the first test, the training's games say so; then not both, which would count twice.
    train(clock, lambda steps: 0.01, parts, Curve(clock, 4, 30.0), lambda lengths: 270.0)
    assert clock.now - 100 + 1.5 * parts.evaluation == pytest.approx(600, rel=0.05)


def test_compiling_anew_is_no_part_of_the_pace(clock):
    """Steps that are set anew come with another learning rate, which is compiled in."""
    seen = [0.0]

    def seconds_of_step(steps):
        compiling = len(seen) > 1
        seen[:] = [0.0]
        return 0.01 + 0.1 * compiling  # Ten seconds for the next hundred steps.

    curve = Curve(clock, 0, 0.0)
    curve.test_if_due(0, PARTS.steps)
    keeper = budget.Budget(PARTS, clock.now, curve, as_foreseen)
    optimizer, settings = SimpleNamespace(iterations=5), SimpleNamespace(least_steps=1_000)
    learner, scores = SimpleNamespace(optimizer=optimizer), SimpleNamespace(lengths=lambda: [50.0])
    job = SimpleNamespace(steps=0, learner=learner, settings=settings, scores=scores)
    keeper.begin(0.0)
    clock.now += PARTS.start
    total = PARTS.steps
    while job.steps < total:
        clock.now += 100 * seconds_of_step(job.steps)
        job.steps += 100
        optimizer.iterations += 1
        if (steps := keeper.steps(job)) is not None:
            total = steps
            seen.append(1.0)
    assert keeper._seconds_of_step == pytest.approx([0.01] * len(keeper._seconds_of_step))
    assert clock.now - 100 == pytest.approx(420, rel=0.03)


def test_games_that_get_longer_leave_less_time_for_training(clock):
    """An even player's games of Pong are the longest: what was foreseen says nothing of them."""

    def evaluation(lengths):
        assert lengths == [50.0]  # As the training's games say.
        return 180.0 if clock.now < 200 else 260.0

    train(clock, lambda steps: 0.01, evaluation=evaluation)
    assert clock.now - 100 + 260 == pytest.approx(600, rel=0.02)


def test_what_was_done_before_a_stop_counts_and_the_time_between_does_not(clock):
    keeper = budget.Budget(PARTS, clock.now, Curve(clock, 0, 0.0), as_foreseen)
    clock.now += 55  # To start anew.
    keeper.begin(250.0)
    clock.now += 10
    assert keeper.spent == 260
