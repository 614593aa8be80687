"""A stranger's zip archive, of which no member unpacks to more than it says."""

import io
import zipfile
from collections.abc import Callable
from typing import NamedTuple

from amkit.storage.cards import ModelFileError

_MAX_MEMBERS = 10_000
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Others unpack to any size at once.


class Member(NamedTuple):
    """A file in an archive: how many bytes it has, and how they are read."""

    size: int
    read: Callable[[], bytes]


def members(content: bytes, limit: int) -> dict[str, Member]:
    """The files in a zip archive, by name.

    Raises:
        ModelFileError: if they are over `limit` bytes together, share a name, or are packed in a
            way that cannot be bounded. Damage raises whatever zipfile and zlib do.
    """
    archive = zipfile.ZipFile(io.BytesIO(content))
    listed = archive.infolist()
    if len(listed) > _MAX_MEMBERS or sum(one.file_size for one in listed) > limit:
        raise ModelFileError("the file unpacks to more than a network needs")
    if any(one.compress_type not in _PACKED for one in listed):
        raise ModelFileError(
            "the archive's members must be stored or deflated. Received: another compression"
        )
    if len({one.filename for one in listed}) < len(listed):
        raise ModelFileError("two members of the archive have the same name")

    def reader(member: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            with archive.open(member) as file:
                return file.read(member.file_size + 1)  # No more, whatever the packed bytes say.

        return read

    return {one.filename: Member(one.file_size, reader(one)) for one in listed}
