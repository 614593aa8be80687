"""Run folders in a place that every machine reaches, such as a bucket: for clusters without a
shared folder. Arrow does the copying, as it does for Ray's own storage.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from pyarrow import fs

_MANIFEST = "manifest.json"


class Remote:
    """A place for run folders.

    Args:
        uri: such as s3://BUCKET/PATH, gs://BUCKET/PATH or file:///PATH.

    Raises:
        ValueError: if Arrow knows no such place.
    """

    def __init__(self, uri: str) -> None:
        try:
            self._files, self._root = fs.FileSystem.from_uri(uri)
        except (ValueError, OSError) as error:
            line = " ".join(str(error).split())
            raise ValueError(
                f"--storage must be s3://BUCKET/PATH, gs://BUCKET/PATH or file:///PATH ({line}). "
                f"Received: {uri}"
            ) from None

    def fetch(self, folder: Path) -> None:
        """Puts a run folder here as it is there; where none is there, nothing is done."""
        there = [*self._there(folder.name)]
        if not there:
            return
        # An interrupted copy of a checkpoint has no manifest, which is copied last.
        whole = {Path(path).parent for path, _ in there if Path(path).name == _MANIFEST}
        shutil.rmtree(folder, ignore_errors=True)
        for path, _ in there:
            if "checkpoint" not in Path(path).parts or Path(path).parent in whole:
                self._copy_here(path, folder)

    def glance(self, folder: Path) -> None:
        """Brings what a run folder says of itself up to date here, but no checkpoints."""
        for path, seconds in self._there(folder.name):
            file = folder / path
            if "checkpoint" in Path(path).parts:
                continue
            if not file.exists() or file.stat().st_mtime < seconds:
                self._copy_here(path, folder)

    def send(self, folder: Path) -> None:
        """Puts a run folder there as it is here. Files of checkpoints never change."""
        there = {path for path, _ in self._there(folder.name)}
        here = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
        names = {path.relative_to(folder).as_posix(): path for path in here}
        for name in sorted(names, key=lambda name: (name.endswith(_MANIFEST), name)):
            if "checkpoint" in Path(name).parts and name in there:
                continue
            target = self._path(folder.name, name)
            self._files.create_dir(target.rsplit("/", 1)[0], recursive=True)
            fs.copy_files(str(names[name]), target, fs.LocalFileSystem(), self._files)
        gone = there - names.keys()
        kept = {Path(name).parent for name in names}
        for parent in {Path(name).parent for name in gone} - kept:
            self._files.delete_dir(self._path(folder.name, parent.as_posix()))
        for name in gone:
            if Path(name).parent in kept:
                self._files.delete_file(self._path(folder.name, name))

    def _path(self, *parts: str) -> str:
        return "/".join([self._root, *parts])

    def _there(self, run: str) -> Iterator[tuple[str, float]]:
        """(path within the run folder, when written) of each file that is there."""
        base = self._path(run)
        listed = fs.FileSelector(base, recursive=True, allow_not_found=True)
        for info in self._files.get_file_info(listed):
            if info.type == fs.FileType.File:
                yield info.path.removeprefix(f"{base}/"), (info.mtime_ns or 0) / 1e9

    def _copy_here(self, path: str, folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        source = self._path(folder.name, path)
        fs.copy_files(source, str(folder / path), self._files, fs.LocalFileSystem())
