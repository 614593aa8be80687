"""Sees a run through: training, evaluation, model and card."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from amkit.evaluation.protocols import PROTOCOLS
from amkit.evaluation.scorecards import SEED, Request, score
from amkit.evaluation.testing_epochs import LearningCurve
from amkit.games.atari import find_game
from amkit.games.published import EPSILON
from amkit.jobs import forecast, rates
from amkit.jobs.budget import Budget
from amkit.jobs.build import build
from amkit.jobs.configuration import Configuration, read_configuration
from amkit.learning.distillation import Distillation
from amkit.learning.job import Training
from amkit.learning.loop import Progress, run_job
from amkit.networks.twins import in_precision, rounded
from amkit.storage import checkpoints, models
from amkit.storage.cards import ModelFileError
from amkit.storage.experts import Expert, ExpertError
from amkit.storage.run_folders import Run

OnGames = Callable[[str, int, int], None]


def run(
    run_folder: Run,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    checkpoint_seconds: float = 120.0,
    on_evaluation: OnGames | None = None,
    on_test: OnGames | None = None,
    on_ready: Callable[[int], None] | None = None,
    begun: float | None = None,
) -> list[dict[str, Any]]:
    """Trains what a run's configuration asks for, evaluates it, and writes its model and card.

    Args:
        run_folder: an open one; goes on from its newest checkpoint.
        callbacks, checkpoint_seconds: as in `run_job`.
        on_evaluation: called with (game, whole games counted, steps played) at the end.
        on_test: the same, during the tests while it trains.
        on_ready: as `AtariEnvironments` has it.
        begun: when the run's minutes begin, by `time.monotonic`, if it has any; None is now.

    Returns:
        The scores on the card, one per game.

    Raises:
        Interrupted: after Ctrl-C, the state saved.
        CheckpointError, RunError: if files cannot be read or written.
    """
    begun = time.monotonic() if begun is None else begun
    configuration = read_configuration(run_folder)
    pace = forecast.pace(configuration) if configuration.minutes else None
    if pace:
        evaluation = forecast.Evaluation(configuration, pace)
        parts = forecast.split(configuration, pace, time.monotonic() - begun)
        settings = replace(configuration.settings, steps=parts.steps)
        configuration = replace(configuration, settings=settings)
    job = _begin(run_folder, configuration, on_ready)
    games = tuple(find_game(name) for name in configuration.games)
    tests, protocol = configuration.test_epochs, PROTOCOLS[configuration.test_protocol]
    seed = SEED + 2**20  # Neither a training's nor the reported score's.
    acting = job.learner.acting
    fire_games = configuration.fire_games
    curve = LearningCurve(run_folder, acting, games, protocol, tests, seed, on_test, fire_games)
    reporting, here = [*callbacks, curve], rates.machine()
    budget = None
    if pace:
        budget = Budget(parts, begun, curve, evaluation.seconds)
    with closing(job):
        progress = run_job(job, run_folder, reporting, checkpoint_seconds, here, budget)
    trained = rounded(acting)  # Before it is evaluated: the scores are of what is kept.
    experts = job.experts if isinstance(job, Distillation) else ()
    teachers = {expert.game.name: expert for expert in experts}
    path, kind = run_folder.model_path, configuration.kind
    protocol = PROTOCOLS[configuration.protocol]
    played_in = configuration.student_played
    request = Request(path, trained, kind, games, protocol, EPSILON, SEED, teachers, played_in)
    scores = score(request, on_evaluation)
    card = _card(configuration, job, trained, progress, experts)
    models.save(trained, path, {**card, "scores": scores, "tests": curve.rows})
    run_folder.discard_checkpoints()
    return scores


def _begin(
    run_folder: Run, configuration: Configuration, on_ready: Callable[[int], None] | None
) -> Training:
    """Builds a run's job; a run that cannot begin, for a file's fault, is none to go on with."""
    # Emulators cannot be saved: a resumed run plays other new games than those it began with.
    resumed = checkpoints.count(run_folder.checkpoint_folder)
    seeds = np.random.SeedSequence((configuration.seed, resumed)).generate_state(1)
    try:
        return build(configuration, int(seeds[0]) % (SEED // 2), on_ready)
    except (ExpertError, ModelFileError):
        if not resumed:
            run_folder.abandon()
        raise


def _card(
    configuration: Configuration,
    job: Training,
    trained: keras.Model,
    progress: Progress,
    experts: Sequence[Expert],
) -> dict[str, Any]:
    """What the card of a finished run says but for its scores; forward passes are timed for it."""
    card = replace(configuration, settings=job.settings).to_json()
    if minutes := card.get("minutes"):
        card["budget"] = {"minutes": minutes, "plans": progress.plans}
        command = re.sub(r" --minutes \S+", "", card.get("command") or "amkit")
        if " --preset " not in command:  # What minutes here have chosen, steps elsewhere do not.
            command += f" --preset {configuration.preset}"
        card["command"] = f"{command} --steps {job.settings.steps}"
    card.pop("experts", None)  # Where they lay on this machine is of no use elsewhere.
    if card.pop("played_in", None) and (played_in := configuration.student_played):
        card["played_in"] = played_in
    for key in ("begin", "transfer"):
        card.get(key, {}).pop("from", None)
    masks = {name: find_game(name).action_mask for name in configuration.games}
    card |= {
        "action_masks": {name: mask.astype(int).tolist() for name, mask in masks.items()},
        "steps": job.steps,
        "minutes": round(progress.seconds / 60, 1),
        **_machines(progress),
        "learning_curve": progress.rows,
        "forward_milliseconds": rates.forward_milliseconds(trained),
    }
    if experts:
        taus = job.learner.temperatures
        card["temperatures"] = dict(zip(configuration.games, taus, strict=True))
        expert = in_precision(experts[0].network, "float32")
        card["one_expert"] = {
            "parameters": expert.count_params(),
            "forward_milliseconds": rates.forward_milliseconds(expert),
        }
    return card


def _machines(progress: Progress) -> dict[str, Any]:
    """Where a run was trained: most of it, and, where there were several, the minutes on each."""
    machines = [dict(description) for description in progress.machines]
    minutes = [round(description.pop("seconds") / 60, 1) for description in machines]
    longest = machines[int(np.argmax(minutes))]
    if len(machines) == 1:
        return {"machine": longest}
    each = [{**m, "minutes": n} for m, n in zip(machines, minutes, strict=True)]
    return {"machine": longest, "machines": each}
