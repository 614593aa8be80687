"""`amkit import`: what it writes and says, and what it refuses."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from amkit.storage import importers

FIXTURES = Path(__file__).parents[1] / "storage" / "importers" / "fixtures"
SB3 = FIXTURES / "sb3_dqn.zip"


def test_an_import_is_an_expert_for_the_other_commands(amkit):
    result = amkit("import", SB3, "--game", "ALE/Pong-v5", "--output", "zoo/")
    assert result.exit_code == 0, result.output
    first, *facts = result.stdout.splitlines()
    assert first.startswith("zoo/pong.keras: DQN of Stable-Baselines3, 6 outputs")
    assert "FIRE when a life is lost: yes; sticky actions: 0.0" in facts
    assert any(fact.startswith("not known: ") for fact in facts)
    scored = json.loads(amkit("scores", "zoo", "--json").stdout)
    assert [row["game"] for row in scored] == ["pong"] and scored[0]["steps"] == 1234


def test_json(amkit):
    result = amkit("import", SB3, "--game", "pong", "--json")
    answer = json.loads(result.stdout)
    assert answer["model"] == "experts/pong.keras" and answer["outputs"] == 6
    assert answer["played"]["source"] == "stable-baselines3"
    assert answer["imported"]["format"] == "Stable-Baselines3"


def test_any_encoding(in_ascii):
    in_ascii("import", FIXTURES / "keras2_last.h5", "--game", "pong")


def test_a_bad_file_is_refused_before_anything_is_written(refused):
    Path("cut.zip").write_bytes(SB3.read_bytes()[:9000])
    refused(1, "cut.zip: the file is cut or damaged", "import", "cut.zip", "--game", "pong")
    refused(2, "must be an existing file", "import", "missing.zip", "--game", "pong")
    refused(1, "an expert of breakout must have 4 outputs", "import", SB3, "--game", "breakout")
    assert not Path("experts").exists()


def test_a_bad_file_is_refused_without_tensorflow(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    Path("notes.txt").write_text("hello")
    refused(1, "one of the formats", "import", "notes.txt", "--game", "pong")


def test_a_trained_expert_is_not_replaced(wrong, shipped):
    shutil.copytree(shipped, "mine", ignore=lambda _, names: [n for n in names if "pong" not in n])
    wrong("replace only an earlier import", "import", SB3, "--game=pong", "--output=mine")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ([SB3], "--game"),
        ([SB3, "--game", "pongg"], "Nearest: pong"),
        ([SB3, "--game", "pong", "--output", "file"], "--output must be a folder"),
    ],
)
def test_wrong_usage(wrong, words, match):
    Path("file").touch()
    wrong(match, "import", *words)


def test_a_full_disk(refused, monkeypatch):
    monkeypatch.setattr(
        importers.models, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "full", "zoo"))
    )
    refused(1, "zoo: full", "import", SB3, "--game", "pong", "--output", "zoo")
