"""Networks: shapes and sizes of the paper, features, fresh weights."""

import keras
import numpy as np
import pytest

from amkit.games.catalogue import GAMES
from amkit.networks.actions import for_games
from amkit.networks.bodies import (
    BODIES,
    Body,
    actor_mimic_network,
    multitask_convolutions,
    nature_dqn,
)
from amkit.networks.twins import (
    for_running,
    frozen_copy,
    in_precision,
    move_towards,
    with_features,
)

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
    with pytest.raises(ValueError, match="body must be one of small, nature"):
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


@pytest.fixture
def keras_configured():
    """Sets what a user may have in keras.json, and puts it back."""
    config = keras.config
    before = config.image_data_format(), config.floatx(), config.dtype_policy()

    def configure(data_format, floatx, policy):
        config.set_image_data_format(data_format)
        config.set_floatx(floatx)
        config.set_dtype_policy(policy)

    yield configure
    configure(*before)


def test_no_layer_depends_on_keras_configuration(keras_configured, monkeypatch):
    monkeypatch.setitem(BODIES, "padded", Body(((8, 8, 4),), (16,), padding=1))

    def configs():
        padded = actor_mimic_network("padded")
        return [m.get_config() for m in (nature_dqn(6), padded, multitask_convolutions(["pong"]))]

    before = configs()
    keras_configured("channels_first", "float64", "mixed_float16")
    assert configs() == before


def test_what_networks_say_does_not_depend_on_keras_configuration(keras_configured):
    def said():
        keras.utils.set_random_seed(1)
        network = nature_dqn(6)
        several = multitask_convolutions(["pong", "breakout"])
        frozen = frozen_copy(network)
        move_towards(frozen, network.variables, 0.5)
        forms = [
            *(network, frozen, with_features(network), in_precision(network, "bfloat16")),
            *(for_running(network, "mixed_bfloat16"), for_games(network, [GAMES["pong"]])),
            for_games(several, [GAMES["pong"], GAMES["breakout"]]),
        ]
        return [value for form in forms for value in keras.tree.flatten(form(OBSERVATION))]

    before = said()
    keras_configured("channels_first", "float64", "mixed_float16")
    for ours, theirs in zip(said(), before, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
