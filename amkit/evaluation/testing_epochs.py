"""Scores of a network while it learns: the testing epochs of the paper's learning curves."""

import csv
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import keras
from typing_extensions import TypedDict  # pydantic's, before Python 3.12.

from amkit.evaluation.protocols import Protocol
from amkit.evaluation.whole_games import GameResult, Player, evaluate_games
from amkit.games.catalogue import Game
from amkit.games.published import EPSILON
from amkit.networks.actions import for_game
from amkit.storage.run_folders import DamagedRun, Run
from amkit.storage.validation import validated


class Test(TypedDict):
    """A row of `tests.csv`: agent steps, and what `GameResult.summary` has."""

    steps: int
    game: str
    mean: float
    standard_error: float
    games: int


@dataclass(eq=False)
class LearningCurve(keras.callbacks.Callback):
    """Plays whole games at evenly spaced points of a training, and writes `tests.csv`.

    Every test plays the same emulator seeds, so that the points of a curve differ by the network.
    """

    run: Run  # Where to write; rows of an interrupted run are kept.
    network: keras.Model  # What learns, as `actions.for_game` takes.
    games: Sequence[Game]
    protocol: Protocol
    count: int  # Tests in the whole training, the last at its end.
    seed: int  # Of emulators and exploration.
    # Called with (what is played, whole games counted, steps played).
    on_progress: Callable[[str, int, int], None] | None = None
    fire_games: Collection[str] = ()  # In which FIRE is pressed for it, as `games.fire` has it.
    rows: list[Test] = field(default_factory=list, init=False)
    seconds: list[float] = field(default_factory=list, init=False)  # Of each test of this process.

    def __post_init__(self) -> None:
        super().__init__()

    def on_train_begin(self, logs: Mapping[str, int]) -> None:
        """Takes up the tests done before an interruption, and does the one it cut short.

        DamagedRun if the file of those tests was changed, or cannot be read.
        """
        steps, self._total_steps = int(logs["steps"]), int(logs["total_steps"])
        path = self.run.folder / "tests.csv"
        if path.exists():
            try:
                with open(path, newline="", encoding="utf-8") as file:
                    rows: list[Test] = validated(list[Test], list(csv.DictReader(file)))
            except ValueError as error:
                raise DamagedRun(f"{path} is damaged: {error}. You can delete the file") from error
            # Those after the newest checkpoint were of weights that are lost.
            self.rows = [row for row in rows if row["steps"] <= steps]
        self._test_if_due(steps)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float]) -> None:
        """Tests, if it is time; `batch` is the number of agent steps done, of so many in all."""
        self._total_steps = int(logs["total_steps"])
        self._test_if_due(batch)

    def left(self, steps: int) -> int:
        """How many tests are to come after so many agent steps."""
        return self.count - self.count * steps // self._total_steps

    def _test_if_due(self, steps: int) -> None:
        due = self.count * steps // self._total_steps
        done = [self.count * row["steps"] // self._total_steps for row in self.rows]
        if due <= max(done, default=0):
            return
        begin = time.monotonic()
        try:
            results = self._test()
        except _Stopped:
            return  # Done again when the run goes on.
        self.seconds.append(time.monotonic() - begin)
        for result in results:
            mean, error, games = result.summary.values()
            row = Test(steps=steps, game=result.game, mean=mean, standard_error=error, games=games)
            self.rows.append(row)
        self.run.write_metrics(self.rows, "tests.csv")

    def _test(self) -> list[GameResult]:
        def report(what: str, games: int, steps: int) -> None:
            if self.model.stop_training:
                raise _Stopped
            if self.on_progress:
                self.on_progress(what, games, steps)

        players = [
            Player(
                for_game(self.network, game), game, EPSILON, game.name, game.name in self.fire_games
            )
            for game in self.games
        ]
        return evaluate_games(players, self.protocol, seed=self.seed, on_progress=report)


class _Stopped(Exception):
    """The user does not want to wait for the end of a test."""
