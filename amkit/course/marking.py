"""Marks a student's file: points, what is wrong, and a hint that names the mistake."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amkit.course import answers
from amkit.course.answers import plain
from amkit.course.assignments import Array, Assignment, Test, find_assignment

SECONDS = 60  # For the whole file, whatever it waits for.
Answer = dict[str, Any]  # As `answers` writes them: "output", or "problem" and its "kind".


def mark(number: int, file: Path | None = None, seconds: float = SECONDS) -> dict[str, Any]:
    """Marks one file, which is run in a process of its own.

    Args:
        number: of the assignment, from 1.
        file: the student's; None is the assignment's own file name, in this folder.
        seconds: limit of time for the whole file.

    Returns:
        "assignment", "title", "file"; "points", "of" (int) and "passed"; "problem", of the file as
        a whole, or None; "functions", each with its "tests" and a "hint", or None.

    Raises:
        ValueError: if there is no such assignment or no such file.
    """
    assignment = find_assignment(number)
    file = file or Path(assignment.file_name)
    if not file.is_file() or file.suffix != ".py":
        raise ValueError(f"the hand-in must be an existing Python file (.py). Received: {file}")
    return marks(assignment, file, _run(assignment, file, seconds))


def marks(assignment: Assignment, file: Path, received: Sequence[Answer]) -> dict[str, Any]:
    """What `mark` returns, of what `answers` has said."""
    of_file, *of_tests = received
    pairs = list(zip(assignment.tests, of_tests, strict=True))
    functions = [
        _marked(assignment, function, [answer for t, answer in pairs if t.function == function])
        for function in assignment.functions
    ]
    points = sum(function["points"] for function in functions)
    return {
        "assignment": assignment.number,
        "title": assignment.title,
        "file": str(file),
        "points": points,
        "of": assignment.points(),
        "passed": points == assignment.points(),
        "problem": of_file.get("problem"),
        "functions": functions,
    }


def _run(assignment: Assignment, file: Path, seconds: float) -> list[Answer]:
    """What the file says: of itself, then of every test."""
    root = Path(__file__).parents[2]  # Also where amkit is not installed.
    paths = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-P", "-m", answers.__name__, str(assignment.number), str(file)]
    try:
        process = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=seconds,
            check=False,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl-C ends it through this process, without a traceback.
        )
        written, end = process.stdout, f"ended the process (exit status {process.returncode})"
    except subprocess.TimeoutExpired as late:
        written, end = late.stdout or b"", f"did not end within {seconds:g} s"
    received = [json.loads(line) for line in written.decode().splitlines() if line.endswith("}")]
    lacking = 1 + len(assignment.tests) - len(received)
    endings = [end, *["not tested: an earlier test did not end"] * (lacking - 1)]
    return received + [{"problem": text, "kind": "lost"} for text in endings[:lacking]]


def _marked(assignment: Assignment, function: str, received: Sequence[Answer]) -> dict[str, Any]:
    """The marks of one function."""
    tests = [test for test in assignment.tests if test.function == function]
    right = getattr(assignment.references, function)
    expected = [_asked(test, right) for test in tests]
    problems = [_difference(r, e) for r, e in zip(received, expected, strict=True)]
    points = [0 if problem else test.points for problem, test in zip(problems, tests, strict=True)]
    return {
        "name": function,
        "points": sum(points),
        "of": assignment.points(function),
        "tests": [
            {"test": test.title, "points": p, "of": test.points, "problem": problem}
            for test, p, problem in zip(tests, points, problems, strict=True)
        ],
        "hint": _hint(assignment, tests, received, problems) if any(problems) else None,
    }


def _asked(test: Test, function: Callable[..., Any]) -> Answer:
    """What a function of ours answers, or how it fails."""
    with np.errstate(all="ignore"):
        try:
            return {"output": plain(test.output(function))}
        except Exception as error:
            return {"problem": str(error), "kind": type(error).__name__}


def _parts(output: Any, name: str = "") -> Iterator[tuple[str, Array]]:
    """The arrays of an output, each with its name."""
    if isinstance(output, dict):
        for key, value in output.items():
            yield from _parts(value, f"{name}{key} ")
        return
    try:
        yield name, np.array(output, float)
    except ValueError:  # Arrays of several shapes.
        for i, value in enumerate(output):
            yield from _parts(value, f"{name}array {i} ")


def _difference(received: Answer, expected: Answer) -> str | None:
    """What is wrong with an answer, in a few words; None if nothing is."""
    if "problem" in received:
        return str(received["problem"])
    if received["output"] is None is not expected["output"]:
        return answers.NOTHING
    got, want = (dict(_parts(answer["output"])) for answer in (received, expected))
    if list(got) != list(want):
        told = (", ".join(name.strip() or "one array" for name in names) for names in (got, want))
        return "returns {}; expected: {}".format(*told)
    for name, array in want.items():
        if wrong := _unlike(got[name], array):
            return f"{name}{wrong}"
    return None


def _unlike(received: Array, expected: Array) -> str | None:
    """Where two arrays differ; None if they agree to a ten-thousandth."""
    if received.shape != expected.shape:
        return f"has shape {received.shape}; expected: {expected.shape}"
    apart = ~np.isclose(received, expected, rtol=1e-4, atol=1e-5)
    if not apart.any():
        return None
    place = tuple(np.argwhere(apart)[0].tolist())
    at = f"[{', '.join(map(str, place))}] is " if place else "is "
    digits = ".4g" if f"{received[place]:.4g}" != f"{expected[place]:.4g}" else ".8g"
    return f"{at}{received[place]:{digits}}; expected: {expected[place]:{digits}}"


def _same(received: Answer, wrong: Answer) -> bool:
    """Whether a student's answer is that of a known mistake, or fails in the same way."""
    if "problem" in received or "problem" in wrong:
        return received.get("kind") == wrong.get("kind")
    mine, others = list(_parts(received["output"])), list(_parts(wrong["output"]))
    return [name for name, _ in mine] == [name for name, _ in others] and all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
        for (_, a), (_, b) in zip(mine, others, strict=True)
    )


def _hint(
    assignment: Assignment,
    tests: Sequence[Test],
    received: Sequence[Answer],
    problems: Sequence[str | None],
) -> str | None:
    """The known mistake that answers as the student does; else what the outputs show.

    One that agrees in all tests is named. One that agrees in some of those that failed is a guess;
    that both are NaN says little, and does not count.
    """
    failed = [problem is not None for problem in problems]
    telling = np.array(failed) & [_finite(answer) for answer in received]
    guess, most = None, 0
    for hint, wrong in assignment.wrong_answers(tests[0].function):
        pairs = zip(received, tests, strict=True)
        same = np.array([_same(answer, _asked(test, wrong)) for answer, test in pairs])
        if same.all():
            return hint
        if (same & telling).any() and same.sum() > most:
            guess, most = hint, int(same.sum())
    return f"Perhaps: {guess}" if guess else _symptom(assignment, tests, received)


def _finite(answer: Answer) -> bool:
    return all(np.isfinite(part).all() for _, part in _parts(answer.get("output", 0)))


def _symptom(
    assignment: Assignment, tests: Sequence[Test], received: Sequence[Answer]
) -> str | None:
    """What the first answer that shows a mistake tells."""
    right = getattr(assignment.references, tests[0].function)
    for test, answer in zip(tests, received, strict=True):
        if "broadcast" in answer.get("problem", ""):
            return (
                "Shapes do not fit: a sum or a maximum over axis 1 has shape (B,). With "
                "keepdims=True the shape is (B, 1), which fits [B, A]."
            )
        output = answer.get("output")
        if output is None:
            continue
        if not _finite(answer):
            return "NaN or infinity: a large exponential, a logarithm of 0, or 0 / 0."
        parts = [part for _, part in _parts(output)]
        shapes = [part.shape for part in parts]
        wanted = [part.shape for _, part in _parts(_asked(test, right)["output"])]
        if shapes == [()] != wanted:
            return "There is one number for the whole batch. Return one value for each row."
        for hint, shows in assignment.symptoms.get(test.function, {}).items():
            if shapes == wanted and shows(parts[0], *test.arguments):
                return hint
    return None
