"""`amkit check`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from typer import Argument

from amkit.cli.console import FAILED, deliver, usage
from amkit.cli.options import Json


def check(
    assignment: int = Argument(help="Number of the assignment, 1 to 7."),
    file: Path | None = Argument(
        None, help="The file with your functions (default: the assignment's file in this folder)."
    ),
    json: Json = False,
) -> None:
    """Mark an assignment of the course: points, what is wrong, and a hint.

    Assignments: 1 Boltzmann policy, 2 replay memory, 3 TD target, 4 action mask,
    5 policy regression, 6 feature regression, 7 weight transfer.

    Your file runs in a process of its own. What it prints goes to stderr.
    Exit status: 0 if all tests pass, else 1.

    Examples:

    [bold]amkit check 3[/]  marks 3_td_target.py in this folder

    [bold]amkit check 3 hand-ins/li.py --json[/]  marks another file, for a program
    """
    with usage():
        from amkit.course.marking import mark

        marks = mark(assignment, file)
    deliver(marks, json, marks_page)
    if not marks["passed"]:
        raise typer.Exit(FAILED)


def marks_page(marks: Mapping[str, Any]) -> Group:
    """What `course.marking.mark` found, for reading."""
    parts: list[RenderableType] = [
        Text(f"Assignment {marks['assignment']}: {marks['title']}", style="bold"),
        Text(marks["file"]),
    ]
    if marks["problem"]:
        parts += ["", _indented(2, marks["problem"], "red")]
    else:
        for function in marks["functions"]:
            parts += ["", *_function(function)]
    points = Text(f"{marks['points']} of {marks['of']} points", style="bold")
    return Group(*parts, "", points)


def _function(function: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The tests of one function. A problem that several in a row have is said once."""
    yield Text(f"{function['name']}: {function['points']} of {function['of']} points")
    before = None
    for test in function["tests"]:
        problem = test["problem"]
        word, style = _WORDS.get(problem, ("wrong", "red"))
        points = f"{test['points']}/{test['of']}"
        yield _indented(2, f"{word:6}  {points}  {test['test']}", style)
        if problem not in (before, *_WORDS):
            yield _indented(15, problem)
        before = problem
    if function["hint"]:
        yield _indented(2, f"Hint: {function['hint']}", "yellow")


_WORDS = {None: ("passed", "green"), "not done yet": ("to do", "")}


def _indented(width: int, text: str, style: str = "") -> Padding:
    return Padding(Text(text, style=style), (0, 0, 0, width), expand=False)
