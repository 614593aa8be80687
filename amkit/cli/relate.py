"""`amkit relate`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from amkit.cli.console import load_tensorflow, out, print_json, spinner, usage, work
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
    out.print(relate_table(result))
    out.print(
        "R²: share of the variance of the discounted reward ahead that is predicted, on other "
        "environments than those learnt from; mean and standard error"
    )


def guess_json(
    target: str,
    steps: int,
    seed: int,
    candidates: Iterable[Mapping[str, Any]],
    facts: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What is printed and written, and what `amkit report --relate` reads.

    Args:
        target: name of the game that was played at random.
        steps: int. Agent steps that the candidates were judged by.
        seed: int. Of the random play.
        candidates: from `relate.relate`.
        facts: from `relate.facts`; of what was made here, such as random weights, there are none.

    Returns:
        target, steps, frames, seed, and candidates: rows with name, r_squared, standard_error,
        weight_hash (None where there are no facts) and knows_target.
    """
    from amkit.games.atari import FRAMES_PER_STEP

    nothing = {"weight_hash": None, "knows_target": False}
    return {
        "target": target,
        "steps": steps,
        "frames": steps * FRAMES_PER_STEP,
        "seed": seed,
        "candidates": [{**row, **facts.get(row["name"], nothing)} for row in candidates],
    }


def relate_table(result: Mapping[str, Any]) -> Table:
    """A table of `guess_json`: what each candidate's features tell."""
    table = Table(box=box.SIMPLE)
    table.add_column("features of")
    table.add_column("R²", justify="right")
    table.add_column("±", justify="right")
    table.add_column("")
    for row in result["candidates"]:
        table.add_row(
            Text(row["name"]),
            f"{row['r_squared']:.3f}",
            f"{row['standard_error']:.3f}",
            f"has learnt {result['target']}" if row["knows_target"] else "",
        )
    return table
