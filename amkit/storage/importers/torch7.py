"""Torch7: the `.t7` files that the paper's own code wrote. Functions in them are passed over."""

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from amkit.games.catalogue import Game
from amkit.storage.cards import ModelFileError
from amkit.storage.importers import parts
from amkit.storage.importers.parts import Array, Parts
from amkit.storage.importers.torch_files import Storage, Tensor, tensor

MARKS = (b"\x03\x00\x00\x00", b"\x04\x00\x00\x00")  # A table, or an object.
_TABLE, _OBJECT = 3, 4
_MAX_DEPTH = 100
_MAX_VALUES = 1_000_000
_STORAGES = {
    **{"Float": "f4", "Cuda": "f4", "Double": "f8", "CudaDouble": "f8", "CudaHalf": "f2"},
    **{"Half": "f2", "Int": "i4", "CudaInt": "i4", "Long": "i8", "CudaLong": "i8"},
    **{"Short": "i2", "Char": "i1", "Byte": "u1", "CudaByte": "u1"},
}
_CONVOLUTIONS = ("nn.SpatialConvolution", "nn.SpatialConvolutionMM", "cudnn.SpatialConvolution")
_RELUS = ("nn.ReLU", "nn.Rectifier", "cudnn.ReLU", "nn.Threshold")
_RESHAPES = ("nn.Reshape", "nn.View")


class _Object(NamedTuple):
    """An object of a Lua class: its fields, as data."""

    kind: str
    fields: dict[Any, Any]


def read(content: bytes, game: Game) -> Parts:
    """Reads a file that holds a network, or a table with one, "model"."""
    document = _Reader(content).value()
    network = document.get("model") if isinstance(document, dict) else document
    if not isinstance(network, _Object) or network.kind != "nn.Sequential":
        raise ModelFileError(
            'a Torch7 file must hold an nn.Sequential, or a table with one as "model"'
        )
    modules = network.fields["modules"]
    layers = [modules[i] for i in range(1, len(modules) + 1)]
    convolutions: list[tuple[Array, Array]] = []
    dense: list[tuple[Array, Array]] = []
    strides: list[int] = []
    paddings: list[int] = []
    activated: list[bool] = []
    for layer in layers:
        if layer.kind in _RELUS:
            _check_relu(layer)
            activated[-1] = True
        elif layer.kind in _CONVOLUTIONS and not dense:
            convolutions.append(_convolution(layer.fields))
            strides.append(_equal(layer.fields, "dH", "dW"))
            paddings.append(_padding(layer.fields))
            activated.append(False)
        elif layer.kind == "nn.Linear":
            dense.append((_numbers(layer.fields, "weight"), _numbers(layer.fields, "bias")))
            activated.append(False)
        elif layer.kind not in _RESHAPES:
            raise ModelFileError(
                f"layers must be convolutions, nn.Linear or ReLUs. Received: {layer.kind:.40}"
            )
    if len(dense) < 2 or not convolutions:
        raise ModelFileError("a DQN must have convolutions and at least two nn.Linear layers")
    if any(paddings[1:]) or activated[-1] or not all(activated[:-1]):
        raise ModelFileError(
            "a DQN must have a ReLU after each layer except the last, and may pad only the first"
        )
    kernels, dense_layers = parts.from_torch(convolutions, dense, paddings[0], strides)
    return Parts(
        "Torch7",
        kernels,
        dense_layers,
        {
            "fire_on_life_loss": False,
            "sticky_actions": 0.0,
            "resize": "maximum, grey, bilinear",
            "source": "torch7",
        },
        padding=paddings[0],
        unknown=["whether it was played as the paper's own code plays"],
    )


def _check_relu(layer: _Object) -> None:
    fields = layer.fields
    if any(fields.get(name, 0) != 0 for name in ("threshold", "val") if name in fields):
        raise ModelFileError("a ReLU must be 0 below 0")


def _convolution(fields: Mapping[Any, Any]) -> tuple[Array, Array]:
    weight, size = _numbers(fields, "weight"), _equal(fields, "kH", "kW")
    return weight.reshape(weight.shape[0], -1, size, size), _numbers(fields, "bias")


def _padding(fields: Mapping[Any, Any]) -> int:
    if "padding" in fields and "padW" not in fields:
        return _equal(fields, "padding", "padding", least=0)
    if "padW" not in fields:
        return 0
    return _equal(fields, "padH", "padW", least=0)


def _equal(fields: Mapping[Any, Any], one: str, other: str, least: int = 1) -> int:
    """A field that height and width have in common, a small whole number."""
    value = fields[one]
    if type(value) not in (int, float) or value != fields[other]:
        raise ModelFileError(f"{one} and {other} of a convolution must be equal")
    if not least <= value <= 84 or value != int(value):
        raise ModelFileError(f"{one} of a convolution must be a whole number from {least} to 84")
    return int(value)


def _numbers(fields: Mapping[Any, Any], name: str) -> Array:
    value = fields[name]
    if not isinstance(value, Tensor):
        raise ModelFileError(f"{name} must be a tensor")
    return value.array()


class _Reader:
    """Reads values one after the other; a table or an object that comes again has its number."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place, self._values = memoryview(content), 0, 0
        self._known: dict[int, Any] = {}

    def value(self, depth: int = 0) -> Any:
        self._values += 1
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            raise ModelFileError("the file is nested too deeply, or holds too many values")
        kind = self._int()
        match kind:
            case 0:
                return None
            case 1:
                number: float = struct.unpack("<d", self._take(8))[0]
                return int(number) if number.is_integer() and abs(number) < 2**53 else number
            case 2:
                return self._string()
            case 5:
                return self._int() == 1
            case 6:
                return self._function(depth)
            case 3 | 4 | 7 | 8:
                number_of = self._int()
                if number_of in self._known:
                    return self._known[number_of]
                if kind == _TABLE:
                    return self._table(self._known.setdefault(number_of, {}), depth)
                if kind == _OBJECT:
                    return self._object(number_of, depth)
                self._known[number_of] = None
                return self._function(depth)
        raise ModelFileError(f"the file has a value of a type that Torch7 does not have: {kind}")

    def _table(self, table: dict[Any, Any], depth: int) -> dict[Any, Any]:
        for _ in range(self._int()):
            key, value = self.value(depth + 1), self.value(depth + 1)
            if isinstance(key, str | int | float):  # Of others nothing is needed.
                table[key] = value
        return table

    def _object(self, number: int, depth: int) -> Any:
        kind = self._string()
        if kind.startswith("V "):
            kind = self._string()
        element = kind.removeprefix("torch.").removesuffix("Tensor").removesuffix("Storage")
        value: Any
        if kind == f"torch.{element}Storage" and element in _STORAGES:
            value = self._storage(_STORAGES[element])
        elif kind == f"torch.{element}Tensor" and element in _STORAGES:
            value = self._tensor(depth)
        else:
            value = _Object(kind, {})
            self._known[number] = value
            fields = self.value(depth + 1)
            value.fields.update(fields if isinstance(fields, dict) else {})
        self._known[number] = value
        return value

    def _tensor(self, depth: int) -> Any:
        axes = self._int()
        if not 0 <= axes <= 8:
            raise ModelFileError("a tensor has at most 8 axes")
        shape = [self._long() for _ in range(axes)]
        strides = [self._long() for _ in range(axes)]
        offset, storage = self._long() - 1, self.value(depth + 1)
        if storage is None or not axes:  # An empty one.
            return None
        return tensor(storage, offset, shape, strides)

    def _storage(self, format_: str) -> Storage:
        count = self._long()
        content = self._take(count * np.dtype(format_).itemsize)
        return Storage(format_, count, lambda: bytes(content))

    def _function(self, depth: int) -> None:
        """Passes over a function: its bytes are never loaded, let alone run."""
        self._take(self._int())
        self.value(depth + 1)

    def _int(self) -> int:
        return int.from_bytes(self._take(4), "little", signed=True)

    def _long(self) -> int:
        return int.from_bytes(self._take(8), "little", signed=True)

    def _string(self) -> str:
        return bytes(self._take(self._int())).decode("latin-1")

    def _take(self, count: int) -> memoryview:
        end = self._place + count
        if count < 0 or end > len(self._content):
            raise ModelFileError("the file is cut, or states a wrong length")
        content, self._place = self._content[self._place : end], end
        return content
