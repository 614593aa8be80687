"""Kills a training and a distillation at random moments, resumes each, and checks what was lost.

    python tests/campaigns/kills.py --experts pretrained/ --kills 20

Half of the kills hit `amkit train`, half `amkit distill`. After each, `--resume` must go on from a
state at most one checkpoint period old. Prints one line per kill; exit status 1 if any failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

PERIOD_SECONDS = 3.0


def newest(folder: Path) -> tuple[int, float] | None:
    """(agent steps, seconds trained) of the newest whole checkpoint."""
    found = sorted(folder.glob("checkpoint-*/manifest.json"))
    if not found:
        return None
    values = json.loads(found[-1].read_text())["content"]["values"]
    return values["job"]["steps"], values["progress"]["seconds"]


def unfinished(folder: Path) -> set[tuple[str, int]]:
    """(name, when made) of every checkpoint that is being written, or was when killed."""
    with suppress(FileNotFoundError):  # It was finished between the two calls.
        return {(path.name, path.stat().st_ctime_ns) for path in folder.glob("unfinished-*")}
    return set()


def start(words: list[str], log: Path) -> subprocess.Popen:
    """Begins or resumes a run."""
    with open(log, "a") as file:
        return subprocess.Popen([sys.executable, "-m", "amkit", *words, "--resume"], stderr=file)


def kill_at_random(name: str, words: list[str], rng: np.random.Generator) -> bool:
    """One kill. Returns whether what is left is whole and recent, and is gone on from."""
    checkpoints = Path("runs") / name / "checkpoint"
    log = Path(f"{name}.log")
    before = newest(checkpoints)
    leftover = unfinished(checkpoints)  # Of an earlier kill.
    begun = time.monotonic()
    process = start(words, log)
    # Half of the kills wait for a checkpoint to be under way.
    while_writing = rng.random() < 0.5

    def due() -> bool:
        if while_writing:
            return bool(unfinished(checkpoints) - leftover)
        return newest(checkpoints) != before

    late = False
    while not due() and not late and process.poll() is None:
        time.sleep(0.0005 if while_writing else 0.05)
        late = time.monotonic() - begun > 120  # It goes on, but saves nothing.
    time.sleep(float(rng.uniform(0, 0.05 if while_writing else 2 * PERIOD_SECONDS)))
    alive = process.poll() is None and not late
    killed = time.time()
    process.kill()
    process.wait()
    after = newest(checkpoints)
    whole = after is not None and (before is None or after[0] >= before[0])
    age = killed - max(
        (f.stat().st_mtime for f in checkpoints.glob("checkpoint-*/manifest.json")), default=0
    )
    # A round of learning and the writing itself come on top of the period. A kill during the first
    # checkpoint since the start leaves the one before it, from which at most a period was lost.
    first_ever = before is None and after is None
    recent = age < PERIOD_SECONDS + 4 or (while_writing and before == after)
    print(
        f"{name}: killed after {time.monotonic() - begun:5.1f} s, alive {alive}; "
        f"steps {before[0] if before else 0} -> {after[0] if after else 0}, "
        f"newest checkpoint {age:.1f} s old",
        flush=True,
    )
    return alive and (whole or first_ever) and recent


def main() -> int:
    """Runs the campaign in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experts", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    experts = str(asked.experts.resolve())
    rng = np.random.default_rng(asked.seed)
    common = ["--precision", "float32", "--checkpoint-minutes", str(PERIOD_SECONDS / 60)]
    jobs = {
        "expert-pong": ["train", "pong", *common],
        "amn-pong": [
            "distill",
            "--experts",
            experts,
            "--games",
            "pong",
            "--steps",
            "300000",
            *common,
        ],
    }
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for i in range(asked.kills):
            name = list(jobs)[i % 2]
            failed += not kill_at_random(name, jobs[name], rng)
        for name, words in jobs.items():
            failed += not kill_at_random(name, words, rng)  # The last kill is resumed from too.
            errors = [x for x in Path(f"{name}.log").read_text().splitlines() if "rror" in x]
            failed += bool(errors)
            print("\n".join(errors))
    print(f"{asked.kills + 2} kills, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
