"""Schedules of exploration: straight lines between points, in agent steps."""

from collections.abc import Sequence

import numpy as np


class Piecewise:
    """A value that moves in straight lines between points and is constant after the last.

    Args:
        points: (agent step, value) pairs, steps increasing, the first at 0.

    Raises:
        ValueError: if the points are not in order.
    """

    def __init__(self, points: Sequence[tuple[int, float]]):
        self._steps, self._values = zip(*points, strict=True)
        if self._steps[0] != 0 or any(np.diff(self._steps) <= 0):
            raise ValueError(f"steps begin at 0 and increase. Received: {list(self._steps)}")

    def __call__(self, step: int) -> float:
        """Returns the value at agent step `step`."""
        return float(np.interp(step, self._steps, self._values))
