"""`amkit report`."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import deliver, need, say, table, usage
from amkit.cli.options import Json, card_of, finite
from amkit.games.published import EPSILON
from amkit.reports.text import Estimate, Row, interval

if TYPE_CHECKING:
    from amkit.reports.guesses import Relation
    from amkit.reports.pages import Clip

_LEAD_SECONDS = 10  # Of a game, before what is shown of it.


def report(
    runs: list[Path] = Argument(
        ...,
        help="Finished runs, folders of runs, .keras files or cards (.json). Give AMNs of the same "
        "games with their baselines and experts, or AMNs that differ in an option, or runs of "
        "`amkit transfer`.",
    ),
    guesses: list[Path] | None = Option(
        None,
        "--relate",
        help="For transfers: a file that `amkit relate --output` wrote. May be repeated.",
    ),
    output: Path = Option(
        Path("report"), help="Folder to write: a new folder, or the folder of an earlier report."
    ),
    play: float = Option(
        5.0,
        help="Seconds of play to show of each game on the page, by the first network whose .keras "
        "file is present (0: none).",
        min=0,
        max=60,
        callback=finite,
    ),
    seed: int = Option(0, help="Seed of the bootstrap.", min=0),
    json: Json = False,
) -> None:
    """Report on finished runs: Table 1 and Figures 1 to 6; for transfers Table 2 and Figure 7.

    Networks distilled with different options are compared with the first network. Unfinished
    transfers are left out, and so are games without a transfer from random weights. For experts
    alone use [bold]amkit scores[/].
    Writes Markdown, one self-contained HTML page, CSV tables and figures (PNG, SVG).

    Examples:

    [bold]amkit report runs/amn-multitask[/]  one run

    [bold]amkit report runs/amn-multitask runs/amn-multitask-2 runs/mdqn-multitask[/]

    [bold]amkit report runs/both-act runs/student-acts runs/expert-acts[/]

    [bold]amkit report runs/transfer-* --relate krull.json --relate gopher.json[/]
    """
    with usage():
        need("report", "a report")
        if output.exists() and not output.is_dir():
            raise ValueError(f"--output must be a folder. Received: {output}, a file")
        from amkit.reports.pages import write_report
        from amkit.storage.run_folders import runs_in

        every = [run for path in runs for run in runs_in(path)]
        written = write_report(
            every, output, seed, guesses or (), clips=lambda: clips(every, play), on_left_out=say
        )
    deliver({"folder": str(output), **written}, json, written_table)
    say(f"page: {output / 'index.html'}")


def clips(runs: Iterable[Path], seconds: float) -> "list[Clip]":
    """Some seconds of each game, as the first of the runs' networks at hand plays it.

    Experts come last: a report is of what learnt from them.
    """
    from amkit.storage.cards import ModelFileError, read_card

    paths = [run / "model.keras" if run.is_dir() else run.with_suffix(".keras") for run in runs]
    networks = [(read_card(path), path) for path in paths if seconds and path.is_file()]
    made: dict[str, Clip] = {}
    for card, path in sorted(networks, key=lambda network: network[0]["kind"] == "expert"):
        if names := [name for name in card["games"] if name not in made]:
            try:
                card_of(path)
                say(f"playing {', '.join(names)} for the page, {seconds:g} s each (skip: --play 0)")
                made |= {clip.name: clip for clip in _clips(path, names, seconds)}
            except ModelFileError as error:
                say(f"not played: {error}")
    return list(made.values())


def _clips(path: Path, names: list[str], seconds: float) -> "Iterator[Clip]":
    load_tensorflow()
    from amkit.evaluation import recording, scorecards
    from amkit.evaluation.live import STEPS_PER_SECOND
    from amkit.networks.actions import for_game
    from amkit.reports.pages import Clip
    from amkit.storage.cards import presses_fire

    _, network, card, games = scorecards.player(path, names, EPSILON)
    steps = max(round(seconds * STEPS_PER_SECOND), 1)
    for game in games:
        # Of most games the first seconds are the dullest.
        moments = recording.play(
            for_game(network, game),
            game,
            seed=scorecards.SEED,
            steps=round(_LEAD_SECONDS * STEPS_PER_SECOND) + steps,
            fire=presses_fire(card, game.name),
        )
        shown = deque(moments, maxlen=steps)
        video = recording.clip(moment.screen for moment in shown)
        score = shown[-1].score + shown[-1].reward
        yield Clip(game.name, game.title, f"{path.parent.name}/{path.name}", score, video)


def written_table(written: dict[str, Any]) -> Group:
    """The table of what `write_report` returned, whichever report that was."""
    if "variants" in written:
        return ablation_table(written["variants"])
    if "curves" in written:
        return transfer_table(written["curves"], written["relation"], written["overall"])
    return report_table(written["games"], written["aggregates"])


def report_table(rows: list[Row], aggregates: dict[str, Estimate]) -> Group:
    """A table of `multitask.table_1`; `multitask.aggregates` below it."""
    lines = ["normalised: (AMN - random) / (expert - random), 95 % interval; ratio: AMN / expert"]
    lines += [f"{name} {interval(value)}" for name, value in aggregates.items()]
    return table(
        rows,
        "game | expert | AMN | ± | normalised | ratio | paper's",
        "{game} | {expert} | {amn} | {amn_error} | {normalised} | {ratio:.0%} | {paper.ratio:.0%}",
        caption="\n".join(lines),
    )


def ablation_table(rows: list[Row]) -> Group:
    """A table of `ablations.table`: geometric means, and differences from the first."""
    return table(
        rows,
        "what is different | runs | mean | difference",
        "{variant:words} | {runs} | {geometric_mean} | {difference}",
        left=("what is different",),
        caption="geometric mean of expert-normalised scores, and its difference from the first "
        "row's, with 95 % intervals",
    )


def transfer_table(
    rows: list[Row], related: "Relation | None" = None, overall: Sequence[Row] = ()
) -> Group:
    """A table of `transfers.table_2`; below it `improvement.overall`, and what `relate` guessed."""
    shown = [
        {
            **row,
            "first": row["points"][0]["mean"],
            "last": row["points"][-1]["mean"],
            "gain": _gain(row),
            "match": "-" if (steps := row["steps_to_match"]) is None else f"{steps / 1000:,.0f} k",
        }
        for row in rows
    ]
    caption = (
        "area: mean score above random play, as a ratio to random weights, 95 % interval (where "
        "random weights are not above random play: the difference, with a sign; undecided where "
        "neither is); match: agent steps to reach the last score of random weights"
    )
    for row in overall:
        if row["source"] != "random":
            caption += (
                f"; {row['source']} has more area than random weights with probability "
                f"{interval(row['improvement'])}, {row['games']} games, {row['undecided']} of them "
                "undecided"
            )
    if related:
        caption += (
            f"; relate's guesses and gains, {len(related.points)} pairs: Spearman "
            f"{interval(related.correlation)}"
        )
    return table(
        shown,
        "game | initialisation | runs | first | last | area | match",
        "{game} | {source} | {runs} | {first} | {last} | {gain} | {match}",
        left=("game", "initialisation"),
        caption=caption,
    )


def _gain(row: Row) -> str:
    """The area as a ratio and its interval; as a difference where there is no ratio."""
    area, difference = row["area"], row["area_difference"]
    if not math.isnan(area.value):
        return f"{area.value:.2f} ({area.low:.2f}-{area.high:.2f})"
    if row["source"] == "random":
        return "-"
    if not row["decided"]:
        return "undecided"
    return f"{difference.value:+,.0f} ({difference.low:,.0f} to {difference.high:,.0f})"
