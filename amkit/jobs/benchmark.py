"""What this machine does per second: whole jobs against emulation alone, measured in one run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from amkit.games.catalogue import Game
from amkit.games.environments import make
from amkit.jobs import presets, rates
from amkit.jobs.algorithms import ALGORITHMS, Cost
from amkit.jobs.build import build
from amkit.jobs.configuration import Configuration, distill_config, expert_config
from amkit.networks.bodies import BODIES, actor_mimic_network, nature_dqn
from amkit.play.policy import EpsilonGreedy
from amkit.play.rollout import rollout
from amkit.storage import models

_ENVS = 64
# As many rows as preset `laptop` has of all its games: networks are asked for them at once.
_DISTILLING_ENVS = 256
_DISTILLING_BATCH = 512  # Four times the preset's: what a sample costs least in.

# A step, which returns how many agent steps it did; its environments are closed in the end.
Stepping = AbstractContextManager[Callable[[], int]]


def measure(
    game: Game, seconds: float, tell: Callable[[str], None] = lambda what: None
) -> dict[str, Any]:
    """Measures one game.

    Args:
        game: the game.
        seconds: spent on each measurement after warming up.
        tell: called with what is measured next.

    Returns:
        "steps": list of {"what", "rate" (agent steps/s), "ratio" (to emulation alone)};
        "updates": list of {"precision", "xla", "batch_size", "rate" (samples/s)}; "bodies": list of
        {"body", "parameters", "forward" (observations/s), "training" (samples/s), "steps" (agent
        steps/s of a distillation at preset laptop, were it only its parts, each alone)}; "machine".
    """
    precision, xla = rates.fastest(_DISTILLING_BATCH)
    tell("emulation alone")
    emulation = rates.emulation_rate(game, _ENVS, seconds)
    steps = {f"emulation alone, {_ENVS} environments": emulation}
    laptop, quantile = (
        _training(expert_config(game.name, preset, precision=precision))
        for preset in ("laptop", "quantile")
    )
    for what, stepping in {
        f"acting, {_ENVS} environments": _acting(game, precision),
        f"distilling, {_DISTILLING_ENVS} environments, 1 training sample per step, updates of "
        f"{_DISTILLING_BATCH}": _distilling(game, precision, xla),
        "expert training, preset laptop (PQN)": laptop,
        "expert training, preset quantile": quantile,
        "expert training, preset paper (DQN, 8 samples per step, float32)": paper_dqn(game),
    }.items():
        tell(what)
        with stepping as step:
            steps[what] = rates.rate(step, seconds)
    tell("the parts of distilling")
    forward = rates.forward_rate(precision, _DISTILLING_ENVS, seconds)
    training = rates.training_rate(precision, xla, _DISTILLING_BATCH, seconds)
    # The expert is asked in every step, the student where it acts: in half of them. What distilling
    # would reach if nothing but these took time, and nothing overlapped.
    alone = Cost(acting=0.5, asking=1, samples=1).seconds(emulation, forward, forward, training)
    steps["emulation, 1.5 forward passes, 1 sample, each alone"] = 1 / alone
    bodies = _bodies(emulation, precision, xla, seconds / 4, tell)
    updates = []
    for size, dtype, by_xla in product((32, 512), rates.PRECISIONS, (False, True)):
        tell(f"updates of {size}, {dtype}, XLA {by_xla}")
        samples = rates.training_rate(dtype, by_xla, size, seconds / 4)
        updates.append({"batch_size": size, "precision": dtype, "xla": by_xla, "rate": samples})
    return {
        "game": game.name,
        "precision": precision,
        "bodies": bodies,
        "steps": [{"what": what, "rate": n, "ratio": n / emulation} for what, n in steps.items()],
        "updates": updates,
        "machine": rates.machine(),
    }


def _bodies(
    emulation: float, precision: str, xla: bool, seconds: float, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """What students of each of `BODIES` cost; their experts have the Nature body."""
    settings = presets.DISTILL["laptop"]
    cost = ALGORITHMS["actor_mimic"].cost(settings)
    asking = rates.forward_rate(precision, _DISTILLING_ENVS, seconds)
    bodies = []
    for body in BODIES:
        tell(f"the body {body}")
        forward = rates.forward_rate(precision, _DISTILLING_ENVS, seconds, body)
        training = rates.training_rate(precision, xla, settings.batch_size, seconds, body)
        bodies.append(
            {
                "body": body,
                "parameters": actor_mimic_network(body).count_params(),
                "forward": forward,
                "training": training,
                "steps": 1 / cost.seconds(emulation, forward, asking, training),
            }
        )
    return bodies


@contextmanager
def _acting(game: Game, precision: str) -> Iterator[Callable[[], int]]:
    network = actor_mimic_network(normalize_features=True, dtype=precision)
    with closing(make([game], _ENVS)) as environments:
        policy = EpsilonGreedy(network, environments.action_masks, np.random.default_rng(0), 0.1)
        transitions = rollout(environments, policy)

        def step() -> int:
            next(transitions)
            return _ENVS

        yield step


@contextmanager
def _distilling(game: Game, precision: str, xla: bool) -> Iterator[Callable[[], int]]:
    with TemporaryDirectory() as folder:
        expert = nature_dqn(game.num_actions, normalize_features=True)
        card = {"kind": "expert", "games": [game.name]}
        models.save(expert, Path(folder) / f"{game.name}.keras", card)
        configuration = distill_config(
            Path(folder),
            preset="laptop",
            envs=_DISTILLING_ENVS,
            update_period_steps=_DISTILLING_BATCH,
            batch_size=_DISTILLING_BATCH,
            precision=precision,
            jit_compile=xla,
        )
        with _training(configuration) as step:
            yield step


def paper_dqn(game: Game, precision: str = "float32") -> Stepping:
    """Rounds of DQN training at the paper's settings, once learning has begun."""
    # Learning starts early, and the memory is small, so that nothing but learning is measured.
    steps = {"replay_start_steps": 500, "replay_steps": 20_000}
    early = expert_config(game.name, "paper", precision=precision, epsilon=((0, 0.1),), **steps)
    return _training(early)


@contextmanager
def _training(configuration: Configuration) -> Iterator[Callable[[], int]]:
    """A job's rounds, begun when it has learnt twice."""
    job = build(configuration, environments_seed=0)
    with closing(job):

        def step() -> int:
            before = job.steps
            job.play_and_learn()
            return job.steps - before

        while int(job.learner.optimizer.iterations) < 2:
            step()
        yield step
