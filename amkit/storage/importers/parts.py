"""What every importer hands on: an expert's layers, checked, and what is known of its games."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amkit.games.catalogue import NUM_ACTIONS, Game
from amkit.storage.cards import ModelFileError, Played
from amkit.storage.importers.torch_files import Tensor

if TYPE_CHECKING:
    import keras

Array = NDArray[np.float32]
NATURE_STRIDES = (4, 2, 1)
_NATURE_KERNELS = (8, 4, 3)
_FRAMES, _PIXELS = 4, 84
MAX_PARAMETERS = 64_000_000
_MAX_ACTIVATIONS = 16_000_000  # Per observation and layer.
NOT_STATED = "strides and activations are not in the file: taken to be those of the Nature DQN"


@dataclass(frozen=True)
class Convolution:
    """A convolution with a ReLU: kernel [height, width, in, out], bias [out]."""

    kernel: Array
    bias: Array
    stride: int


@dataclass(frozen=True)
class Dense:
    """A dense layer: kernel [in, out], its rows in the order height, width, channel; bias [out]."""

    kernel: Array
    bias: Array


@dataclass(frozen=True)
class Parts:
    """An expert that was read: its layers, the last of `dense` gives Q-values; and its card's."""

    format: str
    convolutions: Sequence[Convolution]
    dense: Sequence[Dense]
    played: Played
    padding: int = 0
    same: bool = False
    divisor: float = 255.0
    algorithm: str = "DQN"
    steps: int | None = None
    unknown: Sequence[str] = field(default=())

    def check(self, game: Game) -> None:
        """Checks that the layers fit each other and the game; ModelFileError if they do not."""
        channels, sizes = _FRAMES, self._sizes
        for i, layer in enumerate(self.convolutions, start=1):
            shape = layer.kernel.shape
            if len(shape) != 4 or shape[0] != shape[1] or shape[2] != channels:
                raise _misfit(
                    f"convolution {i} must have a square kernel of {channels} channels", shape
                )
            channels = shape[3]
            _check_bias(f"convolution {i}", layer.bias, channels)
            if channels * map_size(sizes[:i], self.padding, self.same) ** 2 > _MAX_ACTIVATIONS:
                raise _misfit(f"a layer may have at most {_MAX_ACTIVATIONS:,} activations", "more")
        inputs = channels * self.map_size**2
        for i, dense in enumerate(self.dense, start=1):
            if len(dense.kernel.shape) != 2 or dense.kernel.shape[0] != inputs:
                raise _misfit(f"dense layer {i} must have {inputs} inputs", dense.kernel.shape)
            inputs = dense.kernel.shape[1]
            _check_bias(f"dense layer {i}", dense.bias, inputs)
        if len(self.convolutions) < 1 or len(self.dense) < 2:
            raise _misfit(
                "a DQN must have convolutions and at least two dense layers", len(self.dense)
            )
        if sum(weights.size for weights in self.weights) > MAX_PARAMETERS:
            raise _misfit(f"a network may have at most {MAX_PARAMETERS:,} weights", "more")
        if inputs not in (game.num_actions, NUM_ACTIONS):
            raise _misfit(
                f"an expert of {game.name} must have {game.num_actions} outputs (the game's "
                f"actions in the ALE's order) or {NUM_ACTIONS}",
                f"{inputs}, perhaps of another game or algorithm",
            )
        numbers = [np.array(self.divisor), *self.weights]
        if not all(np.isfinite(each).all() for each in numbers) or not self.divisor:
            raise ModelFileError("the weights are not finite (NaN or infinity)")

    @property
    def map_size(self) -> int:
        """Height and width of the last convolution's output."""
        return map_size(self._sizes, self.padding, self.same)

    @property
    def _sizes(self) -> list[tuple[int, int]]:
        return [(layer.kernel.shape[0], layer.stride) for layer in self.convolutions]

    @property
    def weights(self) -> list[Array]:
        """All weights, in the network's order."""
        layers: list[Convolution | Dense] = [*self.convolutions, *self.dense]
        return [weights for layer in layers for weights in (layer.kernel, layer.bias)]

    def network(self) -> "keras.Model":
        """Builds the network, as amkit's own experts are: of stock layers, uint8 [B, 4, 84, 84]."""
        from amkit.networks.bodies import Body, other_dqn

        body = Body(
            tuple((w.kernel.shape[3], w.kernel.shape[0], w.stride) for w in self.convolutions),
            tuple(layer.kernel.shape[1] for layer in self.dense[:-1]),
            self.padding,
            self.same,
            self.divisor,
        )
        network = other_dqn(body, self.dense[-1].kernel.shape[1])
        network.set_weights(self.weights)
        return network


def _misfit(valid: str, received: object) -> ModelFileError:
    return ModelFileError(f"{valid}. Received: {received}")


def _check_bias(layer: str, bias: Array, outputs: int) -> None:
    if bias.shape != (outputs,) or not outputs:
        raise _misfit(f"{layer} has a bias of {outputs}", bias.shape)


def map_size(sizes: Iterable[tuple[int, int]], padding: int = 0, same: bool = False) -> int:
    """Height and width of the maps after convolutions of (kernel size, stride)."""
    pixels = _PIXELS + 2 * padding
    for kernel, stride in sizes:
        pixels = math.ceil(pixels / stride) if same else (pixels - kernel) // stride + 1
        if kernel < 1 or pixels < 1:
            raise _misfit("a convolution's kernel is no larger than its input", kernel)
    return pixels


def from_torch(
    convolutions: Sequence[tuple[Array, Array]],
    dense: Sequence[tuple[Array, Array]],
    padding: int = 0,
    strides: Sequence[int] = NATURE_STRIDES,
) -> tuple[list[Convolution], list[Dense]]:
    """Layers whose weights are in Torch's order: [out, in, height, width] and [out, in].

    The first dense layer's inputs go from channel, height, width to height, width, channel.
    """
    layers = [
        Convolution(_of_axes(kernel, 4).transpose(2, 3, 1, 0), bias, stride)
        for (kernel, bias), stride in zip(convolutions, strides, strict=True)
    ]
    size = map_size(((layer.kernel.shape[0], layer.stride) for layer in layers), padding)
    (first, bias), *others = [(_of_axes(kernel, 2), bias) for kernel, bias in dense]
    channels = layers[-1].kernel.shape[3]
    if first.shape[1] != channels * size**2:
        raise _misfit(f"the first dense layer has {channels * size**2} inputs", first.shape[1])
    by_place = channels_last(first.T, channels, size)
    return layers, [Dense(by_place, bias), *(Dense(kernel.T, bias) for kernel, bias in others)]


def channels_last(kernel: Array, channels: int, size: int) -> Array:
    """A dense kernel's rows from the order channel, height, width to height, width, channel."""
    by_axis = kernel.reshape(channels, size, size, -1)
    return by_axis.transpose(1, 2, 0, 3).reshape(kernel.shape)


def check_nature(convolutions: Sequence[Convolution]) -> None:
    """Checks the kernels of a file that states no strides; ModelFileError if others are needed."""
    kernels = tuple(layer.kernel.shape[0] for layer in convolutions)
    if kernels != _NATURE_KERNELS:
        raise _misfit(f"convolutions are of {_NATURE_KERNELS} pixels", kernels)


def _of_axes(weights: Array, axes: int) -> Array:
    if weights.ndim != axes:
        raise _misfit(f"weights have {axes} axes", weights.ndim)
    return weights


def pair(state: Mapping[Any, Any], layer: str) -> tuple[Array, Array]:
    """Reads the weight and the bias of a layer from a state_dict of `torch_files`."""
    tensors = [state.get(f"{layer}.{name}") for name in ("weight", "bias")]
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise ModelFileError(f"the file lacks the tensors of layer {layer}")
    weight, bias = (tensor.array() for tensor in tensors if isinstance(tensor, Tensor))
    return weight, bias


def fires(game: Game) -> bool:
    """Whether a game has the action FIRE, which wrappers then press when a life was lost."""
    return "FIRE" in game.actions
