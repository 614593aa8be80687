"""Models on disk: a `.keras` file of stock layers and a card beside it; a stranger's runs no code.

A file is not handed to Keras's deserializer. Its list of layers is read as data, every value is
checked, and the network is built from the few stock layers that such networks need; then the
weights are filled in. Keras itself loads what `save` writes, without amkit.
"""

import io
import json
import math
import pickletools
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amkit.games.catalogue import NUM_ACTIONS
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

# The layers that a network may have, and the settings of each that are taken from a file.
_LAYERS = {
    "Permute": ("dims",),
    "Rescaling": ("scale", "offset"),
    "Conv2D": (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "groups",
        "activation",
        "use_bias",
    ),
    "ZeroPadding2D": ("padding", "data_format"),
    "MaxPooling2D": ("pool_size", "strides", "padding", "data_format"),
    "Flatten": ("data_format",),
    "Dense": ("units", "activation", "use_bias"),
    "LayerNormalization": ("axis", "epsilon", "center", "scale"),
    "Activation": ("activation",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Add": (),
    "Concatenate": ("axis",),
    "Subtract": (),
}
_ACTIVATIONS = {
    *("linear", "relu", "leaky_relu", "elu", "selu", "silu", "gelu", "tanh", "sigmoid", "softplus"),
    None,
}
_DTYPES = ("float32", "mixed_bfloat16", "bfloat16", "mixed_float16", "float16")
_MAX_OUTPUTS = 20 * NUM_ACTIONS  # An MCDQN's have own columns for each game.


def load(path: Path) -> "keras.Model":
    """Loads a network from a `.keras` file of unknown origin. None of its content is run.

    Args:
        path: the file. Its network takes uint8 [B, 4, 84, 84], consists of stock layers, and has
            1 to 18 outputs; an MCDQN's 18 for each of its games.

    Returns:
        Functional `keras.Model`, not compiled.

    Raises:
        ModelFileError: one line saying what is wrong.
    """
    path = Path(path)
    config, weights = _unpack(path)
    with _naming(path):
        held = _held_weights(weights)
        layers = _listed_layers(config)
        model = _build(layers, config, held)
        _fill_in(model, weights)
    return model


def read(path: Path) -> None:
    """Checks of a file what shows without Keras, which takes long to load. Errors as in `load`."""
    config, weights = _unpack(Path(path))
    with _naming(path):
        _held_weights(weights)
        _listed_layers(config)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Makes a `ModelFileError` that names the file of what is wrong with its content."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"{path} does not describe a network: {reason}") from None


def _unpack(path: Path) -> tuple[dict, bytes]:
    """Reads the archive's members, bounded and with their checksums verified."""
    if path.suffix != ".keras":
        raise ModelFileError(f"A model is a .keras file. Received: {path}")
    content = read_bounded(path, _MAX_FILE_BYTES, "There is no such model")
    if not content.startswith(b"PK\x03\x04"):
        raise ModelFileError(f"{path} is not a .keras file. Received: {_kind_of(content)}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
            if set(sizes) != _MEMBERS or len(archive.infolist()) != len(_MEMBERS):
                raise ModelFileError(
                    f"{path} holds {', '.join(sorted(_MEMBERS))} and nothing else. "
                    f"Received: {', '.join(sorted(sizes))[:200]}"
                )
            if sizes["config.json"] > _MAX_CONFIG_BYTES or sum(sizes.values()) > _MAX_FILE_BYTES:
                raise ModelFileError(f"{path} unpacks to more than a network needs")
            config = json.loads(archive.read("config.json"))
            json.loads(archive.read("metadata.json"))
            return config, archive.read("model.weights.h5")
    except ModelFileError:
        raise
    except Exception as error:  # zipfile and zlib raise many kinds on damaged content.
        raise ModelFileError(f"{path} is cut or damaged: {error}") from None


def _kind_of(content: bytes) -> str:
    if not content:
        return "an empty file"
    if content.startswith(b"\x89HDF"):
        return "an HDF5 file (.h5): save the model again as .keras"
    try:
        next(pickletools.genops(content))
        if content[:1] == b"\x80":
            return "a Python pickle, which is never opened"
    except Exception:
        pass  # No pickle either.
    return f"a file that begins with {content[:8]!r}"


def _listed_layers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if config.get("class_name") != "Functional":
        raise ModelFileError(
            f"expected a Functional model. Received: {str(config.get('class_name'))[:60]}"
        )
    layers = config["config"]["layers"]
    if not isinstance(layers, list) or not 2 <= len(layers) <= _MAX_LAYERS:
        raise ModelFileError(f"expected 2 to {_MAX_LAYERS} layers")
    for layer in layers:
        name, module = str(layer["class_name"]), str(layer["module"])
        stock = name == "InputLayer" or name in _LAYERS
        if not stock or layer.get("registered_name") is not None or module != "keras.layers":
            raise ModelFileError(
                f"expected stock layers only ({', '.join(_LAYERS)}). "
                f"Received: {module[:40]}.{name[:40]}"
            )
    return layers


def _build(layers: list[Mapping[str, Any]], config: Mapping[str, Any], held: int) -> "keras.Model":
    """Builds the network; no layer is made before it is known to need no more than is held."""
    import keras

    tensors: dict[str, Any] = {}
    inputs = []
    parameters = 0
    for entry in layers:
        settings, name = entry["config"], str(entry["name"])
        if name in tensors:
            raise ModelFileError(f"two layers are called {name[:40]!r}")
        if entry["class_name"] == "InputLayer":
            shape = tuple(settings["batch_shape"][1:])
            if shape != _OBSERVATION_SHAPE or settings["dtype"] != "uint8":
                raise ModelFileError(
                    f"expected an input of uint8 [B, 4, 84, 84]. "
                    f"Received: {settings['dtype']} {shape}"[:200]
                )
            tensors[name] = keras.Input(shape, dtype="uint8", name=name)
            inputs.append(tensors[name])
            continue
        received = _received(entry, tensors)
        layer = _layer(str(entry["class_name"]), name, settings)
        shapes = [tensor.shape for tensor in received]
        parameters += _parameters(layer, shapes[0])
        output_shape = layer.compute_output_shape(shapes if len(shapes) > 1 else shapes[0])
        if parameters > held or math.prod(output_shape[1:]) > _MAX_ACTIVATIONS:
            raise ModelFileError(
                f"expected layers for its {held:,} weights, of at most {_MAX_ACTIVATIONS:,} "
                f"activations each. Received: more, in layer {name[:40]!r}"
            )
        tensors[name] = layer(received if len(received) > 1 else received[0])
    if parameters != held:
        raise ModelFileError(f"expected {parameters:,} weights. Received: {held:,}")
    output = tensors[_only(config["config"]["output_layers"])]
    if len(inputs) != 1:
        raise ModelFileError(f"expected one input. Received: {len(inputs)}")
    if len(output.shape) != 2 or not 1 <= output.shape[-1] <= _MAX_OUTPUTS:
        raise ModelFileError(
            f"expected an output [B, 1 to {_MAX_OUTPUTS}]. Received: {list(output.shape)}"
        )
    return keras.Model(inputs[0], output, name=_name(config["config"]["name"]))


def _only(output_layers: list) -> str:
    """The output layer's name; written as [name, 0, 0] or [[name, 0, 0]]."""
    first = output_layers[0]
    if isinstance(first, list):
        if len(output_layers) != 1:
            raise ModelFileError(f"expected one output. Received: {len(output_layers)}")
        first = first[0]
    return first


def _received(entry: Mapping[str, Any], tensors: Mapping[str, Any]) -> list:
    """The tensors that a layer is called with."""
    (node,) = entry["inbound_nodes"]
    (argument,) = node["args"]
    arguments = argument if isinstance(argument, list) else [argument]
    return [tensors[item["config"]["keras_history"][0]] for item in arguments]


def _layer(class_name: str, name: str, settings: Mapping[str, Any]) -> "keras.layers.Layer":
    """Makes one stock layer from checked settings alone."""
    import keras

    chosen = {key: settings[key] for key in _LAYERS[class_name] if key in settings}
    for key, value in chosen.items():
        if key == "activation":
            if value not in _ACTIVATIONS:
                raise ModelFileError(f"unknown activation. Received: {str(value)[:60]}")
        elif not _is_plain(value):
            raise ModelFileError(
                f"{class_name}.{key} is too large or no number. Received: {str(value)[:60]}"
            )
    dtype = settings.get("dtype", "float32")
    if isinstance(dtype, dict):
        dtype = dtype["config"]["name"]
    if dtype not in _DTYPES:
        raise ModelFileError(f"expected a dtype of {', '.join(_DTYPES)}. Received: {dtype!r:.40}")
    return getattr(keras.layers, class_name)(name=_name(name), dtype=dtype, **chosen)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 4 and all(_is_plain(item) for item in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return math.isfinite(value) and abs(value) <= 65_536
    return (
        value is None
        or isinstance(value, bool)
        or value in ("valid", "same", "channels_last", "channels_first")
    )


def _name(name: str) -> str:
    if not isinstance(name, str) or not name.isidentifier() or len(name) > 100:
        raise ModelFileError(f"a name is an identifier. Received: {str(name)[:40]!r}")
    return name


def _parameters(layer: "keras.layers.Layer", shape: tuple) -> int:
    """How many weights a layer will have for an input shape, before it is built."""
    kind = type(layer).__name__
    if kind == "Dense":
        return (shape[-1] + layer.use_bias) * layer.units
    if kind == "Conv2D":
        channels = shape[-1] if layer.data_format == "channels_last" else shape[1]
        return (
            math.prod(layer.kernel_size) * channels // layer.groups + layer.use_bias
        ) * layer.filters
    if kind == "LayerNormalization":
        axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
        return (layer.center + layer.scale) * math.prod(shape[axis] for axis in axes)
    return 0


def _held_weights(weights: bytes) -> int:
    """How many numbers a weights file holds; bounded, and nothing but plain numbers."""
    import h5py

    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            # A compiled model brings its optimizer along, which is not read.
            held = sum(_count_elements(file[name]) for name in file if name != "optimizer")
    except ModelFileError:
        raise
    except Exception as error:  # h5py raises many kinds on damaged content.
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"its weights are damaged: {reason}") from None
    if held > _MAX_PARAMETERS:
        raise ModelFileError(f"expected at most {_MAX_PARAMETERS:,} weights. Received: {held:,}")
    return held


def _fill_in(model: "keras.Model", weights: bytes) -> None:
    """Puts the file's weights into the model; they must be finite."""
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "model.weights.h5"
        unpacked.write_bytes(weights)
        try:
            model.load_weights(unpacked)
        except Exception as error:  # h5py and Keras raise many kinds on damaged content.
            reason = " ".join(str(error).split())[:200]
            raise ModelFileError(f"its weights are damaged: {reason}") from None
    for weight in model.weights:
        if not np.isfinite(weight.numpy()).all():
            raise ModelFileError(f"weight {weight.path} is not finite (NaN or infinity)")


def _is_float(dtype: np.dtype) -> bool:
    # HDF5 knows no bfloat16: Keras writes it as two opaque bytes.
    return dtype.kind == "f" or (dtype.kind == "V" and dtype.itemsize == 2)


def _count_elements(group: Any) -> int:
    """Counts a file's numbers; only plain data lying in the file itself is accepted."""
    import h5py

    total = 0
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ModelFileError(f"its weights link elsewhere, in {name[:40]!r}")
        item = group[name]
        if isinstance(item, h5py.Group):
            total += _count_elements(item)
        elif item.external or item.is_virtual or not _is_float(item.dtype):
            raise ModelFileError(f"its weights are not plain numbers, in {name[:40]!r}")
        else:
            total += math.prod(item.shape)
    return total
