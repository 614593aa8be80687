"""`amkit relate`."""

from pathlib import Path
from typing import Annotated

import typer

from amkit.cli.console import (
    load_tensorflow,
    out,
    print_json,
    spinner,
    usage,
    work,
)
from amkit.storage.cards import at_hand
from amkit.storage.files import check_target, json_text, write_text


def relate(
    game: Annotated[str, typer.Argument(help="The target: a game to be learnt.")],
    models: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A network that might help: an AMN or an expert. Repeatable."),
    ] = None,
    experts: Annotated[
        Path | None, typer.Option(help="A folder whose experts are all asked about.")
    ] = None,
    steps: Annotated[
        int, typer.Option(help="Agent steps of random play to look at.", min=1024)
    ] = 8192,
    seed: Annotated[int, typer.Option(help="Of the random play.", min=0, max=2**29)] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Also write the result as JSON into this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Guess which networks help to learn a new game, before `amkit transfer` is run.

    The game is played at random for some seconds. A network may be worth beginning from if its
    features tell what reward lies ahead there; random weights and plain pixels are judged beside
    it. One that has learnt the target itself is marked: it is no source for a new game. Examples:

    [bold]amkit relate breakout --experts pretrained/[/]  which of the shipped experts?

    [bold]amkit relate gopher --from amn-policy.keras --from amn-feature.keras[/]
    """
    with usage():
        if not models and not experts:
            raise ValueError("networks are given by --from or --experts. Received: neither")
        if output:
            check_target(output, "--output", keys=("target", "steps", "candidates"))
        from amkit.games.atari import background, find_game
        from amkit.storage.experts import find_experts

        target = find_game(game)
        paths = [at_hand(model) for model in models or []]
        if experts:
            found = find_experts(experts)
            paths += [expert.path for name, expert in found.items() if name != target.name]
        if not paths:
            raise ValueError(
                f"{experts} has experts of other games than the target. Received: none"
            )
        load_tensorflow()
        from amkit.reports.guesses import guess_json
        from amkit.transfer import relate as relating

        candidates = relating.candidates(paths, background(target))
        facts = relating.facts(paths, target)
    with work(), spinner() as tell:
        tell(f"{steps:,} steps of {target.name}, played at random")
        frames = relating.play_at_random(target, steps, seed=seed)
        rows = relating.relate(frames, candidates, tell)
    result = guess_json(target.name, frames.reward_ahead.size, seed, rows, facts)
    if output:
        with work():
            write_text(output, json_text(result))
    if json:
        print_json(result)
        return
    from amkit.cli.tables import relate_table

    out.print(relate_table(result))
    out.print(
        "R²: share of the variance of the discounted reward ahead that is predicted, on other "
        "environments than those learnt from; mean and standard error"
    )
