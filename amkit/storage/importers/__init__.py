"""Experts made elsewhere become amkit's own: a Keras network of stock layers, and its card.

One file per format. A file is recognised by its content, read as data, and none of it is run.
"""

import gzip
import hashlib
import io
from pathlib import Path
from typing import Any, NamedTuple

from amkit.games.catalogue import Game
from amkit.storage import archives, models
from amkit.storage.cards import Card, ModelFileError, card_path, read_bounded, read_card
from amkit.storage.importers import (
    atari_agents,
    cleanrl,
    flax_files,
    keras2,
    stable_baselines3,
    torch7,
    torch_files,
)
from amkit.storage.importers.parts import Parts
from amkit.storage.keras_files import in_one_line, no_damage

FORMATS = (
    "Stable-Baselines3 (.zip), CleanRL (.cleanrl_model), atari-agents (.gz), Dopamine (flax), "
    "Torch7 (.t7), Keras 2 (.h5)"
)
_MAX_FILE_BYTES = 256 * 2**20


class Foreign(NamedTuple):
    """An expert that was read from a file."""

    game: Game
    parts: Parts
    file: str
    sha256: str


def read(path: Path, game: Game) -> Foreign:
    """Reads an expert of a game from a file of any of the formats, without Keras.

    Args:
        path: of the file, from wherever it comes.
        game: what it plays; a file does not say.

    Raises:
        ModelFileError: one line that says what is wrong.
    """
    content = read_bounded(path, _MAX_FILE_BYTES, "there is no such expert")
    with in_one_line(path), no_damage("the file is cut or"):
        parts = _recognised(content, game, path)
        parts.check(game)
        return Foreign(game, parts, path.name, hashlib.sha256(content).hexdigest())


def write(expert: Foreign, folder: Path) -> tuple[Path, Card]:
    """Writes an expert that was read to a folder, which is made, as GAME.keras with its card.

    Returns:
        The path of the new model, and its card.

    Raises:
        ValueError: if the folder has another expert of that name, which was not imported.
        OSError: if the folder cannot be written.
    """
    target = check_target(folder, expert.game)
    parts = expert.parts
    card: dict[str, object] = {
        "kind": "expert",
        "games": [expert.game.name],
        "played": parts.played,
        "imported": {
            "format": parts.format,
            "algorithm": parts.algorithm,
            "file": expert.file,
            "sha256": expert.sha256,
            "unknown": list(parts.unknown),
        },
    }
    if parts.steps is not None:
        card["steps"] = parts.steps
    folder.mkdir(parents=True, exist_ok=True)
    models.save(parts.network(), target, card)
    return target, read_card(target)


def check_target(folder: Path, game: Game) -> Path:
    """Where an expert of a game is written; ValueError if that would replace a trained one."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--output must be a folder. Received: {folder}, a file")
    target = folder / f"{game.name}.keras"
    if (target.exists() or card_path(target).exists()) and "imported" not in read_card(target):
        raise ValueError(
            "an import may replace only an earlier import: name another folder. "
            f"Received: {folder}, which has {target.name}"
        )
    return target


def _recognised(content: bytes, game: Game, path: Path) -> Parts:
    if content.startswith(b"PK\x03\x04"):
        members = archives.members(content, torch_files.MAX_UNPACKED_BYTES)
        if stable_baselines3.is_archive(members):
            return stable_baselines3.read_archive(members, game)
        if any(map(torch_files.is_pickle, members)):
            return _of_torch(torch_files.read_zip(content), game, path)
        if "model.weights.h5" in members:
            raise ModelFileError("this is a .keras file: amkit reads such a file without an import")
    elif content.startswith(torch_files.LEGACY_MARK):
        return _of_torch(torch_files.read_legacy(content), game, path)
    elif content.startswith(b"\x1f\x8b"):
        with gzip.open(io.BytesIO(content)) as file:
            inner = file.read(torch_files.MAX_UNPACKED_BYTES + 1)
        if len(inner) > torch_files.MAX_UNPACKED_BYTES or inner.startswith(b"\x1f\x8b"):
            raise ModelFileError("the file unpacks to more than a network needs")
        return _recognised(inner, game, path)
    elif content.startswith(keras2.MARK):
        return keras2.read(content, game)
    elif content.startswith(torch7.MARKS):
        return torch7.read(content, game)
    elif content.startswith(b"\x80"):
        return flax_files.read_pickle(content, game)
    elif content[:1] in b"\x81\x82\x83\x84\x85\xde\xdf" and content:
        return flax_files.read_msgpack(content, game)
    begins = f"a file that begins with {content[:8]!r}" if content else "an empty file"
    raise ModelFileError(f"the file must have one of the formats {FORMATS}. Received: {begins}")


def _of_torch(document: Any, game: Game, path: Path) -> Parts:
    """The expert in what torch.save wrote, whoever named its tensors."""
    if atari_agents.recognises(document):
        return atari_agents.read(document, game, path)
    if cleanrl.recognises(document):
        return cleanrl.read(document, game)
    if stable_baselines3.recognises(document):
        return stable_baselines3.read(document, game)
    names = list(document)[:3] if isinstance(document, dict) else [type(document).__name__]
    raise ModelFileError(
        "the tensors must be named as in Stable-Baselines3, CleanRL or atari-agents. "
        f"Received: {', '.join(str(name)[:40] for name in names)}"
    )
