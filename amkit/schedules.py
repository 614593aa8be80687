"""Schedules of exploration: linear in agent steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """A value that moves linearly from `start` to `end` over `steps` agent steps, then stays.

    Args:
        start: float. Value at step 0.
        end: float. Value from step `steps` on.
        steps: int >= 0. Length of the ramp in agent steps; 0 means `end` from the start.
    """

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        """Returns the value at agent step `step`."""
        if step >= self.steps:
            return self.end
        return self.start + (self.end - self.start) * step / self.steps
