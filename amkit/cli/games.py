"""`amkit games`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from typer import Argument, Option

from amkit.cli.console import deliver, line, table, usage
from amkit.cli.options import Json

if TYPE_CHECKING:
    from amkit.games.catalogue import Game


def games(
    name: str | None = Argument(
        None, metavar="[GAME]", help="Show only this game, with all its actions."
    ),
    experts: Path | None = Option(None, help="Folder of experts (default: pretrained/)."),
    json: Json = False,
) -> None:
    """List the paper's 20 games: actions, published scores, and which experts you have.

    All other games of the ALE work too, under their snake_case ids, such as ms_pacman.

    Examples:

    [bold]amkit games --experts pretrained/[/]  all games

    [bold]amkit games pong[/]  the game's actions, and their places in the outputs
    """
    with usage():
        from amkit.games.atari import find_game
        from amkit.games.catalogue import GAMES
        from amkit.storage.experts import find_experts

        at_hand = {name: expert.path for name, expert in find_experts(experts).items()}
        others = [find_game(expert) for expert in at_hand if expert not in GAMES]
        listed = [find_game(name)] if name else [*GAMES.values(), *others]
    entries = [
        {
            "name": game.name,
            "splits": game.splits,
            "actions": game.actions,
            "action_codes": game.action_codes.tolist(),
            "action_mask": game.action_mask.astype(int).tolist(),
            **vars(game.scores),
            "expert": str(at_hand[game.name]) if game.name in at_hand else None,
        }
        for game in listed
    ]
    deliver(entries, json, (lambda entries: _actions(listed[0], entries[0])) if name else _list)


def _list(entries: Iterable[Mapping[str, Any]]) -> Group:
    from amkit.games.catalogue import SPLITS

    rows = [
        {
            **entry,
            "splits": " ".join(name[0] if name in entry["splits"] else " " for name in SPLITS),
            "count": len(entry["actions"]),
            "at hand": "yes" if entry["expert"] else "-",
        }
        for entry in entries
    ]
    return table(
        rows,
        "game | splits | actions | random | human | DQN | expert",
        "{name} | {splits} | {count} | {random} | {human} | {dqn} | {at hand}",
        left=("game", "splits", "expert"),
        caption="splits: multitask, sources, targets; random, human, DQN: Mnih et al. 2015, whole "
        "games, raw scores; expert: yes if you have one (amkit games GAME shows where)",
    )


def _actions(game: "Game", entry: Mapping[str, Any]) -> Group:
    from amkit.games.catalogue import ACTIONS
    from amkit.reports.text import number

    outputs = {action: str(output) for output, action in enumerate(game.actions)}
    rows = [
        {"code": code, "action": action, "mask": mask, "expert": outputs.get(action, "-")}
        for code, (action, mask) in enumerate(zip(ACTIONS, entry["action_mask"], strict=True))
    ]
    random, human, dqn = (number(entry[player]) for player in ("random", "human", "dqn"))
    actions = table(
        rows,
        "code | action | mask | expert",
        "{code} | {action} | {mask} | {expert}",
        left=("action",),
        title=game.title,
        caption="code: the ALE's, and the output of an AMN; mask: 1 where the game has the action; "
        "expert: output of an expert",
    )
    scores = (
        f"random {random}, human {human}, DQN {dqn} (Mnih et al. 2015, whole games, raw scores)\n"
        f"splits: {', '.join(game.splits) or '-'}"
    )
    return Group(actions, scores, line(f"expert: {entry['expert'] or '-'}"))
