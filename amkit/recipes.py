"""From a configuration to a finished model: `build` makes the job, `run` sees it through."""

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import keras
import numpy as np

from amkit import checkpoints, hardware, model_files
from amkit.actor_mimic import ActorMimic
from amkit.atari import AtariEnvironments, find_game
from amkit.cards import KINDS, read_card
from amkit.configs import describing_a_run, layers_of_first_weights
from amkit.curves import LearningCurve
from amkit.distillation import Distillation, DistillSettings
from amkit.dqn import DQN, DQNSettings, DQNTraining
from amkit.evaluation import PROTOCOLS
from amkit.experts import find_experts, load_experts
from amkit.games import EPSILON
from amkit.networks import (
    actor_mimic_network,
    in_precision,
    multitask_convolutions,
    nature_dqn,
)
from amkit.pqn import PQN, PQNSettings, PQNTraining
from amkit.runs import Run, RunError
from amkit.scoring import SEED, Request, score
from amkit.training import Job, Progress, compile_learner, run_job
from amkit.transfer import Source, initialise, initialise_student, load_source


def build(
    config: dict[str, Any],
    environments_seed: int,
    on_ready: Callable[[int], None] | None = None,
) -> tuple[Job, keras.Model]:
    """Makes the job that a configuration describes.

    Args:
        config: from `expert_config`, `distill_config` or `baseline_config`.
        environments_seed: int. Of the emulators.
        on_ready: as `AtariEnvironments` has it.

    Returns:
        (job, the network it trains).

    Raises:
        RunError: if the configuration does not describe a run, or the experts were exchanged.
    """
    with describing_a_run():
        keras.utils.set_random_seed(config["seed"])
        if config["kind"] == "amn":
            return _build_distillation(config, environments_seed, on_ready)
        return _build_q_learning(config, environments_seed, on_ready)


def _build_q_learning(
    config: dict[str, Any], environments_seed: int, on_ready: Callable[[int], None] | None
) -> tuple[Job, keras.Model]:
    games = [find_game(name) for name in config["games"]]
    values = config["settings"]
    replay = "replay_steps" in values
    settings = DQNSettings(**values) if replay else PQNSettings(**values)
    options = {
        "normalize_features": not replay,
        "background": config["background"],
        "dtype": config["precision"],
    }
    match config["kind"]:
        case "expert" if "transfer" in config:
            network = _target_network(config["transfer"], options)
        case "expert":
            network = nature_dqn(games[0].num_actions, **options)
        case "mdqn":
            network = actor_mimic_network(**options)
        case "mcdqn":
            network = multitask_convolutions(config["games"], **options)
        case kind:
            raise ValueError(f"kind is one of {', '.join(KINDS)}. Received: {kind!r}")
    environments = AtariEnvironments(
        games, settings.envs, seed=environments_seed, on_ready=on_ready
    )
    if replay:
        learner = DQN(network, games)
        optimizer = keras.optimizers.deserialize(dict(settings.optimizer))
        job_class = DQNTraining
    else:
        learner = PQN(network, games)
        network = learner.acting  # What is kept.
        optimizer = settings.optimizer()
        job_class = PQNTraining
    compile_learner(learner, optimizer, config["jit_compile"])
    return job_class(games, settings, environments, learner, config["seed"]), network


def _target_network(begin: dict[str, Any], options: dict[str, Any]) -> keras.Model:
    network = actor_mimic_network(**{**options, **layers_of_first_weights(begin)})
    if begin["from"] is None:
        return network
    initialise(network, _unchanged_source(begin), begin["head"], begin["freeze"])
    return network


def _build_distillation(
    config: dict[str, Any], environments_seed: int, on_ready: Callable[[int], None] | None
) -> tuple[Job, keras.Model]:
    settings = DistillSettings(**config["settings"])
    experts = load_experts(Path(config["experts"]), config["games"], config["precision"])
    if [expert.card["weight_hash"] for expert in experts] != config["expert_weights"]:
        raise RunError(
            f"{config['experts']} holds other experts than this run began with: start a new run"
        )
    learner = ActorMimic(
        _student(config, settings),
        [expert.feature_size for expert in experts] if settings.feature_weight else [],
        list(_temperatures(config).values()),
        settings.feature_weight,
        settings.objective,
    )
    compile_learner(learner, settings.optimizer(), config["jit_compile"])
    environments = AtariEnvironments(
        [expert.game for expert in experts],
        settings.envs,
        seed=environments_seed,
        on_ready=on_ready,
    )
    return Distillation(experts, settings, environments, learner, config["seed"]), learner.acting


def _student(config: dict[str, Any], settings: DistillSettings) -> keras.Model:
    student = actor_mimic_network(
        settings.body,
        normalize_features=settings.normalize_features,
        background=config["background"],
        dtype=config["precision"],
    )
    if "begin" in config:
        source = _unchanged_source(config["begin"])
        taus = _temperatures(config)
        own = [taus[name] for name in source.games if name in taus] or list(taus.values())
        temperature = geometric_mean(own) if settings.objective == "policy" else None
        initialise_student(student, source, temperature)
    return student


def _temperatures(config: dict[str, Any]) -> dict[str, float]:
    """tau of each game, in the games' order."""
    return {name: config["temperatures"][name] for name in config["games"]}


def _unchanged_source(begin: dict[str, Any]) -> Source:
    source = load_source(Path(begin["from"]))
    if source.weight_hash != begin["weights"]:
        raise RunError(f"{begin['from']} is another network than this run began with")
    return source


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
    model_files.save(trained, run_folder.model_path, card)
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
    card["forward_milliseconds"] = hardware.forward_milliseconds(trained)
    if config["kind"] == "amn":
        card["temperatures"] = _temperatures(config)
        card["expert_weights"] = config["expert_weights"]
        expert = in_precision(job.experts[0].network, "float32")
        card["one_expert"] = {
            "parameters": expert.count_params(),
            "forward_milliseconds": hardware.forward_milliseconds(expert),
        }
    return card


def _teachers(config: dict[str, Any]) -> dict[str, Path]:
    """Game -> the file of the expert that teaches it; none that was exchanged since."""
    return {
        name: path
        for name, path in find_experts(Path(config["experts"])).items()
        if read_card(path)["weight_hash"] in config["expert_weights"]
    }
