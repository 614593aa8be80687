"""Files written whole or not at all, where they can be, and JSON that every reader takes."""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic_core import to_jsonable_python

# What the first bytes of a figure, a video or an exported model hold.
_MARKS = {
    **{".png": b"Matplotlib", ".svg": b"Matplotlib", ".gif": b"GIF8", ".mp4": b"ftyp"},
    **{".onnx": b"tf2onnx", ".tflite": b"TFL3"},
}
_MAX_RESULT_BYTES = 2**26


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place in the end.

    Whatever fails leaves what was there. The ending is the same: libraries tell formats by it. Of a
    link, the file that it names is replaced. A device, a pipe or an open stream, such as
    /dev/stdout, is written into.
    """
    if stream := _stream(path):
        with TemporaryDirectory() as folder:
            temporary = Path(folder) / path.name
            yield temporary
            with open(temporary, "rb") as file, open(stream, "wb", closefd=stream is path) as into:
                shutil.copyfileobj(file, into)
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(
    path: Path, what: str, endings: Sequence[str] = (), keys: Collection[str] = ()
) -> None:
    """Checks, before the work for it, that a result can be written, and replaces nothing but one.

    A file that is there is replaced if it is an earlier result of the same kind, or empty. JSON is
    one if it, or each entry of its list, has the `keys`; a figure if Matplotlib drew it; a video or
    an exported model if it has the format of its ending. A model's card never is.

    Args:
        path: where to write.
        what: what it is called, such as "a video".
        endings: those that it may have; none means any.
        keys: of a result in JSON; none means that no such file is replaced.

    Raises:
        ValueError: if it has another ending, is a folder, lies in none that can be written, or
            holds something else.
    """
    if endings and path.suffix not in endings:
        raise ValueError(f"{what} must end with {' or '.join(endings)}. Received: {path}")
    if path.is_dir():
        raise ValueError(f"{what} must be a file. Received: {path}, a folder")
    if _stream(path):
        return
    file = Path(os.path.realpath(path))
    if not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        raise ValueError(f"{what} must be in a folder that can be written. Received: {path}")
    if file.suffix == ".json" and file.with_suffix(".keras").exists():
        raise ValueError(
            f"{what} must not replace a model's card: name another file. Received: {path}"
        )
    if file.exists() and not _is_result(file, keys):
        raise ValueError(
            f"{what} may replace only an earlier result of the same kind: name another file, or "
            f"delete this one. Received: {path}"
        )


def _is_result(file: Path, keys: Collection[str]) -> bool:
    """Whether a file holds nothing, or what is written under its ending."""
    with open(file, "rb") as stream:
        content = stream.read(2048 if file.suffix in _MARKS else _MAX_RESULT_BYTES)
    if not content:
        return True
    if file.suffix in _MARKS:
        return _MARKS[file.suffix] in content
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return False
    entries = document if isinstance(document, list) else [document]
    return bool(keys) and all(
        isinstance(entry, dict) and entry.keys() >= set(keys) for entry in entries
    )


def _stream(path: Path) -> Path | int | None:
    """What is written into, where no file is replaced: a device, a pipe, our stdout or stderr."""
    if not path.exists() or path.is_dir():
        return None
    for descriptor in (1, 2):
        with suppress(OSError):  # It may be closed.
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                return descriptor
    return None if path.is_file() else path


def sync(path: Path) -> None:
    """Waits until the disk has a file or a folder; OSError if it is full."""
    if path.is_dir() and os.name != "posix":  # There a folder cannot be opened.
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Writes a text file as `whole` does."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(value: Any) -> str:
    """JSON that every reader takes: NaN and infinity become null, data classes objects."""
    plain = to_jsonable_python(value, inf_nan_mode="null")
    return json.dumps(plain, indent=2, allow_nan=False) + "\n"
