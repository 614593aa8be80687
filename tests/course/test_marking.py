"""Files that fail in other ways than by a wrong number; the process that runs them."""

from pathlib import Path

import numpy as np
import pytest

from amkit.course import answers as answers_module
from amkit.course.answers import answers
from amkit.course.assignments import find_assignment
from amkit.course.marking import mark, marks


@pytest.fixture
def hand_in(tmp_path):
    """Writes a student's file."""

    def write(text):
        path = tmp_path / "hand_in.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def here(number, path):
    """Marks in this process."""
    return marks(find_assignment(number), path, list(answers(number, str(path))))


def problems(result):
    return {f["name"]: [test["problem"] for test in f["tests"]] for f in result["functions"]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import numpy\n\ndef td_target(:\n", "line 3: SyntaxError: invalid syntax"),
        ("x = 1\nx / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("import my_helpers\n", "line 1: ModuleNotFoundError: No module named 'my_helpers'"),
        ("import sys\nsys.exit('ready')\n", "line 2: SystemExit: ready"),
        ("answer = input()\n", "line 1: "),  # pytest's own error; EOFError in the real process.
    ],
)
def test_a_file_that_cannot_be_run(hand_in, text, problem):
    result = here(3, hand_in(text))
    assert result["problem"].startswith(problem) and result["points"] == 0
    assert all(test == "not tested" for tests in problems(result).values() for test in tests)


def test_functions_that_fail(hand_in, monkeypatch):
    monkeypatch.setattr(answers_module, "SECONDS", 0.2)
    result = here(
        3,
        hand_in(
            """
import numpy as np

def td_target(rewards, terminals, next_q_online, next_q_target, discount):
    while True:
        try:
            discount += 1
        except Exception:
            pass

def td_loss(q_values, actions, targets):
    q_values[:, 7]
"""
        ),
    )
    assert result["problem"] is None and result["points"] == 0
    found = problems(result)
    endless = "still running after 0.2 s: a loop that never ends?"
    assert all(problem.endswith(endless) for problem in found["td_target"])
    assert found["td_target"][0].startswith("line ")
    index = "line 12: IndexError: index 7 is out of bounds for axis 1 with size 3"
    assert found["td_loss"] == [index, index]
    assert set(found["synced"]) == {"the file has no function synced"}


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        ("None", "returns None: is there a `return`?"),
        ("'policy'", "TypeError: numbers are expected, not str"),
        ("q_values[0]", "has shape (4,); expected: (3, 4)"),
        ("q_values.T", "has shape (4, 3); expected: (3, 4)"),
        ("[q_values, 1]", "returns array 0, array 1; expected: one array"),
        ("0 * q_values", "[0, 0] is 0; expected: 0.2242"),
        ("q_values / 0", "[0, 0] is inf; expected: 0.2242"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_other_things_than_were_asked_for(hand_in, returned, problem):
    text = f"def boltzmann_policy(q_values, temperature):\n    return {returned}\n"
    result = here(1, hand_in(text))
    assert problems(result)["boltzmann_policy"][0] == problem


def test_a_forgotten_return_of_a_dictionary_or_a_tuple(hand_in):
    found = problems(here(7, hand_in("def transferred(*a): pass\n")))["transferred"]
    assert set(found) == {answers_module.NOTHING}
    found = problems(here(2, hand_in("def what_followed(*a): pass\n")))["what_followed"]
    assert set(found) == {answers_module.NOTHING}


def test_what_no_known_mistake_explains_is_told_by_its_symptoms(hand_in):
    nothing = "def boltzmann_policy(q, tau): return q * 7\n"
    hints = [f["hint"] for f in here(1, hand_in(nothing))["functions"]]
    assert hints[0].startswith("The rows do not sum to 1")
    infinite = "def greedy_action(q, mask): return 0 * q[:, 0] + float('inf')\n"
    assert here(4, hand_in(infinite))["functions"][1]["hint"].startswith("NaN or infinity")
    uniform = "def boltzmann_policy(q, tau): return 0 * q + 1 / 4\n"
    assert here(1, hand_in(uniform))["functions"][0]["hint"] is None


def test_two_mistakes_in_one_function_are_guessed(hand_in):
    text = """
import numpy as np

def boltzmann_policy(q_values, temperature):
    scaled = q_values * temperature
    policy = np.exp(scaled - min(scaled.max(), 700))
    return policy / policy.sum(axis=1, keepdims=True)
"""
    with np.errstate(all="ignore"):
        hint = here(1, hand_in(text))["functions"][0]["hint"]
    assert hint.startswith("Perhaps: The Q-values are multiplied by the temperature")


@pytest.mark.parametrize(
    ("returned", "hint"),
    [
        ("np.exp(q) / np.exp(q).sum(axis=1)", "Shapes do not fit"),
        ("np.exp(q).sum()", "There is one number for the whole batch"),
    ],
)
def test_shapes_that_do_not_fit(hand_in, returned, hint):
    text = f"import numpy as np\n\ndef boltzmann_policy(q, tau):\n    return {returned}\n"
    with np.errstate(all="ignore"):
        assert here(1, hand_in(text))["functions"][0]["hint"].startswith(hint)


def test_a_file_that_ends_the_process(hand_in, capfd):
    text = """
import os
print("printed")

def masked_policy(logits, mask):
    return logits

def greedy_action(q_values, mask):
    os._exit(3)
"""
    found = problems(mark(4, hand_in(text)))
    assert found["masked_policy"][0].startswith("[0, 0] is ")
    lost = "not tested: an earlier test did not end"
    assert found["greedy_action"] == ["ended the process (exit status 3)", lost]
    assert set(found["over_all_actions"]) == {lost}
    assert capfd.readouterr() == ("", "printed\n")


def test_a_file_that_waits_for_ever(hand_in):
    result = mark(1, hand_in("import time\n\ndef boltzmann_policy(*a): time.sleep(99)\n"), 1.5)
    first = result["problem"] or problems(result)["boltzmann_policy"][0]
    assert first == "did not end within 1.5 s" and result["points"] == 0


def test_no_such_assignment_or_file():
    with pytest.raises(ValueError, match="from 1 to 7. Received: 8"):
        mark(8)
    with pytest.raises(ValueError, match="Received: 3_td_target.py"):
        mark(3)
    with pytest.raises(ValueError, match="an existing Python file"):
        mark(3, Path(__file__).parents[2] / "README.md")
