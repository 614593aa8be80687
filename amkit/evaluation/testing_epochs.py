"""Scores of a network while it learns: the testing epochs of the paper's learning curves."""

import csv
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from amkit.evaluation.protocols import Protocol
from amkit.evaluation.whole_games import GameResult, Player, evaluate_games
from amkit.games.catalogue import Game
from amkit.games.published import EPSILON
from amkit.networks.actions import for_game
from amkit.storage.run_folders import DamagedRun, Run

_COLUMNS: dict[str, Callable[[str], Any]] = {
    "steps": int,
    "game": str,
    "mean": float,
    "standard_error": float,
    "games": int,
}


class LearningCurve(keras.callbacks.Callback):
    """Plays whole games at evenly spaced points of a training, and writes `tests.csv`.

    Every test plays the same emulator seeds, so that the points of a curve differ by the network.

    Args:
        run: where to write; rows of an interrupted run are kept.
        network: what learns, as `actions.for_game` takes.
        games: what it plays.
        protocol: how scores are measured.
        count: int. Tests in the whole training, the last at its end.
        seed: int. Of emulators and exploration.
        on_progress: called with (what is played, whole games counted, steps played).
    """

    def __init__(
        self,
        run: Run,
        network: keras.Model,
        games: Sequence[Game],
        protocol: Protocol,
        count: int,
        seed: int,
        on_progress: Callable[[str, int, int], None] | None = None,
    ):
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self._run = run
        self._network = network
        self._games = games
        self._protocol = protocol
        self._count = count
        self._seed = seed
        self._on_progress = on_progress

    def on_train_begin(self, logs: Mapping[str, Any]) -> None:
        """Takes up the tests done before an interruption, and does the one it cut short.

        Raises:
            DamagedRun: if the file of those tests was changed, or cannot be read.
        """
        steps, self._total_steps = int(logs["steps"]), int(logs["total_steps"])
        path = self._run.folder / "tests.csv"
        if path.exists():
            try:
                with open(path, newline="", encoding="utf-8") as file:
                    rows = [
                        {name: read(row[name]) for name, read in _COLUMNS.items()}
                        for row in csv.DictReader(file)
                    ]
            except (KeyError, TypeError, ValueError) as error:
                raise DamagedRun(f"{path} is damaged: {error!r}. It can be removed") from error
            # Those after the newest checkpoint were of weights that are lost.
            self.rows = [row for row in rows if row["steps"] <= steps]
        self._test_if_due(steps)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Tests, if it is time; `batch` is the number of agent steps done."""
        self._test_if_due(batch)

    def _test_if_due(self, steps: int) -> None:
        due = self._count * steps // self._total_steps
        done = [self._count * row["steps"] // self._total_steps for row in self.rows]
        if due <= max(done, default=0):
            return
        try:
            results = self._test()
        except _Stopped:
            return  # Done again when the run goes on.
        self.rows += [{"steps": steps, "game": test.game, **test.summary} for test in results]
        self._run.write_metrics(self.rows, "tests.csv")

    def _test(self) -> list[GameResult]:
        def report(what: str, games: int, steps: int) -> None:
            if self.model.stop_training:
                raise _Stopped
            if self._on_progress:
                self._on_progress(what, games, steps)

        players = [
            Player(for_game(self._network, game), game, EPSILON, game.name) for game in self._games
        ]
        return evaluate_games(players, self._protocol, seed=self._seed, on_progress=report)


class _Stopped(Exception):
    """The user does not want to wait for the end of a test."""
