"""`amkit baseline`."""

from typing import Annotated

import typer

from amkit.cli.console import usage
from amkit.cli.jobs import Job, options_of, run_jobs
from amkit.cli.options import game_names, training


@training(preset="laptop (fast; if not given), or paper (App. C).")
def baseline(
    context: typer.Context,
    architecture: Annotated[
        str,
        typer.Argument(
            help="mdqn: one network and its 18 outputs for all games; mcdqn: shared convolutions, "
            "then features and outputs for each game."
        ),
    ],
    games: Annotated[str | None, typer.Option(help="Games, comma-separated, two or more.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Instead of --games: multitask (if neither is given), sources, targets."),
    ] = None,
) -> None:
    """Train a multitask DQN, which learns several games at once without experts (App. C).

    It learns as experts do; only the network is shared. Examples:

    [bold]amkit baseline mdqn[/]  the eight games of Table 1

    [bold]amkit baseline mcdqn --games pong,breakout --steps 100000 --test-epochs 5[/]
    """
    with usage():
        if not games and not split:
            split = "multitask"
        names = game_names(games, split) or []

    job = Job(
        architecture,
        names,
        f"{architecture}-{split or '-'.join(sorted(names))}",
        ["baseline", architecture, *(["--split", split] if split else ["--games", str(games)])],
        lambda jobs, **options: jobs.baseline_config(architecture, names, **options),
        options_of(context, "architecture", "games", "split"),
    )
    run_jobs(context, [job])
