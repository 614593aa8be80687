"""`amkit watch`."""

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import line, out, say, usage
from amkit.cli.options import card_of
from amkit.games.published import EPSILON

if TYPE_CHECKING:
    from amkit.storage.cards import Card


def watch(
    model: Path = Argument(..., help="A .keras file: an expert or an AMN."),
    game: str | None = Argument(None, help="A game of the model (if it has only one: that)."),
    browser: bool = Option(
        False, "--browser", help="On a page of this machine's own, not in the terminal."
    ),
    port: int = Option(0, help="Of the page, on 127.0.0.1 (any free one).", min=0, max=65535),
    human: bool = Option(
        False,
        "--human",
        help="You play, with the arrow keys and space (FIRE). In a terminal a key holds for 0.4 s: "
        "none tells when it is let go.",
    ),
    epsilon: float = Option(EPSILON, help="Probability of a random action.", min=0, max=1),
    seed: int = Option(0, help="Of emulator and exploration.", min=0, max=2**31 - 1),
) -> None:
    """Watch a network play, live: the screen and, beside it, the value of every action.

    The page is for this machine alone; from another, forward its port by ssh. Keys in the terminal:
    space pauses, n or → takes one step, + and - change the speed, e and E epsilon, q quits.

    Examples:

    [bold]amkit watch pretrained/pong.keras[/]  in the terminal

    [bold]amkit watch pretrained/amn.keras breakout --browser[/]  as a web page

    [bold]amkit watch pretrained/pong.keras --human[/]  you play, and see what it would do
    """
    from amkit.cli.browser import Page
    from amkit.cli.terminal import Terminal

    with usage():
        name = _only_game(card_of(model), game)
        display = Page(port) if browser else Terminal()
    say(f"loading {model}, which will play {name}")
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
