"""Options that several commands have, and how their values are read."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from amkit.storage.card_types import Card

RUNS = Path("runs")


def finite(value: float) -> float:
    """Option callback: refuses NaN and infinity."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"a number is expected. Received: {value}")
    return value


Seed = Annotated[
    int | None,
    typer.Option(
        help="Repeats a run, given the same --precision (0 if not given).", min=0, max=2**29
    ),
]
Steps = Annotated[
    int | None, typer.Option(help="Agent steps per game (the preset's, if not given).", min=1)
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="float32 or mixed_bfloat16; if not given, measured at the start (preset paper: "
        "float32)."
    ),
]
Xla = Annotated[
    bool | None,
    typer.Option("--xla/--no-xla", help="Compile updates with XLA (default: on accelerators)."),
]
RunFolder = Annotated[
    Path | None, typer.Option("--run", help="Run folder (default: a new one under runs/).")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the newest such run, or start it if there is none."),
]
ProtocolName = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="Protocol of the scores on the model's card (quick; preset paper: paper).",
    ),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard logs into the run folder.")
]
CheckpointMinutes = Annotated[
    float,
    typer.Option(
        help="Minutes between checkpoints: the most a kill loses.", min=0.01, callback=finite
    ),
]
TestEpochs = Annotated[
    int | None,
    typer.Option(
        help="Times that it is tested on whole games while it trains, for learning curves (0).",
        min=0,
    ),
]
Epsilon = Annotated[float, typer.Option(help="Probability of a random action, in [0, 1].")]
Output = Annotated[Path | None, typer.Option(help="Also write the result as JSON into this file.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, on stdout.")]


def game_names(games: str | None, split: str | None) -> list[str] | None:
    """Reads `--games` and `--split`; None where neither was given. ValueError if wrong."""
    from amkit.games.atari import find_game
    from amkit.games.catalogue import split as games_of_split

    if games and split:
        raise ValueError("--games and --split exclude each other. Received: both")
    if split:
        return [game.name for game in games_of_split(split)]
    if games is None:
        return None
    names = [find_game(name.strip()).name for name in games.split(",") if name.strip()]
    if not names:
        raise ValueError("--games is a comma-separated list of games. Received: none")
    if len(set(names)) < len(names):
        raise ValueError(f"--games names each game once. Received: {games}")
    return names


def card_of(model: Path) -> "Card":
    """The card of a model that somebody named.

    Its file is checked as far as that takes no TensorFlow, which takes seconds to load.

    Raises:
        ValueError: if there is no such file.
        ModelFileError: if the file or its card is damaged.
    """
    from amkit.storage import cards, keras_files

    keras_files.read(cards.at_hand(model))
    return cards.read_card(model)
