"""Assignment 2: a replay memory that keeps each frame once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from amkit.course.assignments import Array, Mistakes, Symptoms, Test

TITLE = "the replay memory"
_STARTS, _TERMINALS = (0, 6, 15), (5, 14, 19)  # A mere life is lost at step 19.


def add(
    memory: dict[str, Array],
    added: int,
    frame: Array,
    action: int,
    reward: float,
    terminal: bool,
    start: bool,
) -> None:
    """The reference of adding a step."""
    _write(memory, added % len(memory["frame"]), frame, action, reward, terminal, start)


def drawable(added: int, capacity: int) -> Array:
    """The reference of the steps that may be drawn."""
    held = range(max(0, added - capacity), added)
    whole = [t for t in held if t + 1 in held and (t - 3 in held or held[0] == 0)]
    return np.array(whole)


def stack(memory: dict[str, Array], step: int) -> Array:
    """The reference of the stack of four frames."""
    return _stack(memory, step)


def what_followed(memory: dict[str, Array], steps: Array, discount: float) -> tuple[Array, ...]:
    """The reference of reward, discount and next step."""
    return _what_followed(memory, steps, discount)


def _write(memory: dict[str, Array], slot: int, *values: Any) -> None:
    """Writes what `add` takes from its frame on."""
    for name, value in zip(("frame", "action", "reward", "terminal", "start"), values, strict=True):
        memory[name][slot] = value


def _add_at(slot: Callable[[int, int], int], but: str = "") -> Callable[..., None]:
    """An `add` that takes this slot, (steps added, capacity) -> slot, or leaves out a column."""

    def wrong(memory: dict[str, Array], added: int, *values: Any) -> None:
        kept = {but: memory[but].copy()} if but else {}
        _write(memory, slot(added, len(memory["frame"])), *values)
        memory.update(kept)

    return wrong


def _stops(memory: dict[str, Array], added: int, *values: Any) -> None:
    if added < len(memory["frame"]):
        _write(memory, added, *values)


def _starts(memory: dict[str, Array], slot: int) -> bool:
    return bool(memory["start"][slot])


def _blank(frames: list[Array]) -> list[Array]:
    return [0 * frame for frame in frames]


def _stack(
    memory: dict[str, Array],
    step: int,
    shift: int = 0,
    begins: Callable[[dict[str, Array], int], bool] = _starts,
    blank: Callable[[list[Array]], list[Array]] = _blank,
) -> Array:
    """A stack that ends `shift` steps later; `blank` says what older games' frames become."""
    capacity = len(memory["frame"])
    slots = [(step + shift - age) % capacity for age in (3, 2, 1, 0)]
    frames = [memory["frame"][slot] for slot in slots]
    newest_start = max((i for i in range(4) if begins(memory, slots[i])), default=0)
    return np.array(blank(frames[:newest_start]) + frames[newest_start:])


def _repeated(memory: dict[str, Array], step: int) -> Array:
    frames = _stack(memory, step)
    first = int(frames.any(axis=(1, 2)).argmax())
    frames[:first] = frames[first]
    return frames


def _first_lost(memory: dict[str, Array], step: int) -> Array:
    frames = _stack(memory, step)
    for i in range(4):
        if memory["start"][(step - 3 + i) % len(memory["frame"])]:
            frames[: i + 1] = 0
    return frames


def _what_followed(
    memory: dict[str, Array],
    steps: Array,
    discount: float,
    reward_after: int = 0,
    terminal_after: int = 0,
    next_after: int = 1,
) -> tuple[Array, Array, Array]:
    """What followed, each of the three taken so many steps after the step."""
    capacity = len(memory["frame"])
    reward = memory["reward"][(steps + reward_after) % capacity]
    terminal = memory["terminal"][(steps + terminal_after) % capacity]
    return reward, np.where(terminal, 0, discount), steps + next_after


def _played(add: Callable[..., None], steps: int, capacity: int) -> dict[str, Array]:
    """A memory of so many steps of a scripted game; frame t holds t + 1."""
    memory: dict[str, Array] = {
        "frame": np.zeros((capacity, 2, 2), np.uint8),
        "action": np.zeros(capacity, np.int32),
        "reward": np.zeros(capacity, np.float32),
        "terminal": np.zeros(capacity, bool),
        "start": np.zeros(capacity, bool),
    }
    for t in range(steps):
        frame = np.full((2, 2), t + 1, np.uint8)
        add(memory, t, frame, t % 5, t / 10, t in _TERMINALS, t in _STARTS)
    return memory


def _named(what_followed: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    reward, discount, next_step = what_followed(*arguments)
    return {"reward": reward, "discount": discount, "next step": next_step}


def _nothing_replaced(drawable: Callable[..., Array]) -> list[Array]:
    return [drawable(7, 10), drawable(10, 10)]


_FULL, _OVERWRITTEN = _played(add, 10, 10), _played(add, 23, 10)
_ORDINARY, _ENDS = np.array([16, 17, 20, 21]), np.array([14, 18, 19, 16])

TESTS = (
    Test("add", "three steps", 1, (3, 10), _played),
    Test("add", "23 steps in a memory of 10: the oldest are replaced", 1, (23, 10), _played),
    Test(
        "drawable", "7 and 10 steps in a memory of 10: nothing replaced", 1, (), _nothing_replaced
    ),
    Test("drawable", "23 steps in a memory of 10", 1, (23, 10)),
    Test("stack", "four frames of one game, the oldest first", 1, (_OVERWRITTEN, 18)),
    Test("stack", "a game that began one step before: zeros before it", 1, (_OVERWRITTEN, 16)),
    Test("stack", "the second step of all", 1, (_FULL, 1)),
    Test("stack", "a lost life: the game goes on", 1, (_OVERWRITTEN, 21)),
    Test("what_followed", "ordinary steps", 1, (_OVERWRITTEN, _ORDINARY, 0.9), _named),
    Test("what_followed", "terminal steps", 1, (_OVERWRITTEN, _ENDS, 0.9), _named),
)

_TERMINAL = (
    "A terminal step is taken for the end of a game. A lost life is terminal, but the game goes "
    "on: look at start."
)

MISTAKES: Mistakes = {
    "add": {
        "The slot runs past the end of the arrays. "
        "The memory is a ring: use added % capacity.": _add_at(lambda added, capacity: added),
        "A full memory takes no more steps. A new step replaces the oldest one.": _stops,
        "A full memory replaces its newest step. A new step replaces the oldest one.": _add_at(
            lambda added, capacity: min(added, capacity - 1)
        ),
        "The slots are off by one: step 0 goes into slot 0.": _add_at(
            lambda added, capacity: (added + 1) % capacity
        ),
        "The ring is one slot too short: "
        "the remainder is of the capacity, not capacity - 1.": _add_at(
            lambda added, capacity: added % (capacity - 1)
        ),
        **{
            f"The {name} is not stored.": _add_at(
                lambda added, capacity: added % capacity, but=name
            )
            for name in ("frame", "action", "reward", "terminal", "start")
        },
    },
    "drawable": {
        "The newest step "
        "can be drawn, but what followed it is not in the memory yet.": lambda added, capacity: (
            np.append(drawable(added, capacity), added - 1)
        ),
        "The oldest steps can be drawn, but frames of their stacks have been replaced. Leave "
        "out the three oldest once the memory has replaced something.": lambda added, capacity: (
            np.arange(max(0, added - capacity), added - 1)
        ),
        "Every step that is held can be drawn. The newest has no next step yet; the stacks of "
        "the "
        "three oldest are gone once the memory has replaced something.": lambda added, capacity: (
            np.arange(max(0, added - capacity), added)
        ),
        "Off by one at the old end: "
        "a stack has four frames, so three older ones are needed.": lambda added, capacity: (
            np.arange(added - capacity + 4 if added > capacity else 0, added - 1)
        ),
        "Off by one at the old end: "
        "a stack needs three older frames, and here one is gone.": lambda added, capacity: (
            np.arange(added - capacity + 2 if added > capacity else 0, added - 1)
        ),
        "The first three steps are left out although nothing was replaced. Before a game's "
        "start the stack is zero, so that they can be drawn.": lambda added, capacity: np.arange(
            max(0, added - capacity) + 3, added - 1
        ),
        "The memory counts as overwritten as soon as it is full. Nothing is replaced before "
        "the next step comes.": lambda added, capacity: np.arange(
            added - capacity + 3 if added >= capacity else 0, added - 1
        ),
        "The numbers are slots of the ring. Return step numbers, counted from the first step "
        "ever added.": lambda added, capacity: drawable(added, capacity) % capacity,
        "The count begins at 0 although old steps were replaced. Step numbers count from the "
        "first step ever added.": lambda added, capacity: np.arange(min(added, capacity) - 1),
        "Off by one at the new end: "
        "the step before the newest can be drawn.": lambda added, capacity: drawable(
            added, capacity
        )[:-1],
    },
    "stack": {
        "The stack crosses episodes: frames of the game before are in it. Frames before the "
        "newest start are zero.": lambda memory, step: _stack(
            memory, step, begins=lambda memory, slot: False
        ),
        "Off by one: "
        "the first frame of the new game is blank too. Only frames before it are.": _first_lost,
        "Only the frame just before the start is blank. "
        "All older ones are, too.": lambda memory, step: _stack(
            memory, step, blank=lambda frames: [*frames[:-1], *(0 * f for f in frames[-1:])]
        ),
        "The newest frame comes first. It comes last.": lambda m, step: _stack(m, step)[::-1],
        "Off by one: "
        "the stack ends before the step. Its last frame is the step's own.": lambda memory, step: (
            _stack(memory, step, shift=-1)
        ),
        "Off by one: "
        "the stack ends after the step. Its last frame is the step's own.": lambda memory, step: (
            _stack(memory, step, shift=1)
        ),
        "The stack looks forward in time. "
        "It holds the step and the three before it.": lambda memory, step: _stack(
            memory, step, shift=3
        ),
        _TERMINAL: (
            lambda memory, step: _stack(
                memory, step, begins=lambda m, slot: m["terminal"][slot - 1] or m["start"][slot]
            ),
            lambda memory, step: _stack(
                memory, step, begins=lambda m, slot: m["terminal"][slot - 1]
            ),
        ),
        "The first frame of the game is repeated. Frames before it are zero.": _repeated,
        "The step number is used as a slot. "
        "The memory is a ring: use step % capacity.": lambda memory, step: memory["frame"][
            [step - 3, step - 2, step - 1, step]
        ],
        "The frames are the last axis. "
        "They are the first: [4, height, width].": lambda memory, step: np.moveaxis(
            _stack(memory, step), 0, -1
        ),
    },
    "what_followed": {
        "Terminal steps are not masked: "
        "nothing follows them, so their discount is 0.": lambda memory, steps, discount: (
            _what_followed(memory, steps, discount)[0],
            np.full(len(steps), discount),
            steps + 1,
        ),
        "The terminal mask is inverted: "
        "the discount is 0 after terminal steps only.": lambda memory, steps, discount: (
            _what_followed(memory, steps, discount)[0],
            np.where(memory["terminal"][steps % len(memory["frame"])], discount, 0),
            steps + 1,
        ),
        "Off by one: the reward is the next step's. "
        "It is stored with the step itself.": lambda memory, steps, discount: _what_followed(
            memory, steps, discount, reward_after=1
        ),
        "Off by one: whether the next step is terminal is asked. "
        "Ask the step itself.": lambda memory, steps, discount: _what_followed(
            memory, steps, discount, terminal_after=1
        ),
        "The next step is the step itself. It is one later.": lambda memory, steps, discount: (
            _what_followed(memory, steps, discount, next_after=0)
        ),
        "The next step is four later, as many as a stack has frames. It is one later: the two "
        "stacks share three frames.": lambda memory, steps, discount: _what_followed(
            memory, steps, discount, next_after=4
        ),
        "The next step is a slot of the ring. "
        "Return its step number.": lambda memory, steps, discount: (
            *_what_followed(memory, steps, discount)[:2],
            (steps + 1) % len(memory["frame"]),
        ),
        "The reward of terminal steps is lost. "
        "Only what comes after them is not counted.": lambda memory, steps, discount: (
            np.where(_what_followed(memory, steps, 1)[1], _what_followed(memory, steps, 1)[0], 0),
            *_what_followed(memory, steps, discount)[1:],
        ),
        "The step numbers are used as slots. "
        "The memory is a ring: use steps % capacity.": lambda memory, steps, discount: (
            memory["reward"][steps],
            np.where(memory["terminal"][steps], 0, discount),
            steps + 1,
        ),
    },
}

SYMPTOMS: Symptoms = {}
