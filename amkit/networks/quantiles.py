"""A network under which each output has a distribution: K quantiles, whose mean is the output."""

from typing import Any

import keras
import numpy as np

from amkit.networks.bodies import OUTPUT


def with_quantiles(network: keras.Model, quantiles: int) -> keras.Model:
    """The same layers under K quantiles of each output, at first all equal to it.

    Args:
        network: Functional model, observation -> float32 [B, n], the last layer dense.
        quantiles: K.

    Returns:
        Functional `keras.Model`, observation -> float32 [B, n, K]; lowest first once it has learnt,
        by the loss alone.
        All but its last layers are the network's own.

    Raises:
        ValueError: if games have outputs of their own (an MCDQN).
    """
    output = network.layers[-1]
    if not isinstance(output, keras.layers.Dense):
        raise ValueError(f"quantiles are of one dense output layer. Received: {network.name}")
    head = keras.layers.Dense(output.units * quantiles, name=OUTPUT, dtype="float32")
    of_each = keras.layers.Reshape((output.units, quantiles), name="quantiles", dtype="float32")
    learning = keras.Model(network.input, of_each(head(output.input)), name=network.name)
    head.set_weights([np.repeat(weights, quantiles, axis=-1) for weights in output.get_weights()])
    return learning


def mean_weights(learning: keras.Model) -> list[Any]:
    """The weights with which the plain network says the mean over quantiles, which is linear.

    Args:
        learning: of `with_quantiles`.

    Returns:
        Variables and tensors in the order of the plain network's variables.
    """
    *body, kernel, bias = learning.variables
    _, outputs, quantiles = learning.output.shape
    return [
        *body,
        *(
            keras.ops.mean(
                keras.ops.reshape(weights, (*weights.shape[:-1], outputs, quantiles)), -1
            )
            for weights in (kernel, bias)
        ),
    ]
