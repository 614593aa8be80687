"""Rollouts: the order of calls, exploration, scores of whole games."""

import numpy as np
import pytest
import tensorflow as tf

from amkit.play.policy import Answer, EpsilonGreedy
from amkit.play.rollout import rollout
from amkit.play.tally import ScoreKeeper, TrainingScores


def test_observe_act_step_in_this_order(scripted, pong):
    environments = scripted([pong], 2)
    seen = []

    def policy(observation):
        seen.append(("act", observation[0, -1, -1, -1], len(environments.calls)))
        return np.array([0, 3]), np.zeros((2, 18))

    transitions = rollout(environments, policy)
    assert not seen  # Nothing is played before it is asked for.
    first, second = next(transitions), next(transitions)
    assert seen == [("act", 1, 0), ("act", 2, 1)]
    assert first.observation[0, -1, -1, -1] == 1 and second.observation[0, -1, -1, -1] == 2
    assert first.start.all() and not second.start.any()
    np.testing.assert_array_equal(environments.calls, [[0, 3], [0, 3]])


def test_what_is_acted_on_is_named(pong):
    """A network with several outputs acts on its values, however the others are called."""
    values = tf.one_hot([3, 3], 18)
    policy = EpsilonGreedy(
        lambda observation: Answer(values, {"actions": -values, "zeros": tf.zeros((2, 18))}),
        np.tile(pong.action_mask, (2, 1)),
        np.random.default_rng(0),
    )
    action, outputs, guidance = policy(np.zeros((2, 4, 84, 84), np.uint8))
    assert action.tolist() == [3, 3]
    np.testing.assert_array_equal(outputs, values)
    np.testing.assert_array_equal(guidance["actions"], -values)


def test_games_end_and_begin(scripted, pong):
    environments = scripted([pong], 1)
    transitions = rollout(environments, lambda o: (np.array([0]), None))
    rows = [next(transitions) for _ in range(8)]
    # A game of 6 steps, a row that only holds its end, the next game.
    assert [t.game_over[0] for t in rows] == [False] * 5 + [True, False, False]
    assert [t.terminal[0] for t in rows] == [False, False, True, False, False, True, False, False]
    assert [t.cut[0] for t in rows] == [False] * 6 + [True, False]
    assert [t.start[0] for t in rows] == [True] + [False] * 6 + [True]
    assert rows[6].reward[0] == 0


def network(values):
    return lambda observation: tf.tile(np.array([values], np.float32), [observation.shape[0], 1])


def test_greedy_action_is_the_best_legal_one(pong):
    masks = np.repeat(pong.action_mask[None], 3, axis=0)
    values = np.arange(18.0)  # The best of all, 17, is not Pong's; its own best is 12.
    policy = EpsilonGreedy(network(values), masks, np.random.default_rng(0))
    action, outputs, _ = policy(np.zeros((3, 4, 84, 84), np.uint8))
    assert action.tolist() == [12, 12, 12]
    assert outputs.shape == (3, 18)


def test_exploration_is_uniform_over_legal_actions(pong, breakout):
    masks = np.repeat([pong.action_mask, breakout.action_mask], 50, axis=0)
    policy = EpsilonGreedy(network(np.zeros(18)), masks, np.random.default_rng(0), 1.0)
    observation = np.zeros((100, 4, 84, 84), np.uint8)
    actions = np.stack([policy(observation)[0] for _ in range(200)])
    for rows, game in ((slice(0, 50), pong), (slice(50, 100), breakout)):
        counts = np.bincount(actions[:, rows].ravel(), minlength=18)
        assert (counts[~game.action_mask] == 0).all()
        expected = counts.sum() / game.num_actions
        assert np.abs(counts[game.action_mask] - expected).max() < 5 * np.sqrt(expected)


def test_epsilon_is_the_share_of_random_actions(pong):
    masks = np.repeat(pong.action_mask[None], 1000, axis=0)
    policy = EpsilonGreedy(network(np.arange(18.0)), masks, np.random.default_rng(0), 0.3)
    action, *_ = policy(np.zeros((1000, 4, 84, 84), np.uint8))
    share = (action != 12).mean()  # A sixth of the random ones is the greedy one.
    assert abs(share - 0.3 * 5 / 6) < 0.05


@pytest.mark.parametrize("hold", [1.0, 8.0])
def test_a_random_action_is_held_for_so_long_and_the_share_of_random_ones_is_the_same(pong, hold):
    masks = np.repeat(pong.action_mask[None], 200, axis=0)
    policy = EpsilonGreedy(network(np.arange(18.0)), masks, np.random.default_rng(0), 0.3, hold)
    observation = np.zeros((200, 4, 84, 84), np.uint8)
    actions = np.stack([policy(observation)[0] for _ in range(400)])[50:]
    seen = actions != 12  # The greedy one, and a sixth of the random ones.
    assert abs(seen.mean() - 0.3 * 5 / 6) < 0.02
    stays = (actions[1:] == actions[:-1])[seen[:-1]].mean()
    again = 0.3 / (0.3 + hold * 0.7) / 6  # Drawn anew, and by chance the same.
    assert abs(stays - (1 - 1 / hold + again / hold)) < 0.02


def test_what_is_held_is_part_of_the_state(pong):
    masks = np.repeat(pong.action_mask[None], 50, axis=0)

    def policy():
        return EpsilonGreedy(network(np.zeros(18)), masks, np.random.default_rng(0), 0.5, 6.0)

    observation = np.zeros((50, 4, 84, 84), np.uint8)
    whole, begun, goes_on = policy(), policy(), policy()
    expected = [whole(observation)[0] for _ in range(10)]
    for _ in range(5):
        begun(observation)
    goes_on.set_state(begun.get_state())
    np.testing.assert_array_equal([goes_on(observation)[0] for _ in range(5)], expected[5:])


def test_scores_are_of_whole_games_and_raw(scripted, pong):
    environments = scripted([pong], 2)
    keeper = ScoreKeeper(2)
    transitions = rollout(environments, lambda o: (np.array([11, 3]), None))
    finished = [entry for _ in range(19) for entry in keeper.update(next(transitions))]
    # Action 11 earns 3 a step and action 3 earns -1; games of 6 and 7 steps, lives within them.
    assert [f for f in finished if f[0] == 0] == [(0, 18.0, 6)] * 2
    assert [f for f in finished if f[0] == 1] == [(1, -7.0, 7)] * 2


def test_a_game_broken_off_scores_nothing(scripted, pong):
    environments = scripted([pong], 2)
    keeper = ScoreKeeper(2)
    transitions = rollout(environments, lambda o: (np.array([11, 3]), None))
    finished = []
    for step in range(19):
        if step == 4:
            environments.restart(np.array([True, False]))
            keeper.forget(np.array([True, False]))
        finished += keeper.update(next(transitions))
    assert finished == [(1, -7.0, 7), (0, 18.0, 6), (1, -7.0, 7), (0, 18.0, 6)]


def test_games_that_ended_lately_have_a_length(scripted, pong, breakout):
    scores = TrainingScores(["pong", "breakout"], 2)
    transitions = rollout(scripted([pong, breakout], 2), lambda o: (np.array([11, 3, 3, 3]), None))
    for _ in range(5):
        scores.update(next(transitions))
    assert scores.lengths() == [None, None]
    scores.update(next(transitions))
    assert scores.lengths()[0] == 6
    for _ in range(13):
        scores.update(next(transitions))
    assert scores.lengths()[0] == 6.5
    scores.metrics()  # Begins its means anew; lengths stay.
    assert scores.lengths()[0] == 6.5
