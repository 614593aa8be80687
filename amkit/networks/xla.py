"""What XLA does faster, also on a CPU, inside graphs that it would slow down.

A CPU's convolutions are slower by XLA, so that whole updates are not compiled there (`amkit
bench`). What runs element by element is: op by op each reads and writes memory anew.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


class _Kernel(keras.layers.Layer):
    """A function of tensors as one XLA kernel."""

    def __init__(self, function: Callable[[Any], Any], output: keras.KerasTensor):
        super().__init__(dtype=output.dtype, autocast=False)
        self._function = tf.function(function, jit_compile=True, autograph=False)
        self._output = output

    def call(self, x: Any) -> Any:
        return self._function(x)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        return keras.KerasTensor((x.shape[0], *self._output.shape[1:]), self._output.dtype)


def quick(network: keras.Model) -> keras.Model:
    """The same network, for running but not for saving: what it does to pixels is one kernel.

    Op by op, rescaling and transposing them takes half of a forward pass's processor time.

    Args:
        network: Functional model, observation -> anything. One made elsewhere, without the layers
            that ours begin with, is returned as it is.

    Returns:
        Functional `keras.Model`, sharing the weights.
    """
    if [layer.name for layer in network.layers[1:3]] != ["rescaling", "channels_last"]:
        return network
    pixels = network.get_layer("channels_last").output
    prepare = keras.Model(network.input, pixels)
    rest = keras.Model(pixels, network.output)
    observation = keras.Input(network.input.shape[1:], dtype=network.input.dtype)
    return keras.Model(observation, rest(_Kernel(prepare, pixels)(observation)), name=network.name)


def apply(
    optimizer: keras.optimizers.Optimizer, gradients: Sequence[Any], variables: Sequence[Any]
) -> None:
    """`optimizer.apply` as one kernel, where a graph is being made; eagerly as it is.

    Args:
        optimizer: built.
        gradients: one tensor per variable.
        variables: what is moved.
    """
    if tf.executing_eagerly():  # A kernel for a single update would take longer to compile.
        optimizer.apply(gradients, variables)
        return
    kernel = tf.function(
        lambda moving: optimizer.apply(moving, variables), jit_compile=True, autograph=False
    )
    kernel(gradients)
