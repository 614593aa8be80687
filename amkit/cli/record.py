"""`amkit record`."""

from pathlib import Path

from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import deliver, line, need, say, usage
from amkit.cli.options import Epsilon, Json, card_of, finite
from amkit.games.published import EPSILON


def record(
    model: Path = Argument(..., help="A .keras file: an expert or an AMN."),
    game: str | None = Argument(None, help="A game of the model (default: the first on its card)."),
    output: Path | None = Option(None, help="Video to write, .gif or .mp4 (default: GAME.gif)."),
    seconds: float = Option(
        30.0, help="Length of the video, at the speed of a real Atari.", min=0.1, callback=finite
    ),
    epsilon: Epsilon = EPSILON,
    seed: int = Option(0, help="Seed of emulator and exploration.", min=0, max=2**31 - 1),
    json: Json = False,
) -> None:
    """Record a game as a video: the screen beside the value of every action.

    Examples:

    [bold]amkit record pretrained/pong.keras[/]  30 seconds of Pong in pong.gif

    [bold]amkit record runs/amn-all/model.keras breakout --output breakout.mp4[/]  another game
    """
    need("video", "a video")
    with usage():
        card_of(model)
    load_tensorflow()
    from amkit.evaluation import recording, scorecards
    from amkit.evaluation.live import STEPS_PER_SECOND
    from amkit.networks.actions import for_game
    from amkit.storage.cards import how_played, is_policy, played, presses_fire

    with usage():
        _, network, card, (chosen, *_) = scorecards.player(model, [game] if game else None, epsilon)
        path = output or Path(f"{chosen.name}.gif")
        recording.check_path(path)
    say(f"recording {chosen.name}, played by {model}, epsilon {epsilon}, seed {seed}")
    if how := how_played(played(card, chosen.name)):
        say(how)
    moments = recording.play(
        for_game(network, chosen),
        chosen,
        epsilon=epsilon,
        seed=seed,
        steps=max(round(seconds * STEPS_PER_SECOND), 1),
        fire=presses_fire(card, chosen.name),
    )
    steps, score = recording.write(moments, chosen, is_policy(card), path)
    result = {"video": str(path), "steps": steps, "score": score}
    deliver(result, json, lambda _: line(f"{path}: {steps:,} steps, score {score:,.0f}"))
