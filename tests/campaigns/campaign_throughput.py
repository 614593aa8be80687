"""Two transfer runs of Breakout at once on two cores, against one after the other.

    python tests/campaigns/campaign_throughput.py --steps 60000

On an idle machine with two cores. Both ways are the same two runs, by `amkit transfer` with all
cores and by `amkit campaign` with a core each. Compared is the training alone, by the seconds in
metrics.csv, and all of it by the clock; prints the memory that the driver and Ray take beside the
runs, too. Exit status 1 if two at once have not 1.2 times the throughput.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[2]


def clocked(*words, watch=lambda process: None):
    """Seconds that a command takes."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "amkit", *map(str, words)])
    while process.poll() is None:
        watch(psutil.Process(process.pid))
        time.sleep(2)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, words))}: exit status {process.returncode}")
    return time.monotonic() - begun


def steps_per_second(run):
    """Of a run's training, without its first row, in which everything is compiled."""
    with open(run / "metrics.csv") as file:
        first, *_, last = csv.DictReader(file)
    seconds = float(last["seconds"]) - float(first["seconds"])
    return (int(last["steps"]) - int(first["steps"])) / seconds


def beside_runs(process):
    """MiB of the driver and Ray, without processes that do runs; shared pages count once (PSS)."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.Error):
            title = (one.cmdline() or [""])[0]
            if not title.startswith("ray::") or "Agent" in title:
                total += one.memory_full_info().pss
    return total / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60_000, help="40,961 or more: two epochs")
    parser.add_argument("--precision", default="float32")
    asked = parser.parse_args()
    if asked.steps <= 40_960:  # The first epoch, in which everything is compiled, is left out.
        parser.error(f"--steps is 40,961 or more. Received: {asked.steps}")
    source = REPOSITORY / "pretrained" / "amn-policy.keras"
    memory = [0.0]

    def watch(process):
        with suppress(psutil.Error):
            memory.append(beside_runs(process))

    with tempfile.TemporaryDirectory() as root:
        os.chdir(root)
        options = {"steps": asked.steps, "precision": asked.precision, "test-epochs": 1}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        one = clocked("transfer", "breakout", "--from", source, "--seed", "0,1", "--no-xla", *words)
        lines = ["[[runs]]", 'command = "transfer"', 'games = ["breakout"]', f'from = ["{source}"]']
        lines += ["seeds = [0, 1]", "xla = false"]
        lines += [f"{name} = {value!r}" for name, value in options.items()]
        Path("plan.toml").write_text("\n".join(lines) + "\n")
        two = clocked("campaign", "plan.toml", watch=watch)
        name = "transfer-breakout-from-amn-policy-seed-{}"
        alone = [steps_per_second(Path("runs") / name.format(seed)) for seed in (0, 1)]
        at_once = [steps_per_second(Path("runs/plan") / name.format(seed)) for seed in (0, 1)]
    gain = sum(at_once) / (sum(alone) / 2)
    print(f"one after the other: {one:.0f} s; {alone[0]:.0f} and {alone[1]:.0f} steps/s")
    print(f"two at once:         {two:.0f} s; {at_once[0]:.0f} and {at_once[1]:.0f} steps/s")
    print(
        f"throughput of training: {gain:.2f} times; by the clock, with all starts: {one / two:.2f}"
    )
    print(f"driver and Ray beside the runs: {max(memory):.0f} MiB at most")
    return 0 if gain >= 1.2 else 1


if __name__ == "__main__":
    sys.exit(main())
