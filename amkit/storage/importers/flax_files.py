"""flax: msgpack of parameters, and Dopamine's checkpoints, which are pickles of such parameters.

The same names stand for two networks: Dopamine's pads its convolutions, that of CleanRL's
`dqn_atari_jax` does not. The first dense layer's inputs tell.
"""

import io
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amkit.games.catalogue import Game
from amkit.storage.cards import ModelFileError
from amkit.storage.importers import cleanrl, parts, pickles
from amkit.storage.importers.parts import Array, Convolution, Dense, Parts

_MAX_DEPTH = 16
_MAX_VALUES = 100_000
_FORMATS = {"float32": "<f4", "float64": "<f8", "float16": "<f2"}
_PICKLED_FORMATS = ("f4", "f8", "f2")
# Instructions of msgpack that hold a number, and those whose length comes first.
_NUMBERS = {
    **{0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"},
    **{0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"},
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_LENGTHS = {
    **{0xC4: ("bytes", 1), 0xC5: ("bytes", 2), 0xC6: ("bytes", 4)},
    **{0xC7: ("extension", 1), 0xC8: ("extension", 2), 0xC9: ("extension", 4)},
    **{0xD9: ("words", 1), 0xDA: ("words", 2), 0xDB: ("words", 4)},
    **{0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4)},
}
_ARRAY = 1  # The extension that flax calls an array.


def read_msgpack(content: bytes, game: Game) -> Parts:
    """Reads what `flax.serialization.to_bytes` made of a network's parameters."""
    reader = _Msgpack(content)
    document = reader.value()
    if reader.place != len(content):
        raise ModelFileError("the file goes on after the parameters")
    return _parts(document, game, None)


def read_pickle(content: bytes, game: Game) -> Parts:
    """Reads one of Dopamine's JAX checkpoints, `ckpt.N`."""
    document = pickles.read(io.BytesIO(content), _NAMES, inert=("optax.",))
    if not isinstance(document, dict) or "online_params" not in document:
        raise ModelFileError("the pickle is not a checkpoint of a DQN of Dopamine's JAX agents")
    steps = document.get("training_steps")
    return _parts(document["online_params"], game, steps if type(steps) is int else None)


def _parts(document: Any, game: Game, steps: int | None) -> Parts:
    params = document
    while isinstance(params, dict) and "params" in params:
        params = params["params"]
    names = ("Conv_0", "Conv_1", "Conv_2", "Dense_0", "Dense_1")
    if not isinstance(params, dict) or set(params) != set(names):
        raise ModelFileError(f"the parameters of a DQN are {', '.join(names)}, and no others")
    weights = [_pair(params, name) for name in names]
    layers = [
        Convolution(kernel, bias, stride)
        for (kernel, bias), stride in zip(weights[:3], parts.NATURE_STRIDES, strict=True)
    ]
    parts.check_nature(layers)
    dense = [Dense(kernel, bias) for kernel, bias in weights[3:]]
    size = parts.map_size((layer.kernel.shape[0], layer.stride) for layer in layers)
    if dense[0].kernel.shape[0] == layers[-1].kernel.shape[3] * size**2:
        return Parts(
            f"{cleanrl.FORMAT}, JAX",
            layers,
            dense,
            cleanrl.played(game),
            steps=steps,
            unknown=[parts.NOT_STATED],
        )
    return Parts(
        "Dopamine",
        layers,
        dense,
        {
            "fire_on_life_loss": False,
            "sticky_actions": 0.25,
            "resize": "grey, maximum, area",
            "source": "dopamine",
        },
        same=True,
        steps=steps,
        unknown=[parts.NOT_STATED],
    )


def _pair(params: Mapping[str, Any], name: str) -> tuple[Array, Array]:
    layer = params[name]
    kernel, bias = layer["kernel"], layer["bias"]
    if not isinstance(kernel, _NumpyArray | np.ndarray) or not isinstance(bias, type(kernel)):
        raise ModelFileError(f"{name} has a kernel and a bias, which are arrays")
    return tuple(  # type: ignore[return-value]  # Of two.
        one.array() if isinstance(one, _NumpyArray) else one for one in (kernel, bias)
    )


def _array(shape: Sequence[Any], format_: str, content: bytes, order: str = "C") -> Array:
    """An array of a shape, if its bytes are neither more nor fewer."""
    sizes = [size for size in shape if type(size) is int and 0 <= size < 2**32]
    if len(sizes) != len(shape) or len(sizes) > 8 or not isinstance(content, bytes):
        raise ModelFileError("an array has at most 8 axes, whole numbers, and bytes")
    if math.prod(sizes) * np.dtype(format_).itemsize != len(content):
        raise ModelFileError("an array has other bytes than its shape says")
    numbers = np.frombuffer(content, format_).astype(np.float32)
    return numbers.reshape(sizes, order="F" if order == "F" else "C")


class _Msgpack:
    """Reads values of msgpack one after the other, not deeply nested and not too many."""

    def __init__(self, content: bytes) -> None:
        self._content, self.place, self._values = content, 0, 0

    def value(self, depth: int = 0) -> Any:
        self._values += 1
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            raise ModelFileError("the parameters are nested too deeply, or hold too many values")
        code = self._take(1)[0]
        if code < 0x80 or code >= 0xE0:
            return code if code < 0x80 else code - 0x100
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _NUMBERS:
            return struct.unpack(_NUMBERS[code], self._take(struct.calcsize(_NUMBERS[code])))[0]
        if code < 0x90:
            return self._map(code & 0x0F, depth)
        if code < 0xA0:
            return [self.value(depth + 1) for _ in range(code & 0x0F)]
        if code < 0xC0:
            return self._take(code & 0x1F).decode()
        if 0xD4 <= code <= 0xD8:
            return self._extension(1 << (code - 0xD4), depth)
        kind, width = _LENGTHS[code]
        length = int.from_bytes(self._take(width), "big")
        match kind:
            case "map":
                return self._map(length, depth)
            case "list":
                return [self.value(depth + 1) for _ in range(length)]
            case "words":
                return self._take(length).decode()
            case "bytes":
                return self._take(length)
        return self._extension(length, depth)

    def _take(self, count: int) -> bytes:
        end = self.place + count
        if end > len(self._content):
            raise ModelFileError("the file is cut")
        content, self.place = self._content[self.place : end], end
        return content

    def _map(self, length: int, depth: int) -> dict[str, Any]:
        values = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise ModelFileError("the names of the parameters must be text")
            values[key] = self.value(depth + 1)
        return values

    def _extension(self, length: int, depth: int) -> Any:
        kind, content = self._take(1)[0], self._take(length)
        if kind != _ARRAY:
            return None  # A single number, as an optimizer counts.
        shape, format_, numbers = _Msgpack(content).value(depth + 1)
        if format_ not in _FORMATS:
            return None
        return _array(shape, _FORMATS[format_], numbers)


class _NumpyFormat(pickles.Stateful):
    """`numpy.dtype`: a code such as "f4", and the byte order from its state."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        self.code, self.order = str(arguments[0])[:8], "|"

    def set_state(self, state: Any) -> None:
        self.order = str(state[1])[:1]


class _NumpyArray(pickles.Stateful):
    """An array that NumPy pickled: shape, number format, order of axes and bytes, its state."""

    def __init__(self) -> None:
        self._state: tuple[Any, Any, Any, Any] = ((), None, False, b"")

    def set_state(self, state: Any) -> None:
        _, shape, format_, fortran, content = state
        self._state = shape, format_, fortran, content

    def array(self) -> Array:
        shape, format_, fortran, content = self._state
        if not isinstance(format_, _NumpyFormat) or format_.code not in _PICKLED_FORMATS:
            raise ModelFileError("the weights must be arrays of floating-point numbers")
        if format_.order != "<":
            raise ModelFileError("the numbers must be little endian. Received: big endian")
        return _array(shape, "<" + format_.code, content, "F" if fortran is True else "C")


def _jax_array(arguments: Sequence[Any]) -> _NumpyArray:
    array = _NumpyArray()
    array.set_state(arguments[2])
    return array


_NAMES: dict[str, pickles.Read | str] = {
    "collections.OrderedDict": pickles.ordered_dict,
    "flax.core.frozen_dict.FrozenDict": lambda arguments: arguments[0],
    "jax._src.array._reconstruct_array": _jax_array,
    "jax._src.device_array.reconstruct_device_array": _jax_array,
    "numpy.ndarray": "",
    "numpy.dtype": _NumpyFormat,
}
for _core in ("numpy.core", "numpy._core"):
    _NAMES[f"{_core}.multiarray._reconstruct"] = lambda arguments: _NumpyArray()
    _NAMES[f"{_core}.multiarray.scalar"] = lambda arguments: pickles.Ignored()
