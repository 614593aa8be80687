"""What keeps a run to its minutes: its steps follow from how fast it really goes."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from amkit.evaluation.testing_epochs import LearningCurve
from amkit.jobs.forecast import Split
from amkit.learning.job import Training

_FIRST = 0.1  # Share of the training after which its steps are set anew for the first time.
_AGAIN = 0.5  # Share of what is left then, after which they are set again, and so on.
_LAST = 0.04  # Share of the whole time: where no more is left of the training, they stay.


class _Mark(NamedTuple):
    """Where a pace is measured from."""

    spent: float  # Seconds of the run.
    testing: float  # Seconds of tests until then.
    steps: int  # Done.


class Budget:
    """The minutes of a run, as `learning.loop.Budget` has it.

    Args:
        parts: how they were divided beforehand.
        begun: when the run began, by `time.monotonic`.
        curve: the tests while it trains.
        evaluation: seconds that its evaluation will take, from the mean steps of each game's that
            ended in training lately, None where none did.
    """

    def __init__(
        self,
        parts: Split,
        begun: float,
        curve: LearningCurve,
        evaluation: Callable[[Sequence[float | None]], float],
    ):
        self._parts, self._evaluation = parts, evaluation
        self._begun, self._curve = begun, curve
        self._mark: _Mark | None = None
        self._due, self._share = 0.0, _FIRST
        self._compiled: int | None = None  # Updates done when the next had to be compiled.
        self._seconds_of_step: list[float] = []  # Between two marks.

    def begin(self, spent: float) -> None:
        """The training begins; or goes on, after so many seconds of the run."""
        if spent:  # To start anew is no part of it.
            self._begun = time.monotonic() - spent

    @property
    def spent(self) -> float:
        """Seconds of the run so far."""
        return time.monotonic() - self._begun

    def steps(self, job: Training) -> int | None:
        """Steps in all that there is time for; None while it is not time to set them anew.

        A pace is measured without the first update, and the first after they were set anew: those
        compile.
        """
        here = _Mark(self.spent, sum(self._curve.seconds), job.steps)
        updates = int(job.learner.optimizer.iterations)
        if self._compiled is None:
            self._compiled = updates
        if self._mark is None:
            if updates > self._compiled:
                self._mark, self._due = here, here.spent + self._share * self._left(here, job)
            return None
        if here.spent < self._due or here.steps == self._mark.steps or self._share == 0:
            return None
        seconds = here.spent - self._mark.spent - (here.testing - self._mark.testing)
        self._seconds_of_step.append(seconds / (here.steps - self._mark.steps))
        left = self._left(here, job)
        self._mark, self._compiled = None, updates
        self._share = 0 if left < _LAST * self._parts.seconds else _AGAIN
        steps = here.steps + int(max(left, 0) / self._seconds_of_step[-1])
        return max(steps, job.settings.least_steps)

    def _left(self, here: _Mark, job: Training) -> float:
        """Seconds that are left for training."""
        tests, parts = self._curve.seconds, self._parts
        if tests and parts.test:  # Both take longer by as much, be it the games or the machine.
            testing, evaluation = tests[-1], tests[-1] / parts.test * parts.evaluation
        else:
            slower = 1.0  # Than foreseen: as training has become.
            if self._seconds_of_step:
                slower = self._seconds_of_step[-1] / self._seconds_of_step[0]
            testing, evaluation = slower * parts.test, self._evaluation(job.scores.lengths())
            evaluation *= slower
        return parts.seconds - here.spent - self._curve.left(here.steps) * testing - evaluation
