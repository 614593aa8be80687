"""`amkit campaign`: many runs, on this machine's cores or on a cluster."""

import math
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Group
from rich.live import Live
from typer import Argument, Option

from amkit.backend import load_tensorflow
from amkit.cli.console import deliver, err, fail, need, say, table, usage
from amkit.cli.options import RUNS, Json, finite

if TYPE_CHECKING:
    from amkit.jobs.plans import Line, Plan, Planned, Request
    from amkit.jobs.standing import Standing

_UsageError: Any = typer.BadParameter.__base__  # Of Click, which some versions of Typer carry.
_NODE_GIBIBYTES = 4.0  # Of each core, where nothing else is said.


def campaign(
    plan: str = Argument(
        ...,
        help="A plan's TOML file, or a shipped plan: tiny, zoo, table-1, table-2, paper-experts, "
        "paper-networks, paper-table-2.",
    ),
    status: bool = Option(False, "--status", help="Show the progress of the campaign, and exit."),
    dry_run: bool = Option(
        False,
        "--dry-run",
        help="List the runs, what each needs, and how long all take here; run nothing.",
    ),
    nodes: int | None = Option(None, help="With --dry-run: number of machines.", min=1),
    cores: int | None = Option(None, help="With --nodes: cores of each machine.", min=1),
    node_gib: float | None = Option(
        None, help="With --nodes: GiB of memory of each machine for runs (default: 4 per core)."
    ),
    node_hours_between_losses: float | None = Option(
        None, help="With --nodes: mean hours until a machine is lost (default: never)."
    ),
    address: str | None = Option(
        None,
        help="Address of a Ray cluster: auto or ray://HOST:10001 (default: this machine's cores).",
    ),
    storage: str | None = Option(
        None,
        help="Storage of the runs, if the cluster's machines share no folder: s3://BUCKET/PATH.",
    ),
    folder: Path | None = Option(
        None, help="Folder for the run folders (default: runs/ and the plan's name)."
    ),
    checkpoint_minutes: float = Option(
        2.0,
        help="Minutes between checkpoints. A fault loses at most this much work.",
        min=0.01,
        callback=finite,
    ),
    json: Json = False,
) -> None:
    """Train all runs of a plan, several at once, on this machine's cores or on a Ray cluster.

    If a process or machine dies, its run continues from the newest checkpoint. The same command
    continues a campaign that was stopped. Examples:

    [bold]amkit campaign table-2 --dry-run[/]  the list of runs, and the time they need

    [bold]amkit campaign table-2[/]  starts or continues; [bold]--status[/] from another terminal

    [bold]amkit report runs/table-2[/]  a report on the finished runs
    """
    from amkit.jobs.plans import read_plan

    with usage():
        given = [nodes, cores, node_gib, node_hours_between_losses]
        if any(given) and not (dry_run and nodes and cores):
            raise ValueError(
                "options of nodes need --dry-run, --nodes and --cores together. "
                f"Received: --nodes {nodes}, --cores {cores}"
            )
        if dry_run and status:
            raise ValueError("give --dry-run or --status, not both. Received: both")
        described = read_plan(plan)
        folder = folder or RUNS / described.name
        if status:
            rows = _rows(folder)
    if status:
        deliver(rows, json, _table)
    elif dry_run:
        _say_outlook(described, folder, given, 60 * checkpoint_minutes, json)
    else:
        need("cluster", "a campaign")
        _run(described, folder, address, storage, 60 * checkpoint_minutes, json)


def expand(plan: "Plan", folder: Path) -> "list[Planned]":
    """The runs of a plan, as the commands make them; ValueError if one of them refuses."""
    from amkit.jobs.plans import Planned

    planned: dict[Path, Planned] = {}
    for line in plan.lines():
        for request in _requests(line):
            run = folder / f"{request.name}{line.suffix}"
            if run in planned:
                raise ValueError(
                    f"{line.place}: each run needs its own folder: give entries a label. "
                    f"Received: two runs called {run.name}"
                )
            planned[run] = Planned(run, request, line.place)
    return [*planned.values()]


def _requests(line: "Line") -> "list[Request]":
    """What the command of a line would do, asked of the command itself."""
    from amkit.cli import app

    requests: list[Request] = []
    with err.capture() as said:
        try:
            command = typer.main.get_command(app)
            refused = command.main(line.words, "amkit", standalone_mode=False, obj=requests)
            why = ""
        except _UsageError as error:
            refused, why = 2, error.format_message()
    if refused:
        why = " ".join((why or said.get().removeprefix("error:")).split())
        received = "" if "Received: " in why else f" Received: {shlex.join(line.words)}"
        raise ValueError(f"{line.place}: {why}{received}")
    return requests


def _run(
    plan: "Plan",
    folder: Path,
    address: str | None,
    storage: str | None,
    checkpoint_seconds: float,
    json: bool,
) -> None:
    """Does the runs of a plan, shows how far they are, and in the end their results."""
    from amkit.jobs import cluster, standing

    again = shlex.join(["amkit", *sys.argv[1:]])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (
            usage(),
            cluster.cluster(address, folder / "ray.log", ship=bool(storage)) as page,
            _View(folder) as view,
        ):
            signal.signal(signal.SIGTERM, _interrupt)  # Ray has set its own.
            say("checking all runs" + (f"; Ray's page: http://{page}" if page else ""))
            planned, gibibytes = cluster.begin(partial(expand, plan, folder), plan.cores, storage)
            names = [{"name": p.folder.name, "command": p.request.command()} for p in planned]
            noted = {"plan": plan.name, "storage": storage, "runs": names}
            standing.write_campaign(folder, noted)
            todo = cluster.see_through(planned, gibibytes, plan.cores, checkpoint_seconds, storage)
            with closing(todo) as events:
                for ended in events:
                    view.show(ended)
    except cluster.ClusterError as error:
        fail(f"{error}. Go on with: {again}")
    except KeyboardInterrupt:
        fail(f"stopped, and saved. Go on with: {again}")
    rows = _rows(folder)
    deliver(rows, json, _table)
    if failed := [row.run for row in rows if row.state != "finished"]:
        fail(
            f"{len(failed)} of {len(rows)} runs failed: {', '.join(failed)}. Their folders in "
            f"{folder} say why, in {standing.ERROR}"
        )
    say(f"report: amkit report {folder}")


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _rows(folder: Path) -> "list[Standing]":
    from amkit.jobs import standing

    noted = standing.read_campaign(folder)
    folders = [folder / run["name"] for run in noted["runs"]]
    if noted.get("storage"):
        from amkit.storage.remote import Remote

        remote = Remote(noted["storage"])
        for run in folders:
            remote.glance(run)
    return standing.standings(folders)


def _table(rows: "Sequence[Standing]", most: int | None = None) -> Group:
    """A row for each run, what went wrong below, and a line of all.

    With room for so many rows at `most`, first those of runs that are being done.
    """
    from amkit.jobs.standing import duration, summary

    dull = ("waiting", "finished")
    if most is None:
        visible = rows
    else:
        visible = sorted(rows, key=lambda row: row.state in dull and 1 + dull.index(row.state))
    shown = [
        {
            **vars(row),
            "done": f"{row.steps:,} of {row.total_steps:,}" if row.total_steps else "-",
            "rate": f"{row.steps_per_second:,.0f}" if row.steps_per_second else "-",
            "left": duration(row.minutes_left) if row.minutes_left else "-",
        }
        for row in visible[:most]
    ]
    errors = [f"{row.run}: {row.error}" for row in rows if row.error]
    return table(
        shown,
        "run | state | steps | steps/s | score | left",
        "{run} | {state} | {done} | {rate} | {score} | {left}",
        left=("run", "state"),
        caption="\n".join([*errors, summary(rows)]),
    )


class _View:
    """All runs in one live table on a terminal; plain lines elsewhere. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._shown = folder, -math.inf
        self._seconds = 2 if err.is_terminal else 30
        # Ray's words are taken from stdout by `cluster`.
        self._live = Live(console=err, auto_refresh=False, redirect_stdout=False)

    def show(self, ended: "tuple[Planned, str | None] | None") -> None:
        """Shows how far all runs are, if that was not shown just before, and a run that ended."""
        if ended:
            planned, error = ended
            say(f"{planned.folder.name}: {f'failed: {error}' if error else 'finished'}")
        if not ended and time.monotonic() - self._shown < self._seconds:
            return
        from amkit.jobs.standing import summary

        self._shown = time.monotonic()
        rows = _rows(self._folder)
        if err.is_terminal:
            self._live.update(_table(rows, max(err.height - 6, 1)), refresh=True)
        else:
            say(summary(rows))

    def __enter__(self) -> "_View":
        if err.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()


def _say_outlook(
    plan: "Plan", folder: Path, given: Sequence[Any], checkpoint_seconds: float, json: bool
) -> None:
    """Lists the runs of a plan, what each needs, and how long all take."""
    from amkit.jobs.cores import cores_here, gibibytes_here, own_cores
    from amkit.jobs.simulate import Machines, simulate

    nodes, cores, node_gib, hours_between_losses = given
    cores = cores or cores_here()  # Before this process keeps to its own.
    with usage(), own_cores(plan.cores):
        load_tensorflow()
        from amkit.jobs.outlook import outlook, startup_seconds

        planned = expand(plan, folder)
        works = outlook(planned, plan.cores)
        machines = Machines(
            nodes=nodes or 1,
            cores=cores,
            node_gibibytes=node_gib or (_NODE_GIBIBYTES * cores if nodes else gibibytes_here()),
            hours_between_losses=hours_between_losses,
            startup_seconds=startup_seconds(planned),
            checkpoint_seconds=checkpoint_seconds,
        )
        outcome = simulate([work for work in works if work.hours], machines)
    runs = [
        {"run": one.folder.name, "command": one.request.command(), **vars(work)}
        for one, work in zip(planned, works, strict=True)
    ]
    result = {"runs": runs, "machines": machines, "outcome": outcome}
    deliver(result, json, partial(_outlook, here=not nodes))


def _outlook(result: Any, here: bool) -> Group:
    """The list of runs, and below it what the simulation says."""
    from amkit.jobs import forecast
    from amkit.jobs.standing import duration

    machines, outcome = result["machines"], result["outcome"]
    rows = [
        {**run, "time": duration(60 * run["hours"]) if run["hours"] else "-"}
        for run in result["runs"]
    ]
    where = "here" if here else f"on {machines.nodes:,} nodes"
    used = outcome.core_hours or 1
    lines = [
        f"{len(rows)} runs; time: each run alone on its cores, with tests and evaluation, for "
        f"games of {forecast.TYPICAL_STEPS_PER_GAME:,} steps",
        f"{where}, {machines.cores} cores and {machines.node_gibibytes:.0f} GiB each: about "
        f"{duration(60 * outcome.hours)}; the longest run alone "
        f"{duration(60 * outcome.longest_run_hours)}",
        f"core-hours: {outcome.core_hours:,.1f}, of which {outcome.startup_core_hours:,.1f} "
        f"({outcome.startup_core_hours / used:.1%}) to start ({machines.startup_seconds:.0f} s "
        f"each) and {outcome.lost_core_hours:,.1f} ({outcome.lost_core_hours / used:.1%}) lost to "
        f"{outcome.losses:,} losses of nodes; {outcome.idle:.0%} of the cores' time is idle",
    ]
    return table(
        rows,
        "run | cores | GiB | time",
        "{run} | {cores} | {gibibytes:.1f} | {time}",
        left=("run",),
        caption="\n".join(lines),
    )
