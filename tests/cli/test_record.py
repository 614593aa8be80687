"""`amkit record`."""

import json
from pathlib import Path

import pytest

from amkit.evaluation import recording


def test_a_video_of_the_first_game_on_the_card(amkit, expert_folder):
    words = ["record", expert_folder / "pong.keras", "--seconds", "0.3"]
    result = amkit(*words)
    assert result.exit_code == 0, result.output
    assert result.stdout == "pong.gif: 4 steps, score 0\n"
    assert "recording pong, played by" in result.stderr
    assert Path("pong.gif").read_bytes().startswith(b"GIF8")
    result = amkit(*words, "--output", "[red].gif", "--json")
    assert json.loads(result.stdout) == {"video": "[red].gif", "steps": 4, "score": 0.0}


def test_the_target_is_checked_before_the_work(refused, expert_folder, monkeypatch):
    monkeypatch.setattr(recording, "play", None)
    words = ["record", expert_folder / "pong.keras", "--output"]
    refused(2, "a video must end with .gif or .mp4", *words, "pong.avi")
    refused(2, "can be written", *words, "missing/pong.gif")


def test_a_video_needs_an_extra(refused, expert_folder, monkeypatch):
    monkeypatch.setattr("amkit.cli.console.find_spec", lambda name: None)
    refused(2, "a video needs amkit's extra 'video'", "record", expert_folder / "pong.keras")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["missing.keras"], "Received: missing.keras"),
        (["missing.keras", "--seconds", "inf"], "must be a finite number. Received: inf"),
        (["missing.keras", "--seconds", "0"], "--seconds"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "record", *words)


def test_a_game_it_does_not_play(refused, expert_folder):
    refused(2, "Received: boxing", "record", expert_folder / "pong.keras", "boxing")
