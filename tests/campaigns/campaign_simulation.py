"""The simulation beside a real campaign on three local nodes: predicted and real time.

    python tests/campaigns/campaign_simulation.py --steps 4096

Six tiny runs are done first, so that rates and start-up times are known as they are with three
runs at once on this machine. Then twelve more are predicted by `--dry-run --nodes 3 --cores 1`,
and done. Best on a machine with three cores or more, and idle.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLAN = """
[[runs]]
command = "train"
games = ["pong", "breakout", "boxing"]
seeds = {seeds}
preset = "tiny"
protocol = "tiny"
precision = "float32"
steps = {steps}
"""


def amkit(*words):
    command = [sys.executable, "-m", "amkit", "campaign", "plan.toml", *words, "--json"]
    begun = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout), time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4096)
    asked = parser.parse_args()
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as root:
        os.chdir(root)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        plan, address = Path("plan.toml"), ("--address", cluster.address)
        plan.write_text(PLAN.format(seeds=[0, 1], steps=asked.steps))
        amkit(*address)
        _, around = amkit(*address)  # Everything is done: what a campaign takes beside its runs.
        plan.write_text(PLAN.format(seeds=[0, 1, 2, 3, 4, 5], steps=asked.steps))
        predicted, _ = amkit("--dry-run", "--nodes", "3", "--cores", "1")
        _, real = amkit(*address)
        cluster.shutdown()
    seconds, startup = predicted["outcome"]["hours"] * 3600, predicted["machines"]
    print(f"start-up: {startup['startup_seconds']:.0f} s; around the runs: {around:.0f} s")
    print(f"predicted: {seconds:.0f} s; real, less what is around: {real - around:.0f} s")
    print(f"real / predicted: {(real - around) / seconds:.2f}")


if __name__ == "__main__":
    main()
