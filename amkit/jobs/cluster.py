"""Campaigns on Ray. No other file names it.

Ray decides where and when each run is done, and does it again where its process or its machine
died. A run is a task, so that it has a process of its own, and the main thread of it, which alone
can be told of signals. That nobody does a run twice at once is its folder's lock.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import ray
from ray.exceptions import RayError, WorkerCrashedError

from amkit.backend import load_tensorflow
from amkit.jobs.cores import cores_here, own_cores
from amkit.jobs.plans import Planned
from amkit.storage.run_folders import RunError

if TYPE_CHECKING:
    from amkit.storage.remote import Remote

_OBJECT_STORE_BYTES = 80 * 2**20  # The least that Ray takes: runs pass nothing but their names.
_SAVING_SECONDS = 60.0  # For all runs to write a checkpoint when the campaign is stopped.


class ClusterError(RuntimeError):
    """There is no cluster, or it is gone."""


class Stopped(Exception):
    """A worker was told to stop, by SIGTERM, and has saved its run: it goes on when it can."""


@contextmanager
def cluster(address: str | None, log: Path, ship: bool = False) -> Iterator[str | None]:
    """Connects to Ray, if that is not done: to a cluster, or one that is started on this machine.

    Args:
        address: as `ray.init` takes it; None is that of RAY_ADDRESS, else this machine's cores.
        log: file that gets what Ray has to say.
        ship: whether workers get a copy of this folder, less its runs; else they see it.

    Yields:
        The address of Ray's own page, if it has one.

    Raises:
        ClusterError: if no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    shipped = {"working_dir": ".", "excludes": ["/runs", ".git", ".venv"]}
    ours, page = not ray.is_initialized(), None
    with open(log, "a", encoding="utf-8") as file, redirect_stdout(file):
        if ours:
            page = _connect(address or os.environ.get("RAY_ADDRESS"), shipped if ship else None)
        try:
            yield page
        finally:
            if ours:
                ray.shutdown()


def _connect(address: str | None, runtime_env: dict[str, Any] | None) -> str | None:
    """Connects to a cluster, or starts one here; returns the address of its page, if it has one."""
    here = {"num_cpus": cores_here(), "object_store_memory": _OBJECT_STORE_BYTES}
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    options |= {"runtime_env": runtime_env, **({} if address else here)}
    if address and ":" in address:
        _check_answers(address)
    # Ray gives its own processes half a minute to start, which on a busy machine is too short.
    for starts_left in reversed(range(1 if address else 3)):
        try:
            page: str | None = ray.init(address or "local", **options).dashboard_url
            return page
        except Exception as error:  # Ray raises many kinds, down to Exception itself.
            ray.shutdown()
            if not starts_left:
                line = " ".join(str(error).split())
                where = f"no Ray cluster answers at {address}" if address else "Ray does not start"
                raise ClusterError(f"{where}: {line}") from None
    raise AssertionError("unreachable")


def _check_answers(address: str) -> None:
    """ClusterError where nothing listens: there Ray would try for ten minutes and more."""
    host, _, port = address.removeprefix("ray://").rstrip("/").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster answers at {address}: {error}") from None


def begin(
    expand: Callable[[], list[Planned]], cores: int, storage: str | None = None
) -> tuple[list[Planned], list[float | None]]:
    """Begins all runs, as `worker.begin` does, in a worker on cores like those of a run.

    Args:
        expand: makes the list of runs, there: commands load networks to check what they are asked.
        cores: of a run.
        storage: where run folders are kept, for machines that do not share this folder.

    Returns:
        The runs, and the memory that each needs, in GiB; None of finished ones.

    Raises:
        RunError: if one cannot begin or go on; then none has begun.
    """
    task = ray.remote(max_calls=1)(_begin).options(num_cpus=cores, name="begin")
    try:
        planned, needs, error = ray.get(task.remote(_place(storage), cores, expand))
    except (WorkerCrashedError, ConnectionError) as failure:
        raise ClusterError(f"the Ray cluster is gone: {failure}") from None
    if error:
        raise RunError(error)
    return planned, needs


def see_through(
    planned: Sequence[Planned],
    gibibytes: Sequence[float | None],
    cores: int,
    checkpoint_seconds: float,
    storage: str | None = None,
) -> Generator[tuple[Planned, str | None] | None]:
    """Does runs, as `worker.see_through` does, on the cluster; close it to stop and save them.

    Those that need nothing are finished, and left alone.

    Yields:
        A run that has ended, and why it failed, if it did; None about once a second.

    Raises:
        RunError: if a run needs more than any machine has.
        ClusterError: if the cluster is gone.
    """
    if todo := [(one, need) for one, need in zip(planned, gibibytes, strict=True) if need]:
        _check_room(cores, max(need for _, need in todo))
    task = ray.remote(max_calls=1, max_retries=-1, retry_exceptions=[Stopped])(_see_through)
    running = {
        task.options(name=one.folder.name, num_cpus=cores, memory=int(need * 2**30)).remote(
            _place(storage), cores, one, checkpoint_seconds
        ): one
        for one, need in todo
    }
    try:
        while running:
            ended, _ = ray.wait([*running], timeout=1)
            for reference in ended:
                yield running.pop(reference), _error(reference)
            if not ended:
                yield None
    except (RayError, ConnectionError) as error:
        raise ClusterError(f"the Ray cluster is gone: {error}") from None
    finally:
        for reference in running:
            ray.cancel(reference)
        if running:
            ray.wait([*running], num_returns=len(running), timeout=_SAVING_SECONDS)


def _check_room(cores: int, gibibytes: float) -> None:
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(
        machine.get("CPU", 0) >= cores and machine.get("memory", 0) >= gibibytes * 2**30
        for machine in machines
    ):
        has = [f"{m.get('CPU', 0):.0f} and {m.get('memory', 0) / 2**30:.1f} GiB" for m in machines]
        raise RunError(
            f"a run of this plan needs a machine with {cores} cores and {gibibytes:.1f} GiB of "
            f"memory for runs. Received: {', '.join(dict.fromkeys(has)) or 'no machine'}"
        )


def _error(reference: Any) -> str | None:
    try:
        error: str | None = ray.get(reference)
    except RayError as failure:  # What `_see_through` could not foresee.
        return " ".join(str(failure).split())
    return error


class _Place(NamedTuple):
    """Where a worker finds what a campaign is about."""

    folder: str | None  # The driver's; None: Ray has put a copy of it where the worker begins.
    storage: str | None  # Of run folders; None: they are in the driver's folder.

    @contextmanager
    def entered(self, cores: int) -> Iterator["Remote | None"]:
        """In that folder, on cores of its own, with TensorFlow loaded."""
        if self.folder:
            os.chdir(self.folder)
        with own_cores(cores):
            load_tensorflow()
            if not self.storage:
                yield None
                return
            from amkit.storage.remote import Remote

            yield Remote(self.storage)


def _place(storage: str | None) -> _Place:
    return _Place(None if storage else os.getcwd(), storage)


def _begin(
    place: _Place, cores: int, expand: Callable[[], list[Planned]]
) -> tuple[list[Planned], list[float | None], str | None]:
    with place.entered(cores) as remote:
        from amkit.jobs import worker

        try:
            planned = expand()
            return planned, worker.begin(planned, remote), None
        except OSError as error:
            return [], [], f"{error.filename}: {error.strerror}"
        except (ValueError, RuntimeError) as error:
            if not (type(error).__module__.startswith("amkit.") or "Received: " in str(error)):
                raise  # A fault of amkit keeps its traceback.
            return [], [], str(error)


def _see_through(
    place: _Place, cores: int, planned: Planned, checkpoint_seconds: float
) -> str | None:
    begun = time.monotonic()
    with place.entered(cores) as remote:
        from amkit.jobs import worker
        from amkit.learning.loop import Interrupted

        try:
            return worker.see_through(planned, checkpoint_seconds, begun, remote)
        except Interrupted:
            raise Stopped(f"{planned.folder} is saved") from None
