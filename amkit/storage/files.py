"""Files written whole or not at all, where they can be, and JSON that every reader takes."""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place in the end.

    Whatever fails leaves what was there. The ending is the same: libraries tell formats by it.

    Args:
        path: the file; replaced if it is there.
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: Path, what: str, endings: Sequence[str] = ()) -> None:
    """Checks, before the work for it, that a file can be written.

    Args:
        path: the file; it need not be there.
        what: what it is called, such as "a video".
        endings: those that it may have; none means any.

    Raises:
        ValueError: if it has another ending, is a folder, or lies in none that can be written.
    """
    if endings and path.suffix not in endings:
        raise ValueError(f"{what} ends with {' or '.join(endings)}. Received: {path}")
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise ValueError(f"{what} lies in a folder that can be written. Received: {path}")
    if path.is_dir():
        raise ValueError(f"{what} is a file. Received: {path}, a folder")


def sync(path: Path) -> None:
    """Waits until the disk has a file; OSError if it is full."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all.

    Args:
        path: the file; replaced if it is there.
        text: its content.
    """
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(value: Any) -> str:
    """JSON that every reader takes: numbers that are not finite, such as a NaN, become null.

    Args:
        value: of what JSON has; data classes become objects of their fields.
    """
    return json.dumps(_plain(value), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _plain(vars(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
