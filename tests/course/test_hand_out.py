"""The folders for students and for teachers, and what is said of points."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from amkit.course.answers import answers
from amkit.course.assignments import NAMES, find_assignment
from amkit.course.marking import marks

COURSEWORK = Path(__file__).parents[2] / "tutorials" / "coursework"
ASSIGNMENTS = [find_assignment(number) for number in range(1, len(NAMES) + 1)]


def hand_out(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["hand_out.py", *map(str, words)])
    runpy.run_path(str(COURSEWORK / "hand_out.py"), run_name="__main__")


def marked(assignment, folder):
    path = folder / assignment.file_name
    return marks(assignment, path, list(answers(assignment.number, str(path))))


def test_students_get_no_solution(tmp_path, monkeypatch, capsys):
    hand_out(monkeypatch, tmp_path / "students")
    names = {path.name for path in (tmp_path / "students").iterdir()}
    assert names == {"README.md", *(a.file_name for a in ASSIGNMENTS)}
    for assignment in ASSIGNMENTS:
        text = (tmp_path / "students" / assignment.file_name).read_text(encoding="utf-8")
        assert "SOLUTION" not in text and text.count("YOUR ANSWER HERE") == 1
        assert text.count("TODO") == text.count("YOUR CODE HERE") == len(assignment.functions)
        result = marked(assignment, tmp_path / "students")
        problems = {test["problem"] for f in result["functions"] for test in f["tests"]}
        assert problems == {"not done yet"}
        assert [function["hint"] for function in result["functions"]] == [None] * len(
            assignment.functions
        )
    with pytest.raises(SystemExit):
        hand_out(monkeypatch, tmp_path / "students")
    assert "a new or empty folder is expected" in capsys.readouterr().err


def test_teachers_get_all(tmp_path, monkeypatch):
    hand_out(monkeypatch, "--teacher", tmp_path)
    assert (tmp_path / "rubric.md").is_file() and (tmp_path / "sample").is_dir()
    for assignment in ASSIGNMENTS:
        text = (tmp_path / assignment.file_name).read_text(encoding="utf-8")
        assert "SOLUTION" not in text and "NotImplementedError" not in text
        assert marked(assignment, tmp_path)["passed"]


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=NAMES)
def test_the_statement_says_the_points(assignment):
    text = (COURSEWORK / assignment.file_name).read_text(encoding="utf-8")
    said = re.findall(r'^def (\w+)\(.*?""".*?\((\d+) points\)', text, re.DOTALL | re.MULTILINE)
    assert said == [(name, str(assignment.points(name))) for name in assignment.functions]
    assert assignment.points() == 10 and "(5 points, marked by hand)" in text
    assert f"Check your file: amkit check {assignment.number}\n" in text
    readme = (COURSEWORK / "README.md").read_text(encoding="utf-8")
    assert f"| {assignment.number} | `{assignment.file_name}` |" in readme
