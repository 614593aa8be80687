"""`amkit relate`: its output. What it finds is in tests/transfer/test_relate.py."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from amkit.transfer import relate
from amkit.transfer.relate import Candidate, Frames

ROWS = [
    {"name": "[red]pong", "r_squared": 0.5, "standard_error": 0.01},
    {"name": "pixels", "r_squared": 0.25, "standard_error": 0.02},
]
CANDIDATES = {"[red]pong": Candidate(None, "abc", ("boxing",)), "pixels": Candidate(None)}


@pytest.fixture
def words(monkeypatch, expert_folder):
    """A command whose work is done already."""
    frames = Frames(np.zeros((1, 1, 4, 84, 84), np.uint8), np.zeros((1, 1)))
    for name, value in (
        ("candidates", CANDIDATES), ("play_at_random", frames), ("relate", ROWS)
    ):  # fmt: skip
        monkeypatch.setattr(relate, name, lambda *words, value=value, **options: value)
    return ["relate", "boxing", "--experts", expert_folder]


def test_a_table_of_candidates(amkit, in_ascii, words):
    result = amkit(*words)
    assert result.exit_code == 0, result.output
    heading, _, first, *_ = result.stdout.splitlines()
    assert heading.split() == ["features", "of", "R²", "±"]
    assert first.split() == ["[red]pong", "0.500", "0.010", "has", "learnt", "boxing"]
    assert in_ascii(*words).split()[:4] == ["features", "of", "R2", "+/-"]
    answer = json.loads(in_ascii(*words, "--json"))
    assert answer["candidates"][0]["knows_target"] and answer["steps"] == 1


def test_the_file_is_written_before_anything_is_printed(amkit, words, monkeypatch):
    def fail(result):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["amkit.cli.relate"], "relate_table", fail)
    result = amkit(*words, "--output", "guess.json")
    assert result.exit_code == 1 and "No space left" in result.stderr
    assert json.loads(Path("guess.json").read_text())["target"] == "boxing"
