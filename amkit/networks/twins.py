"""Other forms of a network: with its features, frozen, in another precision."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from amkit.networks.bodies import FEATURES


def with_features(network: keras.Model) -> keras.Model:
    """The same network and weights, observation -> (outputs [B, A], `features` [B, D])."""
    features = network.get_layer(FEATURES).output
    return keras.Model(network.input, (network.output, features), name=network.name)


def feature_size(network: keras.Model) -> int:
    """D, the width of the layer `features`; ValueError if there is none with outputs [B, D]."""
    for layer in network.layers:
        if layer.name == FEATURES and len(layer.output.shape) == 2:
            return int(layer.output.shape[-1])
    raise ValueError(
        f"a network has a layer called {FEATURES}, of outputs [B, D]. Received: {network.name}"
    )


def frozen_copy(network: keras.Model) -> keras.Model:
    """The same layers and weights anew, which training leaves as they are."""
    copy = keras.models.clone_model(network)
    copy.trainable = False
    copy.set_weights(network.get_weights())
    return copy


def in_precision(model: keras.Model, dtype: str) -> keras.Model:
    """A twin of a network that computes in another precision, its weights copied.

    Args:
        model: Functional model of stock layers.
        dtype: Keras dtype policy of every layer but the last, which stays float32. Weights are
            float32 by float32 and the mixed policies.
    """
    return _twin(model, lambda layer: dtype)


def rounded(model: keras.Model) -> keras.Model:
    """A twin in float32 whose weights are rounded to bfloat16's 8 significant bits.

    Compressed, it takes less than half of the space, and plays alike: the rounding moves a weight
    by a five-hundredth of itself at most.
    """
    copy = in_precision(model, "float32")
    for variable in copy.variables:
        variable.assign(keras.ops.cast(keras.ops.cast(variable, "bfloat16"), variable.dtype))
    return copy


def for_running(model: keras.Model, dtype: str) -> keras.Model:
    """As `in_precision`, for a network that learns no more: its weights are cast once, here.

    Under a mixed policy Keras casts them in every call, which takes longer than a forward pass of
    one observation. Convolutions and dense layers but the last get the number format that the
    policy computes in. Outputs are the same: what Keras does not cast, normalisations, stays.
    """
    cast = keras.DTypePolicy(dtype).compute_dtype
    with_kernels = (keras.layers.Conv2D, keras.layers.Dense)
    return _twin(model, lambda layer: cast if isinstance(layer, with_kernels) else dtype)


def _twin(model: keras.Model, policy: Callable[[keras.layers.Layer], str]) -> keras.Model:
    """The same layers and weights under other dtype policies; the last stays in float32."""
    last = model.layers[-1].name

    def twin(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = "float32" if layer.name == last else policy(layer)
            config.pop("trainable", None)  # Frozen was how it learnt, not what it is.
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=twin)
    copy.set_weights(model.get_weights())
    return copy


def move_towards(network: keras.Model, goals: Sequence[Any], share: float) -> None:
    """Moves a network's weights a share in (0, 1] of the way towards others of the same shapes.

    Repeated, that is an exponential moving average of the others (Polyak averaging).
    """
    for variable, goal in zip(network.variables, goals, strict=True):
        variable.assign_add(share * (goal - variable))
