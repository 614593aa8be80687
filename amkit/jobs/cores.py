"""Cores of its own for a process, so that several trainings on one machine leave each other be."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


def cores_here() -> int:
    """How many cores this process may use."""
    return len(_allowed())


def gibibytes_here() -> float:
    """Memory of this machine for runs: a little is left to everything else."""
    return 0.9 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


@contextmanager
def own_cores(count: int) -> Iterator[list[int]]:
    """Keeps this process and the threads that it makes on cores that no other such process has.

    Call it before TensorFlow is loaded, which makes as many threads. A core is held by a lock on a
    file, which the system releases when the process dies.

    Args:
        count: of cores.

    Yields:
        The cores; none where fewer are free, or the system cannot keep a process on cores.
    """
    for name in _THREADS:
        os.environ[name] = str(count)
    allowed, held = _allowed(), {}
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        for core in allowed:
            path = Path(tempfile.gettempdir()) / f"amkit-{user}-core-{core}.lock"
            lock = FileLock(path, timeout=0)
            with suppress(Timeout, OSError):
                lock.acquire()
                held[core] = lock
            if len(held) == count:
                break
        if len(held) < count or not hasattr(os, "sched_setaffinity"):
            yield []
            return
        os.sched_setaffinity(0, held)
        yield [*held]
        os.sched_setaffinity(0, allowed)
    finally:
        for lock in held.values():
            lock.release()


def _allowed() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [*range(os.cpu_count() or 1)]
