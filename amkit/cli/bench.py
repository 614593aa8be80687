"""`amkit bench`."""

from typing import Annotated

import typer

from amkit.cli.console import finite, load_tensorflow, out, print_json, spinner, usage


def bench(
    game: Annotated[str, typer.Argument(help="An ALE game.")] = "pong",
    seconds: Annotated[
        float, typer.Option(help="Spent on each measurement.", min=0.1, callback=finite)
    ] = 8.0,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Measure this machine: emulation alone, acting, distilling, DQN training, XLA, bfloat16.

    Rates are agent steps (or training samples) per second, and ratios to emulation alone.

    Example: [bold]amkit bench --seconds 8[/]
    """
    with usage():
        load_tensorflow()
        from amkit.games.atari import find_game
        from amkit.jobs.benchmark import measure

        asked = find_game(game)
    with spinner() as tell:
        measurements = measure(asked, seconds, tell)
    if json:
        print_json(measurements)
        return
    from amkit.cli.tables import benchmark_tables

    for table in benchmark_tables(measurements):
        out.print(table)
