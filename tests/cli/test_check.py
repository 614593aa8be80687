"""`amkit check`; what it finds is in tests/course."""

import json
from pathlib import Path

import pytest

COURSEWORK = Path(__file__).parents[2] / "tutorials" / "coursework"


def test_the_sample_is_marked_as_the_rubric_says(amkit, monkeypatch):
    monkeypatch.chdir(COURSEWORK / "sample")
    result = amkit("check", 5)
    assert result.exit_code == 1 and result.stderr == ""
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert max(map(len, lines)) <= 80
    rubric = (COURSEWORK / "rubric.md").read_text(encoding="utf-8")
    assert "\n".join(lines) in rubric


def test_a_solution_as_json(amkit):
    result = amkit("check", 3, COURSEWORK / "3_td_target.py", "--json")
    assert result.exit_code == 0, result.output
    marks = json.loads(result.stdout)
    assert (marks["points"], marks["of"], marks["passed"]) == (10, 10, True)


def test_a_file_that_cannot_be_run_is_a_line(amkit):
    Path("1_boltzmann_policy.py").write_text("def boltzmann_policy(\n")
    result = amkit("check", 1)
    assert result.exit_code == 1 and "Traceback" not in result.output
    assert "line 1: SyntaxError: '(' was never closed" in result.stdout
    assert "0 of 10 points" in result.stdout


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ([], "Usage: amkit check"),
        (["mask"], "unable to parse string as an integer"),
        ([8], "a number from 1 to 7. Received: 8"),
        ([3], "Received: 3_td_target.py"),
        ([3, "notes.md"], "an existing Python file (.py)"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "check", *words)
