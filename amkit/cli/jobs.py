"""Long jobs from the command line: choose the run folder, say the plan, show progress, report."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
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
    typer.Option(help="float32 or mixed_bfloat16; measured at the start if not given."),
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
    typer.Option("--protocol", help="Protocol of the scores on the model's card (quick)."),
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
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result, on stdout.")]

RUNS = Path("runs")


@dataclass(frozen=True)
class Request:
    """What a job's command line asks for.

    Attributes:
        kind: "expert" or "amn".
        games: names; None means all that have experts.
        name: of the run folder, such as `expert-pong`.
        make_config: makes a new run's configuration of the options; ValueError if they are wrong.
        options: the options by name; None was not asked for.
        experts: folder of experts, for an AMN.
    """

    kind: str
    games: list[str] | None
    name: str
    make_config: Callable[..., dict[str, Any]]
    options: dict[str, Any]
    experts: Path | None = None

    def config(self) -> dict[str, Any]:
        """The configuration of a new run."""
        asked = {key: value for key, value in self.options.items() if value is not None}
        return self.make_config(**asked)


def run_job(
    request: Request,
    *,
    folder: Path | None,
    resume: bool,
    tensorboard: bool,
    checkpoint_minutes: float,
    one_of_several: bool = False,
) -> dict[str, Any]:
    """Runs or resumes a job in a run folder.

    Args:
        request: what is asked for.
        folder: run folder asked for, or None.
        resume: whether to go on with an unfinished run.
        tensorboard: whether to log for TensorBoard.
        checkpoint_minutes: period of the checkpoints.
        one_of_several: whether the command runs other jobs too: it then goes on with all of them.

    Returns:
        "run" (its folder), "model" (its file) and "scores", for `report`.
    """
    from amkit import runs

    with usage():
        if tensorboard and not find_spec("tensorboard"):
            raise ValueError(
                "--tensorboard needs amkit's extra 'tensorboard': pip install -e '.[tensorboard]'"
            )
        target = runs.choose(RUNS, request.name, folder, resume)
        load_tensorflow()
        from amkit import recipes
        from amkit.cli.progress import EvaluationProgress
        from amkit.model_files import read_card
        from amkit.training import Interrupted

        going_on = (target / "config.json").exists()
        run = runs.Run(target, None if going_on else {**request.config(), "command": _command()})
        if resume and not going_on:
            say(f"no run called {request.name} to go on with: beginning {target}")
    go_on = _command()
    if not one_of_several and "--run" not in go_on:
        go_on = f"{go_on} --run {shlex.quote(str(target))}"
    with run, work():
        if going_on:
            with usage():
                recipes.check_goes_on(run.config, request.kind, request.games, **request.options)
            if request.experts:  # They may have moved since; their weights may not have changed.
                run.config["experts"] = str(request.experts.resolve())
        if runs.is_finished(target):
            say(f"{target} is finished already")
            return _result(run, read_card(run.model_path).get("scores", []))
        say(recipes.plan(run.config))
        callbacks, progress = _callbacks(target, tensorboard)
        evaluation = EvaluationProgress()
        try:
            scores = recipes.run(
                run,
                callbacks,
                checkpoint_seconds=60 * checkpoint_minutes,
                on_evaluation=evaluation,
            )
        except Interrupted:
            fail(f"stopped, and saved. Go on with: {go_on} --resume", FAILED)
        except KeyboardInterrupt:  # A second Ctrl-C, or one while the result is evaluated.
            fail(f"stopped. Go on from the newest checkpoint with: {go_on} --resume", FAILED)
        finally:
            progress.close()
            evaluation.close()
        return _result(run, scores)


def _command() -> str:
    words = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join(["amkit", *words])


def _callbacks(folder: Path, tensorboard: bool) -> tuple[list, Any]:
    import keras

    from amkit.cli.progress import TrainingProgress

    progress = TrainingProgress(folder.name)
    callbacks = [progress]
    if tensorboard:
        callbacks.append(
            keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)
        )
    return callbacks, progress


def _result(run: Any, scores: list[dict[str, Any]]) -> dict[str, Any]:
    return {"run": str(run.folder), "model": str(run.model_path), "scores": scores}


def report(result: dict[str, Any]) -> None:
    """Prints the result of `run_job` for people."""
    from amkit.cli.tables import score_table

    if result["scores"]:
        out.print(score_table(result["scores"]))
    out.print(f"model: {escape(result['model'])}", soft_wrap=True)
