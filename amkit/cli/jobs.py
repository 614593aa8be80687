"""Long jobs from the command line: choose the run folder, say the plan, show progress, report."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from amkit.cli.console import (
    FAILED,
    fail,
    finite,
    load_tensorflow,
    out,
    print_json,
    say,
    usage,
    work,
)

# Options that training and distilling share.
Seed = Annotated[
    int | None,
    typer.Option(
        help="Repeats a run, given the same --precision (0 if not given).", min=0, max=2**29
    ),
]
Steps = Annotated[
    int | None, typer.Option(help="Agent steps per game (the preset's, if not given).", min=1)
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="float32 or mixed_bfloat16; if not given, measured at the start (preset paper: "
        "float32)."
    ),
]
Xla = Annotated[
    bool | None,
    typer.Option("--xla/--no-xla", help="Compile updates with XLA (default: on accelerators)."),
]
RunFolder = Annotated[
    Path | None, typer.Option("--run", help="Run folder (default: a new one under runs/).")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the newest such run, or start it if there is none."),
]
ProtocolName = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="Protocol of the scores on the model's card (quick; preset paper: paper).",
    ),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard logs into the run folder.")
]
CheckpointMinutes = Annotated[
    float,
    typer.Option(
        help="Minutes between checkpoints: the most a kill loses.", min=0.01, callback=finite
    ),
]
TestEpochs = Annotated[
    int | None,
    typer.Option(
        help="Times that it is tested on whole games while it trains, for learning curves (0).",
        min=0,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result, on stdout.")]

RUNS = Path("runs")


@dataclass(frozen=True)
class Command:
    """What a job's command line asks for.

    Attributes:
        kind: one of `cards.KINDS`.
        games: names; None means all that have experts.
        name: of the run folder, such as `expert-pong`.
        words: the command line of this job alone, less its options.
        make_config: makes a new run's configuration of the options; ValueError if they are wrong.
        options: the options by name; None was not asked for.
        experts: folder of experts, for an AMN.
        expected: what a run to go on with has in its configuration, beside the options.
    """

    kind: str
    games: list[str] | None
    name: str
    words: list[str]
    make_config: Callable[..., dict[str, Any]]
    options: dict[str, Any]
    experts: Path | None = None
    expected: dict[str, Any] = field(default_factory=dict)

    def config(self) -> dict[str, Any]:
        """The configuration of a new run."""
        asked = {key: value for key, value in self.options.items() if value is not None}
        return {**self.make_config(**asked), "command": self.command()}

    def command(self) -> str:
        """The command line of this job alone, for the card."""
        words = ["amkit", *self.words]
        for key, value in self.options.items():
            if key == "jit_compile" and value is not None:
                words.append("--xla" if value else "--no-xla")
            elif value is not None:
                words += [f"--{key.replace('_', '-')}", str(value)]
        return shlex.join(words)


def run_jobs(
    requests: list[Command],
    *,
    folder: Path | None,
    resume: bool,
    tensorboard: bool,
    checkpoint_minutes: float,
    run_option: bool = True,
) -> Iterator[dict[str, Any]]:
    """Runs or resumes jobs in run folders, one after the other; all are checked before the first.

    Args:
        requests: what is asked for.
        folder: run folder asked for, of a single job, or None.
        resume: whether to go on with unfinished runs.
        tensorboard: whether to log for TensorBoard.
        checkpoint_minutes: period of the checkpoints.
        run_option: whether the command has an option --run, to go on with.

    Yields:
        "run" (its folder), "model" (its file) and "scores" of each, for `report`.
    """
    again = shlex.join(["amkit", *(word for word in sys.argv[1:] if word != "--resume")])
    with ExitStack() as stack:
        with usage():
            if tensorboard and not find_spec("tensorboard"):
                raise ValueError(
                    "--tensorboard needs amkit's extra 'tensorboard': "
                    "pip install -e '.[tensorboard]'"
                )
            begun = _begin(requests, folder, resume, stack)
        if run_option and len(begun) == 1 and "--run" not in again:
            again = f"{again} --run {shlex.quote(str(begun[0].folder))}"
        _say_total(begun)
        for run in begun:
            yield _run(run, f"{again} --resume", tensorboard, checkpoint_minutes)


def run_job(
    request: Command,
    *,
    folder: Path | None,
    resume: bool,
    tensorboard: bool,
    checkpoint_minutes: float,
    json: bool,
) -> None:
    """Runs or resumes a single job and prints its result; arguments as in `run_jobs`."""
    (result,) = run_jobs(
        [request],
        folder=folder,
        resume=resume,
        tensorboard=tensorboard,
        checkpoint_minutes=checkpoint_minutes,
    )
    if json:
        print_json(result)
    else:
        report(result)


def _begin(
    requests: list[Command], folder: Path | None, resume: bool, stack: ExitStack
) -> list[Any]:
    """Opens each job's run: those that go on first, then, if all is well, the new ones."""
    from amkit.storage import run_folders

    if len({request.name for request in requests}) < len(requests):
        raise ValueError("jobs have run folders of their own. Received: two of one name")
    # Chosen and locked before the seconds that loading takes: others choose other folders.
    runs = [
        stack.enter_context(run_folders.claim(RUNS, request.name, folder, resume))
        for request in requests
    ]
    load_tensorflow()
    from amkit.jobs import configuration

    new = []
    for run, request in zip(runs, requests, strict=True):
        if not run.begun:
            new.append((run, request.config()))
            continue
        configuration.check_goes_on(
            run, request.kind, request.games, **request.options, **request.expected
        )
        if request.experts:  # They may have moved since; their weights may not have changed.
            run.config["experts"] = str(request.experts.resolve())
    for run, config in new:
        run.begin(config)
        if resume:
            say(f"no run called {run.folder.name} to go on with: beginning {run.folder}")
    return runs


def _say_total(begun: list[Any]) -> None:
    """Says how long the rest of several trainings takes, at the pace of the first of them."""
    from amkit.jobs import forecast
    from amkit.storage import run_folders

    unfinished = [run for run in begun if not run_folders.is_finished(run.folder)]
    if len(unfinished) > 1:
        with work():
            pace = forecast.pace(unfinished[0].config)
            left = [
                forecast.minutes(run.config, pace, run_folders.steps_done(run))
                for run in unfinished
            ]
        say(
            f"{len(unfinished)} of {len(begun)} trainings to do, one after the other: "
            f"{sum(left, forecast.Minutes())}; each is followed by its evaluation"
        )


def _run(run: Any, again: str, tensorboard: bool, checkpoint_minutes: float) -> dict[str, Any]:
    from amkit.cli.progress import EvaluationProgress
    from amkit.jobs import forecast
    from amkit.jobs.run import run as see_through
    from amkit.learning.loop import Interrupted
    from amkit.storage import run_folders
    from amkit.storage.cards import read_card

    with work():
        if run_folders.is_finished(run.folder):
            say(f"{run.folder} is finished already")
            run.discard_checkpoints()  # A kill may have come between the model and this.
            return _result(run, read_card(run.model_path).get("scores", []))
        say(forecast.plan(run.config))
        callbacks, progress = _callbacks(run, tensorboard)
        evaluation = EvaluationProgress()
        try:
            scores = see_through(
                run,
                callbacks,
                checkpoint_seconds=60 * checkpoint_minutes,
                on_evaluation=evaluation,
                on_test=progress.testing,
                on_ready=progress.starting,
            )
        except Interrupted:
            fail(f"stopped, and saved. Go on with: {again}", FAILED)
        except KeyboardInterrupt:  # A second Ctrl-C, or one while the result is evaluated.
            fail(f"stopped. Go on from the newest checkpoint with: {again}", FAILED)
        finally:
            progress.close()
            evaluation.close()
        return _result(run, scores)


def _callbacks(run: Any, tensorboard: bool) -> tuple[list, Any]:
    import keras

    from amkit.cli.progress import TrainingProgress

    emulators = len(run.config["games"]) * run.config["settings"]["envs"]
    progress = TrainingProgress(run.folder.name, emulators)
    callbacks = [progress]
    if tensorboard:
        callbacks.append(
            keras.callbacks.TensorBoard(str(run.folder / "tensorboard"), write_graph=False)
        )
    return callbacks, progress


def _result(run: Any, scores: list[dict[str, Any]]) -> dict[str, Any]:
    return {"run": str(run.folder), "model": str(run.model_path), "scores": scores}


def report(result: dict[str, Any]) -> None:
    """Prints the result of `run_jobs` for people."""
    from amkit.cli.tables import score_table

    if result["scores"]:
        out.print(score_table(result["scores"]))
    out.print(f"model: {escape(result['model'])}", soft_wrap=True)
