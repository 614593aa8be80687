"""What every command shares: output of any encoding to any stream, tables, one-line errors."""

import codecs
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from traceback import walk_tb
from typing import Any, NoReturn

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from amkit.reports.text import Cells

FAILED, WRONG_USAGE = 1, 2

_EXTRAS = {
    "cluster": ("ray", "pyarrow"),
    "export": ("tf2onnx", "onnxruntime"),
    "plots": ("matplotlib",),
    "report": ("matplotlib", "pandas", "jinja2", "tabulate", "scipy", "markdown_it"),
    "tensorboard": ("tensorboard",),
    "video": ("PIL",),
}
_ASCII = "amkit-ascii"  # Name of the codec error handler.
_SPELT = str.maketrans({"±": "+/-", "∞": "inf", "…": "~"})
# A line below the headings, and no other; rich's own such box is redrawn where there is no UTF-8.
_PLAIN = box.Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Codec error handler: spells in ASCII what a stream's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_SPELT)
    letters = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if c.isascii() else "?" for c in letters), error.end


codecs.register_error(_ASCII, _in_ascii)


def open_streams() -> None:
    """Makes stdout and stderr take any text, whatever their encoding, also where they are closed.

    A file that is opened later would get a closed one's number, and be written into as such.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest number that is free.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_ASCII)


class _Console(Console):
    """Prints strings as they are: what comes from files is not taken for markup or emoji."""

    def __init__(self, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        """Lets the work go on where nobody reads any more, such as behind `| head`."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


out = _Console()  # Results.
page = _Console(width=200)  # Results for a page, which is as wide as it need be.
err = _Console(stderr=True)  # All else.


def say(text: str) -> None:
    """Writes a line to stderr."""
    err.print(text, soft_wrap=True)


def print_json(value: Any) -> None:
    """Writes one JSON document to stdout."""
    from amkit.storage.files import json_text

    out.out(json_text(value), end="")


def deliver(
    result: Any, json: bool, show: Callable[[Any], RenderableType], output: Path | None = None
) -> None:
    """Writes a result to its file, if there is one, and prints it: as JSON, or as `show` has it.

    First to the file: nobody may read what is printed.
    """
    if output:
        from amkit.storage.files import json_text, write_text

        write_text(output, json_text(result))
    if json:
        print_json(result)
    else:
        out.print(show(result), crop=False)


def table(
    rows: Iterable[Mapping[str, Any]],
    headings: str,
    cells: str,
    *,
    left: Collection[str] = ("game",),
    title: str | None = None,
    caption: str | None = None,
    markdown: bool = False,
) -> Group:
    """A table of plain text between a title and a caption; for a page, one of Markdown.

    Args:
        rows: what `Cells` fills in.
        headings: of the columns, such as "game | score".
        cells: what is in them, such as "{game} | {mean:.2f}".
        left: headings of columns of words: aligned left, and wrapped. The others hold numbers.
    """
    shown = Table(
        box=box.MARKDOWN if markdown else _PLAIN,
        padding=(0, 1) if markdown else (0, 1, 0, 0),
        show_edge=markdown,
        pad_edge=markdown,
    )
    for heading in headings.split(" | "):
        if heading in left:
            shown.add_column(_text(heading), overflow="fold")
        else:
            shown.add_column(_text(heading), justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(*(_text(Cells().vformat(cell, (), row)) for cell in cells.split(" | ")))
    above = [_text(f"{title}\n")] if title else []
    return Group(*above, shown, *([_text(caption)] if caption else []))


def line(text: str) -> Text:
    """A line that is not broken, such as a path, however narrow the terminal."""
    return Text(text, no_wrap=True, overflow="ignore")


def _text(text: str) -> Text:
    """Text as wide as it is printed, so that columns are in line in any encoding."""
    return Text(text.encode(out.encoding, _ASCII).decode(out.encoding))


class StatusLine:
    """What is being done now: a live line on a terminal, a plain one now and then elsewhere.

    Use as a context manager, and call it with each line. Between plain lines are so many `seconds`
    at least; 0 shows all.
    """

    def __init__(self, seconds: float = 30) -> None:
        self._status = err.status("", spinner="line") if err.is_terminal else None
        self._seconds = min(seconds, 0.2) if self._status else seconds
        self._told = time.monotonic()

    def __call__(self, line: str, share: float | None = None, at_once: bool = False) -> None:
        """Shows a line, unless one was shown just before; on a terminal with a bar for a share."""
        if not at_once and time.monotonic() - self._told < self._seconds:
            return
        self._told = time.monotonic()
        if not self._status:
            say(line)
            return
        shown = Table.grid(padding=(0, 1, 0, 0))
        bar = [] if share is None else [ProgressBar(1, share, width=16)]
        shown.add_row(*bar, Text(line))
        self._status.update(shown)
        self._status.start()

    def games(self, what: str, games: int, steps: int) -> None:
        """Shows how far an evaluation is: what is played, whole games counted, steps played."""
        self(f"evaluating {what}: {games} whole games in {steps:,} steps")

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._status:
            self._status.stop()


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Ends the command with one line on stderr."""
    err.print(Text("error:", style="red"), " ".join(message.split()), soft_wrap=True)
    raise typer.Exit(code)


def missing(extra: str) -> str:
    """How to install an extra; empty where it is installed.

    From here on figures need no display. A shell that Jupyter or Colab started names a backend in
    MPLBACKEND that may not be installed here, and then matplotlib cannot even be imported.
    """
    os.environ["MPLBACKEND"] = "agg"
    if all(map(find_spec, _EXTRAS[extra])):
        return ""
    return f"amkit's extra '{extra}': pip install -e '.[{extra}]'"


def need(extra: str, what: str) -> None:
    """Ends the command where an extra is not installed; `what` is to be made with it."""
    if how := missing(extra):
        fail(f"{what} needs {how}", WRONG_USAGE)


def _faults() -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    """Errors that say in one line what is wrong: with a file, and with what was asked for."""
    from amkit.games.catalogue import UnknownGame
    from amkit.storage.cards import ModelFileError
    from amkit.storage.checkpoints import CheckpointError
    from amkit.storage.experts import ExpertError
    from amkit.storage.exports import ExportError
    from amkit.storage.run_folders import DamagedRun, RunError

    return (CheckpointError, DamagedRun, ExportError, ModelFileError), (
        ExpertError,
        RunError,
        UnknownGame,
    )


@contextmanager
def usage() -> Iterator[None]:
    """Turns what is wrong with a request into one line. For checks, before the work.

    A ValueError is the user's only if amkit raised it and it says what was received. Any other is a
    fault of amkit, and keeps its traceback.
    """
    of_files, of_requests = _faults()
    try:
        yield
    except of_files:
        raise  # `work` tells.
    except of_requests as error:
        fail(str(error), WRONG_USAGE)
    except ValueError as error:
        *_, (frame, _) = walk_tb(error.__traceback__)
        by_amkit = str(frame.f_globals["__name__"]).startswith("amkit.")
        if not (by_amkit and "Received: " in str(error)):
            raise
        fail(str(error), WRONG_USAGE)


@contextmanager
def work() -> Iterator[None]:
    """Turns what may befall any command into one line."""
    try:
        yield
    except (typer.Exit, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        fail("stopped")
    except OSError as error:
        fail(f"{error.filename or 'the disk'}: {error.strerror or error}")
    except Exception as error:
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            fail("out of memory: use fewer games, fewer steps or a smaller preset")
        if isinstance(error, RuntimeError | ValueError) and isinstance(error, sum(_faults(), ())):
            fail(str(error))
        raise
