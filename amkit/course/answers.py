"""Runs a student's file and writes what its functions answer: a process of its own.

`python -m amkit.course.answers NUMBER FILE` writes one JSON document a line to stdout: of the file,
then of each test of the assignment. What the file itself prints goes to stderr.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from amkit.course.assignments import Test, find_assignment

SECONDS = 2  # Of computing, for each test. All take milliseconds.


NOTHING = "returns None: is there a `return`?"


class _Endless(BaseException):
    """Raised in a loop that does not end; no `except Exception` of a student catches it."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Endless(f"still running after {SECONDS} s: a loop that never ends?")


@contextmanager
def _limit() -> Iterator[None]:
    """Raises `_Endless` after `SECONDS` of computing, where the system can."""
    if not hasattr(signal, "setitimer"):  # Windows: whoever started the process ends it.
        yield
        return
    signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def plain(output: Any) -> Any:
    """An output as JSON has it: arrays become nested lists; TypeError of what is no numbers."""
    if output is None or isinstance(output, dict):
        return output and {str(name): plain(value) for name, value in output.items()}
    try:
        return np.asarray(output, float).tolist()
    except (TypeError, ValueError):
        if isinstance(output, list | tuple):  # Arrays of several shapes.
            return [plain(part) for part in output]
        raise TypeError(f"numbers are expected, not {type(output).__name__}") from None


def _problem(error: BaseException, path: str) -> dict[str, str]:
    """An error in a student's file as a line, with its place in the file."""
    lines = [
        line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == path
    ]
    kind = type(error).__name__
    text = f"{kind}: {error}"
    if isinstance(error, SyntaxError) and error.filename == path:
        lines, text = [error.lineno or 0], f"{kind}: {error.msg}"
    elif isinstance(error, _Endless):
        text = str(error)
    elif not lines and "NoneType" in text:
        text = NOTHING
    place = f"line {lines[-1]}: " if lines else ""
    return {"problem": " ".join(f"{place}{text}".split()), "kind": kind}


def _loaded(path: str) -> ModuleType:
    """A student's file as a module."""
    module = ModuleType("student")
    sys.modules["student"] = module
    exec(compile(Path(path).read_bytes(), path, "exec"), vars(module))
    return module


def _answer(test: Test, student: ModuleType, path: str) -> dict[str, Any]:
    """What a student's function answers to one test."""
    function = getattr(student, test.function, None)
    if not callable(function):
        return {"problem": f"the file has no function {test.function}", "kind": "missing"}
    try:
        with _limit():
            return {"output": plain(test.output(function))}
    except NotImplementedError:
        return {"problem": "not done yet", "kind": "todo"}
    except BaseException as error:
        return _problem(error, path)


def answers(number: int, path: str) -> Iterator[dict[str, Any]]:
    """Of the file, then of each test: its "output", or a "problem" and its "kind"."""
    tests = find_assignment(number).tests
    try:
        with _limit():
            student = _loaded(path)
    except BaseException as error:
        yield _problem(error, path)
        yield from [{"problem": "not tested", "kind": "lost"}] * len(tests)
        return
    yield {}
    endless: dict[str, dict[str, Any]] = {}  # Functions that one test is enough of.
    for test in tests:
        answer = endless.get(test.function) or _answer(test, student, path)
        if answer.get("kind") == _Endless.__name__:
            endless[test.function] = answer
        yield answer


def main(number: str, path: str) -> None:
    """Writes a line about the file, and one for each test."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1) as lines:
        os.dup2(2, 1)
        np.seterr(all="ignore")  # NaN is named in the marks.
        for answer in answers(int(number), path):
            lines.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
