"""The weights of all fixtures, by a formula, and what a network of them says, in plain NumPy."""

from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

FIXTURES = Path(__file__).parent / "fixtures"
STRIDES = (4, 2, 1)
KERNELS = (8, 4, 3)
ACTIONS = 6  # Pong's.
QUANTILES = 3
# File -> (size of the last maps, pixels around each convolution's input: before and after).
FILES = {
    "sb3_dqn.zip": (7, None),
    "sb3_qrdqn.zip": (7, None),
    "cleanrl.cleanrl_model": (7, None),
    "atari_agents.gz": (7, None),
    "atari_agents_legacy.gz": (7, None),
    "cleanrl_legacy.pth": (7, None),
    "dopamine.msgpack": (11, ((2, 2), (1, 2), (1, 1))),
    "dopamine_ckpt.199": (11, ((2, 2), (1, 2), (1, 1))),
    "cleanrl_jax.cleanrl_model": (7, None),
    "torch7.t7": (7, ((1, 1), (0, 0), (0, 0))),
    "keras2_first.h5": (7, None),
    "keras2_last.h5": (7, None),
    "keras2_permuted.h5": (7, None),
}


def weights(size=7, outputs=ACTIONS):
    """(weight, bias) of three convolutions and two dense layers, as Torch orders them."""
    rng = np.random.default_rng(33)
    shapes = [(2, 4, 8, 8), (2, 2, 4, 4), (2, 2, 3, 3), (4, 2 * size**2), (outputs, 4)]
    layers = []
    for shape in shapes:
        spread = 2 / np.sqrt(np.prod(shape[1:]))
        weight = rng.normal(0, spread, shape).astype(np.float32)
        layers.append((weight, rng.normal(0.1, 0.1, shape[0]).astype(np.float32)))
    return layers


def observations(count=5):
    """uint8 [count, 4, 84, 84]."""
    return np.random.default_rng(7).integers(0, 256, (count, 4, 84, 84), np.uint8)


def q_values(observation, layers, pads=None):
    """What a network says: float64 [B, outputs], in NumPy alone."""
    x = observation / 255
    for (weight, bias), stride, pad in zip(layers[:3], STRIDES, pads or ((0, 0),) * 3, strict=True):
        x = np.pad(x, ((0, 0), (0, 0), pad, pad))
        windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
        x = np.einsum("bchwij,ocij->bohw", windows, weight) + bias[:, None, None]
        x = np.maximum(x, 0)
    x = x.reshape(len(x), -1)
    (hidden, hidden_bias), (output, output_bias) = layers[3:]
    return np.maximum(x @ hidden.T + hidden_bias, 0) @ output.T + output_bias


def expected(name, observation):
    """What the network of a fixture says."""
    size, pads = FILES[name]
    quantiles = QUANTILES if "qrdqn" in name else 1
    values = q_values(observation, weights(size, ACTIONS * quantiles), pads)
    return values.reshape(len(values), quantiles, ACTIONS).mean(1)
