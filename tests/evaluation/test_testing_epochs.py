"""Tests while training: when they are due, what an interruption leaves, and a stop within one."""

import pytest

from amkit.evaluation import testing_epochs, whole_games
from amkit.evaluation.protocols import PROTOCOLS
from amkit.evaluation.whole_games import GameResult
from amkit.storage import run_folders

TOTAL = {"total_steps": 1000}


class Learner:
    stop_training = False


@pytest.fixture
def played(monkeypatch):
    """Games that were played, by name; every one scores its number."""
    names = []

    def evaluate_game(network, game, protocol, *, epsilon, seed, fire, on_progress):
        on_progress(0, 10)
        names.append(game.name + " with FIRE" * fire)
        return GameResult(game.name, [len(names), len(names) + 1], [1, 1])

    monkeypatch.setattr(whole_games, "evaluate_game", evaluate_game)
    monkeypatch.setattr(testing_epochs, "for_game", lambda network, game: network)
    return names


def begin(run, games, steps=0, count=4, total=1000, **more):
    curve = testing_epochs.LearningCurve(run, None, games, PROTOCOLS["tiny"], count, 0, **more)
    curve.set_model(Learner())
    curve.on_train_begin({"steps": steps, "total_steps": total})
    return curve


def test_tests_are_evenly_spaced_and_the_last_is_at_the_end(tmp_path, pong, played):
    with run_folders.Run(tmp_path / "run", {}) as run:
        curve = begin(run, [pong])
        for steps in range(100, 1001, 100):
            curve.on_train_batch_end(steps, TOTAL)
    assert [row["steps"] for row in curve.rows] == [300, 500, 800, 1000]
    assert curve.rows[0] == {
        "steps": 300, "game": "pong", "mean": 1.5, "standard_error": 0.5, "games": 2,
    }  # fmt: skip


def test_tests_follow_a_total_that_is_set_anew(tmp_path, pong, played):
    with run_folders.Run(tmp_path / "run", {}) as run:
        curve = begin(run, [pong], count=2)
        curve.on_train_batch_end(500, TOTAL)
        assert curve.left(500) == 1
        for steps in (500, 1000, 1400, 1600):
            curve.on_train_batch_end(steps, {"total_steps": 1600})
    assert [row["steps"] for row in curve.rows] == [500, 1000, 1600]  # One more: evenly spaced.
    assert curve.left(1600) == 0 and len(curve.seconds) == 3


def test_fire_is_pressed_in_the_games_of_experts_that_expect_it(tmp_path, pong, breakout, played):
    with run_folders.Run(tmp_path / "run", {}) as run:
        begin(run, [pong, breakout], fire_games=["breakout"]).on_train_batch_end(250, TOTAL)
    assert sorted(played) == ["breakout with FIRE", "pong"]


def test_none_are_played_unless_asked(tmp_path, pong, played):
    with run_folders.Run(tmp_path / "run", {}) as run:
        curve = begin(run, [pong], count=0)
        curve.on_train_batch_end(1000, TOTAL)
    assert curve.rows == [] and played == [] and not (run.folder / "tests.csv").exists()


def test_a_resumed_run_keeps_its_tests_but_not_those_of_lost_weights(
    tmp_path, pong, breakout, played
):
    with run_folders.Run(tmp_path / "run", {}) as run:
        first = begin(run, [pong, breakout])
        first.on_train_batch_end(250, TOTAL)
        first.on_train_batch_end(500, TOTAL)
        again = begin(run, [pong, breakout], steps=400)  # The checkpoint is older.
        assert again.rows == first.rows[:2]
        again.on_train_batch_end(500, TOTAL)
    assert [(row["steps"], row["game"]) for row in again.rows] == [
        (250, "pong"), (250, "breakout"), (500, "pong"), (500, "breakout"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "damaged",
    [b"steps;game;mean\n300;pong;1\n", b"steps,game,mean\n3oo,pong,1\n", b"\xff\xfe"],
    ids=["semicolons", "no number", "no text"],
)
def test_tests_that_were_changed_are_refused(tmp_path, pong, played, damaged):
    with run_folders.Run(tmp_path / "run", {}) as run:
        begin(run, [pong]).on_train_batch_end(300, TOTAL)
        (run.folder / "tests.csv").write_bytes(damaged)
        with pytest.raises(run_folders.DamagedRun, match=r"tests\.csv is damaged"):
            begin(run, [pong], steps=400)


def test_ctrl_c_within_a_test_ends_it_and_resume_does_it_again(tmp_path, pong, played):
    with run_folders.Run(tmp_path / "run", {}) as run:
        curve = begin(run, [pong])
        curve.model.stop_training = True
        curve.on_train_batch_end(250, TOTAL)
        assert curve.rows == [] and played == []
        assert [row["steps"] for row in begin(run, [pong], steps=250).rows] == [250]
