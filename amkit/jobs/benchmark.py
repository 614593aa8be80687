"""What this machine does per second: whole jobs against emulation alone, measured in one run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import keras
import numpy as np

from amkit.games.catalogue import Game
from amkit.games.environments import make
from amkit.jobs import machine, presets, rates
from amkit.learning.actor_mimic import ActorMimic
from amkit.learning.distillation import Distillation
from amkit.learning.dqn import DQN, DQNTraining
from amkit.learning.job import Settings, Training, compile_learner
from amkit.learning.pqn import PQN, PQNTraining
from amkit.networks.bodies import BODIES, actor_mimic_network, nature_dqn
from amkit.networks.twins import for_running
from amkit.play.policy import EpsilonGreedy
from amkit.play.rollout import rollout
from amkit.storage.card_types import Card
from amkit.storage.experts import Expert

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
        seconds: float. Spent on each measurement after warming up.
        tell: called with what is measured next.

    Returns:
        "steps": list of {"what", "rate" (agent steps/s), "ratio" (to emulation alone)};
        "updates": list of {"precision", "xla", "batch_size", "rate" (samples/s)}; "bodies": list of
        {"body", "parameters", "forward" (observations/s), "training" (samples/s), "steps" (agent
        steps/s of a distillation at preset laptop's two samples per step, were it only its parts,
        each alone)}; "machine".
    """
    precision, xla = rates.fastest(_DISTILLING_BATCH)
    tell("emulation alone")
    emulation = rates.emulation_rate(game, _ENVS, seconds)
    rows = [(f"emulation alone, {_ENVS} environments", emulation)]
    for what, stepping in (
        (f"acting, {_ENVS} environments", _acting(game, precision)),
        (
            f"distilling, {_DISTILLING_ENVS} environments, 1 training sample per step, "
            f"updates of {_DISTILLING_BATCH}",
            _distilling(game, precision, xla),
        ),
        ("expert training, preset laptop (PQN)", _pqn(game, precision)),
        ("expert training, preset paper (DQN, 8 samples per step, float32)", paper_dqn(game)),
    ):
        tell(what)
        with stepping as step:
            rows.append((what, rates.rate(step, seconds)))
    tell("the parts of distilling")
    parts = rates.Rates(
        emulation,
        rates.forward_rate(precision, _DISTILLING_ENVS, seconds),
        rates.training_rate(precision, xla, _DISTILLING_BATCH, seconds),
    )
    # The expert is asked in every step, the student where it acts: in half of them. What distilling
    # would reach if nothing but these took time, and nothing overlapped.
    rows.append(
        ("emulation, 1.5 forward passes, 1 sample, each alone", 1 / parts.seconds_per_step(1.5, 1))
    )
    return {
        "game": game.name,
        "precision": precision,
        "bodies": _bodies(emulation, precision, xla, seconds / 4, tell),
        "steps": [
            {"what": what, "rate": steps, "ratio": steps / emulation} for what, steps in rows
        ],
        "updates": _updates(seconds / 4, tell),
        "machine": machine.describe(),
    }


def _updates(seconds: float, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rates of updates, for each batch size, precision and way to compile."""
    updates = []
    for batch_size, dtype, xla in product((32, 512), rates.PRECISIONS, (False, True)):
        tell(f"updates of {batch_size}, {dtype}, XLA {xla}")
        samples = rates.training_rate(dtype, xla, batch_size, seconds)
        updates.append({"batch_size": batch_size, "precision": dtype, "xla": xla, "rate": samples})
    return updates


def _bodies(
    emulation: float, precision: str, xla: bool, seconds: float, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """What students of each of `BODIES` cost; experts are asked in every step, they in half."""
    settings = presets.DISTILL["laptop"]
    asking_experts = rates.forward_rate(precision, _DISTILLING_ENVS, seconds)
    bodies = []
    for body in BODIES:
        tell(f"the body {body}")
        student = rates.Rates(
            emulation,
            rates.forward_rate(precision, _DISTILLING_ENVS, seconds, body),
            rates.training_rate(precision, xla, settings.batch_size, seconds, body),
        )
        samples = settings.batch_size / settings.update_period_steps
        bodies.append(
            {
                "body": body,
                "parameters": actor_mimic_network(body).count_params(),
                "forward": student.forward,
                "training": student.training,
                "steps": 1 / (student.seconds_per_step(0.5, samples) + 1 / asking_experts),
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


def _distilling(game: Game, precision: str, xla: bool) -> Stepping:
    settings = replace(
        presets.DISTILL["laptop"],
        envs=_DISTILLING_ENVS,
        update_period_steps=_DISTILLING_BATCH,
        batch_size=_DISTILLING_BATCH,
    )
    network = nature_dqn(game.num_actions, normalize_features=True)
    card: Card = {"kind": "expert", "games": [game.name], "weight_hash": ""}
    expert = Expert(game, for_running(network, precision), card, Path())
    student = actor_mimic_network(normalize_features=True, dtype=precision)
    learner = ActorMimic(student, [512], settings.temperature)
    return _training(Distillation, [expert], settings, learner, xla)


def _pqn(game: Game, precision: str) -> Stepping:
    settings = presets.EXPERT["laptop"]
    learner = PQN(nature_dqn(game.num_actions, normalize_features=True, dtype=precision), [game])
    _, xla = rates.fastest(settings.batch_size, precision)
    return _training(PQNTraining, [game], settings, learner, xla)


def paper_dqn(game: Game, xla: bool | None = None) -> Stepping:
    """Rounds of DQN training at the paper's settings, once learning has begun.

    Args:
        game: the game.
        xla: whether updates are compiled; None is what is faster here.
    """
    # Learning starts early, and the memory is small, so that nothing but learning is measured.
    settings = replace(
        presets.EXPERT["paper"], replay_start_steps=500, replay_steps=20_000, epsilon=((0, 0.1),)
    )
    learner = DQN(nature_dqn(game.num_actions, dtype="float32"), [game])
    _, xla = rates.fastest(settings.batch_size, "float32", xla)
    return _training(DQNTraining, [game], settings, learner, xla)


@contextmanager
def _training(
    training: Callable[..., Training],
    players: list[Any],
    settings: Settings,
    learner: keras.Model,
    xla: bool,
) -> Iterator[Callable[[], int]]:
    """A job's rounds, begun when it has learnt twice."""
    compile_learner(learner, settings.optimizer(), xla)
    games = [getattr(player, "game", player) for player in players]
    with closing(make(games, settings.envs)) as environments:
        job = training(players, settings, environments, learner)

        def step() -> int:
            before = job.steps
            job.play_and_learn()
            return job.steps - before

        while int(learner.optimizer.iterations) < 2:
            step()
        yield step
