"""Thousands of damaged files of every format: each is refused in one line, or read.

    PYTHONPATH=. python tests/campaigns/mutate_imports.py --files 2000

Files with checksums, damaged from outside, are refused or read to equal weights. Others are
refused or read to finite weights of a network that fits the game: a damaged number is a number.
Fails if anything else is raised, if a file takes over 90 s, if the process needs over
1 GiB, or if reading a file opens another, imports a module by name, or runs code or a command.
"""

import argparse
import collections
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from amkit.games.catalogue import GAMES
from amkit.storage import importers
from amkit.storage.cards import ModelFileError
from tests.storage.importers.formula import FILES, FIXTURES
from tests.storage.importers.mutations import behind_checksums, damaged

PONG = GAMES["pong"]
CHECKSUMS = tuple(n for n in FILES if n.endswith((".zip", ".gz", "cleanrl.cleanrl_model")))
FORBIDDEN = ("exec", "compile", "os.", "subprocess.", "socket.", "pickle.", "marshal.", "ctypes.")
watched: set[str] | None = None  # What was done while a file was read; None: nobody looks.


def watch(event: str, arguments: tuple) -> None:
    """Notes what may not be done while a file is read: told by Python itself."""
    if watched is None:
        return
    if event.startswith(FORBIDDEN) or event == "import":
        watched.add(f"{event} {str(arguments)[:80]}")
    elif event == "open" and not str(arguments[0]).startswith(tempfile.gettempdir()):
        watched.add(f"open {str(arguments)[:80]}")


def outcome(path: Path, original: list[np.ndarray] | None) -> str:
    """What became of a file: refused, read, or equal."""
    try:
        weights = importers.read(path, PONG).parts.weights
    except ModelFileError as error:
        assert "\n" not in str(error) and len(str(error)) < 500, error
        return "refused"
    assert all(np.isfinite(one).all() for one in weights)
    same = len(weights) == len(original) and all(map(np.array_equal, weights, original))
    return "read, equal" if same else "read, other numbers"


def main() -> None:
    """Damages, reads, and prints how many of each format ended how."""
    global watched
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    originals = {name: importers.read(FIXTURES / name, PONG).parts.weights for name in FILES}
    sys.addaudithook(watch)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(SystemExit("a file hangs")))
    counts: dict[str, collections.Counter] = {name: collections.Counter() for name in FILES}
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for i in range(options.files):
            name = [*FILES][i % len(FILES)]
            inside = bool(i // len(FILES) % 2)
            content = (FIXTURES / name).read_bytes()
            path.write_bytes((behind_checksums if inside else damaged)(content, rng))
            signal.alarm(90)
            began, watched = time.perf_counter(), set()
            ended = outcome(path, originals[name])
            did, watched = watched, None
            slowest = max(slowest, time.perf_counter() - began)
            signal.alarm(0)
            if name.endswith(".h5"):  # Read in a process of its own.
                # NumPy reads the headers of that process's answer as literals: parsed, not run.
                own = ("subprocess.", "os.", "open", "compile")
                did = {one for one in did if not one.startswith(own)}
            assert not did, (name, i, did)
            if name in CHECKSUMS and not inside:
                assert ended != "read, other numbers", (name, i)
            counts[name][ended] += 1
    for name, of_name in counts.items():
        print(f"{name}: {dict(sorted(of_name.items()))}")
    total = sum(counts.values(), collections.Counter())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(
        f"{options.files} files: {dict(total)}; slowest {slowest:.2f} s, at most {memory:.0f} MiB"
    )
    assert memory < 1024


if __name__ == "__main__":
    main()
