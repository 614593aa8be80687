"""The size of kernels: it changes nothing that a network says, and how fast it learns."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from amkit.jobs import build, configuration
from amkit.networks.bodies import actor_mimic_network
from amkit.storage import models
from amkit.transfer.initialise import load_source
from amkit.transfer.kernels import kernel_sizes, scale_kernels

OBSERVATION = np.random.default_rng(0).integers(0, 256, (5, 4, 84, 84), np.uint8)
TINY = {"preset": "tiny", "precision": "float32"}


def grown(seed=0, factor=3, **layers):
    """A network of random weights, biases and outputs, whose kernels are so many times as large."""
    made = actor_mimic_network(normalize_features=True, **layers)
    rng = np.random.default_rng(seed)
    made.set_weights([w + rng.normal(0, 0.02, w.shape) for w in made.get_weights()])
    scale_kernels(made, [factor * size for size in kernel_sizes(made)])
    return made


@pytest.fixture
def amn(tmp_path):
    path = tmp_path / "amn.keras"
    models.save(grown(), path, {"kind": "amn", "games": ["pong"]})
    return path


def sizes_by_hand(network):
    names = ("conv1", "conv2", "conv3", "hidden1")
    kernels = [network.get_layer(name).get_weights()[0] for name in names]
    return [np.sqrt(np.mean(kernel**2)) for kernel in kernels]


def test_scaled_kernels_have_their_size_and_the_network_says_the_same():
    network = grown()
    expected = network(OBSERVATION).numpy()
    scale_kernels(network, [0.1, 0.2, 0.05, 0.025])
    assert kernel_sizes(network) == pytest.approx((0.1, 0.2, 0.05, 0.025), rel=1e-4)
    np.testing.assert_allclose(sizes_by_hand(network), kernel_sizes(network), rtol=1e-5)
    # The normalisation's epsilon, 1e-5, is all that tells the sizes apart.
    np.testing.assert_allclose(network(OBSERVATION), expected, rtol=1e-3, atol=1e-3)


def target(**how):
    """A target DQN of Breakout as a run begins it."""
    config = configuration.transfer_config("breakout", test_epochs=1, **TINY, **how)
    return config, build._q_network(config, ())


def test_an_amn_learns_at_the_pace_of_random_weights(amn):
    config, network = target(source=amn, kernels="fresh")
    _, random = target(source=None)
    np.testing.assert_allclose(sizes_by_hand(network), sizes_by_hand(random), rtol=0.1)
    assert config.transfer.kernels == "fresh" and config.transfer.kernel_sizes is None
    _, plain = target(source=amn)
    np.testing.assert_allclose(network(OBSERVATION), plain(OBSERVATION), rtol=1e-3, atol=1e-3)


def test_random_weights_learn_at_the_pace_of_an_amn(amn):
    config, control = target(source=None, kernels=amn)
    np.testing.assert_allclose(
        sizes_by_hand(control), kernel_sizes(load_source(amn).network), rtol=1e-4
    )
    assert (config.transfer.source, config.transfer.kernels) == ("random", "amn")
    assert not control(OBSERVATION).numpy().any()  # Outputs begin at zero, as those of others do.
    run = SimpleNamespace(config=json.loads(json.dumps(config.to_json())))
    begun = configuration.read_configuration(run)
    assert begun.transfer == config.transfer  # Which goes on without the file.


def test_what_cannot_be_scaled(amn, tmp_path):
    plain = tmp_path / "plain.keras"
    models.save(actor_mimic_network(), plain, {"kind": "amn", "games": ["pong"]})
    small = tmp_path / "small.keras"
    models.save(grown(body="small"), small, {"kind": "amn", "games": ["pong"]})
    for how, match in (
        ({"source": plain, "preset": "paper", "kernels": "fresh"}, "only before a normalisation"),
        ({"source": amn, "kernels": small}, "must have the body nature"),
        ({"source": amn, "kernels": plain}, "must have .* normalised features"),
    ):
        with pytest.raises(ValueError, match=match):
            configuration.transfer_config("breakout", **{**TINY, **how})
