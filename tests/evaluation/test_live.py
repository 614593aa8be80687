"""Play step by step: the same as an evaluation's, on the same screen, and what a person presses."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from amkit.evaluation import live
from amkit.evaluation.live import Play, Session
from amkit.evaluation.protocols import PROTOCOLS
from amkit.evaluation.whole_games import evaluate_game, random_network
from amkit.games.atari import find_game
from amkit.games.catalogue import ACTIONS


def in_step(play):
    """Whether Breakout's paddle is on the screen where the network sees it."""
    screen = play.look().screen[190:193, 8:152].mean((0, 2))
    seen = play._environments.observation[0, -1, 76, 5:79]
    places = [np.flatnonzero(row > row.max() / 2).mean() / len(row) for row in (screen, seen)]
    return abs(places[0] - places[1]) < 0.03


def test_games_are_those_of_an_evaluation(breakout):
    """One environment, three games: the same scores and lengths."""
    protocol = replace(PROTOCOLS["quick"], games=3)
    result = evaluate_game(random_network, breakout, protocol, epsilon=1.0, seed=4, envs=1)
    scores, lengths = [], []
    with closing(Play(random_network, breakout, epsilon=1.0, seed=4)) as play:
        while len(scores) < 3:
            assert play.look().score == 0
            play.step()
            length = 1
            while not play.game_over:
                play.look()
                play.step()
                length += 1
            scores.append(play.score)
            lengths.append(length)
        assert in_step(play)  # Over the games' ends.
    assert (scores, lengths) == (result.scores, result.lengths)


@pytest.mark.parametrize(
    ("game", "held", "action"),
    [
        ("pong", [], "NOOP"),
        ("pong", ["FIRE"], "FIRE"),
        ("pong", ["UP"], "RIGHT"),
        ("pong", ["DOWN", "FIRE"], "LEFTFIRE"),
        ("breakout", ["LEFT", "FIRE"], "FIRE"),
        ("seaquest", ["UP", "LEFT", "FIRE"], "UPLEFTFIRE"),
        ("enduro", ["UP"], "NOOP"),
        ("enduro", ["DOWN", "RIGHT"], "DOWNRIGHT"),
    ],
)
def test_what_a_person_presses(game, held, action):
    assert ACTIONS[live.pressed(find_game(game), held)] == action


def test_a_person_moves_the_paddle_and_fire_is_pressed_for_them_too(breakout):
    """Both emulators do what is pressed; at a game's beginning that is FIRE, whoever plays."""
    paddle = []
    with closing(Play(random_network, breakout, epsilon=0.0, fire=True)) as play:
        for direction in ("LEFT", "RIGHT"):
            for _ in range(20):
                screen = play.look().screen
                play.step(live.pressed(breakout, [direction]))
            paddle.append(np.flatnonzero(screen[190, 8:152, 0] > 150).mean())
        assert paddle[0] < 20 and paddle[1] > 100
        assert in_step(play)


class Hand:
    """A display that asks for something at each wait, on a clock of its own."""

    def __init__(self, monkeypatch, *wishes):
        self.wishes, self.now = list(wishes), 0.0
        monkeypatch.setattr(live.time, "monotonic", lambda: self.now)

    def show(self, session, moment):
        assert moment.screen[0, 0, 0] == session.steps

    def wait(self, session, seconds):
        self.now += seconds
        if self.wishes:
            self.wishes.pop(0)(session)
        else:
            session.over = True


def nothing(session):
    pass


def test_a_session_is_paused_and_goes_on_step_by_step(still, pong, monkeypatch):
    session = Session(still(pong), policy=False, human=False, paused=True)
    hand = Hand(monkeypatch, nothing, Session.one_step, nothing, nothing, Session.one_step, nothing)
    session.run(hand)
    assert session.steps == 2 and session.paused


@pytest.mark.parametrize(("speed", "seconds"), [(1, 2), (2, 1), (0.5, 4)])
def test_a_session_keeps_time(still, pong, monkeypatch, speed, seconds):
    hand = Hand(monkeypatch, *[nothing] * 1000)
    hand.show = lambda session, moment: hand.wishes.clear() if session.steps == 30 else None
    Session(still(pong), policy=False, human=False, speed=speed).run(hand)
    assert hand.now == pytest.approx(seconds, abs=0.2)


def test_it_listens_also_where_steps_are_late(still, pong, monkeypatch):
    session = Session(still(pong), policy=False, human=False, speed=1e9)
    session.run(Hand(monkeypatch, *[nothing] * 5))
    assert session.steps == 5


def test_a_persons_keys_are_let_go(still, pong, monkeypatch):
    play = still(pong)
    session = Session(play, policy=False, human=True, speed=1e9)
    session.hold(["LEFT"], 3)
    session.hold(["FIRE"], 1)
    session.run(Hand(monkeypatch, *[nothing] * 5))
    names = [ACTIONS[code] for code in play.taken]
    assert names == ["LEFTFIRE", "LEFT", "LEFT", "NOOP", "NOOP"]


def test_opposite_directions_are_let_go(still, pong):
    session = Session(still(pong), policy=False, human=True)
    session.hold(["LEFT", "FIRE"], 3)
    session.hold(["RIGHT"], 5)
    assert session._held == {"FIRE": 3, "RIGHT": 5}
    session.hold(["UP"])
    assert list(session._held) == ["UP"]


def test_scores_of_games_that_ended(still, pong, monkeypatch):
    session = Session(still(pong, length=2), policy=False, human=False, speed=1e9)
    session.run(Hand(monkeypatch, *[nothing] * 5))
    assert session.games == [0.0, 0.0]
