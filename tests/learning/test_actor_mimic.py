"""The Actor-Mimic objective against numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from amkit.learning.actor_mimic import OBJECTIVES, ActorMimic
from amkit.networks.bodies import actor_mimic_network
from tests.trainings import RNG, compiled, observations


def mimic_batch(games, per_game=4, features=512):
    masks = np.repeat([g.action_mask for g in games], per_game, axis=0)
    n = len(masks)
    return {
        "observation": tf.constant(observations(n)),
        "expert_q": tf.constant(RNG.normal(size=(n, 18)).astype(np.float32)),
        "action_mask": tf.constant(masks),
        "expert_features": [
            tf.constant(RNG.normal(size=(per_game, features)).astype(np.float16)) for _ in games
        ],
    }


def mimic(games, feature_weight, jit_compile=False, temperature=0.5):
    keras.utils.set_random_seed(3)
    learner = ActorMimic(actor_mimic_network(), [512] * len(games), temperature, feature_weight)
    return compiled(learner, jit_compile=jit_compile)


@pytest.mark.parametrize("temperatures", [(0.5, 0.5), (0.5, 0.1)])
@pytest.mark.parametrize("feature_weight", [0.0, 0.01])
def test_actor_mimic_loss_is_eq_6(pong, breakout, feature_weight, temperatures):
    games = [pong, breakout]
    alike = temperatures[0] == temperatures[1]
    learner = mimic(games, feature_weight, temperature=0.5 if alike else temperatures)
    batch = mimic_batch(games)
    body = keras.Model(
        learner.student.input,
        (learner.student.output, learner.student.get_layer("features").output),
    )
    logits, features = (x.numpy().astype(float) for x in body(batch["observation"]))
    policy, feature = [], []
    for i in range(8):
        legal = games[i // 4].action_mask
        q = batch["expert_q"].numpy()[i][legal].astype(float) / temperatures[i // 4]
        expert = np.exp(q) / np.exp(q).sum()
        student = np.exp(logits[i][legal]) / np.exp(logits[i][legal]).sum()
        policy.append(-(expert * np.log(student)).sum())
        if feature_weight:
            kernel, bias = (v.numpy() for v in learner.projections[i // 4].weights)
            target = batch["expert_features"][i // 4].numpy()[i % 4].astype(float)
            feature.append(((features[i] @ kernel + bias - target) ** 2).sum())
    before = [v.numpy() for v in learner.trainable_variables]
    metrics = learner.train_step(batch)
    assert float(metrics["policy_loss"]) == pytest.approx(np.mean(policy), rel=1e-5)
    if feature_weight:
        assert float(metrics["feature_loss"]) == pytest.approx(np.mean(feature), rel=1e-4)
    moved = [
        not np.array_equal(b, v.numpy())
        for b, v in zip(before, learner.trainable_variables, strict=True)
    ]
    assert all(moved)  # The feature error reaches the student's body and every projection.


def test_gradient_does_not_depend_on_the_batch_size(pong):
    learner, twin = mimic([pong], 0.01), mimic([pong], 0.01)
    batch = mimic_batch([pong], 8)
    doubled = {
        "observation": tf.concat([batch["observation"]] * 2, 0),
        "expert_q": tf.concat([batch["expert_q"]] * 2, 0),
        "action_mask": tf.concat([batch["action_mask"]] * 2, 0),
        "expert_features": [tf.concat([f] * 2, 0) for f in batch["expert_features"]],
    }
    learner.train_step(batch)
    twin.train_step(doubled)
    for one, other in zip(learner.trainable_variables, twin.trainable_variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def test_illegal_outputs_are_never_pushed(pong):
    learner = mimic([pong], 0.0)
    before = learner.student.get_layer("output").get_weights()
    learner.train_step(mimic_batch([pong], 8))
    after = learner.student.get_layer("output").get_weights()
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[..., ~pong.action_mask], other[..., ~pong.action_mask])
        assert (one[..., pong.action_mask] != other[..., pong.action_mask]).any()


def test_xla_and_plain_graph_agree(pong, breakout):
    batch = mimic_batch([pong, breakout])
    results = []
    for xla in (False, True):
        learner = mimic([pong, breakout], 0.01, xla)
        step = tf.function(learner.train_step, jit_compile=xla, autograph=False)
        metrics = {name: float(value) for name, value in step(batch).items()}
        results.append((metrics, [v.numpy() for v in learner.trainable_variables]))
    (plain, plain_weights), (compiled_, compiled_weights) = results
    assert plain == pytest.approx(compiled_, rel=1e-4)
    for one, other in zip(plain_weights, compiled_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_lowers_its_loss_and_brings_the_policies_together(objective):
    learner = compiled(
        ActorMimic(actor_mimic_network(normalize_features=True), [], 0.5, objective=objective),
        keras.optimizers.Adam(1e-3),
    )
    rng = np.random.default_rng(0)
    mask = np.tile(np.arange(18) < 6, (16, 1))
    batch = {
        "observation": tf.constant(rng.integers(0, 256, (16, 4, 84, 84)).astype(np.uint8)),
        "expert_q": tf.constant(rng.normal(size=(16, 18)).astype(np.float32)),
        "action_mask": tf.constant(mask),
    }
    step = tf.function(learner.train_step, autograph=False)
    rows = []
    for _ in range(30):
        step(batch)
        rows.append({name: float(m) for name, m in learner.get_metrics_result().items()})
        learner.reset_metrics()
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["kl"] < 0.5 * rows[0]["kl"]
