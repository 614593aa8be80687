"""Scores of whole games, while games are played."""

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from amkit.play.rollout import Transition

_LATELY = 20  # Games whose lengths are kept.


class ScoreKeeper:
    """Sums raw rewards into the scores of whole games.

    Args:
        num_rows: int. R, environments over all games.
    """

    def __init__(self, num_rows: int):
        self._score = np.zeros(num_rows, np.float64)
        self._steps = np.zeros(num_rows, np.int64)

    def update(self, transition: Transition) -> list[tuple[int, float, int]]:
        """Counts one step.

        Returns:
            (row, score, steps) of every game that ended in it; steps are agent steps.
        """
        played = ~transition.cut
        self._score += np.where(played, transition.reward, 0)
        self._steps += played
        ended = np.flatnonzero(transition.game_over & played)
        finished = [(int(r), float(self._score[r]), int(self._steps[r])) for r in ended]
        self._score[ended] = 0
        self._steps[ended] = 0
        return finished

    def forget(self, rows: np.ndarray) -> None:
        """Games that were broken off: those of rows, bool [R], begin at nothing."""
        self._score[rows] = 0
        self._steps[rows] = 0

    def get_state(self) -> dict[str, Any]:
        """Returns the running games' scores, fit for `checkpoints.save`."""
        return {"score": self._score.copy(), "steps": self._steps.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self._score[:] = state["score"]
        self._steps[:] = state["steps"]


class TrainingScores(ScoreKeeper):
    """Raw scores of the whole games that end while training.

    Args:
        names: of the games, in the environments' order.
        envs: int. Environments of each game.
    """

    def __init__(self, names: Sequence[str], envs: int):
        super().__init__(len(names) * envs)
        self._names = tuple(names)
        self._envs = envs
        self._ended: list[list[float]] = [[] for _ in names]
        self._lengths: list[deque[int]] = [deque(maxlen=_LATELY) for _ in names]

    def update(self, transition: Transition) -> list[tuple[int, float, int]]:
        """Counts one step, and keeps the scores that it returns."""
        finished = super().update(transition)
        for row, score, steps in finished:
            self._ended[row // self._envs].append(score)
            self._lengths[row // self._envs].append(steps)
        return finished

    def lengths(self) -> list[float | None]:
        """Mean agent steps of each game's last 20 that ended in this process; None of none."""
        return [fmean(lately) if lately else None for lately in self._lengths]

    def metrics(self) -> dict[str, float]:
        """Games that ended and `score_<game>`, their mean, NaN of none; they begin anew."""
        metrics: dict[str, float] = {"games": sum(map(len, self._ended))}
        for name, scores in zip(self._names, self._ended, strict=True):
            metrics[f"score_{name}"] = float(np.mean(scores)) if scores else float("nan")
        self._ended = [[] for _ in self._names]
        return metrics

    def get_state(self) -> dict[str, Any]:
        """Returns the scores of ended and running games, fit for `checkpoints.save`."""
        return {"finished": self._ended, "running": super().get_state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned."""
        self._ended = [list(scores) for scores in state["finished"]]
        super().set_state(state["running"])
