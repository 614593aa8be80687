"""Progress of trainings."""

import math
import time
from collections.abc import Mapping
from typing import Any

import keras

from amkit.cli.console import StatusLine


class TrainingProgress(keras.callbacks.Callback):
    """Shows a training's steps, rate, time left, loss and score.

    Until it begins, how many of the `emulators` are ready.
    """

    def __init__(self, title: str, emulators: int, status: StatusLine) -> None:
        super().__init__()
        self._title, self._emulators, self._status = title, emulators, status
        self._note = ""
        self._status(f"starting {emulators} emulators", at_once=True)

    def starting(self, ready: int) -> None:
        """Takes up how many emulators are ready."""
        self._status(f"starting {self._emulators} emulators: {ready} are ready")

    def on_train_begin(self, logs: Mapping[str, Any]) -> None:
        """Takes up where it begins."""
        self._total, self._first = int(logs["total_steps"]), int(logs["steps"])
        self._begun = self._last = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any]) -> None:
        """Moves on; `batch` is the number of agent steps done, of a total that may change."""
        self._last = time.monotonic()
        self._total = int(logs["total_steps"])
        rate = (batch - self._first) / max(self._last - self._begun, 1e-9)
        minutes = (self._total - batch) / max(rate, 1e-9) / 60
        self._status(
            f"{self._title}: {batch:,} of {self._total:,} steps, {rate:,.0f} steps/s, "
            f"{max(minutes, 0):.1f} min left  {self._note}",
            share=batch / self._total,
        )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Takes up the epoch's measurements."""
        shown = {
            key: value
            for key, value in logs.items()
            if (key.startswith("score") or key in ("loss", "kl", "agreement"))
            and not math.isnan(value)  # No game ended.
        }
        scores = [key for key in shown if key.startswith("score")]
        if len(scores) > 3:  # Many games: the line has room for a count, the metrics file for all.
            shown = {key: shown[key] for key in shown if key not in scores}
            shown["games ended"] = logs["games"]
        self._note = "  ".join(f"{key} {value:.4g}" for key, value in shown.items())

    def testing(self, what: str, games: int, steps: int) -> None:
        """Takes up how far a test has got: (what is played, whole games counted, steps played)."""
        now = time.monotonic()
        self._begun += now - self._last  # Tests do not count for the rate.
        self._last = now
        self._status(f"{self._title}: testing {what}: {games} whole games in {steps:,} steps")
