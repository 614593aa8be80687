"""`amkit baseline`."""

from typing import Annotated, Any

import typer

from amkit.cli.console import usage
from amkit.cli.jobs import Job, options_of, run_job
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
    game_names,
)


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
    preset: Annotated[
        str | None, typer.Option(help="laptop (fast; if not given), or paper (App. C).")
    ] = None,
    steps: Steps = None,
    seed: Seed = None,
    protocol: ProtocolName = None,
    test_epochs: TestEpochs = None,
    precision: Precision = None,
    jit_compile: Xla = None,
    run: RunFolder = None,
    resume: Resume = False,
    checkpoint_minutes: CheckpointMinutes = 2.0,
    tensorboard: TensorBoard = False,
    json: Json = False,
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

    def configure(**options: Any) -> Any:
        from amkit.jobs.configuration import baseline_config

        return baseline_config(architecture, names, **options)

    job = Job(
        architecture,
        names,
        f"{architecture}-{split or '-'.join(sorted(names))}",
        ["baseline", architecture, *(["--split", split] if split else ["--games", str(games)])],
        configure,
        options_of(context, "architecture", "games", "split"),
    )
    run_job(context, job)
