"""Whole-run state on disk: written whole or not at all, verified when read back.

A checkpoint is a folder `checkpoint-000007/` of `.npy` files, packed blocks in `.zlib` files, and a
`manifest.json` that names each of them with its CRC-32, and has one itself. It is renamed to that
when complete: a kill at any moment leaves the one before it. Earlier versions packed no blocks.
"""

import errno
import json
import math
import os
import re
import shutil
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from amkit.storage.files import sync, write_text

_NAME = re.compile(r"checkpoint-\d{6,}")
_KEPT = 2  # The newest, and one to fall back on. Unchanged blocks are one file in both.
_PACKED = ".zlib"
_ZLIB_LEVEL = 1  # The fastest: what is left of frames is a hundredth of them or a few.


class CheckpointError(RuntimeError):
    """No checkpoint could be written or read."""


@dataclass(frozen=True)
class StoredArray:
    """A block of a checkpoint. Its file is open, and its memory held, only while numpy reads it."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if self.path.suffix == ".npy":
            return np.asarray(np.load(self.path, mmap_mode="r", allow_pickle=False), dtype)
        return np.asarray(_unpacked(self.path.read_bytes(), self.shape, self.dtype), dtype)


# Of an array: its "file", its "crc32", and its "kind", dtype and shape. Of a packed block: "crc32"
# of the file, and "dtype" and "shape" apart.
_Entry = dict[str, Any]


def save(folder: Path, state: Mapping[str, Any]) -> Path:
    """Writes a checkpoint into a folder of them, which is made if missing, and returns its own.

    Args:
        folder: where the run's checkpoints lie.
        state: nested mappings of arrays and of values that JSON holds. An array under a key with
            an `@` is a block of one row or more, which never changes: if the checkpoint before has
            the same key, its file is linked.

    Raises:
        CheckpointError: if it could not be written (disk full, read-only). Earlier ones are kept.
    """
    earlier = _complete(folder)
    number = count(folder) + 1
    unfinished = folder / f"unfinished-{number:06d}"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        _write(unfinished, state, earlier[-1] if earlier else unfinished)
        finished = folder / f"checkpoint-{number:06d}"
        os.replace(unfinished, finished)
        sync(folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or error
        raise CheckpointError(f"a checkpoint could not be written to {folder}: {reason}") from error
    for old in [*earlier[: 1 - _KEPT], *folder.glob("unfinished-*")]:
        shutil.rmtree(old, ignore_errors=True)
    return finished


def restore(folder: Path) -> dict[str, Any] | None:
    """Reads the newest checkpoint that is whole, its blocks as `StoredArray`; None without any.

    Raises:
        CheckpointError: if there are checkpoints, but all are damaged, or one cannot be read now.
    """
    damages: dict[Path, str] = {}
    for checkpoint in reversed(_complete(folder)):
        try:
            state = _read(checkpoint)
        except FileNotFoundError as error:
            damages[checkpoint] = f"{checkpoint.name}: {error}"
        except (MemoryError, OSError) as error:  # It may be whole: nothing is thrown away.
            reason = getattr(error, "strerror", None) or "out of memory"
            raise CheckpointError(f"{checkpoint} cannot be read: {reason}") from error
        except Exception as error:  # Damaged headers make numpy raise many kinds.
            damages[checkpoint] = f"{checkpoint.name}: {error}"
        else:
            for damaged in damages:  # The next checkpoint must not link to its files.
                shutil.rmtree(damaged, ignore_errors=True)
            return state
    if damages:
        reasons = "; ".join(damages.values())
        raise CheckpointError(f"every checkpoint in {folder} is damaged ({reasons})")
    return None


def count(folder: Path) -> int:
    """How many checkpoints were ever written; 0 if there never was one."""
    earlier = _complete(folder)
    return int(earlier[-1].name.split("-")[1]) if earlier else 0


def _complete(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("checkpoint-*") if _NAME.fullmatch(path.name))


def _write(target: Path, state: Mapping[str, Any], before: Path) -> None:
    """Writes a checkpoint's files; those that the one before has already are linked."""
    known: dict[str, _Entry] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):  # There is none, or it is damaged.
        known, _ = _manifest(before)
    arrays: dict[str, NDArray[Any]] = {}
    values = _values(state, arrays)
    entries: dict[str, _Entry] = {}
    for i, (key, array) in enumerate(arrays.items()):
        if "@" in key and key in known:
            name = f"{i:05d}{Path(known[key]['file']).suffix}"
            with suppress(OSError):  # A file system without hard links: it is written again.
                os.link(before / known[key]["file"], target / name)
                entries[key] = {**known[key], "file": name}
                continue
        write = _write_block if "@" in key else _write_array
        entries[key] = write(target / f"{i:05d}", np.asarray(array, order="C"))
    content = {"arrays": entries, "values": values}
    manifest = {"crc32": zlib.crc32(json.dumps(content).encode()), "content": content}
    write_text(target / "manifest.json", json.dumps(manifest))
    sync(target)


def _write_array(path: Path, array: NDArray[Any]) -> _Entry:
    path = path.with_suffix(".npy")
    with open(path, "wb") as file:
        # Not np.save, whose error on a full disk does not say that it is full.
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.tobytes() if array.ndim == 0 else array.data)
        file.flush()
        os.fsync(file.fileno())
    return _entry(path.name, array)


def _write_block(path: Path, array: NDArray[Any]) -> _Entry:
    path, packed = path.with_suffix(_PACKED), _packed(array)
    path.write_bytes(packed)
    sync(path)
    return _packed_entry(path.name, packed, array.dtype.str, array.shape)


def _packed(array: NDArray[Any]) -> bytes:
    """Packs an array of one row or more: what changes from row to row, in words of 8 bytes.

    Most of a frame is as it was in the one before, and words are much quicker left out than
    compressed. First comes a bit for each word, whether it changes; then those that do.
    """
    rows = array.reshape(len(array), -1).view(np.uint8)
    words = np.zeros(-(-rows.size // 8), np.uint64)
    change = words.view(np.uint8)[: rows.size].reshape(rows.shape)
    change[0] = rows[0]
    np.bitwise_xor(rows[1:], rows[:-1], out=change[1:])
    changed = words != 0
    return zlib.compress(np.packbits(changed).tobytes() + words[changed].tobytes(), _ZLIB_LEVEL)


def _unpacked(packed: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Reverses `_packed`."""
    content = np.frombuffer(zlib.decompress(packed), np.uint8)
    size = math.prod(shape) * dtype.itemsize
    words = np.zeros(-(-size // 8), np.uint64)
    bits, values = np.split(content, [-(-len(words) // 8)])
    changed = np.unpackbits(bits, count=len(words)).view(bool)
    words[changed] = np.frombuffer(values.tobytes(), np.uint64)
    rows = words.view(np.uint8)[:size].reshape(shape[0], -1)
    for before, row in pairwise(rows):
        row ^= before
    return rows.reshape(-1).view(dtype).reshape(shape)


def _read(checkpoint: Path) -> dict[str, Any]:
    entries, state = _manifest(checkpoint)
    for key, entry in entries.items():
        *parents, last = key.split("/")
        place = state
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = _verified(checkpoint / entry["file"], entry, block="@" in key)
    return state


def _verified(path: Path, entry: _Entry, block: bool) -> StoredArray | NDArray[Any]:
    """An array of a checkpoint; ValueError if its file is not the one that was written."""
    if path.suffix == _PACKED:
        received = _packed_entry(path.name, path.read_bytes(), entry["dtype"], entry["shape"])
        array = StoredArray(path, tuple(entry["shape"]), np.dtype(entry["dtype"]))
    else:
        array = np.load(path, mmap_mode="r" if block else None, allow_pickle=False)
        received = _entry(path.name, array)
    if received != entry:
        raise ValueError(f"{path.name} does not match its checksum")
    return StoredArray(path, array.shape, array.dtype) if block else array


def _manifest(checkpoint: Path) -> tuple[dict[str, _Entry], dict[str, Any]]:
    """The arrays and the other values of a checkpoint."""
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    content = manifest["content"]
    if manifest["crc32"] != zlib.crc32(json.dumps(content).encode()):
        raise ValueError("manifest.json does not match its checksum")
    return content["arrays"], content["values"]


def _entry(file: str, array: NDArray[Any]) -> _Entry:
    crc32 = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return {"file": file, "crc32": crc32, "kind": f"{array.dtype.str}{list(array.shape)}"}


def _packed_entry(file: str, packed: bytes, dtype: str, shape: Sequence[int]) -> _Entry:
    return {"file": file, "crc32": zlib.crc32(packed), "dtype": dtype, "shape": list(shape)}


def _values(state: Mapping[str, Any], arrays: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A state less its arrays, which go into `arrays`, under their keys joined by slashes."""
    values = {}
    for key, value in state.items():
        if isinstance(value, np.ndarray):
            arrays[prefix + key] = value
        else:
            nested = isinstance(value, Mapping)
            values[key] = _values(value, arrays, f"{prefix}{key}/") if nested else value
    return values
