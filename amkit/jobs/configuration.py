"""What a run will do: one value from a preset and what was asked for, kept in the run folder.

It alone becomes the job (`build.py`): a resumed run is built exactly as the first time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from amkit.evaluation.protocols import PROTOCOLS
from amkit.games.atari import background, find_game
from amkit.jobs import presets, rates
from amkit.jobs.algorithms import ALGORITHMS, Algorithm, name_of
from amkit.learning.distillation import DistillSettings
from amkit.storage.cards import Kind, Played, played
from amkit.storage.experts import Listed, choose_experts
from amkit.storage.run_folders import DamagedRun, Run, label
from amkit.storage.validation import checked, one_line
from amkit.transfer.initialise import Head, Source, load_source
from amkit.transfer.kernels import FRESH

# Of a game, were its minutes all updates. With fewer, preset `short` learns more.
_ENOUGH_SAMPLES = 200_000
# No settings of algorithms.
_OF_RUN = ("minutes", "precision", "jit_compile", "protocol", "test_epochs")
BASELINES = ("mdqn", "mcdqn")
MAX_BASELINE_GAMES = 20


@checked
class Beginning:
    """The weights that a student or a target DQN begins with, and how its layers take them."""

    path: Annotated[Path | None, Field(alias="from")] = None  # Of the file; None is random weights.
    source: str = "random"  # What it is called.
    weights: str | None = None  # Their hash.
    learnt: tuple[str, ...] = ()  # Games that the source has learnt.
    body: str | None = None  # The layers, one of `networks.BODIES`.
    normalize_features: bool | None = None
    head: Head | None = None  # As in `transfer.initialise`, and so is `freeze`.
    freeze: str | None = None
    kernels: str | None = None  # Whose size they were scaled to: a network's name, or `FRESH`.
    kernel_sizes: tuple[float, ...] | None = None  # That size, if a network's.
    knows_target: bool | None = None  # The source has learnt the target itself: it is no transfer.


@checked
class Configuration:
    """Everything needed to repeat a run."""

    algorithm: str  # One of `ALGORITHMS`.
    kind: Kind  # Of the network that comes out.
    games: Annotated[tuple[str, ...], Field(min_length=1)]
    preset: str  # What the settings began as.
    settings: Any  # Of the algorithm; with `minutes` its steps are set when the run begins.
    # Of the whole run, with starts, tests and evaluation; None: it has the settings' steps.
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**29)]  # Of weights, exploration, samples and emulators.
    precision: rates.Precision  # Keras dtype policy.
    jit_compile: bool  # Whether updates are compiled by XLA.
    background: Annotated[float, Field(ge=0, le=255)]  # Luminance that the first layer sees as 0.
    protocol: str = "quick"  # Of the scores on the card.
    test_epochs: Annotated[int, Field(ge=0)] = 0  # Tests while training.
    test_protocol: str = "quick"  # Of these.
    machine: Mapping[str, str | int]  # Where the run began.
    command: str | None = None  # The command line that asks for this run alone.
    experts: Path | None = None  # Their folder.
    expert_weights: tuple[str, ...] = ()  # The hash of each game's expert.
    temperatures: Mapping[str, float] | None = None  # tau of each game; None: experts are measured.
    played_in: Mapping[str, Played] | None = None  # How experts were trained that say so, by game.
    begin: Beginning | None = None  # Of a student; None is random weights.
    transfer: Beginning | None = None  # Of a target DQN.

    @model_validator(mode="before")
    @classmethod
    def _settings_of_the_algorithm(cls, values: Any) -> Any:
        fields = values.kwargs if hasattr(values, "kwargs") else values
        row = _named(ALGORITHMS, fields.get("algorithm"), "algorithm")
        settings = fields.get("settings")
        if not isinstance(settings, row.settings):
            if not isinstance(settings, Mapping):
                raise ValueError(f"settings must be an object. Received: {settings!r:.80}")
            fields = {**fields, "settings": row.settings(**settings)}
        return fields

    @model_validator(mode="after")
    def _known(self) -> "Configuration":
        for name in (self.protocol, self.test_protocol):
            _named(PROTOCOLS, name, "protocol")
        return self

    @property
    def row(self) -> Algorithm:
        """What trains it."""
        return ALGORITHMS[self.algorithm]

    @property
    def fire_games(self) -> tuple[str, ...]:
        """Games in which FIRE is pressed for whoever plays, as for the expert when it learnt.

        What it would do in a game that waits for FIRE is nothing to imitate. The student learns no
        FIRE from it, so it has it pressed wherever it plays: while learning, tested and evaluated.
        """
        played_in = (self.played_in or {}).items()
        return tuple(name for name, one in played_in if one.get("fire_on_life_loss"))

    @property
    def student_played(self) -> dict[str, Played]:
        """What the student's card says of that; the rest is the experts' own."""
        return {
            name: {"fire_on_life_loss": True, "source": "its expert"} for name in self.fire_games
        }

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON holds it, less what is not known."""
        document = _ADAPTER.dump_python(self, mode="json", by_alias=True)
        for key in ("begin", "transfer"):
            document[key] = document[key] and _known_parts(document[key])
        if self.transfer and self.transfer.weights:  # As runs of before have it, to compare with.
            document["transfer"]["freeze"] = self.transfer.freeze
        return _known_parts(document)


_ADAPTER = TypeAdapter(Configuration)


def _known_parts(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value not in (None, [])}


def read_configuration(run: Run) -> Configuration:
    """The configuration of a run folder; DamagedRun if its `config.json` describes no run."""
    try:
        configuration: Configuration = _ADAPTER.validate_python(run.config)
    except ValidationError as error:
        raise DamagedRun(
            f"{run.folder / 'config.json'} does not describe a run of this version: "
            f"{one_line(error)}"
        ) from None
    return configuration


def expert_config(
    game: str, preset: str = "laptop", seed: int = 0, **overrides: Any
) -> Configuration:
    """The configuration of an expert's training.

    Args:
        game: any of the ALE's.
        preset: one of `presets.EXPERT`.
        seed: repeats the run.
        **overrides: settings to change; None leaves the preset's. Also `precision` and
            `jit_compile`, whose None is measured, `protocol`, whose None is the preset's,
            `test_epochs`, whose None is 0, and `minutes` of the whole run, in place of steps.

    Raises:
        ValueError: for an unknown game, preset or value.
    """
    settings = _named(presets.EXPERT, preset, "preset")
    return _configuration("expert", [find_game(game).name], preset, settings, seed, overrides)


def distill_config(
    experts: Path,
    games: Sequence[str] | None = None,
    preset: str | None = None,
    seed: int = 0,
    source: Path | None = None,
    **overrides: Any,
) -> Configuration:
    """The configuration of a distillation. Experts' cards are read, not their networks.

    Args:
        experts: their folder.
        games: which of them; None means all.
        preset: one of `presets.DISTILL`; None is `laptop`, or `short` where it learns more in the
            minutes of the run, on this machine.
        seed, **overrides: as in `expert_config`. With neither `steps` nor `minutes` those of
            `presets.DISTILL_MINUTES`.
        source: file of the expert or AMN whose weights the student begins with; None begins with
            random ones.

    Raises:
        ValueError: also for experts that are not there, or a source of other layers.
        ModelFileError: if a card or the source is missing or damaged.
    """
    if preset is None:
        asked = partial(distill_config, experts, games, seed=seed, source=source, **overrides)
        laptop = asked(preset="laptop")
        another_body = source or overrides.get("body")
        return laptop if another_body or _has_time(laptop) else asked(preset="short")
    listed = choose_experts(experts, games)
    settings: DistillSettings = _named(presets.DISTILL, preset, "preset")
    together = [key for key in ("total_envs", "total_replay_steps") if key in overrides]
    settings = replace(settings, **{key: overrides.pop(key) for key in together})
    settings = settings.divided_by(len(listed), overrides.get("steps"))
    if overrides.get("steps") is None and overrides.get("minutes") is None:
        overrides["minutes"] = presets.DISTILL_MINUTES[preset]
    begin = _beginning(source, load_source(source)) if source else None
    configuration = _configuration(
        "amn",
        [expert.game.name for expert in listed],
        preset,
        settings,
        seed,
        overrides,
        experts=experts.resolve(),
        expert_weights=[expert.card["weight_hash"] for expert in listed],
        played_in=_played_in(listed),
        begin=begin,
    )
    settings = configuration.settings
    if begin and _layers(begin) != _layers(settings):
        raise ValueError(
            f"the student has {_layers(settings)}: the network of --from must have the same "
            f"layers. Received: {source}, {_layers(begin)}"
        )
    if begin:  # The student's layers are the settings'.
        begin = replace(begin, body=None, normalize_features=None)
    measured = settings.temperature_unit == "spread"
    temperatures = None if measured else dict.fromkeys(configuration.games, settings.temperature)
    return replace(configuration, begin=begin, temperatures=temperatures)


def _has_time(configuration: Configuration) -> bool:
    """Whether a run's minutes, if it has any, are enough for its student on this machine."""
    if configuration.minutes is None:
        return True
    settings, games = configuration.settings, len(configuration.games)
    way = configuration.precision, configuration.jit_compile, settings.batch_size * games
    # As `forecast.pace` asks: measured once.
    rate = rates.training_rate(*way, seconds=0.5, body=settings.body)
    return 60 * configuration.minutes * rate / games >= _ENOUGH_SAMPLES


def _played_in(experts: Sequence[Listed]) -> dict[str, Played] | None:
    said = {expert.game.name: played(expert.card, expert.game.name) for expert in experts}
    return {name: one for name, one in said.items() if one} or None


def _layers(of: DistillSettings | Beginning) -> str:
    return f"body {of.body}, features {'' if of.normalize_features else 'not '}normalised"


def baseline_config(
    architecture: str, games: Sequence[str], preset: str = "laptop", seed: int = 0, **overrides: Any
) -> Configuration:
    """The configuration of a baseline: experts' own learning, of several games at once (App. C).

    Args:
        architecture: one of `BASELINES`.
        games: two or more.
        preset, seed, **overrides: as in `expert_config`, of `presets.BASELINE`.

    Raises:
        ValueError: for an unknown game, architecture, preset or value.
    """
    kind: Kind = _named(BASELINES, architecture, "a baseline")
    settings = _named(presets.BASELINE, preset, "preset")
    names = [find_game(name).name for name in games]
    if not 2 <= len(names) <= MAX_BASELINE_GAMES:
        raise ValueError(
            f"a baseline must learn 2 to {MAX_BASELINE_GAMES} games. "
            f"Received: {len(names)}, {', '.join(names)}"
        )
    return _configuration(kind, names, preset, settings, seed, overrides)


def transfer_config(
    game: str,
    source: Path | None,
    preset: str = "laptop",
    seed: int = 0,
    head: Head = "keep",
    freeze: str | None = None,
    kernels: Path | str | None = None,
    like: Path | None = None,
    test_epochs: int = 10,
    **overrides: Any,
) -> Configuration:
    """The configuration of a target DQN: the training of an expert, begun from an AMN's weights.

    Args:
        game, preset, seed, test_epochs, **overrides: as in `expert_config`, of `presets.TRANSFER`.
        source: the AMN's file; None begins with random weights.
        head, freeze: as in `transfer.initialise`.
        kernels: whose size they get: a file's, or `FRESH`. None leaves them as they are.
        like: without a source, a file whose network's layers are taken, but not its weights; None
            takes an expert's layers.

    Raises:
        ValueError: also for a source with other layers than amkit's networks, or than the preset's
            algorithm needs.
        ModelFileError: if the source is missing or damaged.
    """
    settings = _named(presets.TRANSFER, preset, "preset")
    target = find_game(game).name
    normalize = ALGORITHMS[name_of(settings)].normalize_features
    begin = Beginning(body="nature", normalize_features=normalize)
    size_of = Path(kernels) if kernels and kernels != FRESH else None
    if file := source or like or size_of:
        template = load_source(file)
        if normalize and not template.normalize_features:
            raise ValueError(
                f"preset {preset} has no target network, and needs an AMN with normalised "
                f"features; --preset paper takes other networks too. Received: {file}, whose "
                "features are not normalised"
            )
        begin = Beginning(body=template.body, normalize_features=template.normalize_features)
        if source:
            template.check(head, freeze)
            known = target in template.games  # It may be asked for, all the same.
            begin = _beginning(source, template, head=head, freeze=freeze, knows_target=known)
    if kernels:
        if not begin.normalize_features:
            raise ValueError(
                "kernels can be scaled only before a normalisation, which takes no notice of it. "
                f"Received: {kernels}, and features that are not normalised"
            )
        sizes = load_source(size_of).sizes_for(begin.body) if size_of else None
        named = label(size_of) if size_of else FRESH
        begin = replace(begin, kernels=named, kernel_sizes=sizes)
    overrides["test_epochs"] = test_epochs
    return _configuration("expert", [target], preset, settings, seed, overrides, transfer=begin)


def _beginning(path: Path, source: Source, **how: Any) -> Beginning:
    """A beginning with a source's weights."""
    if label(path) == Beginning().source:  # What a report calls random weights.
        raise ValueError(
            f"the weights' name must not be {label(path)!r}, which means random weights. "
            f"Received: {path}"
        )
    return Beginning(
        path=path.resolve(),
        source=label(path),
        weights=source.weight_hash,
        learnt=source.games,
        body=source.body,
        normalize_features=source.normalize_features,
        **how,
    )


def _configuration(
    kind: Kind,
    games: Sequence[str],
    preset: str,
    settings: Any,
    seed: int,
    overrides: Mapping[str, Any],
    **rest: Any,
) -> Configuration:
    """Puts together what was asked for and what the preset has."""
    if len(set(games)) < len(games):
        raise ValueError(f"name each game only once. Received: {', '.join(games)}")
    asked = {key: value for key, value in overrides.items() if value is not None}
    if {"steps", "minutes"} <= asked.keys():
        raise ValueError("give --steps or --minutes, not both. Received: both")
    of_run = {**presets.RUN.get(preset, {})}
    of_run |= {key: asked.pop(key) for key in _OF_RUN if key in asked}
    names = list(vars(settings))
    if unknown := sorted(set(asked) - set(names)):
        raise ValueError(
            f"preset {preset} has the settings {', '.join(names)}. Received: {', '.join(unknown)}"
        )
    settings = replace(settings, **asked)
    algorithm = name_of(settings)
    normalized = ALGORITHMS[algorithm].normalize_features
    if normalized is None:
        normalized = settings.normalize_features
    values = {"precision": "float32", "jit_compile": False, **of_run, **rest}
    configuration = Configuration(
        algorithm=algorithm,
        kind=kind,
        games=tuple(games),
        preset=preset,
        settings=settings,
        seed=seed,
        # One network sees all games: zero is the mean of their backgrounds.
        background=fmean(background(find_game(name)) for name in games) if normalized else 0,
        machine=rates.machine(),
        **values,
    )
    if {"precision", "jit_compile"} <= of_run.keys():
        return configuration
    precision, jit_compile = rates.fastest(
        settings.batch_size * len(games), of_run.get("precision"), of_run.get("jit_compile")
    )
    return replace(configuration, precision=precision, jit_compile=jit_compile)


def _named(choices: Any, name: str | None, what: str) -> Any:
    if not isinstance(name, str) or name not in choices:
        raise ValueError(f"{what} must be one of {', '.join(choices)}. Received: {name!r}")
    return choices[name] if isinstance(choices, Mapping) else name
