"""What trainings share."""

import numpy as np
import pytest
import tensorflow as tf

from amkit.learning.actor_mimic import ActorMimic
from amkit.learning.pqn import PQN
from amkit.networks.bodies import actor_mimic_network, nature_dqn
from tests.trainings import compiled, observations, pqn_job


@pytest.mark.parametrize("kind", [PQN, ActorMimic])
def test_the_acting_network_is_a_running_average(pong, kind):
    if kind is PQN:
        learner = compiled(PQN(nature_dqn(6, normalize_features=True), [pong]))
        online, columns = learner.online, pong.action_codes
    else:
        learner = compiled(ActorMimic(actor_mimic_network(normalize_features=True), []))
        online, columns = learner.student, slice(None)
    rng = np.random.default_rng(0)
    expected = [weight.copy() for weight in online.get_weights()]
    rows = observations(3)
    for share in (0.1, 0.5, 1.0):
        moved = [w + rng.normal(0, 0.1, w.shape) for w in online.get_weights()]
        online.set_weights(moved)
        learner.average(share)
        expected = [(1 - share) * w + share * m for w, m in zip(expected, moved, strict=True)]
        for weight, value in zip(learner.acting.get_weights(), expected, strict=True):
            np.testing.assert_allclose(weight, value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        learner(rows).numpy()[:, columns], online(rows), rtol=1e-5, atol=1e-5
    )


def test_an_update_leaves_the_acting_network_as_it_is(scripted, pong, breakout):
    learner = pqn_job(scripted, pong, breakout).learner
    before = learner.acting.get_weights()
    learner.train_step(
        {
            "observation": tf.constant(observations(4)),
            "action": tf.constant(np.zeros(4, np.int32)),
            "returns": tf.constant(np.ones(4, np.float32)),
            "weight": tf.constant(np.ones(4, np.float32)),
        }
    )
    for one, other in zip(before, learner.acting.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
