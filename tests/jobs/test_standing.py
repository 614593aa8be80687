"""How far runs are, by their folders."""

import os
import time

import pytest

from amkit.jobs import standing
from amkit.storage.files import json_text


@pytest.fixture
def tell(tmp_path):
    """Writes what a run's folder holds, so many seconds ago, and returns its standing."""

    def run(files, seconds=0):
        folder = tmp_path / "expert-pong"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            path = folder / name
            path.write_text(content if isinstance(content, str) else json_text(content))
            os.utime(path, (time.time() - seconds,) * 2)
        return standing.standings([folder])[0]

    return run


TOLD = {"state": "training", "steps": 400, "total_steps": 1000, "steps_per_second": 10.0}


def test_states_follow_from_the_files(tell):
    assert tell({}).state == "waiting"
    row = tell({"progress.json": {**TOLD, "scores": {"pong": -20.25}}})
    assert (row.state, row.score, row.minutes_left) == ("training", "-20.2", 1.0)
    assert tell({"progress.json": TOLD}, seconds=300).state == "lost"
    assert tell({"progress.json": {**TOLD, "state": "stopped"}}, seconds=300).state == "stopped"
    assert tell({"progress.json": "{"}).state == "waiting"  # Damaged: the run itself knows.
    row = tell({"error.txt": "ValueError: no\n\nTraceback"})
    assert (row.state, row.error) == ("failed", "ValueError: no")
    scores = [{"game": "pong", "mean": 3.0}]
    row = tell({"model.keras": "", "model.json": {"steps": 1000, "scores": scores}})
    assert (row.state, row.steps, row.score) == ("finished", 1000, "3.0")


def test_the_score_of_several_games_is_relative_to_the_published_dqns():
    assert standing.score({}) == "-"
    assert standing.score({"pong": None}) == "-"
    assert standing.score({"pong": None, "boxing": None}) == "-"
    assert standing.score({"pong": 18.9, "boxing": 71.8}) == "1.00 of DQN"


def test_a_campaign_is_known_by_its_file(tmp_path):
    with pytest.raises(ValueError, match="Received: "):
        standing.read_campaign(tmp_path)
    standing.write_campaign(tmp_path / "new", {"runs": [{"name": "a"}]})
    assert standing.read_campaign(tmp_path / "new")["runs"] == [{"name": "a"}]


def test_the_summary_counts_states():
    rows = [standing.Standing("a", "training", steps_per_second=30.0)] * 2
    rows.append(standing.Standing("b", "waiting"))
    assert standing.summary(rows) == "3 runs: 2 training, 1 waiting; 60 steps/s"
