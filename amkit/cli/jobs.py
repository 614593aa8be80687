"""Long jobs from the command line: choose the run folder, say the plan, show progress, report."""

import shlex
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from amkit.backend import load_tensorflow
from amkit.cli.console import StatusLine, fail, need, out, print_json, say, usage
from amkit.cli.evaluate import score_table
from amkit.cli.options import RUNNING, RUNS

if TYPE_CHECKING:
    from amkit.jobs.configuration import Configuration
    from amkit.storage.run_folders import Run


@dataclass(frozen=True)
class Job:
    """One training that a command line asks for."""

    kind: str  # One of `cards.KINDS`.
    games: list[str] | None  # Names; None means all that have experts.
    name: str  # Of the run folder, such as `expert-pong`.
    words: list[str]  # The command line of this job alone, less its options.
    # Makes a new run's configuration of `jobs.configuration`, a module that takes seconds to load,
    # and of the options; ValueError if they are wrong.
    configure: "Callable[..., Configuration]"
    options: Mapping[str, Any]  # By name; None was not asked for.
    experts: Path | None = None  # Their folder, for an AMN.
    source: Path | None = None  # Of the weights that it begins with; None: random ones.
    # What a run to go on with has in its configuration, beside the options.
    expected: Mapping[str, Any] = field(default_factory=dict)

    def command(self) -> str:
        """The command line of this job alone, for the card."""
        words = ["amkit", *self.words]
        for key, value in self.options.items():
            if key == "jit_compile" and value is not None:
                words.append("--xla" if value else "--no-xla")
            elif value is not None:
                words += [f"--{key.replace('_', '-')}", str(value)]
        return shlex.join(words)

    def configuration(self) -> "Configuration":
        """The configuration that the options make of a new run."""
        from amkit.jobs import configuration

        options = {key: value for key, value in self.options.items() if value is not None}
        return self.configure(configuration, **options)

    def begin(self, run: "Run") -> None:
        """Begins a new run with the configuration that the options make."""
        run.begin({**self.configuration().to_json(), "command": self.command()})

    def check(self, run: "Run") -> None:
        """ValueError if a run to go on with is another job; says where its files lie now.

        Experts and source may have moved since it began; their weights may not have changed.
        """
        from amkit.jobs import configuration

        asked = {"kind": self.kind, "games": self.games, **self.options, **self.expected}
        _check_goes_on(run, configuration.read_configuration(run).to_json(), asked)
        if self.experts:
            run.config["experts"] = str(self.experts.resolve())
        for key in ("begin", "transfer"):
            if self.source and key in run.config:
                run.config[key]["from"] = str(self.source.resolve())


def _check_goes_on(run: "Run", document: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Checks that a run is the one asked for, as it goes on with the options it began with.

    Args:
        run: for the message.
        document: its configuration.
        asked: name -> value, None where nothing was asked: options of `jobs.configuration`, "games"
            in any order, and "weights" of what it begins with.

    Raises:
        ValueError: at the first difference.
    """
    has = {**(document.get("transfer") or document.get("begin") or {}), **document["settings"]}
    if "minutes" in document:  # Its steps are not yet known.
        del has["steps"]
    has |= document
    for key, wanted in asked.items():
        value = has.get(key)
        if key == "games" and wanted:
            value, wanted = sorted(value or []), sorted(wanted)
        if wanted is not None and value != wanted:
            raise ValueError(
                f"a resumed run keeps its options, and {run.folder} has {key} {value}: leave out "
                f"the option, or start a new run without --resume. Received: {wanted}"
            )


def options_of(context: typer.Context, *but: str) -> dict[str, Any]:
    """What a command's options ask of a training: name -> value, None where it was not given.

    `but` are parameters that are no options of the training.
    """
    names = [parameter.name for parameter in context.command.params if parameter.name]
    return {name: context.params[name] for name in names if name not in (*RUNNING, *but)}


def run_jobs(
    context: typer.Context,
    jobs: list[Job],
    on_model: Callable[[Job, Path], None] = lambda job, model: None,
) -> None:
    """Runs or resumes jobs one after the other, and prints their results.

    All are checked before the first. `on_model` is called with each job and its finished model. A
    campaign, whose list is the context's object, gets the jobs in place of that.
    """
    if context.obj is not None:
        context.obj.extend(jobs)
        return
    how, begun = context.params, time.monotonic()
    again = shlex.join(["amkit", *(word for word in sys.argv[1:] if word != "--resume")])
    results = []
    with ExitStack() as stack:
        with usage():
            if how["tensorboard"]:
                need("tensorboard", "--tensorboard")
            runs = _open(jobs, how.get("run"), how["resume"], stack)
            plans = _plans(runs, begun)
        if "run" in how and len(runs) == 1 and "--run" not in again:
            again = f"{again} --run {shlex.quote(str(runs[0].folder))}"
        for job, run, plan in zip(jobs, runs, plans, strict=True):
            say(plan)
            scores = _run(run, f"{again} --resume", how, begun)
            begun = time.monotonic()
            on_model(job, run.model_path)
            results.append({"run": str(run.folder), "model": str(run.model_path), "scores": scores})
            if how["json"]:
                continue
            if scores:
                out.print(score_table(scores))
            out.print(f"model: {run.model_path}", soft_wrap=True)
    if how["json"]:
        print_json(results if len(results) > 1 else results[0])


def _open(jobs: list[Job], folder: Path | None, resume: bool, stack: ExitStack) -> "list[Run]":
    """Opens each job's run: those that go on first, then, if all is well, the new ones."""
    from amkit.storage import run_folders

    if len({job.name for job in jobs}) < len(jobs):
        raise ValueError("each job needs its own run folder. Received: two jobs of one name")
    runs = [stack.enter_context(run_folders.claim(RUNS, job.name, folder, resume)) for job in jobs]
    load_tensorflow()
    pairs = list(zip(runs, jobs, strict=True))
    for run, job in pairs:
        if run.begun:
            job.check(run)
    for run, job in pairs:
        if not run.begun:
            job.begin(run)
            if resume:
                say(f"no run called {job.name} to resume: starting {run.folder}")
    return runs


def _plans(runs: "list[Run]", begun: float) -> list[str]:
    """What each run will do and how long that takes; of several also how long all take.

    A ValueError leaves none that has done nothing. `begun` is when the command began.
    """
    from amkit.jobs import forecast
    from amkit.jobs.configuration import read_configuration
    from amkit.storage import checkpoints
    from amkit.storage.run_folders import is_finished, steps_done

    def done(run: "Run") -> int:
        """Agent steps done; one at least where something was saved, before the first metrics."""
        return max(steps_done(run), min(checkpoints.count(run.checkpoint_folder), 1))

    plans = {run.folder: f"{run.folder} is already finished" for run in runs}
    configurations = {run.folder: read_configuration(run) for run in runs}
    left = [run for run in runs if not is_finished(run.folder)]
    if left:
        pace = forecast.pace(configurations[left[0].folder])  # Games or weights alone differ.
        spent = time.monotonic() - begun
        try:
            for run in left:
                configuration = configurations[run.folder]
                plans[run.folder] = forecast.plan(configuration, pace, spent, done(run))
                spent = 0.0
        except ValueError:
            for run in left:
                if not done(run):
                    run.abandon()
            raise
    if len(left) > 1:
        minutes = [forecast.minutes(configurations[run.folder], pace, done(run)) for run in left]
        say(
            f"{len(left)} of {len(runs)} trainings to do, one after the other: "
            f"{forecast.Minutes(*map(sum, zip(*minutes, strict=True)))}; "
            "each is followed by its evaluation"
        )
    return [*plans.values()]


def _run(run: "Run", again: str, how: Mapping[str, Any], begun: float) -> Any:
    """Trains and evaluates, if that is not done; returns the scores."""
    import keras

    from amkit.cli.progress import TrainingProgress
    from amkit.jobs.run import run as train_and_evaluate
    from amkit.learning.loop import Interrupted
    from amkit.storage import checkpoints
    from amkit.storage.cards import read_card
    from amkit.storage.run_folders import is_finished

    if is_finished(run.folder):
        run.discard_checkpoints()  # A kill may have come between the model and this.
        return read_card(run.model_path).get("scores", [])
    emulators = len(run.config["games"]) * run.config["settings"]["envs"]
    try:
        with StatusLine() as status:
            progress = TrainingProgress(run.folder.name, emulators, status)
            callbacks = [progress]
            if how["tensorboard"]:
                logs = str(run.folder / "tensorboard")
                callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
            return train_and_evaluate(
                run,
                callbacks,
                checkpoint_seconds=60 * how["checkpoint_minutes"],
                on_evaluation=status.games,
                on_test=progress.testing,
                on_ready=progress.starting,
                begun=begun,
            )
    except Interrupted:
        fail(f"stopped, and saved. Go on with: {again}")
    except KeyboardInterrupt:  # A second Ctrl-C, or one while the result is evaluated.
        saved = checkpoints.count(run.checkpoint_folder) or is_finished(run.folder)
        start = "Go on from the newest checkpoint" if saved else "Nothing was learnt. Begin again"
        fail(f"stopped. {start} with: {again}")
