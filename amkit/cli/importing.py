"""`amkit import`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from typer import Argument, Option

from amkit.cli.console import deliver, line, usage
from amkit.cli.options import Json


def import_(
    file: Path = Argument(..., help="An expert's file, as another library wrote it."),
    game: str = Option(..., help="The expert's game; the file does not name it."),
    output: Path = Option(Path("experts"), help="Folder for GAME.keras and its card."),
    json: Json = False,
) -> None:
    """Convert an expert of another library into a Keras network and its card.

    Formats: Stable-Baselines3 (DQN, QR-DQN), CleanRL, atari-agents, Dopamine, Torch7, Keras 2.
    amkit recognises the format by the file's content, and runs no code from the file.

    Examples:

    [bold]amkit import dqn-BreakoutNoFrameskip-v4.zip --game breakout --output zoo/[/]  from RL-Zoo

    [bold]amkit distill --experts zoo/[/]  then trains a student with the expert
    """
    with usage():
        from amkit.games.atari import find_game
        from amkit.storage import importers

        if not file.is_file():
            raise ValueError(f"the expert must be an existing file. Received: {file}")
        chosen = find_game(game)
        importers.check_target(output, chosen)
    expert = importers.read(file, chosen)  # What is wrong with it shows before TensorFlow loads.
    from amkit.backend import load_tensorflow

    load_tensorflow()
    path, card = importers.write(expert, output)
    keys = ("imported", "played", "outputs", "parameters")
    result = {"model": str(path), "game": chosen.name, **{key: card.get(key) for key in keys}}
    deliver(result, json, _shown)


def _shown(result: Mapping[str, Any]) -> Group:
    """What was read, how it was played, and what could not be known."""
    imported, played = result["imported"], result["played"]
    sticky = played["sticky_actions"]
    facts = [
        f"{result['model']}: {imported['algorithm']} of {imported['format']}, "
        f"{result['outputs']} outputs, {result['parameters']:,} weights",
        f"pixels: {played.get('resize', 'not known')}",
        f"FIRE when a life is lost: {'yes' if played['fire_on_life_loss'] else 'no'}; sticky "
        f"actions: {'not known' if sticky is None else sticky}",
        *(f"not known: {what}" for what in imported["unknown"]),
    ]
    return Group(*map(line, facts))
