"""`amkit bench`."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import StatusLine, deliver, table, usage
from amkit.cli.options import Json, finite


def bench(
    game: str = Argument("pong", help="An ALE game."),
    seconds: float = Option(8.0, help="Seconds for each measurement.", min=0.1, callback=finite),
    json: Json = False,
) -> None:
    """Measure this machine's speed: emulation, acting, distilling, DQN training, XLA, bfloat16.

    Rates are in agent steps or training samples per second. Emulation alone is the limit.

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
    rates = {
        (row["batch_size"], row["precision"], row["xla"]): row["rate"]
        for row in measurements["updates"]
    }
    updates = [
        {"batch": batch, "precision": name, "plain": rates[batch, name, False], "xla": rate}
        for (batch, name, xla), rate in rates.items()
        if xla
    ]
    first = measurements["bodies"][0]["steps"]
    return Group(
        table(
            measurements["steps"],
            "job | agent steps/s | of emulation alone",
            "{what} | {rate:,.0f} | {ratio:.0%}",
            left=("job",),
            title=f"{measurements['game']}, {precision}, {machine['cores']} cores, TensorFlow "
            f"{machine['tensorflow']}",
        ),
        "",
        table(
            [{**row, "ratio": row["xla"] / row["plain"]} for row in updates],
            "batch | precision | plain graph | XLA | XLA / plain",
            "{batch} | {precision} | {plain:,.0f} | {xla:,.0f} | {ratio:.2f}",
            title="regression updates of the Nature network, samples/s",
        ),
        "",
        table(
            [{**row, "cost": first / row["steps"]} for row in measurements["bodies"]],
            "body | parameters | forward/s | training/s | distilling | cost",
            "{body} | {parameters:,} | {forward:,.0f} | {training:,.0f} | {steps:,.0f} | "
            "{cost:.1f} x",
            left=("body",),
            title=f"students for --body, {precision}",
            caption="forward: observations; training: samples; distilling: agent steps/s at two "
            "samples per step, the parts each alone",
        ),
    )
