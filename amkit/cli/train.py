"""`amkit train`."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from amkit.backend import load_tensorflow
from amkit.cli.console import print_json, say, usage, work
from amkit.cli.jobs import Command, report, run_jobs
from amkit.cli.options import (
    CheckpointMinutes,
    Json,
    Precision,
    ProtocolName,
    Resume,
    RunFolder,
    Seed,
    Steps,
    TensorBoard,
    TestEpochs,
    Xla,
)


def train(
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
    preset: Annotated[
        str | None,
        typer.Option(
            help="laptop (fast; if not given), explore (for rare rewards), plain (for games that "
            "reward play from the first step on, such as Pong), or paper (Mnih et al. 2015, days)."
        ),
    ] = None,
    steps: Steps = None,
    seed: Seed = None,
    protocol: ProtocolName = None,
    test_epochs: TestEpochs = None,
    precision: Precision = None,
    xla: Xla = None,
    run: RunFolder = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Folder that gets each finished expert, as GAME.keras and its card; one of the "
            "same game is replaced."
        ),
    ] = None,
    resume: Resume = False,
    checkpoint_minutes: CheckpointMinutes = 2.0,
    tensorboard: TensorBoard = False,
    json: Json = False,
) -> None:
    """Train an expert DQN on each of some games, one after the other.

    Examples:

    [bold]amkit train pong[/]  an expert in the time that the plan says

    [bold]amkit train pong --resume[/]  after Ctrl-C or a kill

    [bold]mkdir -p runs/zoo; amkit train --all --into runs/zoo --resume[/]  begins, or goes on
    """
    from amkit.games.catalogue import SPLITS
    from amkit.storage import models

    with usage():
        names = _names(games or [], every, SPLITS)
        if run and len(names) > 1:
            raise ValueError("--run is for one game. Received: " + ", ".join(names))
        if into and not (into.is_dir() and os.access(into, os.W_OK)):
            raise ValueError(f"--into is a folder that can be written. Received: {into}")
    zoo = _zoo() if every and preset is None else {}  # Steps go with the preset they are for.

    def request(name: str) -> Command:
        def make_config(**options: object) -> dict:
            from amkit.jobs.configuration import expert_config

            return expert_config(name, **options)

        return Command(
            "expert",
            [name],
            f"expert-{name}",
            ["train", name],
            make_config,
            {
                "preset": preset or zoo.get(name, {}).get("preset"),
                "seed": seed,
                "steps": steps or zoo.get(name, {}).get("steps"),
                "protocol": protocol,
                "test_epochs": test_epochs,
                "precision": precision,
                "jit_compile": xla,
            },
        )

    results = []
    for result in run_jobs(
        [request(name) for name in names],
        folder=run,
        resume=resume,
        tensorboard=tensorboard,
        checkpoint_minutes=checkpoint_minutes,
    ):
        if into:
            target = into / f"{names[len(results)]}.keras"
            with work():
                models.copy(Path(result["model"]), target)
            say(f"copied to {target}")
        if not json:
            report(result)
        results.append(result)
    if json:
        print_json(results if len(names) > 1 else results[0])


def _zoo() -> dict[str, dict[str, Any]]:
    """Game -> preset and steps, where the shipped expert has others than `laptop`."""
    load_tensorflow()
    from amkit.jobs.presets import ZOO

    return ZOO


def _names(games: list[str], every: bool, splits: dict[str, tuple[str, ...]]) -> list[str]:
    """The games asked for, in order, each once; ValueError if wrong."""
    from amkit.games.atari import find_game

    if every == bool(games):
        raise ValueError(
            f"games are named, or --all is given. Received: {'both' if games else 'neither'}"
        )
    if every:
        return list(dict.fromkeys(name for split in splits.values() for name in split))
    names = [find_game(name).name for name in games]
    if len(set(names)) < len(names):
        raise ValueError(f"each game is named once. Received: {' '.join(games)}")
    return names
