"""The paper's full scale on 1, 10, 100 and 1,000 nodes, from rates measured on this machine.

    python tests/campaigns/campaign_scale.py --cores 16 --node-gib 128

Run it in the repository, on an idle machine: each of the three plans is measured for some seconds
on one core. Prints a row of Markdown for each plan and number of nodes.
"""

import argparse
from pathlib import Path

from amkit.backend import load_tensorflow
from amkit.cli.campaign import expand
from amkit.jobs.cores import own_cores
from amkit.jobs.plans import read_plan
from amkit.jobs.simulate import Machines, simulate

PLANS = ("paper-experts", "paper-networks", "paper-table-2")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--node-gib", type=float, default=128)
    parser.add_argument("--node-hours-between-losses", type=float, default=500)
    parser.add_argument("--startup-seconds", type=float, default=30)
    asked = parser.parse_args()
    with own_cores(1):
        load_tensorflow()
        from amkit.jobs.outlook import outlook

        works = {name: outlook(expand(read_plan(name), Path("runs") / name), 1) for name in PLANS}
    for name, runs in works.items():
        hours, memory = sum(run.hours for run in runs), max(run.gibibytes for run in runs)
        print(f"{name}: {len(runs)} runs, {hours:,.0f} core-hours, {memory:.1f} GiB at most")
    print("| plan | nodes | days | longest run, days | lost, core-hours | idle |")
    print("|---|---|---|---|---|---|")
    for name, runs in works.items():
        for nodes in (1, 10, 100, 1000):
            machines = Machines(
                nodes=nodes,
                cores=asked.cores,
                node_gibibytes=asked.node_gib,
                hours_between_losses=asked.node_hours_between_losses,
                startup_seconds=asked.startup_seconds,
                checkpoint_seconds=120,
            )
            outcome = simulate(runs, machines)
            print(
                f"| {name} | {nodes:,} | {outcome.hours / 24:,.1f} | "
                f"{outcome.longest_run_hours / 24:,.1f} | {outcome.lost_core_hours:,.1f} | "
                f"{outcome.idle:.0%} |"
            )


if __name__ == "__main__":
    main()
