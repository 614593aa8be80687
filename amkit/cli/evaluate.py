"""`amkit evaluate`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from amkit.backend import load_tensorflow
from amkit.cli.console import StatusLine, deliver, say, table, usage
from amkit.cli.options import Epsilon, Json, Output, card_of, game_names
from amkit.games.published import EPSILON, normalized


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(help="A .keras file (default: newest AMN of runs/, else of pretrained/)."),
    ] = None,
    epsilon: Epsilon = EPSILON,
    games: Annotated[
        str | None, typer.Option(help="Games, comma-separated (all on the model's card).")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="paper, paper-30, quick or sticky: see the README.")
    ] = "paper",
    experts: Annotated[
        Path | None,
        typer.Option(help="Experts to compare with (those of pretrained/ that taught the AMN)."),
    ] = None,
    seed: Annotated[
        int,  # Emulators take this and the numbers after it, in 31 bits.
        typer.Option(help="Of emulators and exploration.", min=0, max=2**30),
    ] = 2**30,
    output: Output = None,
    json: Json = False,
) -> None:
    """Measure a model's scores under a named protocol, beside random play's and the expert's.

    Examples:

    [bold]amkit evaluate --epsilon 0.05[/]  the newest AMN, the paper's protocol

    [bold]amkit evaluate pretrained/pong.keras --protocol quick --json[/]  an expert, ten games
    """
    with usage():
        from amkit.storage.files import check_target

        if output:
            check_target(output, "--output", keys=("game", "protocol", "mean", "scores"))
        names = game_names(games, None)
        if model:
            card_of(model)
    load_tensorflow()
    from amkit.evaluation import scorecards

    with usage():
        request = scorecards.request(model, names, protocol, epsilon, experts, seed)
    say(request.summary())
    with StatusLine() as status:
        scores = scorecards.score(request, status.games)
    deliver(scores, json, score_table, output)


def score_table(scores: Sequence[Mapping[str, Any]]) -> Group:
    """A table of `scorecards.score`: score, its error, games, random, expert, the ratio."""
    from amkit.reports.text import number

    def cells(score: Mapping[str, Any]) -> dict[str, str]:
        random, expert = score["random"]["mean"], score.get("expert", {}).get("mean", math.nan)
        ratio = normalized(score["mean"], random, expert)
        return {
            "game": score["game"],
            "score": number(score["mean"], 2),
            "±": number(score["standard_error"], 2),
            "games": str(score["games"]),
            "random": number(random, 2),
            "expert": number(expert, 2),
            "expert-normalised": "-" if math.isnan(ratio) else f"{100 * ratio:.1f} %",
        }

    return table(
        [cells(score) for score in scores],
        caption=f"protocol {scores[0]['protocol']}, epsilon {scores[0]['epsilon']}, raw scores of "
        "whole games, mean and standard error",
    )
