"""`amkit train`."""

from typing import Annotated

import typer

from amkit.cli.jobs import (
    CheckpointMinutes,
    Json,
    Precision,
    ProtocolName,
    Request,
    Resume,
    RunFolder,
    Seed,
    Steps,
    TensorBoard,
    Xla,
    run_job,
)


def train(
    game: Annotated[str, typer.Argument(help="An ALE game, such as pong or space_invaders.")],
    preset: Annotated[
        str | None,
        typer.Option(help="laptop (fast; if not given), or paper (Mnih et al. 2015, days)."),
    ] = None,
    steps: Steps = None,
    seed: Seed = None,
    protocol: ProtocolName = None,
    precision: Precision = None,
    xla: Xla = None,
    run: RunFolder = None,
    resume: Resume = False,
    checkpoint_minutes: CheckpointMinutes = 2.0,
    tensorboard: TensorBoard = False,
    json: Json = False,
) -> None:
    """Train an expert DQN on one game.

    Examples:

    [bold]amkit train pong[/]  an expert in the time that the plan says

    [bold]amkit train pong --resume[/]  after Ctrl-C or a kill
    """

    from amkit.atari import find_game
    from amkit.cli.console import usage

    with usage():
        name = find_game(game).name

    def make_config(**options: object) -> dict:
        from amkit.recipes import expert_config

        return expert_config(name, **options)

    run_job(
        Request(
            "expert",
            [name],
            f"expert-{name}",
            make_config,
            {
                "preset": preset,
                "seed": seed,
                "steps": steps,
                "protocol": protocol,
                "precision": precision,
                "jit_compile": xla,
            },
        ),
        folder=run,
        resume=resume,
        tensorboard=tensorboard,
        checkpoint_minutes=checkpoint_minutes,
        json=json,
    )
