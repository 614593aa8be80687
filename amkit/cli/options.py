"""Options that several commands have, and how their values are read."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from amkit.storage.cards import Card

RUNS = Path("runs")


def finite(value: float) -> float:
    """Option callback: refuses NaN and infinity."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"a number is expected. Received: {value}")
    return value


Seed = Annotated[
    int | None,
    typer.Option(help="The same seed and --precision repeat a run (0).", min=0, max=2**29),
]
Steps = Annotated[int | None, typer.Option(help="Agent steps per game (the preset's).", min=1)]
Precision = Annotated[
    str | None,
    typer.Option(
        help="float32 or mixed_bfloat16 (the faster one, measured at the start; preset paper: "
        "float32)."
    ),
]
Xla = Annotated[
    bool | None, typer.Option("--xla/--no-xla", help="Compile updates with XLA (on accelerators).")
]
RunFolder = Annotated[Path | None, typer.Option("--run", help="Run folder (a new one in runs/).")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the newest such run, or begin one.")
]
ProtocolName = Annotated[
    str | None,
    typer.Option("--protocol", help="Of the scores on the card (quick; preset paper: paper)."),
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
    typer.Option(help="Tests on whole games while it trains, for learning curves (0).", min=0),
]
Epsilon = Annotated[float, typer.Option(help="Probability of a random action, in [0, 1].")]
Output = Annotated[Path | None, typer.Option(help="Also write the result as JSON to this file.")]
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
