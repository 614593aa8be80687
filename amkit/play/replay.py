"""Replay memory: one ring of single uint8 frames per game, whose stacks are built when sampled."""

from collections.abc import Mapping
from typing import Any

import numpy as np

_STACK = 4
_STEPS_PER_BLOCK = 4096  # A checkpoint rewrites only the blocks written since the last one.


class ReplayMemory:
    """The last `capacity` steps of N environments of one game, each frame kept once.

    A row t holds, for every environment n, the newest frame of its observation and what happened
    then. Row t + 1 of the same environment is what followed, unless row t is `cut`.

    Args:
        capacity: int. Steps kept, over all environments; rounded down to whole rows. ValueError if
            they hold less than one stack and one step.
        num_envs: int. N.
        rng: draws the samples.
        extras: name -> (shape, dtype). Further values kept with each step, such as the expert's
            Q-values.
    """

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        rng: np.random.Generator,
        extras: Mapping[str, tuple[tuple[int, ...], str]] | None = None,
    ):
        self.rows = capacity // num_envs
        if self.rows <= _STACK:
            raise ValueError(
                f"A replay memory holds more than {_STACK} rows of {num_envs} environments, "
                f"{(_STACK + 1) * num_envs} steps or more. Received: capacity={capacity}"
            )
        self.num_envs = num_envs
        self.rng = rng
        self.rows_added = 0
        self._rows_per_block = -(-_STEPS_PER_BLOCK // num_envs)
        shape = (self.rows, num_envs)
        self._columns: dict[str, np.ndarray] = {
            "frame": np.zeros((*shape, 84, 84), np.uint8),
            "action": np.zeros(shape, np.int32),
            "reward": np.zeros(shape, np.float32),
            "terminal": np.zeros(shape, bool),
            "start": np.zeros(shape, bool),
            "cut": np.zeros(shape, bool),
        }
        for name, (extra_shape, dtype) in (extras or {}).items():
            self._columns[name] = np.zeros((*shape, *extra_shape), dtype)

    def __len__(self) -> int:
        """Returns the number of steps held."""
        return min(self.rows_added, self.rows) * self.num_envs

    def add(self, observation: np.ndarray, **values: np.ndarray) -> None:
        """Adds one step of every environment.

        Args:
            observation: uint8 [N, 4, 84, 84]. Only the newest frame is kept.
            **values: action int [N] (ALE codes); reward float [N] (clipped); terminal bool [N]
                (nothing follows: a life or the game was lost); start bool [N] (first observation of
                a game: no frame before it belongs to its stack); cut bool [N] (no transition: the
                next row is a new game); and every extra, [N, ...]. What is left out is 0.

        Raises:
            ValueError: if the memory has no such column.
        """
        if unknown := sorted(set(values) - set(self._columns)):
            raise ValueError(
                f"a step has {', '.join(self._columns)}. Received: {', '.join(unknown)}"
            )
        row = self.rows_added % self.rows
        values["frame"] = observation[:, -1]
        for name, column in self._columns.items():
            column[row] = values.get(name, 0)  # Nothing stays of the lap before.
        self.rows_added += 1

    def cut_off(self) -> None:
        """Marks the newest row as no transition: what followed it was lost with the emulators."""
        if self.rows_added:
            self._columns["cut"][(self.rows_added - 1) % self.rows] = True

    def sample(self, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws steps uniformly, each a real transition whose next row is held.

        Returns:
            (row, env), int64 [B] each: positions for `observations`, `values` and `what_followed`.
            Rows count from the first ever added.

        Raises:
            ValueError: if no step can be drawn yet.
        """
        # Frames before a stack's first one must still be held, unless the ring was never full.
        oldest = 0 if self.rows_added <= self.rows else self.rows_added - self.rows + _STACK - 1
        newest = self.rows_added - 1
        if newest <= oldest:
            raise ValueError(
                f"Sampling needs two rows or more. Received: {self.rows_added} rows added"
            )
        row, env = np.empty((2, batch_size), np.int64)
        wanted = np.arange(batch_size)
        for _ in range(100):  # Cut rows are rare: a few draws replace them.
            row[wanted] = self.rng.integers(oldest, newest, len(wanted))
            env[wanted] = self.rng.integers(0, self.num_envs, len(wanted))
            wanted = wanted[self._columns["cut"][row[wanted] % self.rows, env[wanted]]]
            if not len(wanted):
                return row, env
        raise ValueError("Sampling found only rows that are no transitions. Received: a cut memory")

    def observations(
        self, row: np.ndarray, env: np.ndarray, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Builds stacks of four frames; frames from before a game's start are zero.

        Args:
            row, env: int64 [B] each, as given by `sample`, or a row after it.
            out: uint8 [B, 4, 84, 84], contiguous. Where to build them; None makes a new array.

        Returns:
            uint8 [B, 4, 84, 84], oldest frame first.
        """
        rows = row[:, None] - np.arange(_STACK - 1, -1, -1)  # [B, 4], oldest first
        start = self._columns["start"][rows % self.rows, env[:, None]] | (rows <= 0)
        frames = self._columns["frame"].reshape(-1, 84, 84)
        frame = rows % self.rows * self.num_envs + env[:, None]
        # `clip` changes no index: it lets numpy write to `out` directly.
        stacks: np.ndarray = frames.take(frame, axis=0, out=out, mode="clip")
        # A frame is blank when a game starts at a newer frame of the same stack.
        blank = np.zeros(rows.shape, bool)
        for i in reversed(range(_STACK - 1)):
            blank[:, i] = blank[:, i + 1] | start[:, i + 1]
        if blank.any():
            stacks[blank] = 0
        return stacks

    def values(self, name: str, row: np.ndarray, env: np.ndarray) -> np.ndarray:
        """Reads one column of the sampled steps: [B, ...]."""
        chosen: np.ndarray = self._columns[name][row % self.rows, env]
        return chosen

    def what_followed(
        self, row: np.ndarray, env: np.ndarray, discount: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What sampled steps led to, for `returns.td_target`.

        Args:
            row, env: int64 [B] each, as given by `sample`.
            discount: float. gamma.

        Returns:
            (reward, discount, next_row): float32 [B], clipped; float32 [B] gamma, or 0 after a
            terminal step; int64 [B] row of the next observation. A game that was truncated has a
            next observation too: the one that its cut row holds.
        """
        discounts = np.where(self.values("terminal", row, env), np.float32(0), np.float32(discount))
        return self.values("reward", row, env), discounts, row + 1

    def get_state(self) -> dict[str, Any]:
        """Returns everything held, in blocks of rows, fit for `checkpoints.save`.

        A block's key names its rows and the last one written, so that an unchanged block has an
        unchanged key and a checkpoint need not write it again.
        """
        blocks = {}
        for first in range(0, min(self.rows_added, self.rows), self._rows_per_block):
            last = min(first + self._rows_per_block, self.rows) - 1
            laps, position = divmod(self.rows_added - 1, self.rows)
            written = laps * self.rows + min(last, position)
            if first > position:
                written = (laps - 1) * self.rows + last
            # A cut is marked after its row was written: it is part of the block's key too.
            cuts = int(self._columns["cut"][first : last + 1].sum())
            blocks[f"rows{first:09d}-{last:09d}@{written}.{cuts}"] = {
                name: column[first : last + 1] for name, column in self._columns.items()
            }
        state = self.rng.bit_generator.state
        return {"rows_added": self.rows_added, "rng": state, "blocks": blocks}

    def fits(self, state: Mapping[str, Any]) -> bool:
        """Whether a state is of a memory of this shape, in blocks of whatever length."""
        held = min(int(state["rows_added"]), self.rows)
        for name, column in self._columns.items():
            parts = [block[name] for block in state["blocks"].values() if name in block]
            rows = sum(len(part) for part in parts)
            if any(part.shape[1:] != column.shape[1:] for part in parts):
                return False
            if not 0 <= held <= rows <= self.rows:
                return False
        return True

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Puts back what `get_state` returned, into a memory of the same shape."""
        self.rows_added = int(state["rows_added"])
        self.rng.bit_generator.state = state["rng"]
        first = 0
        for _, block in sorted(state["blocks"].items()):  # Block after block, in every version.
            for name, column in self._columns.items():
                column[first : first + len(block[name])] = block[name]
            first += len(block["frame"])
