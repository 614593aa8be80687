"""A campaign played through on machines that need not be there: how long, and what faults cost."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field

from amkit.storage.validation import checked

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_LEAST_LUCK = 0.01  # Of starts that get to a checkpoint: with less, a campaign hardly ends.
_Count = Annotated[int, Field(ge=1, le=10**6)]


@checked
class Machines:
    """What a campaign is played through on. ValueError if a value is out of its range."""

    nodes: _Count
    cores: _Count  # Of each node.
    node_gibibytes: _Positive  # Memory of each node for runs.
    hours_between_losses: _Positive | None = None  # Mean, of one node; None: none is ever lost.
    minutes_to_replace: _Positive = 5.0  # Until there is another node in place of a lost one.
    startup_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]  # Of each start of a run.
    checkpoint_seconds: _Positive


@dataclass(frozen=True)
class Work:
    """What a run takes: hours on its cores without start or fault, cores, and memory in GiB."""

    hours: float
    cores: int
    gibibytes: float


@dataclass(frozen=True)
class Outcome:
    """How a campaign went."""

    hours: float  # Until the last run was finished.
    core_hours: float  # That runs held cores, with all that was lost.
    lost_core_hours: float  # Work since the last checkpoint before a node was lost.
    startup_core_hours: float
    losses: int  # Of nodes, while the campaign went on.
    longest_run_hours: float  # No number of nodes is faster than that.
    idle: float  # Share of the cores' time that no run had.


@dataclass
class _Node:
    cores: int
    gibibytes: float
    running: dict[int, float] = field(default_factory=dict)  # Run -> when it began, in hours.


def simulate(runs: Sequence[Work], machines: Machines, seed: int = 0) -> Outcome:
    """Plays a campaign through: each run begins, in order, on the first node that has room for it.

    Nodes are lost at random, each at the same rate at all times. A run of a lost node begins anew
    elsewhere from its newest checkpoint.

    Raises:
        ValueError: if a run does not fit on a node, or nodes hardly live until a first checkpoint.
    """
    first_checkpoint = (machines.startup_seconds + machines.checkpoint_seconds) / 3600
    life = machines.hours_between_losses
    if life and math.exp(-first_checkpoint / life) < _LEAST_LUCK:
        raise ValueError(
            f"a node must live until a run's first checkpoint, {first_checkpoint:.2f} hours or "
            f"more. Received: {life:g} hours between losses"
        )
    for run in runs:
        if run.cores > machines.cores or run.gibibytes > machines.node_gibibytes:
            raise ValueError(
                f"a node must have room for each run, {run.cores} cores and {run.gibibytes:.1f} "
                f"GiB. Received: {machines.cores} cores and {machines.node_gibibytes:g} GiB"
            )
    return _Simulation(runs, machines, np.random.default_rng(seed)).play()


class _Simulation:
    """Events in order of time, in hours: (when, what, node, run, when that run began)."""

    def __init__(self, runs: Sequence[Work], machines: Machines, rng: np.random.Generator):
        self.runs, self.machines, self.rng = runs, machines, rng
        self.left = [run.hours for run in runs]
        self.waiting = list(range(len(runs)))
        self.unfinished = len(runs)
        self.nodes = [_Node(machines.cores, machines.node_gibibytes) for _ in range(machines.nodes)]
        self.events: list[tuple[float, str, int, int, float]] = []
        self.held = self.lost = self.startups = 0.0
        self.losses = 0
        for node in range(machines.nodes):
            self._lose_later(node, 0.0)

    def play(self) -> Outcome:
        now = 0.0
        self._fill(range(len(self.nodes)), now)
        while self.unfinished:
            now, what, node, run, begun = heapq.heappop(self.events)
            if what == "finished" and self.nodes[node].running.get(run) == begun:
                self._release(node, run, now)
                self.unfinished -= 1
                self._fill([node], now)
            elif what == "lost":
                self._lose(node, now)
            elif what == "replaced":
                self.nodes[node] = _Node(self.machines.cores, self.machines.node_gibibytes)
                self._lose_later(node, now)
                self._fill([node], now)
        there = now * self.machines.nodes * self.machines.cores
        longest = max((run.hours for run in self.runs), default=0.0) + self._startup
        return Outcome(
            *(now, self.held, self.lost, self.startups, self.losses, longest),
            idle=1 - self.held / there if there else 0.0,
        )

    @property
    def _startup(self) -> float:
        return self.machines.startup_seconds / 3600

    def _fill(self, nodes: Sequence[int], now: float) -> None:
        """Begins waiting runs on nodes that have room."""
        for index in nodes:
            node = self.nodes[index]
            for run in [*self.waiting]:
                work = self.runs[run]
                if node.cores < 1:
                    break
                if work.cores > node.cores or work.gibibytes > node.gibibytes:
                    continue
                self.waiting.remove(run)
                node.running[run] = now
                node.cores -= work.cores
                node.gibibytes -= work.gibibytes
                end = now + self._startup + self.left[run]
                heapq.heappush(self.events, (end, "finished", index, run, now))

    def _release(self, index: int, run: int, now: float) -> float:
        """Takes a run off its node; returns how long it was there, in hours."""
        node, work = self.nodes[index], self.runs[run]
        hours = now - node.running.pop(run)
        node.cores += work.cores
        node.gibibytes += work.gibibytes
        self.held += hours * work.cores
        self.startups += min(hours, self._startup) * work.cores
        return hours

    def _lose(self, index: int, now: float) -> None:
        self.losses += 1
        period = self.machines.checkpoint_seconds / 3600
        for run in [*self.nodes[index].running]:
            worked = max(self._release(index, run, now) - self._startup, 0)
            saved = period * math.floor(worked / period)
            self.left[run] -= saved
            self.lost += (worked - saved) * self.runs[run].cores
            self.waiting.insert(0, run)
        self.nodes[index] = _Node(0, 0)
        back = now + self.machines.minutes_to_replace / 60
        heapq.heappush(self.events, (back, "replaced", index, -1, 0.0))
        self._fill([i for i, node in enumerate(self.nodes) if node.cores], now)

    def _lose_later(self, index: int, now: float) -> None:
        if self.machines.hours_between_losses:
            after = float(self.rng.exponential(self.machines.hours_between_losses))
            heapq.heappush(self.events, (now + after, "lost", index, -1, 0.0))
