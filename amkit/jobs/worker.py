"""What a worker of a campaign does: it begins all runs, or sees one through."""

import math
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from amkit.jobs.configuration import read_configuration
from amkit.jobs.forecast import gibibytes
from amkit.jobs.plans import Planned
from amkit.jobs.run import run as train_and_evaluate
from amkit.jobs.standing import ERROR, PROGRESS, read_progress
from amkit.learning.loop import Interrupted
from amkit.storage import checkpoints
from amkit.storage.files import json_text
from amkit.storage.run_folders import Run, RunError, RunInUse, is_finished

if TYPE_CHECKING:
    from amkit.storage.remote import Remote

_TOLD_SECONDS = 5.0  # Between notes of how far a run is.
# A worker whose machine died may hold its run's lock until the file server lets it go: NFS 4 waits
# for 90 seconds.
_LOCKED_SECONDS = 120.0
_MOST_DEATHS = 10  # In a row, without a new checkpoint between them: then it is the run's fault.


class Reporter(keras.callbacks.Callback):
    """Notes in a run's folder how far it is, for `standing`, and sends the folder with each new
    checkpoint to the remote place, if there is one. `begun` is when its process began.
    """

    def __init__(self, run: Run, begun: float, remote: "Remote | None" = None) -> None:
        super().__init__()
        self._run, self._remote, self._told_at = run, remote, 0.0
        self._process_begun = begun
        self._sent = 0  # The number of the newest checkpoint that the remote place has.
        self._startup: float | None = None
        earlier, written = read_progress(run.folder), checkpoints.count(run.checkpoint_folder)
        deaths = earlier.get("starts", 0) if earlier.get("checkpoints") == written else 0
        if deaths >= _MOST_DEATHS:
            raise RunError(
                f"the run's process died {deaths} times, each time before it wrote a checkpoint"
            )
        self._told = {**earlier, "checkpoints": written, "starts": deaths + 1}
        self.tell("starting", at_once=True)

    def tell(self, state: str, at_once: bool = False, **values: Any) -> None:
        """Takes up what is being done and how far it is, and writes it now and then."""
        self._told |= {"state": state, **values}
        if at_once or time.monotonic() - self._told_at > _TOLD_SECONDS:
            self._run.write(PROGRESS, json_text(self._told))
            self._told_at = time.monotonic()
            if self._remote and (at_once or self._new_checkpoint()):
                self._remote.send(self._run.folder)

    def _new_checkpoint(self) -> bool:
        before, self._sent = self._sent, checkpoints.count(self._run.checkpoint_folder)
        return self._sent > before

    def starting(self, ready: int) -> None:
        """So many emulators are ready."""
        self.tell("starting")

    def on_train_begin(self, logs: Mapping[str, Any]) -> None:
        """Takes up where it begins."""
        self._first, self._begun = int(logs["steps"]), time.monotonic()
        self._last = self._begun
        total = int(logs["total_steps"])
        self.tell("training", at_once=True, steps=self._first, total_steps=total)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any]) -> None:
        """Moves on; `batch` is the number of agent steps done, of a total that may change."""
        self._last = time.monotonic()
        if self._startup is None:  # The first round compiles what it computes.
            self._startup = round(self._last - self._process_begun, 1)
            self._first, self._begun = batch, self._last
        rate = (batch - self._first) / max(self._last - self._begun, 1e-9)
        self.tell(
            "training",
            steps=batch,
            total_steps=int(logs["total_steps"]),
            steps_per_second=round(rate, 1) or None,
            startup_seconds=self._startup,
        )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Takes up the epoch's scores; those of games of which none ended stay."""
        scores = {k.removeprefix("score_"): v for k, v in logs.items() if k.startswith("score_")}
        known = {game: value for game, value in scores.items() if not math.isnan(value)}
        scores = {**dict.fromkeys(scores), **self._told.get("scores", {}), **known}
        self.tell("training", scores=scores)

    def testing(self, what: str, games: int, steps: int) -> None:
        """A test goes on, which does not count for the rate."""
        now = time.monotonic()
        self._begun += now - self._last
        self._last = now
        self.tell("testing")

    def evaluating(self, what: str, games: int, steps: int) -> None:
        """The evaluation goes on."""
        self.tell("evaluating")


def begin(planned: Sequence[Planned], remote: "Remote | None" = None) -> list[float | None]:
    """Begins all runs that are not begun, and checks the others, as the command of each does.

    One process begins them all, so that what is measured for them, such as the faster precision, is
    the same in all.

    Returns:
        The memory that each needs, in GiB; None of finished ones.

    Raises:
        ValueError, RuntimeError: if one cannot begin or go on; then none has begun.
    """
    with ExitStack() as stack:
        for one in planned:
            if remote:
                remote.fetch(one.folder)
        runs = [stack.enter_context(_when_free(one.folder)) for one in planned]
        new = [run for run in runs if not run.begun]
        try:
            for run, one in zip(runs, planned, strict=True):
                with one.named():
                    (one.request.check if run.begun else one.request.begin)(run)
        except BaseException:
            for run in new:
                run.abandon()
            raise
        for run in new:
            if remote:
                remote.send(run.folder)
        needs: list[float | None] = []
        for run in runs:
            done = is_finished(run.folder)
            needs.append(None if done else gibibytes(read_configuration(run)))
            if done:
                run.discard_checkpoints()  # A kill may have come between the model and this.
        return needs


def see_through(
    planned: Planned, checkpoint_seconds: float, begun: float, remote: "Remote | None" = None
) -> str | None:
    """Trains and evaluates a run from its newest checkpoint on, if that is not done.

    Args:
        planned: the run, which has begun.
        checkpoint_seconds: between checkpoints.
        begun: when this process began to work on it, by `time.monotonic`.
        remote: where run folders are kept; None: on this machine, or one that it shares.

    Returns:
        None, or in one line why it failed by its own fault; its folder has the traceback.

    Raises:
        Interrupted: after SIGTERM or a request to stop, the state saved.
    """
    if remote:
        remote.fetch(planned.folder)
    try:
        return _see_through(planned, checkpoint_seconds, begun, remote)
    finally:
        if remote:
            remote.send(planned.folder)


def _see_through(
    planned: Planned,
    checkpoint_seconds: float,
    begun: float,
    remote: "Remote | None",
) -> str | None:
    folder = planned.folder
    try:
        with _when_free(folder) as run:
            if is_finished(folder):  # By a worker that died before it could say so.
                run.discard_checkpoints()
                return None
            (folder / ERROR).unlink(missing_ok=True)
            planned.request.check(run)
            reporter = Reporter(run, begun, remote)
            try:
                train_and_evaluate(
                    run,
                    [reporter],
                    checkpoint_seconds,
                    on_evaluation=reporter.evaluating,
                    on_test=reporter.testing,
                    on_ready=reporter.starting,
                    begun=begun,
                )
            except (Interrupted, KeyboardInterrupt):
                reporter.tell("stopped", at_once=True, starts=0)
                raise
    except Interrupted:
        raise
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        with suppress(OSError):  # The disk may be what is wrong.
            (folder / ERROR).write_text(f"{line}\n\n{traceback.format_exc()}", encoding="utf-8")
        return line
    return None


def _when_free(folder: Path) -> Run:
    """Opens a run, whose last worker may not be quite gone."""
    end = time.monotonic() + _LOCKED_SECONDS
    while True:
        try:
            return Run(folder)
        except RunInUse:
            if time.monotonic() > end:
                raise
            time.sleep(1)
