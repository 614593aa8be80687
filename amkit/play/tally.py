"""Scores of whole games, while games are played."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amkit.play.rollout import Transition


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

    def get_state(self) -> dict[str, np.ndarray]:
        """Returns the running games' scores, fit for `checkpoints.save`."""
        return {"score": self._score.copy(), "steps": self._steps.copy()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts back what `get_state` returned."""
        self._score[:] = state["score"]
        self._steps[:] = state["steps"]


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
        metrics: dict[str, float] = {"games": sum(map(len, self._finished))}
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
