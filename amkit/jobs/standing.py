"""How far the runs of a campaign are, as their folders say: read without Keras and without Ray."""

import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amkit.games.published import SCORES, normalized
from amkit.storage.files import json_text, write_text
from amkit.storage.run_folders import is_finished

PROGRESS = "progress.json"  # What a worker says of its run, every few seconds.
ERROR = "error.txt"  # Why a run failed, by its own fault.
SILENT_SECONDS = 120  # A worker that says nothing for so long has died, or its machine has.
_CAMPAIGN = "campaign.json"


@dataclass(frozen=True)
class Standing:
    """How far a run is."""

    run: str  # Its folder's name.
    state: (
        str  # finished, failed, waiting, stopped, lost, or what its worker says: such as training.
    )
    steps: int = 0  # Agent steps per game done.
    total_steps: int | None = None  # None: nobody has begun it.
    steps_per_second: float | None = None
    score: str = "-"
    minutes_left: float | None = None  # Of its training.
    error: str | None = None


def write_campaign(folder: Path, content: Mapping[str, Any]) -> None:
    """Notes what a campaign is, for who asks how far it is: "runs" has a "name" and "command" each.

    OSError if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / _CAMPAIGN, json_text(content))


def read_campaign(folder: Path) -> dict[str, Any]:
    """What `write_campaign` noted; ValueError if there is nothing."""
    content = _json(folder / _CAMPAIGN)
    if not isinstance(content.get("runs"), list):
        raise ValueError(
            f"a campaign that has started has a folder with {_CAMPAIGN}. Received: {folder}"
        )
    return content


def standings(folders: Iterable[Path]) -> list[Standing]:
    """How far each run is, in their order."""
    return [_standing(folder) for folder in folders]


def _standing(folder: Path) -> Standing:
    name, told = folder.name, read_progress(folder)
    steps, total = told.get("steps", 0), told.get("total_steps")
    shown = score(told.get("scores", {}))
    if is_finished(folder):
        card = _json(folder / "model.json")
        scores = {entry["game"]: entry["mean"] for entry in card.get("scores", [])}
        steps = card.get("steps", steps)
        return Standing(name, "finished", steps, steps, score=score(scores), minutes_left=0.0)
    if (folder / ERROR).exists():
        text = (folder / ERROR).read_text(encoding="utf-8", errors="replace")
        line = next(iter(text.splitlines()), "")
        return Standing(name, "failed", steps, total, score=shown, error=line)
    if not told:
        return Standing(name, "waiting")
    state = told["state"]
    if state != "stopped" and time.time() - (folder / PROGRESS).stat().st_mtime > SILENT_SECONDS:
        state = "lost"
    rate = told.get("steps_per_second")
    left = (total - steps) / rate / 60 if rate and total else None
    return Standing(name, state, steps, total, rate, shown, left)


def read_progress(folder: Path) -> dict[str, Any]:
    """What the worker of a run last said; empty if it never said anything."""
    return _json(folder / PROGRESS)


def score(scores: Mapping[str, float | None]) -> str:
    """The raw score of one game; of several, the median of their shares of the published DQN's."""
    known = {game: value for game, value in scores.items() if value is not None}
    if len(scores) < 2:
        return next((f"{value:,.1f}" for value in known.values()), "-")
    published = {game: SCORES[game] for game in known if game in SCORES}
    shares = [
        normalized(known[game], row.random, row.dqn)
        for game, row in published.items()
        if row.random is not None and row.dqn is not None
    ]
    return f"{statistics.median(shares):.2f} of DQN" if shares else "-"


def summary(rows: Sequence[Standing]) -> str:
    """One line: how many runs are in each state, and how many agent steps they make a second."""
    states = [row.state for row in rows]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
    rate = sum(row.steps_per_second or 0 for row in rows if row.state == "training")
    return f"{len(rows)} runs: {counts}" + (f"; {rate:,.0f} steps/s" if rate else "")


def duration(total_minutes: float) -> str:
    """Minutes as people say them."""
    if total_minutes < 120:
        return f"{max(round(total_minutes), 1)} min"
    if total_minutes < 48 * 60:
        return f"{total_minutes / 60:.1f} hours"
    return f"{total_minutes / 60 / 24:,.0f} days"


def _json(path: Path) -> dict[str, Any]:
    """A file's object; empty where there is none, or it is damaged."""
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}
