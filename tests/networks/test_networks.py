"""Networks: shapes and sizes of the paper, features, fresh weights."""

import keras
import numpy as np
import pytest

from amkit.games.catalogue import GAMES
from amkit.networks.bodies import actor_mimic_network, nature_dqn
from amkit.networks.twins import for_running, in_precision, with_features

OBSERVATION = np.random.default_rng(0).integers(0, 256, (2, 4, 84, 84), np.uint8)


def kernels(model):
    return [
        tuple(layer.kernel.shape)
        for layer in model.layers
        if getattr(layer, "kernel", None) is not None
    ]


def test_nature_dqn_is_that_of_mnih_2015():
    model = nature_dqn(6)
    assert kernels(model) == [
        (8, 8, 4, 32),
        (4, 4, 32, 64),
        (3, 3, 64, 64),
        (3136, 512),
        (512, 6),
    ]
    assert model.count_params() == 1_687_206


def test_amn_has_an_experts_body_and_18_outputs():
    assert kernels(actor_mimic_network())[:-1] == kernels(nature_dqn(6))[:-1]
    assert actor_mimic_network().output.shape == (None, 18)


def test_transfer_network_is_appendix_d():
    assert kernels(actor_mimic_network("transfer")) == [
        (8, 8, 4, 256),
        (4, 4, 256, 512),
        (3, 3, 512, 512),
        (3, 3, 512, 512),
        (12800, 2048),
        (2048, 18),
    ]


def test_the_authors_transfer_network():
    model = actor_mimic_network("transfer-code")
    assert kernels(model)[-3:] == [(12800, 2048), (2048, 1024), (1024, 18)]
    assert model.get_layer("features").output.shape == (None, 1024)


def test_an_unknown_body():
    with pytest.raises(ValueError, match="body is one of nature"):
        actor_mimic_network("huge")


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_outputs_are_float32_and_features_are_the_pre_output_layer(normalize, dtype):
    model = nature_dqn(6, normalize_features=normalize, dtype=dtype)
    outputs, features = with_features(model)(OBSERVATION)
    assert outputs.dtype == "float32" and outputs.shape == (2, 6)
    assert features.shape == (2, 512) and (features.numpy() >= 0).all()
    assert normalize == (not outputs.numpy().any())
    kernel, bias = model.get_layer("output").get_weights()
    model.get_layer("output").set_weights([kernel + 0.1, bias + 0.1])
    outputs = model(OBSERVATION)
    kernel, bias = model.get_layer("output").get_weights()
    np.testing.assert_allclose(
        outputs, features.numpy().astype(np.float32) @ kernel + bias, rtol=1e-3, atol=1e-3
    )


def test_frames_reach_the_network_in_order():
    """The newest frame is the last channel of the first convolution's input."""
    model = nature_dqn(3)
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[:, :, :3] = 0  # Only the newest frame is looked at.
    model.get_layer("conv1").set_weights([kernel, bias])
    older, newer = OBSERVATION.copy(), OBSERVATION.copy()
    older[:, :3] = 0
    newer[:, 3] = 0
    np.testing.assert_array_equal(model(older), model(OBSERVATION))
    assert (model(newer).numpy() != model(OBSERVATION).numpy()).any()


def test_a_filter_sees_the_background_as_zero():
    model = nature_dqn(6, background=87)
    conv1 = keras.Model(model.input, model.get_layer("conv1").output)
    flat = np.full((1, 4, 84, 84), 87, np.uint8)
    np.testing.assert_allclose(conv1(flat), 0, atol=1e-5)
    assert conv1(OBSERVATION).numpy().any()


def test_every_game_has_an_expert_network():
    for game in GAMES.values():
        assert nature_dqn(game.num_actions).output.shape[-1] == game.num_actions


def test_precision_twin():
    model = nature_dqn(6, normalize_features=True)
    rng = np.random.default_rng(1)  # Outputs begin at zero.
    model.set_weights([w + rng.normal(0, 0.01, w.shape) for w in model.get_weights()])
    twin = in_precision(model, "mixed_bfloat16")
    assert twin.get_layer("conv1").compute_dtype == "bfloat16"
    assert twin.get_layer("output").compute_dtype == "float32"
    np.testing.assert_allclose(twin(OBSERVATION), model(OBSERVATION), atol=0.1)
    running = for_running(model, "mixed_bfloat16")
    assert running.get_layer("conv1").kernel.dtype == "bfloat16"
    np.testing.assert_array_equal(running(OBSERVATION), twin(OBSERVATION))
    back = in_precision(twin, "float32")
    np.testing.assert_array_equal(back(OBSERVATION), model(OBSERVATION))
