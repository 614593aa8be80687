"""The assignments: tests with points, and the mistakes that hints name."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Function = Callable[..., Any]
# Name of a function -> hint -> the wrong answer, or answers, that deserve it.
Mistakes = Mapping[str, Mapping[str, Function | tuple[Function, ...]]]
# Name of a function -> hint -> whether an output (and the arguments it is of) shows the mistake.
Symptoms = Mapping[str, Mapping[str, Function]]

# In the order of the course. A student's file is called as here, with the number before.
NAMES = (
    "boltzmann_policy",
    "replay_memory",
    "td_target",
    "action_mask",
    "policy_regression",
    "feature_regression",
    "weight_transfer",
)


def call(function: Function, *arguments: Any) -> Any:
    """What most tests ask a function: its output."""
    return function(*arguments)


@dataclass(frozen=True)
class Test:
    """One test of one function.

    Attributes:
        function: name of the function that a student writes.
        title: what is tested, for students.
        points: for passing.
        arguments: what `ask` takes after the function.
        ask: calls the function; its output is compared with that of the reference.
    """

    function: str
    title: str
    points: int
    arguments: tuple[Any, ...]
    ask: Function = call

    def output(self, function: Function) -> Any:
        """What a function answers to fresh copies of the arguments."""
        return self.ask(function, *deepcopy(self.arguments))


@dataclass(frozen=True)
class Assignment:
    """One assignment.

    Attributes:
        number: from 1.
        name: as in `NAMES`.
        title: for students.
        tests: all of them; those of one function stand together.
        references: module with a right function under each name that tests name.
        mistakes: known wrong answers, the likeliest first.
        symptoms: what else tells a mistake.
    """

    number: int
    name: str
    title: str
    tests: tuple[Test, ...]
    references: ModuleType
    mistakes: Mistakes
    symptoms: Symptoms

    @property
    def file_name(self) -> str:
        """What a student's file is called."""
        return f"{self.number}_{self.name}.py"

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions to write, in order."""
        return tuple(dict.fromkeys(test.function for test in self.tests))

    def points(self, function: str | None = None) -> int:
        """The points of one function, or of all."""
        return sum(test.points for test in self.tests if function in (None, test.function))

    def wrong_answers(self, function: str) -> Iterator[tuple[str, Function]]:
        """(hint, wrong answer) of the known mistakes in one function."""
        for hint, answers in self.mistakes[function].items():
            for answer in answers if isinstance(answers, tuple) else (answers,):
                yield hint, answer


def find_assignment(number: int) -> Assignment:
    """One assignment by its number; ValueError if there is none."""
    if not 1 <= number <= len(NAMES):
        raise ValueError(
            f"the assignment must be a number from 1 to {len(NAMES)}. Received: {number}"
        )
    name = NAMES[number - 1]
    checks = import_module(f"amkit.course.checks.{name}")
    return Assignment(
        number, name, checks.TITLE, checks.TESTS, checks, checks.MISTAKES, checks.SYMPTOMS
    )
