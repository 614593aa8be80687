"""`amkit bench`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Group

from amkit.backend import load_tensorflow
from amkit.cli.console import StatusLine, deliver, table, usage
from amkit.cli.options import Json, finite


def bench(
    game: Annotated[str, typer.Argument(help="An ALE game.")] = "pong",
    seconds: Annotated[
        float, typer.Option(help="Spent on each measurement.", min=0.1, callback=finite)
    ] = 8.0,
    json: Json = False,
) -> None:
    """Measure this machine: emulation alone, acting, distilling, DQN training, XLA, bfloat16.

    Rates are agent steps (or training samples) per second, and ratios to emulation alone.

    Example: [bold]amkit bench --seconds 8[/]  takes some minutes
    """
    with usage():
        from amkit.games.atari import find_game

        measured = find_game(game)
    load_tensorflow()
    from amkit.jobs.benchmark import measure

    with StatusLine(0) as status:
        measurements = measure(measured, seconds, lambda what: status(f"measuring {what}"))
    deliver(measurements, json, bench_tables)


def bench_tables(measurements: Mapping[str, Any]) -> Group:
    """The tables of `benchmark.measure`: whole jobs, updates alone, students of other layers."""
    machine, precision = measurements["machine"], measurements["precision"]
    jobs = [
        {
            "job": row["what"],
            "agent steps/s": f"{row['rate']:,.0f}",
            "of emulation alone": f"{100 * row['ratio']:.0f} %",
        }
        for row in measurements["steps"]
    ]
    rates = {
        (row["batch_size"], row["precision"], row["xla"]): row["rate"]
        for row in measurements["updates"]
    }
    updates = [
        {
            "batch": str(batch),
            "precision": name,
            "plain graph": f"{rates[batch, name, False]:,.0f}",
            "XLA": f"{rate:,.0f}",
            "XLA / plain": f"{rate / rates[batch, name, False]:.2f}",
        }
        for (batch, name, xla), rate in rates.items()
        if xla
    ]
    first = measurements["bodies"][0]["steps"]
    bodies = [
        {
            "body": row["body"],
            "parameters": f"{row['parameters']:,}",
            "forward/s": f"{row['forward']:,.0f}",
            "training/s": f"{row['training']:,.0f}",
            "distilling": f"{row['steps']:,.0f}",
            "cost": f"{first / row['steps']:.1f} x",
        }
        for row in measurements["bodies"]
    ]
    return Group(
        table(
            jobs,
            left=("job",),
            title=f"{measurements['game']}, {precision}, {machine['cores']} cores, TensorFlow "
            f"{machine['tensorflow']}",
        ),
        "",
        table(updates, title="regression updates of the Nature network, samples/s"),
        "",
        table(
            bodies,
            left=("body",),
            title=f"students for --body, {precision}",
            caption="forward: observations; training: samples; distilling: agent steps/s at two "
            "samples per step, the parts each alone",
        ),
    )
