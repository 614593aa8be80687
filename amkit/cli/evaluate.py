"""`amkit evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from amkit.cli.console import (
    game_names,
    load_tensorflow,
    out,
    print_json,
    say,
    usage,
    work,
)
from amkit.games.published import EPSILON
from amkit.storage.files import check_target, json_text, write_text


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(help="A .keras file (default: newest AMN of runs/, else of pretrained/)."),
    ] = None,
    epsilon: Annotated[
        float, typer.Option(help="Probability of a random action, in [0, 1].")
    ] = EPSILON,
    games: Annotated[
        str | None, typer.Option(help="Games, comma-separated (all on the model's card).")
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(help="paper, paper-30, quick or sticky: see the README."),
    ] = "paper",
    experts: Annotated[
        Path | None,
        typer.Option(help="Experts to compare with (those of pretrained/ that taught the AMN)."),
    ] = None,
    seed: Annotated[
        int,  # Emulators take this and the numbers after it, in 31 bits.
        typer.Option(help="Of emulators and exploration.", min=0, max=2**30),
    ] = 2**30,
    output: Annotated[
        Path | None, typer.Option(help="Also write the result as JSON into this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Measure a model's scores under a named protocol, beside random play's and the expert's.

    Examples:

    [bold]amkit evaluate --epsilon 0.05[/]  the newest AMN, the paper's protocol

    [bold]amkit evaluate pretrained/pong.keras --protocol quick --json[/]
    """
    with usage():
        if output:
            check_target(output, "--output", keys=("game", "protocol", "mean", "scores"))
        load_tensorflow()
        from amkit.cli.progress import EvaluationProgress
        from amkit.evaluation import scorecards

        request = scorecards.request(
            model, game_names(games, None), protocol, epsilon, experts, seed
        )
    say(request.summary())
    with work(), EvaluationProgress() as progress:
        scores = scorecards.score(request, progress)
    if json:
        print_json(scores)
    else:
        from amkit.cli.tables import score_table

        out.print(score_table(scores))
    if output:
        with work():
            write_text(output, json_text(scores))
