"""Run folders: what a run was asked, what it measured, where it got to, what came out.

`runs/<kind>-<name>/` holds `config.json`, `metrics.csv` and `checkpoint/`, and at the end, in place
of the last, `model.keras` with its card `model.json`.
"""

import csv
import io
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from amkit.storage import checkpoints, files
from amkit.storage.older import upgraded


class RunError(RuntimeError):
    """A run folder cannot be used."""


class RunInUse(RunError):
    """Another process has a run folder."""


class DamagedRun(RunError):
    """A run folder's files cannot be read, or are gone."""


class Run(AbstractContextManager["Run"]):
    """One run folder, locked while open: one process at a time uses it.

    Args:
        folder: made if missing.
        config: everything needed to repeat the run, JSON-able, which begins it. None opens a run
            to go on with, and reads its own; or, where there is none, keeps the folder for `begin`.

    Attributes:
        model_path: where the finished model lies; it is there only when the run is finished.
        checkpoint_folder: where the checkpoints lie.

    Raises:
        RunError: if the folder is in use or cannot be written, or `config` is for another run.
        DamagedRun: if the configuration cannot be read.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any] | None = None):
        self.folder = Path(folder)
        self.config: dict[str, Any] = {}
        self.model_path = self.folder / "model.keras"
        self.checkpoint_folder = self.folder / "checkpoint"
        self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.folder / ".lock", blocking=False)
            self._lock.acquire()
        except Timeout:
            raise RunInUse(f"{self.folder} is in use by another process") from None
        except OSError as error:
            raise RunError(
                f"a run needs a folder that can be written. Received: {self.folder}, "
                f"{error.strerror}"
            ) from error
        try:
            if config is not None:
                self.begin(config)
            elif self.begun:
                self.config = read_config(self.folder)
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets others use the folder; what was made for a run that did not begin is removed."""
        if self._made and not self.begun:
            (self.folder / ".lock").unlink(missing_ok=True)
            with suppress(OSError):  # There is something else in it.
                for folder in self._made:
                    folder.rmdir()
        self._lock.release()

    def abandon(self) -> None:
        """Leaves no run in the folder: what the run needs cannot be read, and nothing was done."""
        (self.folder / "config.json").unlink(missing_ok=True)

    @property
    def begun(self) -> bool:
        """Whether the folder holds a run."""
        return (self.folder / "config.json").exists()

    def begin(self, config: Mapping[str, Any]) -> None:
        """Begins a run in a folder that holds none; RunError if it holds one."""
        if self.begun:
            raise RunError(f"{self.folder} already holds a run")
        self.write("config.json", json.dumps(config, indent=2) + "\n")
        self.config = read_config(self.folder)

    def check_checkpoints(self) -> None:
        """DamagedRun if the run has done some of its work, and no checkpoint of it is left."""
        done = steps_done(self)
        if done and not (is_finished(self.folder) or checkpoints.count(self.checkpoint_folder)):
            raise DamagedRun(
                f"{self.folder} has done {done:,} agent steps, but its checkpoints and weights are "
                f"missing: restore {self.checkpoint_folder}, or start a new run in another "
                "folder, without --resume. Received: only metrics.csv"
            )

    def discard_checkpoints(self) -> None:
        """Frees what a finished run no longer needs: gigabytes, where there is a replay memory."""
        shutil.rmtree(self.checkpoint_folder, ignore_errors=True)

    def write_metrics(self, rows: Sequence[Mapping[str, Any]], name: str = "metrics.csv") -> None:
        """Writes a table anew: `metrics.csv`, one row per epoch, or another.

        Args:
            rows: column -> value. Since the beginning: "steps", agent steps per game; "seconds" of
                training, without tests; "updates", gradient steps. Since the row before: "games"
                that ended, "score_<game>", their mean raw score, and means of what the learner
                measures ("policy_loss" and "kl" in nats). At the row's end: "epsilon".
            name: of the file.
        """
        text, columns = io.StringIO(), dict.fromkeys(key for row in rows for key in row)
        writer = csv.DictWriter(text, [*columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.write(name, text.getvalue())

    def write(self, name: str, text: str) -> None:
        """Writes a file of the folder, whole or not at all; RunError if that cannot be done."""
        try:
            files.write_text(self.folder / name, text)
        except OSError as error:
            raise RunError(f"{self.folder / name} cannot be written: {error.strerror}") from error


def read_config(folder: Path) -> dict[str, Any]:
    """Reads a run's configuration, `upgraded`; RunError if there is none, DamagedRun if damaged."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder} is not a run folder: the folder has no config.json") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedRun(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict):
        raise DamagedRun(f"{path} is damaged: the file holds no JSON object")
    return upgraded(config)


def label(model: Path) -> str:
    """What a model is called: its file's name, or that of the run folder that it lies in."""
    model = Path(model)
    return model.resolve().parent.name if model.stem == "model" else model.stem


def is_finished(folder: Path) -> bool:
    """Whether the run's model has been written."""
    return (Path(folder) / "model.keras").exists()


def runs_in(path: Path) -> list[Path]:
    """The run folders that a folder of them holds, such as a campaign's; else the path alone."""
    if (path / "config.json").exists():
        return [path]
    return sorted(file.parent for file in path.glob("*/config.json")) or [path]


def steps_done(run: Run) -> int:
    """Agent steps per game by a run's metrics; those after its newest checkpoint are done again."""
    path = run.folder / "metrics.csv"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    done = lines[-1].split(",")[0] if lines else ""
    return int(done) if done.isdecimal() else 0  # The header alone, or no metrics at all.


def claim(root: Path, name: str, folder: Path | None = None, resume: bool | None = None) -> Run:
    """Chooses and locks in one step where a run called `name` goes on, or a folder for a new one.

    Of several processes that begin runs of one name, each gets a folder of its own. A new run is
    not `begun`: `begin` it.

    Args:
        root: where runs lie.
        name: of the run.
        folder: the one asked for; None means the newest of that name to resume, else a new one.
        resume: whether to go on with an earlier run; None where nobody can ask for that.

    Raises:
        ValueError: if the folder asked for holds a run, which is not to be resumed.
        RunError: as in `Run`.
    """
    if folder is None and resume:
        runs = [path for _, path in _numbered(root, name) if (path / "config.json").exists()]
        folder = runs[-1] if runs else None
    if folder is not None:
        run = Run(folder)
        if resume or not run.begun:
            return run
        run.close()
        way_out = "" if resume is None else "add --resume, or "
        raise ValueError(
            f"{folder} already holds a run: {way_out}name another folder. Received: {folder}"
        )
    while True:
        last = max((number for number, _ in _numbered(root, name)), default=0)
        with suppress(RunInUse):  # Another process has just taken it: it will be counted.
            run = Run(Path(root) / (f"{name}-{last + 1}" if last else name))
            if not run.begun:
                return run
            run.close()


def _numbered(root: Path, name: str) -> list[tuple[int, Path]]:
    """(number, folder) of every `name`, `name-2`, `name-3`, ..., in order."""
    pattern = re.compile(re.escape(name) + r"(?:-(\d+))?")
    matches = ((pattern.fullmatch(path.name), path) for path in Path(root).glob("*"))
    return sorted((int(match[1] or 1), path) for match, path in matches if match)
