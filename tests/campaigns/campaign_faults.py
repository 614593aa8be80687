"""Twelve runs on three nodes: once left alone, once with faults; the networks must be the same.

    python tests/campaigns/campaign_faults.py --steps 2048

The nodes are three of `ray.cluster_utils` on this machine, with one core each; the environment is
the scripted one of tests/conftest.py, whose state can be saved. The faults: five random workers
are killed, a node is removed, and the driver is stopped once and killed once, and started again.
Prints what happens, and in the end what every card and table of metrics says; exit status 1 if
anything is not as it must be.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from amkit.jobs.plans import SHIPPED
from amkit.jobs.standing import read_campaign, standings

TESTS = Path(__file__).parents[1]
# What a card says of its machine and of time.
OF_TIME = ("minutes", "machine", "machines", "forward_milliseconds", "one_expert")


def scripted_environments():
    """In a worker, before anything else: every environment is the scripted one."""
    import importlib.util

    from amkit.games import environments

    specification = importlib.util.spec_from_file_location("scripted", TESTS / "conftest.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    environments.make = module.ScriptedEnvironments


def drive(address, plan, folder):
    """The command, in a process of its own, connected to Ray with what the workers need."""
    import ray

    from amkit.cli import app

    sys.argv = ["amkit", "campaign", plan, "--address", address, "--folder", folder]
    ray.init(
        address,
        log_to_driver=False,
        runtime_env={"worker_process_setup_hook": scripted_environments},
    )
    app([*sys.argv[1:], "--checkpoint-minutes", "0.05"])


class Driver:
    """`drive` in another process; its lines go to this one's stderr."""

    def __init__(self, address, plan, folder):
        self.words = [sys.executable, __file__, "--drive", address, str(plan), str(folder)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.DEVNULL)
        self.begun = time.monotonic()

    def running(self):
        return self.process.poll() is None

    def stop(self, number):
        """Sends a signal, and waits for the end."""
        self.process.send_signal(number)
        self.process.wait()


def runs_of(folder):
    """Every run's folder, or none before the campaign has begun."""
    with suppress(ValueError):
        return [folder / run["name"] for run in read_campaign(folder)["runs"]]
    return []


def workers():
    """Processes that do runs of these campaigns; a worker is called after its task."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if " ".join(process.cmdline()).startswith("ray::expert-"):
                found.append(process)
    return found


def finished(folder):
    return sum(row.state == "finished" for row in standings(runs_of(folder)))


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def without_faults(driver, folder):
    driver.process.wait()
    say(f"without faults: {time.monotonic() - driver.begun:.0f} s, {finished(folder)} finished")


def with_faults(cluster, nodes, driver, folder, rng):
    """Faults at random moments until all are done; returns how often a worker was killed."""
    faults = ["kill", "kill", "node", "stop", "kill", "kill", "crash", "kill"]
    killed, next_fault = 0, time.monotonic() + 30
    while driver.running() or faults:
        time.sleep(0.5)
        if not driver.running() and finished(folder) == len(runs_of(folder)) > 0:
            break
        busy = workers()
        if not faults or time.monotonic() < next_fault or not busy:
            if not driver.running():
                say(f"the driver ended by itself: {driver.process.returncode}")
                break
            continue
        done, what = finished(folder), faults.pop(0)
        if what == "kill":
            victim = rng.choice(busy)
            title = victim.cmdline()[0]
            victim.kill()
            killed += 1
            say(f"{done} finished; killed {title}, {killed} of 5")
        elif what == "node":
            say(f"{done} finished; removing a node")
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            number = signal.SIGTERM if what == "stop" else signal.SIGKILL
            begun = time.monotonic()
            driver.stop(number)
            states = [row.state for row in standings(runs_of(folder))]
            say(
                f"{done} finished; driver: {number.name}, ended in {time.monotonic() - begun:.1f} s"
            )
            say(f"  states: { {state: states.count(state) for state in sorted(set(states))} }")
            driver.start()
        next_fault = time.monotonic() + rng.uniform(15, 40)
    say(f"with faults: {finished(folder)} finished; faults that there was no time for: {faults}")
    return killed


def card(run):
    """What a run's card says, but for times and machines."""
    content = json.loads((run / "model.json").read_text())
    for key in OF_TIME:
        content.pop(key, None)
    for row in content["learning_curve"]:
        row.pop("seconds")
    return content


def compare(alone, faulty):
    """Prints what differs; returns whether all is as it must be."""
    good = True
    for run in runs_of(alone):
        other = faulty / run.name
        if not (other / "model.keras").exists():
            say(f"{run.name}: not finished")
            good = False
            continue
        here, there = card(run), card(other)
        differ = [key for key in here if here[key] != there.get(key)]
        with open(other / "metrics.csv") as file:
            steps = [int(row["steps"]) for row in csv.DictReader(file)]
        once = steps == sorted(set(steps)) and steps[-1] == here["settings"]["steps"]
        once &= len(steps) == len(here["learning_curve"])
        say(f"{run.name}: weights {there['weight_hash'][:8]}, differ: {differ}, once: {once}")
        good &= not differ and once
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drive", nargs=3)
    asked = parser.parse_args()
    if asked.drive:
        drive(*asked.drive)
        return 0
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as root:
        os.chdir(root)
        plan, alone, faulty = Path("tiny.toml"), Path("alone"), Path("faulty")
        plan.write_text((SHIPPED / "tiny.toml").read_text() + f"steps = {asked.steps}\n")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        driver = Driver(cluster.address, plan, alone)
        without_faults(driver, alone)
        driver = Driver(cluster.address, plan, faulty)
        killed = with_faults(cluster, nodes, driver, faulty, random.Random(asked.seed))
        while driver.running():
            time.sleep(1)
        good = compare(alone, faulty) and killed == 5
        cluster.shutdown()
    say("all as it must be" if good else "NOT as it must be")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
