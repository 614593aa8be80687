"""From a request to a configuration: what `amkit train`, `distill`, `baseline`, `transfer` will do.

A configuration is a plain dictionary, kept in the run folder. It alone becomes the job
(`recipes.py`): a resumed run is built exactly as the first time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from amkit.evaluation.protocols import PROTOCOLS
from amkit.games.atari import background, find_game
from amkit.jobs import machine, presets, rates
from amkit.learning.pqn import PQNSettings
from amkit.learning.temperature import spread
from amkit.networks.bodies import actor_mimic_network
from amkit.storage.cards import ModelFileError
from amkit.storage.experts import Expert, ExpertError, load_experts
from amkit.storage.run_folders import DamagedRun, Run, label
from amkit.transfer.initialise import initialise, load_source

BASELINES = ("mdqn", "mcdqn")


def expert_config(
    game: str, preset: str = "laptop", seed: int = 0, **overrides: Any
) -> dict[str, Any]:
    """The configuration of an expert's training.

    Args:
        game: name of an ALE game.
        preset: one of `presets.EXPERT`.
        seed: int. Repeats the run.
        **overrides: settings to change; None leaves the preset's. Also `precision`, `jit_compile`,
            `protocol` and `test_epochs`, whose None is measured, chosen for the device, the
            preset's and 0.

    Returns:
        A JSON-able dictionary for `Run`.

    Raises:
        ValueError: for an unknown game, preset or value.
    """
    settings = _named(presets.EXPERT, preset, "preset")
    found = find_game(game)
    return {
        "kind": "expert",
        "games": [found.name],
        "background": background(found) if isinstance(settings, PQNSettings) else 0,
        **_common(preset, seed, settings, overrides),
    }


def distill_config(
    experts: Path,
    games: Sequence[str] | None = None,
    preset: str = "laptop",
    seed: int = 0,
    source: Path | None = None,
    **overrides: Any,
) -> dict[str, Any]:
    """The configuration of a distillation.

    Args:
        experts: folder of experts.
        games: which of them; None means all.
        preset: one of `presets.DISTILL`.
        seed: int. Repeats the run.
        source: file of the expert or AMN whose weights the student begins with; None begins with
            random ones.
        **overrides: as in `expert_config`.

    Returns:
        A JSON-able dictionary for `Run`. It names each expert's weights, so that a resumed run
        notices if they were exchanged.

    Raises:
        ValueError: for an unknown preset or value, experts that are not there, a source of other
            layers, or temperatures of experts whose actions are all worth the same.
        ModelFileError: if the source is missing or damaged.
    """
    loaded = load_experts(experts, games)
    if overrides.get("feature_weight"):
        _ = [expert.feature_size for expert in loaded]  # Raises where one has no features.
    settings = _named(presets.DISTILL, preset, "preset")
    settings = settings.divided_by(len(loaded), overrides.get("steps"))
    # One network sees all games: zero is the mean of their backgrounds.
    backgrounds = [background(expert.game) for expert in loaded]
    config = {
        "kind": "amn",
        "games": [expert.game.name for expert in loaded],
        "background": float(np.mean(backgrounds)) if settings.normalize_features else 0,
        "experts": str(Path(experts).resolve()),
        "expert_weights": [expert.card["weight_hash"] for expert in loaded],
        **_common(preset, seed, settings, overrides),
    }
    if source is not None:
        found = load_source(source)
        own = {key: config["settings"][key] for key in ("body", "normalize_features")}
        if own != {key: getattr(found, key) for key in own}:
            raise ValueError(
                f"a student of {own} begins with weights of such layers. Received: {source}, "
                f"{found.body}, features {'' if found.normalize_features else 'not '}normalised"
            )
        config["begin"] = {
            "from": str(Path(source).resolve()),
            "source": label(source),
            "weights": found.weight_hash,
            "learnt": list(found.games),
        }
    config["temperatures"] = _temperatures(config["settings"], loaded)  # Last, as it plays.
    return config


def _temperatures(settings: dict[str, Any], experts: Sequence[Expert]) -> dict[str, float]:
    """tau of each game."""
    temperature = settings["temperature"]
    if settings["temperature_unit"] == "q_values":
        return {expert.game.name: temperature for expert in experts}
    return {expert.game.name: temperature * spread(expert) for expert in experts}


def baseline_config(
    architecture: str,
    games: Sequence[str],
    preset: str = "laptop",
    seed: int = 0,
    **overrides: Any,
) -> dict[str, Any]:
    """The configuration of a baseline: experts' own learning, of several games at once (App. C).

    Args:
        architecture: one of `BASELINES`.
        games: names, two or more.
        preset: one of `presets.BASELINE`.
        seed: int. Repeats the run.
        **overrides: as in `expert_config`.

    Returns:
        A JSON-able dictionary for `Run`.

    Raises:
        ValueError: for an unknown game, architecture, preset or value.
    """
    if architecture not in BASELINES:
        raise ValueError(f"a baseline is {' or '.join(BASELINES)}. Received: {architecture!r}")
    settings = _named(presets.BASELINE, preset, "preset")
    found = [find_game(name) for name in games]
    if len(found) < 2:
        raise ValueError(f"a baseline learns two games or more. Received: {', '.join(games)}")
    if len(found) > 20:
        raise ValueError(f"a baseline learns 20 games at most. Received: {len(found)}")
    backgrounds = [background(game) if isinstance(settings, PQNSettings) else 0 for game in found]
    return {
        "kind": architecture,
        "games": [game.name for game in found],
        "background": float(np.mean(backgrounds)),
        **_common(preset, seed, settings, overrides),
    }


def transfer_config(
    game: str,
    source: Path | None,
    preset: str = "laptop",
    seed: int = 0,
    head: str = "keep",
    freeze: str | None = None,
    like: Path | None = None,
    test_epochs: int = 10,
    **overrides: Any,
) -> dict[str, Any]:
    """The configuration of a target DQN: the training of an expert, begun from an AMN's weights.

    Args:
        game: name of an ALE game.
        source: the AMN's file; None begins with random weights.
        preset: one of `presets.TRANSFER`.
        seed: int. Repeats the run.
        head: as in `transfer.initialise`.
        freeze: as in `transfer.initialise`.
        like: without a source, a file whose network's layers are taken, but not its weights; None
            takes an expert's layers.
        test_epochs: tests while it learns.
        **overrides: as in `expert_config`.

    Returns:
        A JSON-able dictionary for `Run`.

    Raises:
        ValueError: for an unknown game, preset or value, a source with other layers than
            amkit's networks, or one whose features are not normalised, where the preset's algorithm
            needs that.
        ModelFileError: if the source is missing or damaged.
    """
    settings = _named(presets.TRANSFER, preset, "preset")
    found = find_game(game)
    by_pqn = isinstance(settings, PQNSettings)  # Which needs normalised features.
    amn = load_source(source or like) if source or like else None
    if amn and by_pqn and not amn.normalize_features:
        raise ValueError(
            f"preset {preset} needs an AMN with normalised features, as it has no target network; "
            f"--preset paper takes others too. Received: {source or like}, whose are not normalised"
        )
    begin: dict[str, Any] = {
        "from": None,
        "source": "random",
        "body": amn.body if amn else "nature",
        "normalize_features": amn.normalize_features if amn else by_pqn,
    }
    if source is not None:
        if label(source) == begin["source"]:  # What a report would call it.
            raise ValueError(
                f"weights come from a file called otherwise than random ones. Received: {source}"
            )
        begin |= {"from": str(Path(source).resolve()), "source": label(source)}
        begin |= {"weights": amn.weight_hash, "head": head, "freeze": freeze}
        begin["learnt"] = list(amn.games)
        # It may be asked for, but is no transfer.
        begin["knows_target"] = found.name in amn.games
        # Raises where that cannot be done.
        initialise(actor_mimic_network(**layers_of_first_weights(begin)), amn, head, freeze)
    return {
        "kind": "expert",
        "games": [found.name],
        "background": background(found) if by_pqn else 0,
        "transfer": begin,
        **_common(preset, seed, settings, {**overrides, "test_epochs": test_epochs}),
    }


def layers_of_first_weights(begin: dict[str, Any]) -> dict[str, Any]:
    """Of a transfer's "begin": what layers its weights are of, for `actor_mimic_network`."""
    return {key: begin[key] for key in ("body", "normalize_features")}


def _named(choices: dict[str, Any], name: str, what: str) -> Any:
    if name not in choices:
        raise ValueError(f"{what} is one of {', '.join(choices)}. Received: {name!r}")
    return choices[name]


def _common(preset: str, seed: int, settings: Any, overrides: dict[str, Any]) -> dict[str, Any]:
    asked = {key: value for key, value in overrides.items() if value is not None}
    protocol = asked.pop("protocol", presets.PROTOCOL.get(preset, "quick"))
    _named(PROTOCOLS, protocol, "protocol")
    test_epochs = asked.pop("test_epochs", 0)
    precision = asked.pop("precision", presets.PRECISION.get(preset))
    if precision is not None and precision not in rates.PRECISIONS:
        raise ValueError(
            f"precision is one of {', '.join(rates.PRECISIONS)}. Received: {precision!r}"
        )
    jit_compile = asked.pop("jit_compile", machine.default_jit_compile())
    known = [field.name for field in fields(settings)]
    if unknown := sorted(set(asked) - set(known)):
        raise ValueError(
            f"settings of preset {preset} are {', '.join(known)}. Received: {', '.join(unknown)}"
        )
    settings = replace(settings, **asked)
    if hasattr(settings, "replay_start_steps"):
        first_update = settings.replay_start_steps + settings.update_period_steps
        if settings.steps < first_update:
            raise ValueError(
                f"steps is {first_update:,} or more, where learning starts. "
                f"Received: {settings.steps:,}"
            )
    return {
        "preset": preset,
        "settings": asdict(settings),
        "seed": seed,
        "precision": precision or _fastest_precision(),
        "jit_compile": jit_compile,
        "protocol": protocol,
        "test_epochs": test_epochs,
        "test_protocol": presets.TEST_PROTOCOL[preset],
        "machine": machine.describe(),
    }


@cache
def _fastest_precision() -> str:
    """Measured once, however many jobs there are."""
    return rates.fastest_precision()


def check_goes_on(run: Run, kind: str, games: Sequence[str] | None, **asked: Any) -> None:
    """Checks that a run is the one asked for, as it goes on with the options it began with.

    Args:
        run: an open one.
        kind: one of `cards.KINDS`.
        games: names, in any order; None means whichever it has.
        **asked: options as for `expert_config` and `distill_config`; None was not asked for.

    Raises:
        ValueError: at the first difference.
        DamagedRun: if the configuration does not describe a run.
    """
    config = run.config
    with describing_a_run():
        begun = {"kind": config["kind"], "games": sorted(config["games"])}
        begun |= (
            config["settings"]
            | config.get("transfer", config.get("begin", {}))
            | {
                key: config[key]
                for key in ("preset", "seed", "protocol", "precision", "jit_compile", "test_epochs")
                if key in config
            }
        )
    wanted = {"kind": kind, "games": games and sorted(games), **asked}
    for key, value in wanted.items():
        if value is not None and begun.get(key) != value:
            raise ValueError(
                f"{run.folder} goes on as it began, with {key} {begun.get(key)}: leave out the "
                f"option, or begin a new run in another folder, without --resume. Received: {value}"
            )


@contextmanager
def describing_a_run() -> Iterator[None]:
    """What goes wrong in here is the configuration's fault: it was changed, or is an older one."""
    try:
        yield
    except (ExpertError, ModelFileError):
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DamagedRun(
            f"config.json does not describe a run of this version: {error!r}"
        ) from error
