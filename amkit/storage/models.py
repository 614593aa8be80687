"""Models on disk: a `.keras` file of stock layers and a card beside it."""

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amkit import __version__
from amkit.storage import keras_files
from amkit.storage.cards import Card, ModelFileError, card_path, read_card
from amkit.storage.files import json_text, sync, whole

if TYPE_CHECKING:
    import keras

_PACKAGES = ("keras", "tensorflow", "ale-py")


def load_with_card(path: Path, card: Card | None = None) -> tuple["keras.Model", Card]:
    """Loads a model and its card, unless that was read already, and checks that they match.

    Raises:
        ModelFileError: if either is missing or damaged, or the card is of other weights.
    """
    blueprint = keras_files.read(path)
    card = read_card(path) if card is None else card  # Before Keras is loaded, which takes longer.
    model = keras_files.build(blueprint)
    if weight_hash(model) != card["weight_hash"]:
        raise ModelFileError(
            f"{card_path(path)} does not match the weights of {path}: one of the two was changed"
        )
    return model, card


def weight_hash(model: "keras.Model") -> str:
    """SHA-256 of a model's weights: shapes, number formats and values, in the model's order.

    64 hexadecimal digits. Two saves of one model differ in bytes, as the file holds a date; their
    weights do not.
    """
    digest = hashlib.sha256()
    for weight in model.weights:
        value = np.ascontiguousarray(weight.numpy())
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(value.astype(value.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def save(model: "keras.Model", path: Path, card: Mapping[str, object]) -> None:
    """Saves a network in float32, uncompiled, and its card.

    Each file is written whole or not at all, the card first; a kill between the two leaves a card
    that does not match an older model, which loading reports.

    Args:
        model: Functional, of stock layers.
        path: ends with `.keras`; replaced if it is there.
        card: "kind" and "games" at least. The weights' hash, their number, the number of outputs
            and the packages' versions are added.

    Raises:
        ValueError: if the path has another ending, or the card is not JSON-able.
        OSError: if the folder cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> import amkit
        >>> card = {"kind": "expert", "games": ["pong"]}
        >>> amkit.save(amkit.nature_dqn(6), Path("mine.keras"), card)
        >>> amkit.read_card(Path("mine.keras"))["outputs"]
        6
    """
    from amkit.networks.twins import in_precision

    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(f"a model must be saved as a .keras file. Received: {path}")
    if not {"kind", "games"} <= card.keys():
        raise ValueError(
            f"a card must have kind and games. Received: {', '.join(card) or 'an empty one'}"
        )
    plain = in_precision(model, "float32")
    card = {
        **card,
        "parameters": int(plain.count_params()),
        "outputs": int(plain.output.shape[-1]),
        "versions": {"amkit": __version__} | {name: version(name) for name in _PACKAGES},
        "weight_hash": weight_hash(plain),
    }
    with whole(path) as model_file, whole(card_path(path)) as card_file:
        plain.save(model_file)
        _compress(model_file)
        sync(model_file)  # A full disk shows before the card, the inner one, takes its place.
        card_file.write_text(json_text(card), encoding="utf-8")


def _compress(path: Path) -> None:
    """Packs a file that Keras has written: it leaves the weights as large as they are.

    Level 4 takes a quarter of the default's time for 3 % more bytes.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def copy(path: Path, target: Path) -> None:
    """Copies a model and its card, byte for byte, each whole or not at all, as `save` does.

    Raises:
        ModelFileError: if the model is damaged, or is not that of its card: nothing is copied.
        OSError: if a file cannot be read or written.
    """
    load_with_card(path)
    with whole(target) as model_file, whole(card_path(target)) as card_file:
        shutil.copyfile(path, model_file)
        sync(model_file)
        shutil.copyfile(card_path(path), card_file)
