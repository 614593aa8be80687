"""What torch.save writes, read without torch: a zip archive, or the older stream of pickles."""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from amkit.storage import archives
from amkit.storage.cards import ModelFileError
from amkit.storage.importers import pickles

LEGACY_MARK = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"  # A pickled number.
MAX_UNPACKED_BYTES = 256 * 2**20
_MAX_AXES = 8
_FORMATS = {
    "torch.FloatStorage": "f4",
    "torch.DoubleStorage": "f8",
    "torch.HalfStorage": "f2",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "i8",
    "torch.IntStorage": "i4",
    "torch.ShortStorage": "i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "u1",
}


@dataclass(frozen=True)
class Storage:
    """The numbers of one or several tensors: their format, how many, and how to get the bytes."""

    format: str
    count: int
    content: Callable[[], bytes]

    @property
    def bytes_each(self) -> int:
        """How many bytes a number takes."""
        return 2 if self.format == "bfloat16" else np.dtype(self.format).itemsize

    def numbers(self) -> NDArray[Any]:
        """Reads all numbers; ModelFileError if there are not so many."""
        content = self.content()
        if len(content) != self.count * self.bytes_each:
            raise ModelFileError("the file is cut: a tensor lacks some of its numbers")
        if self.format != "bfloat16":
            return np.frombuffer(content, np.dtype(self.format).newbyteorder("<"))
        upper_halves = np.frombuffer(content, "<u2").astype(np.uint32)
        return (upper_halves << np.uint32(16)).view(np.float32)


class Tensor(NamedTuple):
    """A view of a storage, of which nothing has been read yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # In numbers.

    def array(self) -> NDArray[np.float32]:
        """Reads the numbers, as float32."""
        numbers = self.storage.numbers()[self.offset :]
        strides = [step * numbers.itemsize for step in self.strides]
        return as_strided(numbers, self.shape, strides).astype(np.float32)


def tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    """A view of a storage; ModelFileError if it leaves it, or has more numbers than it has."""
    if not isinstance(storage, Storage):
        raise ModelFileError("a tensor is a view of a storage")
    numbers = [offset, *shape, *strides]
    if not all(type(number) is int and 0 <= number < 2**40 for number in numbers):
        raise ModelFileError("offset, shape and strides of a tensor are whole numbers, 0 or more")
    if len(shape) != len(strides) or len(shape) > _MAX_AXES:
        raise ModelFileError(f"a tensor has a stride for each of at most {_MAX_AXES} axes")
    size = math.prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if size > storage.count or (size and last >= storage.count):
        raise ModelFileError("a tensor reaches beyond its storage")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _first_four(arguments: Sequence[Any]) -> Tensor:
    """`torch._utils._rebuild_tensor_v2`: what follows the strides is for learning."""
    return tensor(*arguments[:4])


_NAMES: dict[str, pickles.Read | str] = {
    "collections.OrderedDict": pickles.ordered_dict,
    "torch._utils._rebuild_tensor_v2": _first_four,
    "torch._utils._rebuild_tensor": _first_four,
    "torch._utils._rebuild_parameter": lambda arguments: arguments[0],
    **_FORMATS,
}


def read_zip(content: bytes) -> Any:
    """Reads a zip archive that torch.save wrote; its tensors are `Tensor`s."""
    members = archives.members(content, MAX_UNPACKED_BYTES)
    pickle = next(name for name in members if is_pickle(name))
    folder = pickle.removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and order.read() != b"little":
        raise ModelFileError("the numbers must be little endian. Received: big endian")

    def storage(identity: Any) -> Storage:
        format_, key, count = _identified(identity)
        return Storage(format_, count, members[f"{folder}data/{key}"].read)

    return pickles.read(io.BytesIO(members[pickle].read()), _NAMES, storage)


def is_pickle(name: str) -> bool:
    """Whether a zip archive's member is what torch.save calls its pickle."""
    return name.count("/") == 1 and name.endswith("/data.pkl")


def read_legacy(content: bytes) -> Any:
    """Reads the stream that torch.save wrote before version 1.6; its tensors are `Tensor`s."""
    stream = io.BytesIO(content)
    stream.seek(len(LEGACY_MARK))
    version, system = pickles.read(stream, {}), pickles.read(stream, {})
    if version != 1001 or not system.get("little_endian", True):
        raise ModelFileError("the file has another version or byte order")
    storages: dict[str, Storage] = {}
    places: dict[str, int] = {}  # Where the bytes of a storage begin.

    def storage(identity: Any) -> Storage:
        format_, key, count = _identified(identity)

        def numbers() -> bytes:
            begin = places[key]
            return content[begin : begin + count * storages[key].bytes_each]

        return storages.setdefault(key, Storage(format_, count, numbers))

    document = pickles.read(stream, _NAMES, storage)
    for key in pickles.read(stream, {}):
        if int.from_bytes(stream.read(8), "little") != storages[key].count:
            raise ModelFileError("a storage has another length than its tensors say")
        places[key] = stream.tell()
        stream.seek(storages[key].count * storages[key].bytes_each, io.SEEK_CUR)
    return document


def _identified(identity: Any) -> tuple[str, str, int]:
    """What a persistent id says of a storage: its format, its key, how many numbers it has."""
    kind, named, key, _, count, *view = identity
    if kind != "storage" or not isinstance(named, pickles.Named) or named.name not in _FORMATS:
        raise ModelFileError("the file refers to something that is not a storage of numbers")
    if type(key) is not str or type(count) is not int or not 0 <= count < 2**40 or any(view):
        raise ModelFileError("a storage has a key and a number of elements")
    return _FORMATS[named.name], key, count
