"""Sees a run through: training, evaluation, model and card."""

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import keras
import numpy as np

from amkit.evaluation.protocols import PROTOCOLS
from amkit.evaluation.scorecards import SEED, Request, score
from amkit.evaluation.testing_epochs import LearningCurve
from amkit.games.atari import find_game
from amkit.games.published import EPSILON
from amkit.jobs import rates
from amkit.jobs.build import _temperatures, build
from amkit.jobs.configuration import describing_a_run
from amkit.learning.job import Job
from amkit.learning.loop import Progress, run_job
from amkit.networks.twins import in_precision
from amkit.storage import checkpoints, models
from amkit.storage.experts import Listed, find_experts
from amkit.storage.run_folders import Run


def run(
    run_folder: Run,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    checkpoint_seconds: float = 120.0,
    on_evaluation: Callable[[str, int, int], None] | None = None,
    on_test: Callable[[str, int, int], None] | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> list[dict[str, Any]]:
    """Trains what a run's configuration asks for, evaluates it, and writes its model and card.

    Args:
        run_folder: an open `Run`; goes on from its newest checkpoint. The configuration's
            "command", if it has one, is put on the card.
        callbacks: as in `run_job`.
        checkpoint_seconds: as in `run_job`.
        on_evaluation: called with (game, whole games counted, steps played) at the end.
        on_test: the same, during the tests while it trains.
        on_ready: as `AtariEnvironments` has it.

    Returns:
        The scores on the card, one per game.

    Raises:
        Interrupted: after Ctrl-C, the state saved.
        CheckpointError, RunError: if files cannot be read or written.
    """
    config = run_folder.config
    begun = checkpoints.count(run_folder.checkpoint_folder)
    # Emulators cannot be saved: a resumed run plays other new games than those it began with.
    with describing_a_run():
        seeds = np.random.SeedSequence((config["seed"], begun)).generate_state(1)
        experts = _teachers(config) if config["kind"] == "amn" else {}
        protocol = PROTOCOLS[config["protocol"]]
        test_protocol = PROTOCOLS[config.get("test_protocol", "quick")]
    job, network = build(config, int(seeds[0]) % (SEED // 2), on_ready)
    games = tuple(find_game(name) for name in config["games"])
    curve = LearningCurve(
        run_folder,
        network,
        games,
        test_protocol,
        config.get("test_epochs", 0),
        SEED + 2**20,  # Neither a training's nor the reported score's.
        on_test,
    )
    with closing(job.environments):
        progress = run_job(job, run_folder, [*callbacks, curve], checkpoint_seconds)
    trained = in_precision(network, "float32")
    asked = Request(
        path=run_folder.model_path,
        network=trained,
        card=config,
        games=games,
        protocol=protocol,
        epsilon=EPSILON,
        seed=SEED,
        experts=experts,
    )
    scores = score(asked, on_evaluation)
    card = _card(config, job, trained, progress, scores, curve.rows)
    models.save(trained, run_folder.model_path, card)
    run_folder.discard_checkpoints()
    return scores


def _card(
    config: dict[str, Any],
    job: Job,
    trained: keras.Model,
    progress: Progress,
    scores: list[dict[str, Any]],
    tests: list[dict[str, Any]],
) -> dict[str, Any]:
    """What the card of a finished run says; forward passes are timed for it.

    Args:
        config: the run's.
        job: finished.
        trained: the network that came out, in float32.
        progress: how far the job has got.
        scores: from `scoring.score`.
        tests: rows of its learning curve.
    """
    card = {
        "kind": config["kind"],
        "games": config["games"],
        "action_masks": {
            name: find_game(name).action_mask.astype(int).tolist() for name in config["games"]
        },
        "scores": scores,
        "command": config.get("command"),
        "preset": config["preset"],
        "background": config["background"],
        "settings": config["settings"],
        "seed": config["seed"],
        "precision": config["precision"],
        "jit_compile": config["jit_compile"],
        "steps": job.steps,
        "minutes": round(progress.seconds / 60, 1),
        "machine": config["machine"],
        "learning_curve": progress.rows,
        "test_protocol": config.get("test_protocol"),
        "tests": tests,
    }
    for key in ("transfer", "begin"):
        if key in config:  # Less where the source lay on this machine.
            card[key] = {name: value for name, value in config[key].items() if name != "from"}
    card["forward_milliseconds"] = rates.forward_milliseconds(trained)
    if config["kind"] == "amn":
        card["temperatures"] = _temperatures(config)
        card["expert_weights"] = config["expert_weights"]
        expert = in_precision(job.experts[0].network, "float32")
        card["one_expert"] = {
            "parameters": expert.count_params(),
            "forward_milliseconds": rates.forward_milliseconds(expert),
        }
    return card


def _teachers(config: dict[str, Any]) -> dict[str, Listed]:
    """Game -> the expert that teaches it; none that was exchanged since."""
    return {
        name: expert
        for name, expert in find_experts(Path(config["experts"])).items()
        if expert.card["weight_hash"] in config["expert_weights"]
    }
