"""Progress of long jobs: Rich bars on a terminal, plain lines now and then elsewhere."""

import math
import time
from collections.abc import Iterator
from typing import Any

import keras
from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from amkit.cli.console import err, say

_PLAIN_SECONDS = 30  # Between plain lines, where there is no terminal.


class _Bar(Progress):
    """A progress bar on stderr: share, rate, time left; below it, steps and results."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]:,.0f} steps/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=err,
        )

    def get_renderables(self) -> Iterator[RenderableType]:
        """The bars, and a line for each: a narrow terminal has no room for both in one."""
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            yield Text(f"{task.completed:,.0f} of {task.total:,.0f} steps  {task.fields['note']}")


class TrainingProgress(keras.callbacks.Callback):
    """Shows a training's steps, rate, loss, score and time left.

    Args:
        title: str. What is being trained.
        emulators: int. How many are started before it begins; that is shown until then.
    """

    def __init__(self, title: str, emulators: int):
        super().__init__()
        self._title = title
        self._note = ""
        self._emulators = emulators
        self._told = time.monotonic()
        before = f"starting {emulators} emulators"
        self._before = err.status(before) if err.is_terminal else None
        if self._before:
            self._before.start()
        else:
            say(before)

    def starting(self, ready: int) -> None:
        """Takes up how many emulators are ready."""
        line = f"starting {self._emulators} emulators: {ready} are ready"
        if self._before:
            self._before.update(line)
        elif time.monotonic() - self._told > _PLAIN_SECONDS:
            self._told = time.monotonic()
            say(line)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Opens the bar."""
        self._end_before()
        self._total = int(logs["total_steps"])  # Keras hands numbers on as floats.
        self._first = self._steps = int(logs["steps"])
        self._begun = self._told = self._last = time.monotonic()
        self._bar = _Bar() if err.is_terminal else None
        if self._bar:
            self._task = self._bar.add_task(
                self._title, total=self._total, completed=self._first, rate=0, note=""
            )
            self._bar.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the bar; `batch` is the number of agent steps done."""
        self._steps, self._last = batch, time.monotonic()
        if self._bar:
            self._bar.update(
                self._task,
                completed=min(batch, self._total),
                rate=self._rate(),
                note=self._note,
            )
        elif time.monotonic() - self._told > _PLAIN_SECONDS:
            self._told = time.monotonic()
            left = (self._total - batch) / max(self._rate(), 1e-9)
            say(
                f"{self._title}: {batch:,} of {self._total:,} steps, {self._rate():.0f} steps/s, "
                f"{left / 60:.1f} min left  {self._note}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes up the epoch's measurements."""
        shown = {
            key: value
            for key, value in (logs or {}).items()
            if (key.startswith("score") or key in ("loss", "kl", "agreement"))
            and not math.isnan(value)  # No game ended.
        }
        scores = [value for key, value in shown.items() if key.startswith("score")]
        if len(scores) > 3:  # Many games: the bar has room for a count, the metrics file for all.
            shown = {k: v for k, v in shown.items() if not k.startswith("score")}
            shown["games ended"] = logs["games"]
        self._note = "  ".join(f"{key} {value:.4g}" for key, value in shown.items())

    def testing(self, what: str, games: int, steps: int) -> None:
        """Takes up how far a test has got: (what is played, whole games counted, steps played)."""
        now = time.monotonic()
        self._begun += now - self._last  # Tests do not count for the rate.
        self._last = now
        if now - self._told < (0.2 if self._bar else _PLAIN_SECONDS):
            return
        self._told = now
        line = f"testing {what}: {games} whole games in {steps:,} steps"
        if self._bar:
            self._bar.update(self._task, note=line)
        else:
            say(f"{self._title}: {line}")

    def close(self) -> None:
        """Ends the bar, whether the training is complete or not."""
        self._end_before()
        if getattr(self, "_bar", None):
            self._bar.stop()
        self._bar = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the bar."""
        self.close()

    def _end_before(self) -> None:
        if self._before:  # A terminal shows one live line at a time.
            self._before.stop()
        self._before = None

    def _rate(self) -> float:
        return (self._steps - self._first) / max(time.monotonic() - self._begun, 1e-9)


class EvaluationProgress:
    """Shows what is evaluated, and the whole games and steps so far. Use as a context manager."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._status = err.status("evaluating") if err.is_terminal else None

    def __enter__(self) -> "EvaluationProgress":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes the line away."""
        if self._status:
            self._status.stop()

    def __call__(self, what: str, games: int, steps: int) -> None:
        """Takes up (what is played, whole games counted, steps played)."""
        if time.monotonic() - self._told < (0.2 if self._status else _PLAIN_SECONDS):
            return
        self._told = time.monotonic()
        line = f"evaluating {what}: {games} whole games in {steps:,} steps"
        if self._status:
            self._status.start()
            self._status.update(line)
        else:
            say(line)
