"""Outputs over all actions, and games' own heads."""

import numpy as np
import pytest
import tensorflow as tf

from amkit.learning.pqn import PQN
from amkit.networks.actions import for_game, for_games, over_all_actions
from amkit.networks.bodies import multitask_convolutions
from tests.trainings import RNG, compiled, observations


@pytest.mark.parametrize("outputs", [6, 18])
def test_values_over_all_actions(pong, outputs):
    values = RNG.normal(size=(5, outputs)).astype(np.float32)
    spread = np.asarray(over_all_actions(values, pong.action_codes))
    own = values if outputs == 6 else values[:, pong.action_codes]
    np.testing.assert_array_equal(spread[:, pong.action_codes], own)
    if outputs == 6:
        assert (spread[:, ~pong.action_mask] == 0).all()


def test_each_game_has_its_own_head(pong, breakout):
    network = multitask_convolutions(["pong", "breakout"])
    rows = observations(6)
    whole = network(rows).numpy()
    assert whole.shape == (6, 36)
    ordered = np.asarray(for_games(network, [pong, breakout])(rows))
    np.testing.assert_allclose(ordered[:3], whole[:3, :18], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ordered[3:], whole[3:, 18:], rtol=1e-5, atol=1e-6)
    for game, columns in ((pong, slice(0, 18)), (breakout, slice(18, 36))):
        own = for_game(network, game)(rows).numpy()
        np.testing.assert_allclose(own, whole[:, columns], rtol=1e-5, atol=1e-6)


def test_a_game_teaches_its_own_head_only(pong, breakout):
    network = multitask_convolutions(["pong", "breakout"], normalize_features=True)
    learner = compiled(PQN(network, [pong, breakout]))
    before = {weight.path: weight.numpy() for weight in network.weights}
    learner.train_step(
        {
            "observation": tf.constant(observations(4)),
            "action": tf.constant(np.zeros(4, np.int32)),
            "returns": tf.constant(np.ones(4, np.float32)),
            "weight": tf.constant(np.array([1, 1, 0, 0], np.float32)),  # Nothing of Breakout.
        }
    )
    changed = {w.path for w in network.weights if (w.numpy() != before[w.path]).any()}
    assert any("output_pong" in path for path in changed)
    assert not any("breakout" in path for path in changed)
