"""`amkit evaluate`."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import StatusLine, deliver, say, table, usage
from amkit.cli.options import Epsilon, Json, Output, card_of, game_names
from amkit.games.published import EPSILON, normalized


def evaluate(
    model: Path | None = Argument(
        None, help="A .keras file (default: the newest AMN in runs/, else in pretrained/)."
    ),
    epsilon: Epsilon = EPSILON,
    games: str | None = Option(None, help="Games, comma-separated (default: all on the card)."),
    protocol: str = Option(
        "paper", help="paper, paper-30, quick or sticky (see tutorials/reference.md)."
    ),
    experts: Path | None = Option(
        None,
        help="Folder of experts to compare with (default: in pretrained/, the AMN's experts).",
    ),
    # Emulators take this and the numbers after it, in 31 bits.
    seed: int = Option(2**30, help="Seed of emulators and exploration.", min=0, max=2**30),
    output: Output = None,
    json: Json = False,
) -> None:
    """Measure a model's scores under a named protocol, beside random play and the expert.

    Examples:

    [bold]amkit evaluate --epsilon 0.05[/]  the newest AMN, with the paper's protocol

    [bold]amkit evaluate pretrained/pong.keras --protocol quick --json[/]  an expert, in ten games
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
    rows = []
    for score in scores:
        random, expert = score["random"]["mean"], score.get("expert", {}).get("mean", math.nan)
        share = normalized(score["mean"], random, expert)
        rows.append({**score, "random": random, "expert": expert, "share": share})
    return table(
        rows,
        "game | score | ± | games | random | expert | expert-normalised",
        "{game} | {mean:2} | {standard_error:2} | {games} | {random:2} | {expert:2} | {share:.1%}",
        caption=f"protocol {scores[0]['protocol']}, epsilon {scores[0]['epsilon']}, raw scores of "
        "whole games, mean and standard error",
    )
