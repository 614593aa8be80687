"""Evaluation: parallel play must count the games that a serial one would."""

from dataclasses import replace

import numpy as np
import pytest

from amkit.evaluation.protocols import PROTOCOLS, Protocol
from amkit.evaluation.whole_games import (
    GameResult,
    Player,
    evaluate_game,
    evaluate_games,
    random_network,
)
from amkit.games import atari
from amkit.games.environments import Environments, Outcome


class LengthGames(Environments):
    """Games whose length is drawn at their start and whose score is that length."""

    def __init__(self, game, envs, lengths):
        self.rng = np.random.default_rng(5)
        self.lengths = lengths
        self.games = (game,)
        self.action_masks = np.repeat(game.action_mask[None], envs, axis=0)
        self.envs_per_game = envs
        self.start = np.ones(envs, bool)
        self.ended = np.zeros(envs, bool)
        self.left = self.rng.choice(lengths, envs)

    def __len__(self):
        return self.envs_per_game

    @property
    def observation(self):
        return np.zeros((len(self), 4, 84, 84), np.uint8)

    def send(self, actions):
        pass  # Games do not depend on what is played.

    def receive(self):
        ignored = self.ended
        self.left = np.where(ignored, self.rng.choice(self.lengths, len(ignored)), self.left - 1)
        over = (self.left == 0) & ~ignored
        self.start, self.ended = ignored, over
        return Outcome(np.where(ignored, 0, 1).astype(np.float32), over, over)


def run(game, protocol, envs, lengths=(5, 50)):
    return evaluate_game(
        random_network,
        game,
        protocol,
        epsilon=1.0,
        environments=LengthGames(game, envs, lengths),
    )


@pytest.mark.parametrize("envs", [1, 4, 32])
def test_short_games_are_not_favoured(pong, envs):
    """Half the games are long: taking the first to end would count short ones nearly always."""
    protocol = Protocol("test", 3000, 1, 0.0, "")
    result = run(pong, protocol, envs)
    assert result.scores == result.lengths
    share_long = np.mean(np.array(result.lengths) == 50)
    assert abs(share_long - 0.5) < 4 * 0.5 / np.sqrt(len(result.lengths))
    assert sum(result.lengths) <= 3000 < sum(result.lengths) + 50 + 1


def test_a_number_of_games(pong):
    result = run(pong, Protocol("test", 0, 10, 0.0, ""), 16)
    assert len(result.scores) == 10


def test_the_unfinished_game_is_dropped_unless_it_is_the_only_one(pong):
    assert len(run(pong, Protocol("test", 100, 1, 0.0, ""), 1, lengths=(40,)).scores) == 2
    assert len(run(pong, Protocol("test", 100, 1, 0.0, ""), 8, lengths=(40,)).scores) == 2
    assert run(pong, Protocol("test", 100, 1, 0.0, ""), 1, lengths=(300,)).scores == [300]
    assert len(run(pong, Protocol("test", 80, 1, 0.0, ""), 4, lengths=(40,)).scores) == 2


def test_at_least_so_many_games(pong):
    assert len(run(pong, Protocol("test", 100, 30, 0.0, ""), 4, lengths=(40,)).scores) == 30


def test_result():
    result = GameResult("pong", [1.0, 2.0, 3.0], [4, 5, 6])
    assert result.mean == 2.0
    assert result.standard_error == pytest.approx(1 / np.sqrt(3))
    assert np.isnan(GameResult("pong", [1.0], [4]).standard_error)
    assert result.summary == {"mean": 2, "standard_error": result.standard_error, "games": 3}
    assert result.scores == [1.0, 2.0, 3.0]


def test_epsilon_is_a_probability(pong):
    with pytest.raises(ValueError, match=r"epsilon must be in \[0, 1\]. Received: 1.5"):
        evaluate_game(random_network, pong, PROTOCOLS["tiny"], epsilon=1.5)


def test_the_environments_are_closed_if_it_opened_them(pong, monkeypatch):
    closed = []
    monkeypatch.setattr(atari.AtariEnvironments, "close", lambda self: closed.append(self))
    evaluate_game(random_network, pong, PROTOCOLS["tiny"], epsilon=1.0)
    assert len(closed) == 1
    with pytest.raises(RuntimeError, match="stop"):
        evaluate_game(fail, pong, PROTOCOLS["tiny"])
    assert len(closed) == 2
    theirs = atari.AtariEnvironments([pong], 1, max_steps=50)
    evaluate_game(random_network, pong, PROTOCOLS["tiny"], environments=theirs)
    assert len(closed) == 2


def fail(observation):
    raise RuntimeError("stop")


def test_random_pong_in_the_emulator(pong):
    protocol = Protocol("two", 0, 2, 0.0, "two whole games")
    result = evaluate_game(random_network, pong, protocol, epsilon=1.0, envs=2)
    assert len(result.scores) == 2
    assert -21 <= result.mean < -18
    cut = replace(protocol, max_steps=300)
    one, other = (evaluate_game(random_network, pong, cut, epsilon=1.0, envs=2) for _ in range(2))
    assert one.scores == other.scores and one.lengths == [300, 300]


def test_several_players_at_once_are_the_same_as_one_by_one(pong, breakout):
    protocol = Protocol("one", 0, 1, 0.0, "one game, cut", max_steps=60)
    players = [
        Player(random_network, game, epsilon, f"{game.name} {epsilon}")
        for game in (pong, breakout)
        for epsilon in (1.0, 0.0)
    ]
    told = set()
    results = evaluate_games(
        players, protocol, seed=3, on_progress=lambda label, *rest: told.add(label)
    )
    assert results == [
        evaluate_game(random_network, p.game, protocol, epsilon=p.epsilon, seed=3) for p in players
    ]
    assert told == {player.label for player in players}


def test_an_error_in_one_ends_all(pong, breakout):
    def fail(label, games, steps):
        if label == "breakout" and steps > 100:
            raise RuntimeError("enough")

    players = [Player(random_network, game, 1.0, game.name) for game in (pong, breakout)]
    with pytest.raises(RuntimeError, match="enough"):
        evaluate_games(players, Protocol("four", 0, 4, 0.0, ""), on_progress=fail)
