"""`amkit scores`."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from typer import Argument, Option

from amkit.cli.console import need, out, page, print_json, say, table, usage
from amkit.cli.options import Json


def scores(
    experts: Path = Argument(Path("pretrained"), help="Folder of experts."),
    markdown: bool = Option(False, "--markdown", help="Print the table as Markdown, for a page."),
    figure: Path | None = Option(None, help="Draw the learning curves to this .png or .svg file."),
    json: Json = False,
) -> None:
    """Show the scores and costs of a folder of experts, from their cards, beside the published DQN.

    Examples:

    [bold]amkit scores[/]  the shipped experts

    [bold]amkit scores runs/ --markdown[/]  the experts that you trained

    [bold]amkit scores --figure curves.svg[/]  draws the learning curves too
    """
    with usage():
        from amkit.storage.experts import results as experts_results
        from amkit.storage.files import check_target

        if json and markdown:
            raise ValueError("give --json or --markdown, not both. Received: both")
        if figure:
            need("plots", "a figure")
            check_target(figure, "a figure", (".png", ".svg"))
        results = experts_results(experts)
    if figure:
        from amkit.reports import figures

        shows = (
            f"Learning curves of {len(results)} experts: the score in each game over agent steps, "
            "beside the final evaluation, the published DQN and random play"
        )
        figures.save(figures.training_curves(results), figure, shows)
        say(f"figure: {figure}")
    if json:
        print_json(results)
    else:
        counts = [row["steps"] for row in results]
        millions = ["-" if steps is None else f"{steps / 1e6:.1f} M" for steps in counts]
        rows = [row | {"millions": m} for row, m in zip(results, millions, strict=True)]
        shown = table(
            rows,
            "game | random | DQN | score | games | of DQN | steps | min",
            "{game} | {random} | {dqn} | {mean} ± {standard_error} | {games} | "
            "{dqn_normalised:.2f} | {millions} | {minutes}",
            markdown=markdown,
        )
        (page if markdown else out).print(shown)
        out.print(_notes(results), soft_wrap=markdown)


def _notes(results: Sequence[Mapping[str, Any]]) -> str:
    """What the numbers of the table are, and their median over the paper's multitask games."""
    from amkit.games.catalogue import SPLITS

    measured = dict.fromkeys(
        f"protocol {row['protocol']}, epsilon {row['epsilon']}"
        for row in results
        if row["protocol"]
    )
    notes = (
        f"score: mean and standard error of whole games, {', '.join(measured)}; random: the same "
        "protocol; DQN: Mnih et al. 2015; of DQN: (score - random) / (DQN - random); steps: agent "
        "steps of training; min: minutes of training"
    )
    scored = {row["game"]: row["dqn_normalised"] for row in results}
    multitask = [scored[name] for name in SPLITS["multitask"] if scored.get(name) is not None]
    if not multitask:
        return notes
    median = statistics.median(multitask)
    return f"{notes}; median of DQN over {len(multitask)} of the 8 multitask games: {median:.2f}"
