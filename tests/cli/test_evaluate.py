"""`amkit evaluate`. That it measures what was just trained is in the tests of the trainings."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from amkit.cli import console
from amkit.evaluation import scorecards

SCORE = {
    "game": "[red]pong",
    "protocol": "[/no markup]",
    "epsilon": 0.05,
    "games": 3,
    "mean": 18.5,
    "standard_error": 0.25,
    "random": {"mean": -20.0},
    "expert": {"mean": 20.0},
}


@pytest.fixture
def measured(monkeypatch):
    request = SimpleNamespace(summary=lambda: "evaluating 3 games")
    monkeypatch.setattr(scorecards, "request", lambda *words: request)
    monkeypatch.setattr(scorecards, "score", lambda request, on_progress: [SCORE])


def test_a_table_of_scores(amkit, in_ascii, measured):
    result = amkit("evaluate")
    assert result.stderr == "evaluating 3 games\n"
    heading, _, row, *caption = result.stdout.splitlines()
    assert heading.split() == [
        "game", "score", "±", "games", "random", "expert", "expert-normalised",
    ]  # fmt: skip
    assert row.split() == ["[red]pong", "18.50", "0.25", "3", "-20.00", "20.00", "96.2", "%"]
    assert "protocol [/no markup], epsilon 0.05" in caption[0]
    assert " +/- " in in_ascii("evaluate").splitlines()[0]
    assert json.loads(in_ascii("evaluate", "--json")) == [SCORE]


@pytest.mark.parametrize("option", [["--json"], []])
def test_the_file_is_written_before_anything_is_printed(amkit, measured, monkeypatch, option):
    def fail(self, *words, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(console._Console, "print", fail)
    monkeypatch.setattr(console, "fail", lambda line: sys.exit(line))
    monkeypatch.setattr(sys.modules["amkit.cli.evaluate"], "say", lambda line: None)
    result = amkit("evaluate", "--output", "scores.json", *option)
    assert result.exit_code == 1 and "No space left" in result.stdout
    assert json.loads(Path("scores.json").read_text()) == [SCORE]


def test_a_damaged_model(refused, expert_folder):
    content = (expert_folder / "pong.keras").read_bytes()
    Path("pong.json").write_bytes((expert_folder / "pong.json").read_bytes())
    Path("pong.keras").write_bytes(content[:-1000])
    refused(1, "cut or damaged", "evaluate", "pong.keras")


def test_unknown_game(refused):
    refused(2, "space_invaders", "evaluate", "--games", "space_invader")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--seed", "2147483647"], "less than or equal to"),
        (["--epsilon", "1.5"], "less than or equal to 1. Received: '1.5'"),
        (["--protocol", "mine"], "protocol must be one of"),
        ([], "no Actor-Mimic network"),
        (["missing.keras"], "Received: missing.keras"),
        (["--output", "missing/scores.json"], "can be written"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "evaluate", *words)
