"""`amkit transfer`."""

from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from amkit.backend import load_tensorflow
from amkit.cli.console import usage
from amkit.cli.jobs import Job, options_of, run_jobs
from amkit.cli.options import card_of, game_names, training

RANDOM = "none"


@training(but="run", preset="laptop (fast; if not given), or paper (10 M steps).")
def transfer(
    context: typer.Context,
    games: Annotated[list[str] | None, typer.Argument(help="Target games.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Instead of games: targets, the 7 of Table 2.")
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="An AMN's or expert's .keras file to begin from, or none: random weights. May be "
            "repeated.",
        ),
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="The output layer: keep (if not given), or new.")
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(help="Layer up to which nothing learns, such as conv3 or features."),
    ] = None,
    seed: Annotated[
        str, typer.Option(help="Comma-separated; each is a run of every game and source.")
    ] = "0",
    test_epochs: Annotated[
        int | None, typer.Option(help="Tests on whole games while it learns (10).", min=1)
    ] = None,
) -> None:
    """Train DQNs on new games, begun from the weights of an AMN or from random ones (section 5.2).

    All runs learn alike; their initialisations differ. Examples:

    [bold]amkit transfer breakout --from amn.keras --from none[/]  one game, with and without

    [bold]amkit transfer --split targets --from amn.keras --from none --seed 0,1 --resume[/]
    """
    from amkit.storage.run_folders import label

    with usage():
        if games and split:
            raise ValueError("games and --split exclude each other. Received: both")
        names = game_names(",".join(games) if games else None, split)
        if not names:
            raise ValueError("target games are named, or --split is given. Received: neither")
        if not sources:
            raise ValueError("--from is an AMN's file, or none, or both. Received: nothing")
        if len({label(Path(source)) for source in sources}) < len(sources):
            raise ValueError(f"sources have different names. Received: {' '.join(sources)}")
        numbers = _numbers(seed)
        if (head or freeze) and set(sources) == {RANDOM}:
            raise ValueError("--head and --freeze are of an AMN's weights. Received: --from none")
        amns = [Path(source) for source in sources if source != RANDOM]
        hashes = {path: card_of(path)["weight_hash"] for path in amns}
        layers = _layers(amns) if RANDOM in sources or len(amns) > 1 else {}

    def job(name: str, source: str, seed: int) -> Job:
        path = None if source == RANDOM else Path(source)
        # Random weights in the same layers, so that nothing else differs.
        like = amns[0] if amns and path is None else None

        options = {**options_of(context, "games", "split", "sources"), "seed": seed}
        if path is None:
            options |= {"head": None, "freeze": None}
        weights = [label(Path(source))]
        if options["head"] == "new":
            weights.append("head-new")
        if options["freeze"]:
            weights.append(f"freeze-{freeze}")
        return Job(
            "expert",
            [name],
            # What no name says, `--resume` could take another experiment's run for.
            f"transfer-{name}-from-{'-'.join(weights)}-seed-{seed}",
            # Random weights are of the AMN's layers, so that it is part of their command too.
            ["transfer", name, "--from", source, *(["--from", str(like)] if like else [])],
            lambda jobs, **options: jobs.transfer_config(name, path, like=like, **options),
            options,
            source=path,
            expected={"weights": hashes[path] if path else None, **layers},
        )

    # Seeds last: a table that is stopped has every game, with fewer seeds.
    jobs = [job(game, source, number) for number, game, source in product(numbers, names, sources)]
    run_jobs(context, jobs)


def _layers(amns: list[Path]) -> dict[str, object]:
    """What the networks of one comparison have in common; ValueError if they do not."""
    if not amns:
        return {}
    load_tensorflow()
    from amkit.transfer.initialise import load_source

    sources = [load_source(path) for path in amns]
    found = [
        {"body": source.body, "normalize_features": source.normalize_features} for source in sources
    ]
    if any(layers != found[0] for layers in found):
        received = ", ".join(f"{path}: {one}" for path, one in zip(amns, found, strict=True))
        raise ValueError(f"networks that are compared have the same layers. Received: {received}")
    return found[0]


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    valid = all(0 <= number <= 2**29 for number in numbers)
    if not numbers or not valid or len(set(numbers)) < len(numbers):
        raise ValueError(
            f"--seed takes different whole numbers from 0 to {2**29:,}, comma-separated. "
            f"Received: {text!r}"
        )
    return numbers
