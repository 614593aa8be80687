"""Options that several commands have, and how their values are read."""

import inspect
import math
from collections.abc import Callable
from copy import copy
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer import Option

if TYPE_CHECKING:
    from amkit.storage.cards import Card

RUNS = Path("runs")


def finite(value: float) -> float:
    """Option callback: refuses NaN and infinity."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"must be a finite number. Received: {value}")
    return value


RunFolder = Annotated[
    Path | None, Option("--run", help="Run folder (default: a new one in runs/).")
]
Epsilon = Annotated[float, Option(help="Probability of a random action.", min=0, max=1)]
Output = Annotated[Path | None, Option(help="Also write the result as JSON to this file.")]
Json = Annotated[bool, Option("--json", help="Print the result as JSON on stdout.")]
# Options of a command that say how a training runs; the others say what it does.
RUNNING = ("run", "resume", "checkpoint_minutes", "tensorboard", "json")


def _every_training(
    preset: str | None = Option(None, help=""),
    steps: int | None = Option(None, help="Agent steps per game (default: the preset's).", min=1),
    minutes: float | None = Option(
        None,
        help="Instead of --steps: total time on this machine, with start, tests and evaluation.",
        min=0.01,
        callback=lambda value: value and finite(value),
    ),
    seed: int | None = Option(
        None,
        help="The same seed and --precision repeat a run (default: 0).",
        min=0,
        max=2**29,
    ),
    protocol: str | None = Option(
        None, help="Protocol of the scores on the card (default: quick; preset paper: paper)."
    ),
    test_epochs: int | None = Option(
        None,
        help="Number of tests on whole games during training, for learning curves (default: 0).",
        min=0,
    ),
    precision: str | None = Option(
        None,
        help="float32 or mixed_bfloat16 (default: the faster, measured at the start; preset "
        "paper: float32).",
    ),
    jit_compile: bool | None = Option(
        None,
        "--xla/--no-xla",
        help="Compile updates with XLA (default: if faster, measured at the start).",
    ),
    run: RunFolder = None,
    resume: bool = Option(False, "--resume", help="Continue the newest such run, or start one."),
    checkpoint_minutes: float = Option(
        2.0,
        help="Minutes between checkpoints. A kill loses at most this much work.",
        min=0.01,
        callback=finite,
    ),
    tensorboard: bool = Option(
        False, "--tensorboard", help="Write TensorBoard logs into the run folder."
    ),
    json: Json = False,
) -> None:
    """What every command that trains can be asked for."""


def training(but: str = "", **helps: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options of `_every_training`, less one; their values are in its context.

    The command's own come first, and take the place of those of the same name. `helps` replaces
    what is said of an option.
    """

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        every = inspect.signature(_every_training).parameters
        parameters = [parameter for name, parameter in own.items() if name not in every]
        for name, parameter in every.items():
            option = copy(parameter.default)
            if name in helps:
                option.help = helps[name]
            if name != but:
                parameters.append(own.get(name) or parameter.replace(default=option))

        @wraps(command)
        def run(**values: Any) -> None:
            command(**{name: values[name] for name in own})

        cast(Any, run).__signature__ = inspect.Signature(parameters)
        return run

    return with_options


def game_names(games: str | None, split: str | None) -> list[str] | None:
    """Reads `--games` and `--split`; None where neither was given. ValueError if wrong."""
    from amkit.games.atari import find_game
    from amkit.games.catalogue import split as games_of_split

    if games and split:
        raise ValueError("give --games or --split, not both. Received: both")
    if split:
        return [game.name for game in games_of_split(split)]
    if games is None:
        return None
    names = [find_game(name.strip()).name for name in games.split(",") if name.strip()]
    if not names:
        raise ValueError("--games must be a comma-separated list of games. Received: none")
    if len(set(names)) < len(names):
        raise ValueError(f"--games must name each game only once. Received: {games}")
    return names


def card_of(model: Path) -> "Card":
    """The card of a model that somebody named; its file is checked without TensorFlow.

    ValueError if there is no such file, ModelFileError if the file or its card is damaged.
    """
    from amkit.storage import cards, keras_files

    keras_files.read(cards.at_hand(model))
    return cards.read_card(model)
