"""Keras 2: the `.h5` file of a whole Sequential DQN, channels first or last.

The list of layers is read as data; code that a file holds, of a Lambda, is refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amkit.games.catalogue import Game
from amkit.storage.cards import ModelFileError
from amkit.storage.importers import hdf5, parts
from amkit.storage.importers.parts import Array, Convolution, Dense, Parts

MARK = b"\x89HDF"
_MAX_LAYERS = 40
_CONVOLUTIONS, _IGNORED = ("Conv2D", "Convolution2D"), ("InputLayer", "Dropout")


class _Sequence:
    """What is known of the layers so far, taken one after the other."""

    def __init__(self, weights: Mapping[str, Sequence[Array]]) -> None:
        self._weights = weights
        self.convolutions: list[Convolution] = []
        self.dense: list[Dense] = []
        self.activated: list[bool] = []
        self.paddings: set[str] = set()
        self.shape: tuple[int, ...] | None = None  # Of an observation; None: not said yet.
        self.formats: set[str] = set()
        self.divisor: float | None = None

    def take(self, kind: str, settings: Mapping[str, Any]) -> None:
        """Takes the next layer."""
        shape = settings.get("batch_input_shape") or settings.get("batch_shape")
        if shape is not None and self.shape is None:
            self.shape = tuple(shape[1:])
        if kind in _CONVOLUTIONS and not self.dense:
            self._convolution(settings)
        elif kind == "Dense":
            kernel, bias = self._kernel_and_bias(settings, 2)
            self.dense.append(Dense(kernel, bias))
            self._activation(settings.get("activation"), new=True)
        elif kind == "Activation":
            self._activation(settings.get("activation"))
        elif kind == "ReLU" and not settings.get("threshold") and not settings.get("max_value"):
            self._activation("linear" if settings.get("negative_slope") else "relu")
        elif kind == "Permute" and not self.activated and self.shape == (4, 84, 84):
            if list(settings["dims"]) != [2, 3, 1]:
                raise ModelFileError("Permute must move the frames to the last axis, (2, 3, 1)")
            self.shape = (84, 84, 4)
        elif kind == "Rescaling" and not self.activated and not settings.get("offset"):
            self.divisor = 1 / float(settings["scale"])
        elif kind == "Flatten":
            if settings.get("data_format", "channels_last") == "channels_first":
                raise ModelFileError('Flatten must not have data_format "channels_first"')
        elif kind not in _IGNORED:
            raise ModelFileError(
                "layers must be Conv2D, Dense, Activation, ReLU, Permute, Rescaling or Flatten, as "
                f"in a DQN. Received: {kind:.40}"
            )

    def _convolution(self, settings: Mapping[str, Any]) -> None:
        if "nb_filter" in settings:
            raise ModelFileError(
                "the file was written by Keras 1: load and save the model with Keras 2"
            )
        kernel, bias = self._kernel_and_bias(settings, 4)
        stride, other = settings["strides"]
        dilation = settings.get("dilation_rate") or [1, 1]
        if type(stride) is not int or stride != other or stride < 1 or list(dilation) != [1, 1]:
            raise ModelFileError(
                "a convolution must have the same stride on both axes, and no dilation"
            )
        self.convolutions.append(Convolution(kernel, bias, stride))
        self.paddings.add(str(settings.get("padding", "valid")))
        self.formats.add(str(settings.get("data_format", "channels_last")))
        self._activation(settings.get("activation"), new=True)

    def _activation(self, name: object, new: bool = False) -> None:
        if new:
            self.activated.append(False)
        if name not in (None, "linear", "relu"):
            raise ModelFileError(f"activations must be relu or linear. Received: {str(name)[:40]}")
        self.activated[-1] |= name == "relu"

    def _kernel_and_bias(self, settings: Mapping[str, Any], axes: int) -> tuple[Array, Array]:
        kernel, *others = self._weights[str(settings["name"])]
        if kernel.ndim != axes or len(others) != bool(settings.get("use_bias", True)):
            raise ModelFileError(
                "a layer must have a kernel, and a bias if its configuration says so"
            )
        return kernel, others[0] if others else np.zeros(kernel.shape[-1], np.float32)


def read(content: bytes, game: Game) -> Parts:
    """Reads a file of Keras 2."""
    text, weights = hdf5.arrays(content)
    config = json.loads(text)
    if config["class_name"] != "Sequential":
        raise ModelFileError(
            f"the model must be Sequential. Received: {config['class_name']!s:.40}"
        )
    listed = config["config"]
    listed = listed["layers"] if isinstance(listed, dict) else listed
    if not isinstance(listed, list) or len(listed) > _MAX_LAYERS:
        raise ModelFileError(f"the model must have a list of at most {_MAX_LAYERS} layers")
    layers = _Sequence(weights)
    for entry in listed:
        layers.take(str(entry["class_name"]), entry["config"])
    return _parts(layers)


def _parts(layers: _Sequence) -> Parts:
    if not layers.convolutions or len(layers.dense) < 2:
        raise ModelFileError("a DQN must have convolutions and at least two dense layers")
    if layers.activated[-1] or not all(layers.activated[:-1]):
        raise ModelFileError("a DQN must have a ReLU after each layer except the last")
    if len(layers.paddings | layers.formats) != 2 or not layers.paddings <= {"valid", "same"}:
        raise ModelFileError("all convolutions must have the same padding and data_format")
    first = layers.formats == {"channels_first"}
    if layers.shape != ((4, 84, 84) if first else (84, 84, 4)):
        raise ModelFileError(
            "the model must take 4 frames of 84 x 84 pixels, on the axes of its convolutions. "
            f"Received: {str(layers.shape)[:40]}"
        )
    same, dense = layers.paddings == {"same"}, layers.dense
    if first:
        sizes = [(layer.kernel.shape[0], layer.stride) for layer in layers.convolutions]
        size, channels = parts.map_size(sizes, same=same), layers.convolutions[-1].kernel.shape[3]
        kernel, bias = dense[0].kernel, dense[0].bias
        dense = [Dense(parts.channels_last(kernel, channels, size), bias), *dense[1:]]
    unknown = ["preprocessing", "FIRE when a life was lost", "sticky actions", "order of frames"]
    if layers.divisor is None:
        unknown.append("what pixels were divided by: taken to be 255")
    return Parts(
        "Keras 2",
        layers.convolutions,
        dense,
        {"fire_on_life_loss": False, "sticky_actions": None, "source": "keras"},
        same=same,
        divisor=layers.divisor or 255.0,
        unknown=unknown,
    )
