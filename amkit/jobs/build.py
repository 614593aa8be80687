"""From a configuration to the job that it describes."""

from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import keras

from amkit.games.atari import AtariEnvironments, find_game
from amkit.jobs.configuration import describing_a_run, layers_of_first_weights
from amkit.learning.actor_mimic import ActorMimic
from amkit.learning.distillation import Distillation, DistillSettings
from amkit.learning.dqn import DQN, DQNSettings, DQNTraining
from amkit.learning.job import Job, compile_learner
from amkit.learning.pqn import PQN, PQNSettings, PQNTraining
from amkit.networks.bodies import actor_mimic_network, multitask_convolutions, nature_dqn
from amkit.storage.cards import KINDS
from amkit.storage.experts import load_experts
from amkit.storage.run_folders import RunError
from amkit.transfer.initialise import Source, initialise, initialise_student, load_source


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
