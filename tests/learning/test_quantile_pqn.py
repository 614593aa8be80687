"""Parallel Q-learning with quantiles: the loss against numpy, what is kept against what learns."""

import numpy as np
import pytest
import tensorflow as tf

from amkit.learning import losses
from amkit.learning.quantile_pqn import QuantilePQN
from amkit.networks.actions import over_all_actions
from amkit.networks.bodies import actor_mimic_network, multitask_convolutions, nature_dqn
from amkit.networks.quantiles import mean_weights, with_quantiles
from amkit.networks.twins import frozen_copy
from tests.trainings import compiled, observations, quantile_job


def loss_by_hand(quantiles, target, threshold):
    total = 0.0
    for k, quantile in enumerate(quantiles):
        level = (k + 0.5) / len(quantiles)
        error = target - quantile
        size = abs(error)
        huber = error**2 / 2 if size <= threshold else threshold * (size - threshold / 2)
        total += abs(level - (error < 0)) * huber / threshold
    return total / len(quantiles)


def disturbed(network, seed=0):
    rng = np.random.default_rng(seed)
    network.set_weights([w + rng.normal(0, 0.02, w.shape) for w in network.get_weights()])
    return network


@pytest.mark.parametrize("threshold", [1.0, 0.1])
@pytest.mark.parametrize("count", [1, 5, 32])
def test_quantile_loss_is_equation_10(count, threshold):
    rng = np.random.default_rng(0)
    quantiles = rng.normal(0, 1.5, (50, count))
    target = rng.normal(0, 1.5, 50)
    quantiles[0], target[0] = 0.25, 0.25  # No error at all.
    loss = losses.quantile_huber(
        tf.constant(quantiles, tf.float32), tf.constant(target, tf.float32), threshold
    )
    expected = [
        loss_by_hand(row, value, threshold) for row, value in zip(quantiles, target, strict=True)
    ]
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-6)


def test_its_least_is_at_the_quantiles_of_what_came():
    """With a small threshold: of returns 0, 1, ..., 9, each as likely."""
    returns = np.arange(10, dtype=np.float32)

    def cost(quantile):  # The middle one of three, at level 1/2.
        rows = np.full((10, 3), [-1, quantile, 20], np.float32)
        return float(tf.reduce_mean(losses.quantile_huber(tf.constant(rows), returns, 0.01)))

    costs = {quantile: cost(quantile) for quantile in np.arange(0, 9.5, 0.5)}
    assert 4 <= min(costs, key=costs.get) <= 5


def test_all_quantiles_begin_as_the_networks_output():
    network = disturbed(nature_dqn(6, normalize_features=True))
    observation = observations(4)
    quantiles = with_quantiles(network, 5)(observation).numpy()
    assert quantiles.shape == (4, 6, 5)
    np.testing.assert_allclose(
        quantiles, np.repeat(network(observation).numpy()[..., None], 5, -1), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("network", [nature_dqn(4), actor_mimic_network(normalize_features=True)])
def test_the_mean_over_quantiles_folds_into_the_output_layer(network):
    plain = frozen_copy(network)
    learning = disturbed(with_quantiles(network, 32))
    for variable, weights in zip(plain.variables, mean_weights(learning), strict=True):
        variable.assign(weights)
    observation = observations(16)
    of_quantiles = learning(observation).numpy().astype(float).mean(-1)
    np.testing.assert_allclose(plain(observation), of_quantiles, atol=1e-5)


def test_quantiles_need_one_output_layer():
    with pytest.raises(ValueError, match="one dense output layer"):
        with_quantiles(multitask_convolutions(["pong", "breakout"]), 4)


def test_actions_that_a_game_has_not_are_zero_with_any_axes_after(breakout):
    values = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    spread = over_all_actions(values, breakout.action_codes)
    assert spread.shape == (2, 18, 3)
    np.testing.assert_array_equal(spread.numpy()[:, breakout.action_codes], values)
    assert not np.delete(spread.numpy(), breakout.action_codes, axis=1).any()


@pytest.mark.parametrize("own_actions_only", [True, False])
def test_an_update_regresses_the_action_taken(pong, own_actions_only):
    rng = np.random.default_rng(1)
    network = nature_dqn(6, normalize_features=True) if own_actions_only else actor_mimic_network()
    learner = compiled(QuantilePQN(network, [pong], 8, 0.5))
    disturbed(learner.online)
    batch = {
        "observation": tf.constant(observations(8)),
        "action": tf.constant(rng.choice(pong.action_codes, 8).astype(np.int32)),
        "returns": tf.constant(rng.normal(size=8).astype(np.float32)),
        "weight": tf.constant(np.array([1, 1, 0, 1, 1, 0, 1, 1], np.float32)),
    }
    quantiles = learner.online(batch["observation"]).numpy().astype(float)
    column = pong.action_codes.tolist().index if own_actions_only else int
    expected = [
        float(batch["weight"][i])
        * loss_by_hand(
            quantiles[i, column(int(batch["action"][i]))], float(batch["returns"][i]), 0.5
        )
        for i in range(8)
    ]
    metrics = learner.train_step(batch)
    assert float(metrics["loss"]) == pytest.approx(np.mean(expected), rel=1e-4, abs=1e-6)


def test_what_acts_is_the_mean_of_what_learns(scripted, pong, breakout):
    job = quantile_job(scripted, pong, breakout)
    job.play_and_learn()
    learner = job.learner
    learner.average(1.0)
    observation = observations(4)
    quantiles = learner.online(observation).numpy()
    assert np.ptp(quantiles, axis=-1).max() > 0  # It has learnt that returns differ.
    np.testing.assert_allclose(learner.acting(observation), quantiles.mean(-1), atol=1e-5)
    assert [layer.name for layer in learner.acting.layers] == [
        layer.name for layer in nature_dqn(6, normalize_features=True).layers
    ]
