"""What every command shares: two consoles, one-line errors, quiet imports."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

out = Console(highlight=False)  # Results.
err = Console(stderr=True, highlight=False)  # All else.

FAILED, WRONG_USAGE = 1, 2


def say(text: str) -> None:
    """Writes a line to stderr; text from files is not taken for markup."""
    err.print(escape(text), soft_wrap=True)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Ends the command with one line on stderr."""
    line = " ".join(str(message).split())
    err.print(f"[red]error:[/] {escape(line)}", soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def usage() -> Iterator[None]:
    """Turns what is wrong with a request into one line, before any work starts."""
    from amkit.storage.cards import ModelFileError
    from amkit.storage.checkpoints import CheckpointError
    from amkit.storage.run_folders import DamagedRun, RunError

    try:
        yield
    except (ModelFileError, CheckpointError, DamagedRun) as error:
        fail(str(error), FAILED)
    except (ValueError, RunError) as error:
        fail(str(error), WRONG_USAGE)
    except OSError as error:
        fail(f"{error.filename or 'the disk'}: {error.strerror or error}", FAILED)


@contextmanager
def work() -> Iterator[None]:
    """Turns what may befall a long job into one line."""
    from amkit.games.catalogue import UnknownGame
    from amkit.storage.cards import ModelFileError
    from amkit.storage.checkpoints import CheckpointError
    from amkit.storage.experts import ExpertError
    from amkit.storage.run_folders import RunError
    from amkit.transfer.relate import TooFewRewards

    try:
        yield
    except (
        CheckpointError, ExpertError, ModelFileError, RunError, TooFewRewards, UnknownGame
    ) as error:  # fmt: skip
        fail(str(error), FAILED)
    except OSError as error:
        fail(f"{error.filename or 'the disk'}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        fail("stopped", FAILED)
    except Exception as error:
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            fail(
                "out of memory: fewer games, fewer steps or a preset with a smaller replay need "
                "less",
                FAILED,
            )
        raise


def game_names(games: str | None, split: str | None) -> list[str] | None:
    """Reads `--games` and `--split`; None where neither was given. ValueError if wrong."""
    from amkit.games.atari import find_game
    from amkit.games.catalogue import split as games_of_split

    if games and split:
        raise ValueError("--games and --split exclude each other. Received: both")
    if split:
        return [game.name for game in games_of_split(split)]
    if games is None:
        return None
    names = [find_game(name.strip()).name for name in games.split(",") if name.strip()]
    if not names:
        raise ValueError("--games is a comma-separated list of games. Received: none")
    if len(set(names)) < len(names):
        raise ValueError(f"--games names each game once. Received: {games}")
    return names


def finite(value: float) -> float:
    """Option callback: refuses NaN and infinity."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"a number is expected. Received: {value}")
    return value


def print_json(value: Any) -> None:
    """Writes one JSON document to stdout."""
    from amkit.storage.files import json_text

    sys.stdout.write(json_text(value))


def load_tensorflow() -> None:
    """Imports TensorFlow without the lines its C++ side writes to stderr while it loads."""
    os.environ["KERAS_BACKEND"] = "tensorflow"  # Trainings are its functions, whatever is set.
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] in "01":
        import tensorflow  # noqa: F401

        return
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """Shows what is being done now; hands out a function to say it."""
    if not err.is_terminal:
        yield lambda what: say(f"measuring {what}")
        return
    with err.status("starting") as status:
        yield lambda what: status.update(f"measuring {what}")
