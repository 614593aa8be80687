"""The size of kernels before a normalisation: no output depends on it, but the pace of learning."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

FRESH = "fresh"  # The size of kernels that random weights have.


def kernel_sizes(network: keras.Model) -> tuple[float, ...]:
    """Root mean square of each kernel before the normalisation; none where nothing is normalised.

    The outputs do not depend on them: one factor for a kernel, and for the biases behind it, is
    taken out again. But an optimizer's steps are of one length, so that larger kernels turn more
    slowly: a network whose kernels are n times as large learns as if at a smaller learning rate.
    """
    return tuple(
        float(np.sqrt(np.mean(np.square(layer.get_weights()[0])))) for layer in _scalable(network)
    )


def scale_kernels(network: keras.Model, sizes: Sequence[float]) -> None:
    """Gives a network's kernels before the normalisation these sizes; its outputs stay as they are.

    Args:
        network: changed in place.
        sizes: as `kernel_sizes` has them, of a network of the same body; else ValueError.
    """
    so_far = 1.0
    own = kernel_sizes(network)
    for layer, now, size in zip(_scalable(network), own, sizes, strict=True):
        kernel, bias = layer.get_weights()
        share = size / (now or size)
        so_far *= share  # ReLUs hand a factor on, so that a bias takes those of all layers before.
        layer.set_weights([share * kernel, so_far * bias])


def _scalable(network: keras.Model) -> list[keras.layers.Layer]:
    """The layers before the normalisation that have kernels."""
    kinds = [type(layer) for layer in network.layers]
    end = kinds.index(layers.LayerNormalization) if layers.LayerNormalization in kinds else 0
    return [
        layer for layer in network.layers[:end] if isinstance(layer, layers.Conv2D | layers.Dense)
    ]
