"""What learning quantiles costs: rollouts of preset `quantile` and of `laptop` in turns.

Run from the repository's root, on an idle machine: python tests/campaigns/quantile_cost.py [GAME]
"""

import json
import statistics
import sys
import time
from contextlib import closing

from amkit.jobs import rates
from amkit.jobs.build import build
from amkit.jobs.configuration import expert_config

PRESETS = ("laptop", "quantile")
ROUNDS = 16


def main(game: str = "pong") -> None:
    precision, xla = rates.fastest(128)
    jobs = [
        build(expert_config(game, preset, precision=precision, jit_compile=xla), 0)
        for preset in PRESETS
    ]
    with closing(jobs[0]), closing(jobs[1]):
        seconds = {preset: [] for preset in PRESETS}
        for i in range(ROUNDS + 2):
            for preset, job in zip(PRESETS, jobs, strict=True):
                begun = time.perf_counter()
                job.play_and_learn()
                if i >= 2:  # Once graphs are made.
                    seconds[preset].append(time.perf_counter() - begun)
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    result = {
        "game": game,
        "precision": precision,
        "xla": xla,
        "seconds": {preset: statistics.median(row) for preset, row in seconds.items()},
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 3) for ratio in sorted(ratios)],
        "machine": rates.machine(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
