"""Damage of many kinds to a file's bytes, also behind the checksums of an archive."""

import gzip
import io
import zipfile


def damaged(content, rng):
    """The same bytes with one or several of: bits flipped, a cut, a hole, a copy, noise."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(max(len(content), 1)))
        if rng.random() < 0.5:  # Where a file says what it holds, rather than in its numbers.
            place = min(place, int(rng.integers(1, 600)))
        length = int(rng.integers(1, 64))
        match int(rng.integers(6)):
            case 0 | 1:
                content[place : place + 1] = bytes([int(rng.integers(256))])
            case 2:
                del content[place : None if rng.random() < 0.3 else place + length]
            case 3:
                content[place : place + length] = bytes(length)
            case 4:
                content[place:place] = content[place : place + length]
            case 5:
                content[place : place + 4] = rng.bytes(4) if rng.random() < 0.5 else b"\xff" * 4
    return bytes(content)


def behind_checksums(content, rng):
    """Damages what an archive holds, and packs it again, checksums right; or the file itself."""
    if content.startswith(b"\x1f\x8b"):
        return gzip.compress(behind_checksums(gzip.decompress(content), rng), 1)
    if not content.startswith(b"PK\x03\x04"):
        return damaged(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    telling = [name for name in members if name.endswith(("data.pkl", "policy.pth", "data"))]
    name = telling[int(rng.integers(len(telling)))] if rng.random() < 0.8 else [*members][-1]
    change = behind_checksums if members[name].startswith(b"PK") else damaged
    members[name] = change(members[name], rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value)
    return stream.getvalue()
