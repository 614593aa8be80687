"""DQN: losses and targets against numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from amkit.jobs import presets
from amkit.learning.dqn import DQN
from amkit.networks.bodies import nature_dqn
from tests.trainings import RNG, compiled, observations


def dqn_batch(game, n=8):
    return {
        "action_mask": tf.constant(np.tile(game.action_mask, (n, 1))),
        "observation": tf.constant(observations(n)),
        "next_observation": tf.constant(observations(n)),
        "action": tf.constant(RNG.choice([0, 1, 3, 4, 11, 12], n).astype(np.int32)),
        "reward": tf.constant(RNG.normal(size=n).astype(np.float32)),
        "discount": tf.constant(RNG.choice([0, 0.99], n).astype(np.float32)),
    }


def test_dqn_loss_is_eq_2(pong):
    learner = compiled(DQN(nature_dqn(6), [pong]))
    learner.online.set_weights([w + 0.01 for w in learner.online.get_weights()])
    batch = dqn_batch(pong)
    q = learner.online(batch["observation"]).numpy().astype(float)
    next_target = learner.target(batch["next_observation"]).numpy().astype(float)
    column = {code: i for i, code in enumerate(pong.action_codes)}
    expected = []
    for i in range(8):
        target = float(batch["reward"][i]) + float(batch["discount"][i]) * next_target[i].max()
        error = abs(target - q[i][column[int(batch["action"][i])]])
        expected.append(error**2 / 2 if error < 1 else error - 0.5)
    loss = learner.train_step(batch)["loss"]
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5, abs=1e-5)


def test_preset_papers_optimizer_steps_as_with_summed_gradients():
    rng = np.random.default_rng(0)
    optimizer = presets.EXPERT["paper"].optimizer()
    variable = keras.Variable(np.zeros(5, np.float32))
    first = second = value = np.zeros(5)
    for _ in range(20):  # Mnih et al. 2015: averages of the sum over 32 samples, 0.01 in the root.
        total = 10 ** rng.uniform(-3, 1, 5) * rng.normal(size=5)
        optimizer.apply([tf.constant((total / 32).astype(np.float32))], [variable])
        first = 0.95 * first + 0.05 * total
        second = 0.95 * second + 0.05 * total**2
        value = value - 2.5e-4 * total / np.sqrt(second - first**2 + 0.01)
    np.testing.assert_allclose(variable.numpy(), value, rtol=1e-4)


def test_dqn_target_moves_only_when_synced(pong):
    learner = compiled(DQN(nature_dqn(6), [pong]))
    before = learner.target.get_weights()
    learner.train_step(dqn_batch(pong))
    for one, other in zip(before, learner.target.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    learner.sync_target()
    for one, other in zip(learner.online.get_weights(), learner.target.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
