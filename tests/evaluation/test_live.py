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
        # The screen goes with it, over the games' ends.
        moment, seen = play.look(), play._environments.observation[0, -1]
        grey = moment.screen @ np.array([0.299, 0.587, 0.114])
        assert abs(grey.mean() - seen.mean()) < 1
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


class Hand:
    """A display that asks for something at some waits."""

    def __init__(self, *wishes):
        self.wishes, self.shown = list(wishes), []

    def show(self, session, moment):
        self.shown.append((session.steps, moment))

    def wait(self, session, seconds):
        self.wishes.pop(0)(session)


def end(session):
    session.over = True


def test_a_session_is_paused_and_goes_on_step_by_step(still, pong):
    session = Session(still(pong), policy=False, human=False, paused=True)
    waiting = lambda session: None  # noqa: E731
    hand = Hand(waiting, Session.one_step, waiting, waiting, Session.one_step, waiting, end)
    session.run(hand)
    # A step that was asked for is taken when it is due; so is what comes after the end of all.
    assert session.steps <= 3 and session.paused and not hand.wishes


def test_a_session_keeps_time(still, pong, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])

    class Clock(Hand):
        def wait(self, session, seconds):
            now[0] += seconds
            session.over = session.steps == 30

    for speed, seconds in ((1, 2), (2, 1), (0.5, 4)):
        now[0] = 0.0
        Session(still(pong), policy=False, human=False, speed=speed).run(Clock())
        assert now[0] == pytest.approx(seconds, abs=0.2)


def test_a_persons_keys_are_let_go(still, pong, monkeypatch):
    monkeypatch.setattr(live, "STEPS_PER_SECOND", 1e9)
    play = still(pong)
    session = Session(play, policy=False, human=True)
    session.hold(["LEFT"], 3)
    session.hold(["FIRE"], 1)

    class Count(Hand):
        def show(self, session, moment):
            session.over = session.steps >= 5

    monkeypatch.setattr(live, "_PICTURES_PER_SECOND", 1e9)
    session.run(Count())
    names = [ACTIONS[code] for code in play.taken]
    assert names[:5] == ["LEFTFIRE", "LEFT", "LEFT", "NOOP", "NOOP"]


def test_scores_of_games_that_ended(still, pong, monkeypatch):
    monkeypatch.setattr(live, "STEPS_PER_SECOND", 1e9)
    session = Session(still(pong, length=2), policy=False, human=False)

    class Count(Hand):
        def show(self, session, moment):
            session.over = len(session.games) == 2

    monkeypatch.setattr(live, "_PICTURES_PER_SECOND", 1e9)
    session.run(Count())
    assert session.games[:2] == [0.0, 0.0]
