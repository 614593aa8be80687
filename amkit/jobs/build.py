"""From a configuration to the job that it describes."""

from collections.abc import Callable, Sequence
from statistics import geometric_mean
from typing import Any

import keras

from amkit.games.atari import find_game
from amkit.games.catalogue import Game
from amkit.games.environments import make
from amkit.jobs.configuration import Beginning, Configuration
from amkit.learning.actor_mimic import ActorMimic
from amkit.learning.job import Training, compile_learner
from amkit.learning.temperature import spread
from amkit.networks.bodies import actor_mimic_network, multitask_convolutions, nature_dqn
from amkit.networks.seeding import initial_weights_of
from amkit.storage.experts import Expert, load_experts
from amkit.storage.run_folders import RunError
from amkit.transfer.initialise import Source, initialise, initialise_student, load_source
from amkit.transfer.kernels import kernel_sizes, scale_kernels


def build(
    configuration: Configuration,
    environments_seed: int,
    on_ready: Callable[[int], None] | None = None,
) -> Training:
    """Makes the job that a configuration describes, with `on_ready` as `AtariEnvironments` has it.

    `job.learner.acting` is the network that it trains; `job.environments` are open.

    Raises:
        RunError: if experts or the source were exchanged.
    """
    games, settings = [find_game(name) for name in configuration.games], configuration.settings
    with initial_weights_of(configuration.seed):
        if configuration.kind == "amn":
            players: Sequence[Any] = _experts(configuration)
            learner = _actor_mimic(configuration, players)
        else:
            players = games
            learner = settings.learner(_q_network(configuration, games), games)
        compile_learner(learner, settings.optimizer(), configuration.jit_compile)
    environments = make(
        games,
        settings.envs,
        seed=environments_seed,
        fire_games=configuration.fire_games,
        on_ready=on_ready,
    )
    try:
        return configuration.row.training(
            players, settings, environments, learner, configuration.seed
        )
    except BaseException:  # Out of memory, or Ctrl-C: emulators are threads, which would go on.
        environments.close()
        raise


def _q_network(configuration: Configuration, games: Sequence[Game]) -> keras.Model:
    """A network that learns Q-values: of an expert, a target DQN or a baseline."""
    layers: dict[str, Any] = {
        "normalize_features": configuration.row.normalize_features,
        "background": configuration.background,
        "dtype": configuration.precision,
    }
    if begin := configuration.transfer:
        layers["normalize_features"] = begin.normalize_features
        network = actor_mimic_network(begin.body or "nature", **layers)
        sizes = begin.kernel_sizes or kernel_sizes(network)
        if begin.path:
            initialise(network, _unchanged_source(begin), begin.head or "keep", begin.freeze)
        if begin.kernels:
            scale_kernels(network, sizes)
        return network
    match configuration.kind:
        case "expert":
            return nature_dqn(games[0].num_actions, **layers)
        case "mdqn":
            return actor_mimic_network(**layers)
        case "mcdqn":
            return multitask_convolutions(configuration.games, **layers)
        case kind:
            raise AssertionError(f"no network of kind {kind}")


def _experts(configuration: Configuration) -> list[Expert]:
    assert configuration.experts
    experts = load_experts(configuration.experts, configuration.games, configuration.precision)
    hashes = tuple(expert.card["weight_hash"] for expert in experts)
    if hashes != configuration.expert_weights:
        raise RunError(
            f"{configuration.experts} does not hold the experts that this run began with: start a "
            "new run"
        )
    return experts


def _actor_mimic(configuration: Configuration, experts: Sequence[Expert]) -> ActorMimic:
    settings = configuration.settings
    temperatures = configuration.temperatures or {
        expert.game.name: settings.temperature * spread(expert) for expert in experts
    }
    feature_sizes = [expert.feature_size for expert in experts] if settings.feature_weight else []
    student = actor_mimic_network(
        settings.body,
        normalize_features=settings.normalize_features,
        background=configuration.background,
        dtype=configuration.precision,
    )
    if configuration.begin:
        source = _unchanged_source(configuration.begin)
        of_source = [temperatures[name] for name in source.games if name in temperatures]
        temperature = geometric_mean(of_source or temperatures.values())
        initialise_student(student, source, temperature if settings.objective == "policy" else None)
    taus = [temperatures[name] for name in configuration.games]
    return ActorMimic(student, feature_sizes, taus, settings.feature_weight, settings.objective)


def _unchanged_source(begin: Beginning) -> Source:
    assert begin.path
    source = load_source(begin.path)
    if source.weight_hash != begin.weights:
        raise RunError(f"{begin.path} is not the network that this run began with")
    return source
