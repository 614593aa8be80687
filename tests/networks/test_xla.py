"""Kernels do what the ops they stand for do."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from amkit.learning.dqn import DQNSettings
from amkit.networks import xla
from amkit.networks.bodies import (
    BODIES,
    Body,
    actor_mimic_network,
    multitask_convolutions,
    nature_dqn,
)
from amkit.networks.twins import for_running, frozen_copy, with_features
from amkit.networks.xla import quick

OBSERVATION = np.random.default_rng(0).integers(0, 256, (2, 4, 84, 84), np.uint8)


@pytest.mark.parametrize("body", ["nature", "transfer-code"])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 5e-2)], ids=str
)
def test_quick_says_the_same(body, dtype, tolerance):
    model = actor_mimic_network(body, background=87.5, dtype=dtype)
    fast = quick(with_features(model))
    for ours, theirs in zip(fast(OBSERVATION), with_features(model)(OBSERVATION), strict=True):
        ours, theirs = np.asarray(ours, np.float32), np.asarray(theirs, np.float32)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < tolerance * np.abs(theirs).max()


def test_quick_shares_weights_and_learns():
    model = nature_dqn(6, normalize_features=True, background=30)
    fast = quick(model)
    assert fast is not model
    variables = model.trainable_variables
    assert [v.path for v in fast.trainable_variables] == [v.path for v in variables]
    model.get_layer("output").kernel.assign(np.random.default_rng(0).normal(size=(512, 6)))
    gradients = []
    for network in (model, fast):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(OBSERVATION, training=True) ** 2)
        gradients.append(tape.gradient(loss, variables))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize(
    "make",
    [
        lambda: nature_dqn(6),
        lambda: actor_mimic_network("padded", normalize_features=True),
        lambda: multitask_convolutions(["pong", "breakout"]),
        lambda: with_features(frozen_copy(nature_dqn(6))),
        lambda: for_running(nature_dqn(6), "mixed_bfloat16"),
        lambda: renamed(nature_dqn(6)),
    ],
    ids=["expert", "AMN", "MCDQN", "with features", "for running", "renamed"],
)
def test_all_our_networks_are_made_quick(make, monkeypatch):
    monkeypatch.setitem(BODIES, "padded", Body(((8, 8, 4),), (16,), padding=1))
    network = make()
    assert quick(network) is not network


def renamed(network):
    def clone(layer):
        return type(layer).from_config({**layer.get_config(), "name": f"my_{layer.name}"})

    return keras.models.clone_model(network, clone_function=clone)


def test_quick_leaves_other_networks_as_they_are():
    observation = keras.Input((4, 84, 84), dtype="uint8")
    x = keras.layers.Permute((2, 3, 1))(observation)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(x))
    other = keras.Model(observation, keras.layers.Dense(6)(x))
    assert quick(other) is other
    rescaled = keras.layers.Rescaling(1 / 255)(observation)
    permuted = keras.layers.Permute((2, 3, 1))(rescaled)
    both = [keras.layers.Flatten()(x) for x in (permuted, rescaled)]
    forked = keras.Model(observation, keras.layers.Concatenate()(both))
    assert quick(forked) is forked


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.01, 5), global_clipnorm=1.0
        ),
        lambda: DQNSettings().optimizer(),
    ],
    ids=["adam", "rmsprop"],
)
def test_apply_moves_variables_as_the_optimizer_does(make):
    rng = np.random.default_rng(0)
    gradients = [tf.constant(rng.normal(size=(5, 3)).astype(np.float32)) for _ in range(4)]
    moved = []
    for compiled in (False, True):
        variables = [keras.Variable(np.ones((5, 3), np.float32)) for _ in range(4)]
        optimizer = make()
        optimizer.build(variables)

        step = partial(xla.apply, optimizer, gradients, variables)
        step = tf.function(step, autograph=False) if compiled else step
        for _ in range(3):
            step()
        assert int(optimizer.iterations) == 3
        moved.append(np.array(variables))
    assert np.abs(moved[0] - 1).max() > 1e-4
    np.testing.assert_allclose(*moved, rtol=1e-5)
