"""A stranger's `.keras` file becomes a network, and none of its content is run.

A file is not handed to Keras's deserializer. Its list of layers is read as data, every value is
checked, and the network is built from a few stock layers; then the weights are filled in. What can
be told without Keras is checked before Keras is loaded.
"""

import io
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from amkit.games.catalogue import NUM_ACTIONS
from amkit.storage import archives
from amkit.storage.cards import ModelFileError, read_bounded

if TYPE_CHECKING:
    import keras

_OBSERVATION_SHAPE = (4, 84, 84)
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MAX_FILE_BYTES = 512 * 2**20
_MAX_CONFIG_BYTES = 2**20
_MAX_PARAMETERS = 64_000_000
_MAX_ACTIVATIONS = 16_000_000  # Per observation and layer.
_MAX_LAYERS = 100
_MAX_OUTPUTS = 20 * NUM_ACTIONS  # An MCDQN's have own columns for each game.

# The layers that a network may have, and the settings of each that are taken from a file.
_LAYERS = {
    "Permute": "dims",
    "Rescaling": "scale offset",
    "Conv2D": "filters kernel_size strides padding data_format dilation_rate groups use_bias "
    "activation",
    "ZeroPadding2D": "padding data_format",
    "MaxPooling2D": "pool_size strides padding data_format",
    "Flatten": "data_format",
    "Dense": "units activation use_bias",
    "LayerNormalization": "axis epsilon center scale",
    "Activation": "activation",
    "ReLU": "max_value negative_slope threshold",
    "Add": "",
    "Concatenate": "axis",
    "Subtract": "",
}
_ACTIVATIONS = (
    *("linear", "relu", "leaky_relu", "elu", "selu", "silu", "gelu", "tanh", "sigmoid", "softplus"),
    None,
)
_OTHER_FILES = {
    b"\x89HDF": "an HDF5 file (.h5): save the model again as .keras",
    b"\x80": "a Python pickle, which is never opened",
}
_DTYPES = ("float32", "mixed_bfloat16", "bfloat16", "mixed_float16", "float16")
_WORDS = (None, "valid", "same", "channels_last", "channels_first")


class _Layer(NamedTuple):
    """One layer of a file: its class, name and settings, and whose outputs it receives."""

    kind: str
    name: str
    settings: dict[str, Any]
    received: list[str]


class Blueprint(NamedTuple):
    """What a `.keras` file describes, checked as far as that goes without Keras; from `read`."""

    path: Path
    name: str
    layers: list[_Layer]
    output: str
    parameters: int
    weights: bytes


def load(path: Path) -> "keras.Model":
    """Loads a network from a `.keras` file of unknown origin. None of its content is run.

    Args:
        path: of a network of stock layers that takes uint8 [B, 4, 84, 84], and has 1 to 18 outputs;
            an MCDQN's 18 for each of its games.

    Returns:
        Functional `keras.Model`, not compiled.

    Raises:
        ModelFileError: one line saying what is wrong.

    Examples:
        >>> from pathlib import Path
        >>> import amkit
        >>> amkit.load(Path("pretrained/pong.keras")).output.shape
        (None, 6)
    """
    return build(read(path))


def read(path: Path) -> Blueprint:
    """Reads a `.keras` file and checks it without Keras; ModelFileError as `load` has it."""
    path = Path(path)
    if path.suffix != ".keras":
        raise ModelFileError(f"a model must be a .keras file. Received: {path}")
    content = read_bounded(path, _MAX_FILE_BYTES, "there is no such model")
    if not content.startswith(b"PK\x03\x04"):
        known = (kind for mark, kind in _OTHER_FILES.items() if content.startswith(mark))
        begins = f"a file that begins with {content[:8]!r}" if content else "an empty file"
        raise ModelFileError(f"{path} is not a .keras file. Received: {next(known, begins)}")
    with in_one_line(path):
        config, weights = _unpack(content)
        parameters = _held_weights(weights)
        if config.get("class_name") != "Functional":
            raise expected("a Functional model", config.get("class_name"))
        layers = _listed_layers(config["config"]["layers"])
        name, outputs = config["config"]["name"], config["config"]["output_layers"]
        if isinstance(outputs[0], str):  # Written as [name, 0, 0] or [[name, 0, 0]].
            outputs = [outputs]
        if len(outputs) != 1:
            raise expected("one output", len(outputs))
        return Blueprint(path, _name(name), layers, outputs[0][0], parameters, weights)


def build(blueprint: Blueprint) -> "keras.Model":
    """Builds the network of a file with its weights; ModelFileError as `load` has it."""
    with in_one_line(blueprint.path):
        model = _network(blueprint)
        with TemporaryDirectory() as folder, no_damage("its weights are"):
            weights = Path(folder) / "model.weights.h5"
            weights.write_bytes(blueprint.weights)
            model.load_weights(weights)
        for weight in model.weights:  # Finite in its number formats too?
            if not np.isfinite(weight.numpy()).all():
                raise ModelFileError(f"weight {weight.path} is not finite (NaN or infinity)")
        return model


@contextmanager
def in_one_line(path: Path) -> Iterator[None]:
    """Turns whatever strange content leads to into one line that names the file."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except (
        KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError, RecursionError
    ) as error:  # fmt: skip
        raise ModelFileError(f"{path} does not describe a network: {short(error)}") from None


@contextmanager
def no_damage(of: str) -> Iterator[None]:
    """Damaged content makes zipfile, zlib, h5py and Keras raise many kinds."""
    try:
        yield
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(f"{of} damaged: {short(error)}") from None


def short(text: object, length: int = 200) -> str:
    """A text as one line, cut."""
    return " ".join(str(text).split())[:length]


def expected(what: str, received: object) -> ModelFileError:
    """The error that says what is valid, and what was received."""
    return ModelFileError(f"expected {what}. Received: {short(received, 80)}")


def _unpack(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Reads the archive's members, bounded and with their checksums verified."""
    with no_damage("the file is cut or"):
        members = archives.members(content, _MAX_FILE_BYTES)
        if set(members) != _MEMBERS:
            raise ModelFileError(
                f"the file must hold {', '.join(sorted(_MEMBERS))} and nothing else. "
                f"Received: {short(', '.join(sorted(members)))}"
            )
        if members["config.json"].size > _MAX_CONFIG_BYTES:
            raise ModelFileError("the file unpacks to more than a network needs")
        config = json.loads(members["config.json"].read())
        json.loads(members["metadata.json"].read())
        return config, members["model.weights.h5"].read()


def _listed_layers(entries: Any) -> list[_Layer]:
    """The layers of a file, each checked by itself; one is the input, and no two share a name."""
    if not isinstance(entries, list) or not 2 <= len(entries) <= _MAX_LAYERS:
        raise expected(f"a list of 2 to {_MAX_LAYERS} layers", entries)
    layers = [_listed_layer(entry) for entry in entries]
    if len({layer.name for layer in layers}) < len(layers):
        raise expected("layers of different names", [layer.name for layer in layers])
    inputs = sum(layer.kind == "InputLayer" for layer in layers)
    if inputs != 1:
        raise expected("one input", inputs)
    return layers


def _listed_layer(entry: Mapping[str, Any]) -> _Layer:
    kind, module, name = str(entry["class_name"]), str(entry["module"]), str(entry["name"])
    stock = kind == "InputLayer" or kind in _LAYERS
    if not stock or entry.get("registered_name") is not None or module != "keras.layers":
        raise expected(f"stock layers only ({', '.join(_LAYERS)})", f"{module[:40]}.{kind}")
    settings = entry["config"]
    if kind == "InputLayer":
        shape, dtype = tuple(settings["batch_shape"][1:]), settings["dtype"]
        if shape != _OBSERVATION_SHAPE or dtype != "uint8":
            raise expected("an input of uint8 [B, 4, 84, 84]", (dtype, shape))
        return _Layer(kind, name, {}, [])
    (node,) = entry["inbound_nodes"]
    (argument,) = node["args"]
    tensors = argument if isinstance(argument, list) else [argument]
    received = [tensor["config"]["keras_history"][0] for tensor in tensors]
    return _Layer(kind, _name(name), _checked_settings(kind, settings), received)


def _checked_settings(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a layer is made with: nothing that changes it is left to Keras's own configuration."""
    allowed = _LAYERS[kind].split()
    chosen = {key: settings[key] for key in allowed if key in settings}
    if "data_format" in allowed and chosen.get("data_format") is None:
        chosen["data_format"] = "channels_last"
    for key, value in chosen.items():
        if not (value in _ACTIVATIONS if key == "activation" else _is_plain(value)):
            valid = _ACTIVATIONS if key == "activation" else "numbers, none of them too large"
            raise expected(f"{kind}.{key} of {valid}", value)
    dtype = settings.get("dtype", "float32")
    if isinstance(dtype, dict):
        dtype = dtype["config"]["name"]
    if dtype not in _DTYPES:
        raise expected(f"a dtype of {', '.join(_DTYPES)}", dtype)
    return {**chosen, "dtype": dtype}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 4 and all(map(_is_plain, value))
    if isinstance(value, int | float):
        return math.isfinite(value) and abs(value) <= 65_536
    return value in _WORDS


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or len(name) > 100:
        raise expected("a name that is an identifier", name)
    return name


def _network(blueprint: Blueprint) -> "keras.Model":
    """Builds the network; no layer is made before it is known to need no more than is held."""
    import keras

    tensors: dict[str, Any] = {}
    held, needed = blueprint.parameters, 0
    for kind, name, settings, received in blueprint.layers:
        if kind == "InputLayer":
            tensors[name] = observation = keras.Input(_OBSERVATION_SHAPE, dtype="uint8", name=name)
            continue
        layer = getattr(keras.layers, kind)(name=name, **settings)
        inputs = [tensors[source] for source in received]
        shapes = [tensor.shape for tensor in inputs]
        needed += _parameters(layer, shapes[0])
        output_shape = layer.compute_output_shape(shapes if len(shapes) > 1 else shapes[0])
        if needed > held or math.prod(output_shape[1:]) > _MAX_ACTIVATIONS:
            raise expected(
                f"layers for {held:,} weights, of at most {_MAX_ACTIVATIONS:,} activations each",
                f"more, in layer {name}",
            )
        tensors[name] = layer(inputs if len(inputs) > 1 else inputs[0])
    if needed != held:
        raise expected(f"{needed:,} weights", f"{held:,}")
    output = tensors[blueprint.output]
    if len(output.shape) != 2 or not 1 <= output.shape[-1] <= _MAX_OUTPUTS:
        raise expected(f"an output [B, 1 to {_MAX_OUTPUTS}]", list(output.shape))
    return keras.Model(observation, output, name=blueprint.name)


def _parameters(layer: "keras.layers.Layer", shape: tuple[int, ...]) -> int:
    """How many weights a layer will have for an input shape, before it is built."""
    match type(layer).__name__:
        case "Dense":
            return int((shape[-1] + layer.use_bias) * layer.units)
        case "Conv2D":
            channels = shape[-1] if layer.data_format == "channels_last" else shape[1]
            kernel = math.prod(layer.kernel_size) * channels // layer.groups
            return int((kernel + layer.use_bias) * layer.filters)
        case "LayerNormalization":
            axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
            return int((layer.center + layer.scale) * math.prod(shape[axis] for axis in axes))
    return 0


def _held_weights(weights: bytes) -> int:
    """How many numbers a weights file holds; bounded, finite, and nothing but plain numbers."""
    import h5py

    links: dict[str, object] = {}
    arrays = []
    with no_damage("its weights are"), h5py.File(io.BytesIO(weights), "r") as file:
        file.visititems_links(lambda name, link: links.update({name: link}))
        for name, link in links.items():
            if name.split("/")[0] == "optimizer":  # A compiled model's, which is not read.
                continue
            if not isinstance(link, h5py.HardLink):
                raise ModelFileError(f"the weights link to another file, in {name[:40]!r}")
            if isinstance(array := file[name], h5py.Dataset):
                # HDF5 knows no bfloat16: Keras writes it as two opaque bytes, |V2.
                number = array.dtype.kind == "f" or array.dtype == "V2"
                if array.external or array.is_virtual or not number:
                    raise ModelFileError(f"the weights are not plain numbers, in {name[:40]}")
                arrays.append(array)
        held: int = sum(math.prod(array.shape) for array in arrays)
        if held > _MAX_PARAMETERS:
            raise expected(f"at most {_MAX_PARAMETERS:,} weights", f"{held:,}")
        for array in arrays:
            if array.dtype.kind == "f" and not np.isfinite(array[()]).all():
                raise ModelFileError(f"{array.name[:40]} is not finite (NaN or infinity)")
        return held
