"""`amkit games`."""

from pathlib import Path
from typing import Annotated

import typer

from amkit.cli.console import out, print_json, usage


def games(
    experts: Annotated[
        Path | None, typer.Option(help="Folder of experts to look for (pretrained/).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """List the paper's 20 games, their actions and published scores, and the experts at hand.

    Any other game of the ALE works too, by its snake_case id.

    Example: [bold]amkit games --experts pretrained/[/]
    """
    from rich.markup import escape
    from rich.table import Table

    from amkit.games import GAMES, SPLITS
    from amkit.report import number

    with usage():
        from amkit.atari import find_game
        from amkit.experts import experts_at_hand

        found = experts_at_hand(experts)
        others = [find_game(name) for name in found if name not in GAMES]
    listed = [*GAMES.values(), *others]
    if json:
        print_json(
            [
                {
                    "name": game.name,
                    "splits": game.splits,
                    "actions": game.actions,
                    "action_codes": game.action_codes.tolist(),
                    "random": game.scores.random,
                    "human": game.scores.human,
                    "dqn": game.scores.dqn,
                    "expert": str(found[game.name]) if game.name in found else None,
                }
                for game in listed
            ]
        )
        return
    table = Table(
        caption="splits: multitask, sources, targets; random, human, DQN: Mnih et al. 2015, whole "
        "games, raw scores"
    )
    for column in ("game", "splits", "actions", "random", "human", "DQN", "expert"):
        right = column in ("actions", "random", "human", "DQN")
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for game in listed:
        numbers = (game.scores.random, game.scores.human, game.scores.dqn)
        table.add_row(
            game.name,
            " ".join(split[0] if split in game.splits else " " for split in SPLITS),
            str(game.num_actions),
            *map(number, numbers),
            escape(found[game.name].name) if game.name in found else "-",
        )
    out.print(table)
