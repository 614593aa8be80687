"""`amkit distill`."""

from pathlib import Path
from typing import Annotated

import typer

from amkit.cli.console import usage
from amkit.cli.jobs import Job, options_of, run_jobs
from amkit.cli.options import card_of, game_names, training


@training(
    preset="laptop (fast; if not given), or paper (App. B).",
    steps="Agent steps per game (laptop: 300,000, or what 1.4 M of all games leave it).",
)
def distill(
    context: typer.Context,
    experts: Annotated[Path, typer.Option(help="Folder of expert models with their cards.")],
    games: Annotated[
        str | None, typer.Option(help="Games, comma-separated (all that have experts).")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Instead of --games: multitask, sources or targets.")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="What is imitated: policy (Eq. 4), or q_values (section 3.1)."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="tau of Eq. 3: divides the expert's Q-values.")
    ] = None,
    temperature_unit: Annotated[
        str | None,
        typer.Option(
            help="tau of every game is the temperature (q_values), or that times the difference "
            "between its expert's best and worst action (spread)."
        ),
    ] = None,
    feature_weight: Annotated[
        float | None, typer.Option(help="beta of Eq. 6: weight of feature regression.")
    ] = None,
    body: Annotated[
        str | None,
        typer.Option(
            help="The student's layers: nature (an expert's), wide, transfer (App. D), or "
            "transfer-code (the authors')."
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="An expert's or AMN's file, whose weights the student begins with (random ones).",
        ),
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Random actions while training, in [0, 1].")
    ] = None,
    behaviour: Annotated[
        str | None,
        typer.Option(help="Who acts: student, expert (section 4.3), or both in turns."),
    ] = None,
) -> None:
    """Distil experts into one Actor-Mimic network that plays all their games.

    Examples:

    [bold]amkit distill --experts pretrained/[/]  every game that has an expert

    [bold]amkit distill --experts pretrained/ --games pong,boxing --feature-weight 0.01[/]

    [bold]amkit distill --experts pretrained/ --from pretrained/breakout.keras[/]  begins as one

    [bold]amkit distill --experts pretrained/ --resume[/]  after Ctrl-C or a kill
    """
    with usage():
        names = game_names(games, split)
        begun_with = card_of(source)["weight_hash"] if source else None

    job = Job(
        "amn",
        names,
        f"amn-{split or '-'.join(sorted(names or ['all']))}",
        [
            *("distill", "--experts", str(experts)),
            *(["--games", ",".join(names)] if names else []),
            *(["--from", str(source)] if source else []),
        ],
        lambda jobs, **options: jobs.distill_config(experts, names, source=source, **options),
        options_of(context, "experts", "games", "split", "source"),
        experts=experts,
        source=source,
        expected={"weights": begun_with},
    )
    run_jobs(context, [job])
