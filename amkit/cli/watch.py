"""`amkit watch`."""

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import line, out, say, usage
from amkit.cli.options import Epsilon, card_of
from amkit.games.published import EPSILON

if TYPE_CHECKING:
    from amkit.storage.cards import Card


def watch(
    model: Path = Argument(..., help="A .keras file: an expert or an AMN."),
    game: str | None = Argument(
        None, help="A game of the model. May be left out if there is only one."
    ),
    browser: bool = Option(
        False, "--browser", help="Show the game on a local web page, not in the terminal."
    ),
    port: int = Option(
        0, help="Port of the page on 127.0.0.1 (0: any free port).", min=0, max=65535
    ),
    human: bool = Option(
        False,
        "--human",
        help="You play, with the arrow keys and space (FIRE). In a terminal, each key press lasts "
        "0.4 s: a terminal does not report when a key is released.",
    ),
    epsilon: Epsilon = EPSILON,
    seed: int = Option(0, help="Seed of emulator and exploration.", min=0, max=2**31 - 1),
) -> None:
    """Watch a network play live: the screen beside the value of every action.

    Only this machine can open the web page; from another machine, forward the port with ssh.
    Keys in the terminal: space pauses, n or → plays one step, + and - change the speed, E raises
    epsilon, e lowers epsilon, q quits.

    Examples:

    [bold]amkit watch pretrained/pong.keras[/]  in the terminal

    [bold]amkit watch pretrained/amn.keras breakout --browser[/]  as a web page

    [bold]amkit watch pretrained/pong.keras --human[/]  you play, and see the network's values
    """
    from amkit.cli.browser import Page
    from amkit.cli.terminal import Terminal

    with usage():
        name = _only_game(card_of(model), game)
        display = Page(port) if browser else Terminal()
    say(f"loading {model} to play {name}")
    load_tensorflow()
    from amkit.evaluation import live, scorecards
    from amkit.networks.actions import for_game
    from amkit.storage.cards import how_played, is_policy, played, presses_fire

    with usage():
        _, network, card, (chosen,) = scorecards.player(model, [name], epsilon)
    if how := how_played(played(card, chosen.name)):
        say(how)
    fire = presses_fire(card, chosen.name)
    play = live.Play(for_game(network, chosen), chosen, epsilon=epsilon, seed=seed, fire=fire)
    session = live.Session(play, is_policy(card), human)
    with closing(play), suppress(KeyboardInterrupt), display:  # Ctrl-C is a way to end it.
        session.run(display)
    out.print(line(f"{chosen.name}: {session.steps:,} steps, score {play.score:,.0f}"))


def _only_game(card: "Card", game: str | None) -> str:
    """The name of the game to play. ValueError if none is named, and the model plays several."""
    from amkit.games.atari import find_game

    if game:
        return find_game(game).name
    if len(card["games"]) > 1:
        games = ", ".join(card["games"])
        raise ValueError(f"name one game of the model: {games}. Received: none")
    return card["games"][0]
