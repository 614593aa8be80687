"""`amkit train`."""

from typing import Annotated

import typer

from amkit.cli.jobs import (
    CheckpointMinutes,
    Json,
    Precision,
    ProtocolName,
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
        str, typer.Option(help="laptop (fast), or paper (Mnih et al. 2015, weeks).")
    ] = "laptop",
    steps: Steps = None,
    seed: Seed = 0,
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

    def make_config() -> dict:
        from amkit.recipes import expert_config

        return expert_config(
            game,
            preset,
            seed,
            steps=steps,
            protocol=protocol,
            precision=precision,
            jit_compile=xla,
        )

    from amkit.atari import find_game
    from amkit.cli.console import usage

    with usage():
        name = f"expert-{find_game(game).name}"
    run_job(
        name,
        make_config,
        folder=run,
        resume=resume,
        tensorboard=tensorboard,
        checkpoint_minutes=checkpoint_minutes,
        json=json,
    )
