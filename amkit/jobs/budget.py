"""What keeps a run to its minutes: its steps follow from how fast it really goes."""

import time
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
    """

    def __init__(self, parts: Split, begun: float, curve: LearningCurve):
        self._parts = parts
        self._begun, self._curve = begun, curve
        self._mark: _Mark | None = None
        self._due = 0.0

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

        A pace is measured from the second update on: the first compiles.
        """
        here = _Mark(self.spent, sum(self._curve.seconds), job.steps)
        left = self._parts.seconds - here.spent - self._after_training(job.steps)
        if self._mark is None:
            if int(job.learner.optimizer.iterations) > 1:
                self._mark, self._due = here, here.spent + _FIRST * left
            return None
        if here.spent < self._due:
            return None
        seconds = here.spent - self._mark.spent - (here.testing - self._mark.testing)
        rate = (here.steps - self._mark.steps) / max(seconds, 1e-9)
        self._mark, self._due = here, here.spent + _AGAIN * left
        if left < _LAST * self._parts.seconds:
            self._due = float("inf")
        return max(here.steps + int(max(left, 0) * rate), job.settings.least_steps)

    def _after_training(self, steps: int) -> float:
        """Seconds that tests and evaluation will take; of those to come, tests that were tell."""
        tests, parts = self._curve.seconds, self._parts
        scale = tests[-1] / parts.test if tests and parts.test else 1.0
        return scale * (self._curve.left(steps) * parts.test + parts.evaluation)
