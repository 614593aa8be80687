"""`amkit train`."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from amkit.backend import load_tensorflow
from amkit.cli.console import say, usage
from amkit.cli.jobs import Job, options_of, run_jobs
from amkit.cli.options import game_names, training


@training(
    preset="laptop (fast; if not given), explore (for rare rewards), plain (for games that reward "
    "play from the first step on, such as Pong), or paper (Mnih et al. 2015, days)."
)
def train(
    context: typer.Context,
    games: Annotated[
        list[str] | None, typer.Argument(help="ALE games, such as pong or space_invaders.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="The paper's 20 games, those of its Table 1 first; without --preset as the "
            "shipped experts: Kangaroo's and Beam Rider's preset is explore, and some games have "
            "2.2 or 3 M steps, where --steps does not say otherwise.",
        ),
    ] = False,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Folder that gets each finished expert, as GAME.keras and its card; one of the "
            "same game is replaced."
        ),
    ] = None,
) -> None:
    """Train an expert DQN on each of some games, one after the other.

    Examples:

    [bold]amkit train pong[/]  an expert in the time that the plan says

    [bold]amkit train pong --resume[/]  after Ctrl-C or a kill

    [bold]mkdir -p runs/zoo; amkit train --all --into runs/zoo --resume[/]  begins, or goes on
    """
    from amkit.storage import models

    with usage():
        names = _names(games or [], every)
        if context.params["run"] and len(names) > 1:
            raise ValueError("--run is for one game. Received: " + ", ".join(names))
        if into and not (into.is_dir() and os.access(into, os.W_OK)):
            raise ValueError(f"--into is a folder that can be written. Received: {into}")
    # Steps go with the preset they are for.
    zoo = _zoo() if every and context.params["preset"] is None else {}

    def job(name: str) -> Job:
        options = options_of(context, "games", "every", "into")
        for key, value in zoo.get(name, {}).items():
            options[key] = options[key] or value
        return Job(
            "expert",
            [name],
            f"expert-{name}",
            ["train", name],
            lambda jobs, **options: jobs.expert_config(name, **options),
            options,
        )

    def copy(job: Job, model: Path) -> None:
        if into and job.games:
            target = into / f"{job.games[0]}.keras"
            models.copy(model, target)
            say(f"copied to {target}")

    run_jobs(context, [job(name) for name in names], copy)


def _zoo() -> dict[str, dict[str, Any]]:
    """Game -> preset and steps, where the shipped expert has others than `laptop`."""
    load_tensorflow()
    from amkit.jobs.presets import ZOO

    return ZOO


def _names(games: list[str], every: bool) -> list[str]:
    """The games asked for, in order, each once; ValueError if wrong."""
    from amkit.games.catalogue import SPLITS

    if every == bool(games):
        raise ValueError(
            f"games are named, or --all is given. Received: {'both' if games else 'neither'}"
        )
    if every:
        return list(dict.fromkeys(name for split in SPLITS.values() for name in split))
    names = [name for game in games for name in game_names(game, None) or []]
    if len(set(names)) < len(names):
        raise ValueError(f"each game is named once. Received: {' '.join(games)}")
    return names
