"""`amkit evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from amkit.cli.console import json_text, load_tensorflow, out, print_json, say, usage, work


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(help="A .keras file (default: newest AMN of runs/, else of pretrained/)."),
    ] = None,
    epsilon: Annotated[
        float, typer.Option(help="Probability of a random action, in [0, 1].")
    ] = 0.05,
    games: Annotated[
        str | None, typer.Option(help="Games, comma-separated (all on the model's card).")
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(help="paper, paper-30, quick or sticky: see the README."),
    ] = "paper",
    experts: Annotated[Path, typer.Option(help="Folder of the experts to compare with.")] = Path(
        "pretrained"
    ),
    seed: Annotated[int, typer.Option(help="Of emulators and exploration.", min=0)] = 1_000_000,
    output: Annotated[
        Path | None, typer.Option(help="Also write the result as JSON into this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Measure a model's scores under a named protocol, beside chance's and the expert's.

    Examples:

    [bold]amkit evaluate --epsilon 0.05[/]  the newest AMN, the paper's protocol

    [bold]amkit evaluate pretrained/pong.keras --protocol quick --json[/]
    """
    from amkit.cli.distill import _game_names

    with usage():
        load_tensorflow()
        from amkit import scoring
        from amkit.cli.progress import EvaluationProgress

        request = scoring.request(model, _game_names(games, None), protocol, epsilon, experts, seed)
    say(request.summary())
    with work():
        scores = scoring.score(request, EvaluationProgress())
        if output:
            from amkit.checkpoints import write_whole

            write_whole(output, json_text(scores))
    if json:
        print_json(scores)
        return
    from amkit.cli.tables import score_table

    out.print(score_table(scores))
