"""`amkit games`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amkit.cli.console import out, print_json, usage

if TYPE_CHECKING:
    from amkit.games.catalogue import Game


def games(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[GAME]", help="Show this one alone, with all its actions."),
    ] = None,
    experts: Annotated[
        Path | None, typer.Option(help="Folder of experts to look for (pretrained/).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """List the paper's 20 games, their actions and published scores, and the experts at hand.

    Any other game of the ALE works too, by its snake_case id.

    Examples:

    [bold]amkit games --experts pretrained/[/]

    [bold]amkit games pong[/]  which of the 18 actions it has, and their places in the outputs
    """
    from amkit.games.catalogue import GAMES

    with usage():
        from amkit.games.atari import find_game
        from amkit.storage.experts import experts_at_hand

        found = {name: expert.path for name, expert in experts_at_hand(experts).items()}
        others = [find_game(name) for name in found if name not in GAMES]
        listed = [find_game(name)] if name else [*GAMES.values(), *others]
    if json:
        print_json(
            [
                {
                    "name": game.name,
                    "splits": game.splits,
                    "actions": game.actions,
                    "action_codes": game.action_codes.tolist(),
                    "action_mask": game.action_mask.astype(int).tolist(),
                    "random": game.scores.random,
                    "human": game.scores.human,
                    "dqn": game.scores.dqn,
                    "expert": str(found[game.name]) if game.name in found else None,
                }
                for game in listed
            ]
        )
    elif name:
        _show(listed[0], found.get(listed[0].name))
    else:
        _list(listed, found)


def _list(listed: list["Game"], found: dict[str, Path]) -> None:
    from rich.table import Table

    from amkit.games.catalogue import SPLITS
    from amkit.reports.text import number

    table = Table(
        caption="splits: multitask, sources, targets; random, human, DQN: Mnih et al. 2015, whole "
        "games, raw scores; expert: at hand (amkit games GAME: where)"
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
            "yes" if game.name in found else "-",
        )
    out.print(table)


def _show(game: "Game", expert: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from amkit.games.catalogue import ACTIONS
    from amkit.reports.text import number

    table = Table(
        title=game.title,
        caption="code: the ALE's, and the output of an AMN; mask: 1 where the game has the action; "
        "expert: output of an expert",
    )
    for column in ("code", "action", "mask", "expert"):
        table.add_column(column, justify="left" if column == "action" else "right")
    for code, action in enumerate(ACTIONS):
        legal = action in game.actions
        own = str(game.actions.index(action)) if legal else "-"
        table.add_row(str(code), action, str(int(legal)), own)
    out.print(table)
    scores = game.scores
    out.print(
        f"random {number(scores.random)}, human {number(scores.human)}, DQN {number(scores.dqn)} "
        "(Mnih et al. 2015, whole games, raw scores)"
    )
    out.print(f"splits: {', '.join(game.splits) or '-'}")
    out.print(f"expert: {escape(str(expert)) if expert else '-'}", soft_wrap=True)
