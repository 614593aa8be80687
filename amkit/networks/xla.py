"""What XLA does faster, also on a CPU, inside graphs that it would slow down.

A CPU's convolutions are slower by XLA, so whole updates are not compiled there (`amkit bench`).
What runs element by element gains: op by op, each reads and writes memory anew.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors as one piece that XLA compiles."""
    compiled: Callable[..., Any] = tf.function(function, jit_compile=True, autograph=False)
    return compiled


class _Compiled(keras.layers.Layer):
    """A function of a tensor as one piece that XLA compiles."""

    def __init__(self, function: Callable[[tf.Tensor], tf.Tensor], output: keras.KerasTensor):
        super().__init__(dtype=output.dtype, autocast=False)
        self._function = kernel(function)
        self._output = output

    def call(self, x: tf.Tensor) -> Any:
        return self._function(x)

    def compute_output_spec(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((x.shape[0], *self._output.shape[1:]), self._output.dtype)


def quick(network: keras.Model) -> keras.Model:
    """The same network and weights, for running only: what it does to pixels is compiled.

    Op by op, rescaling and transposing them takes half of a forward pass's processor time. A
    network that does not begin as ours do, with `Rescaling` and `Permute`, is returned as it is.
    """
    first = [type(layer) for layer in network.layers[:3]]
    if first != [keras.layers.InputLayer, keras.layers.Rescaling, keras.layers.Permute]:
        return network
    pixels = network.layers[2].output
    prepare = keras.Model(network.input, pixels)
    try:
        rest = keras.Model(pixels, network.output)
    except ValueError:  # Somebody else's, in which more than the pixels goes on from there.
        return network
    observation = keras.Input(network.input.shape[1:], dtype=network.input.dtype)
    outputs = rest(_Compiled(prepare, pixels)(observation))
    return keras.Model(observation, outputs, name=network.name)


def apply(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    variables: Sequence[keras.Variable],
) -> None:
    """`optimizer.apply` of a built optimizer: one compiled piece where a graph is being made."""
    if tf.executing_eagerly():  # For a single update compiling would take longer.
        optimizer.apply(gradients, variables)
        return
    kernel(lambda moving: optimizer.apply(moving, variables))(gradients)
