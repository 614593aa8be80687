"""`amkit relate`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import StatusLine, deliver, fail, table, usage
from amkit.cli.options import Json, Output

if TYPE_CHECKING:
    from amkit.transfer.relate import Candidate


def relate(
    game: str = Argument(..., help="The target: the new game to learn."),
    models: list[Path] | None = Option(
        None, "--from", help="A network that may help: an AMN or an expert. May be repeated."
    ),
    experts: Path | None = Option(None, help="Folder of experts: measure all of them."),
    steps: int = Option(8192, help="Agent steps of random play to measure on.", min=1024),
    seed: int = Option(0, help="Seed of the random play.", min=0, max=2**29),
    output: Output = None,
    json: Json = False,
) -> None:
    """Guess which networks help to learn a new game, before you run `amkit transfer`.

    amkit plays the game at random for some seconds. A network may be a good start if its features
    predict the reward ahead. Random weights and plain pixels are measured for comparison. A network
    that has already learnt the target is marked: for that network, the game is not new.

    Examples:

    [bold]amkit relate breakout --experts pretrained/[/]  which of the shipped experts?

    [bold]amkit relate gopher --from amn-policy.keras --from amn-feature.keras[/]  two networks
    """
    with usage():
        from amkit.games.atari import background, find_game
        from amkit.storage.cards import at_hand
        from amkit.storage.experts import find_experts
        from amkit.storage.files import check_target

        if not models and not experts:
            raise ValueError("give networks with --from or --experts. Received: neither")
        if output:
            check_target(output, "--output", keys=("target", "steps", "candidates"))
        target = find_game(game)
        others = find_experts(experts).items() if experts else ()
        paths = [at_hand(model) for model in models or []]
        paths += [expert.path for name, expert in others if name != target.name]
        if not paths:
            raise ValueError(
                f"{experts} must have experts of games other than the target. Received: none"
            )
    load_tensorflow()
    from amkit.transfer import relate as relating

    luminance = background(target)
    with usage():
        candidates = relating.candidates(paths, luminance)
    with StatusLine(0) as status:
        status(f"measuring {steps:,} steps of {target.name}, played at random")
        frames = relating.play_at_random(target, steps, seed=seed)
        try:
            rows = relating.relate(frames, candidates, lambda name: status(f"measuring {name}"))
        except relating.TooFewRewards as error:
            fail(str(error))
    result = guess_json(target.name, frames.reward_ahead.size, seed, rows, candidates)
    deliver(result, json, relate_table, output)


def guess_json(
    target: str,
    steps: int,
    seed: int,
    rows: Iterable[Mapping[str, Any]],
    candidates: "Mapping[str, Candidate]",
) -> dict[str, Any]:
    """What is printed and written, and what `amkit report --relate` reads.

    Args:
        target: name of the game that was played at random.
        steps: agent steps that the candidates were judged by.
        seed: of the random play.
        rows: from `relate.relate`; "weight_hash" (None of what was made here) and "knows_target"
            are added.
        candidates: from `relate.candidates`.
    """
    from amkit.games.atari import FRAMES_PER_STEP

    judged = [
        {
            **row,
            "weight_hash": candidates[row["name"]].weight_hash,
            "knows_target": target in candidates[row["name"]].learnt,
        }
        for row in rows
    ]
    return {
        "target": target,
        "steps": steps,
        "frames": steps * FRAMES_PER_STEP,
        "seed": seed,
        "candidates": judged,
    }


def relate_table(result: Mapping[str, Any]) -> Group:
    """A table of `guess_json`: what each candidate's features tell."""
    rows = [
        {**row, "learnt": f"has learnt {result['target']}" if row["knows_target"] else ""}
        for row in result["candidates"]
    ]
    return table(
        rows,
        "features of | R² | ± | ",
        "{name} | {r_squared:.3f} | {standard_error:.3f} | {learnt}",
        left=("features of", ""),
        caption="R²: predicted share of the variance of the discounted reward ahead, on "
        "environments that were not used for the fit; mean and standard error",
    )
