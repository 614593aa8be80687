"""Pickles read as data: nothing that a file names is imported, and nothing is ever called.

Python's own unpickler calls what a file tells it to. Even one that refuses most names hashes and
compares nested tuples, for years if a file wants it, and reserves memory for a memo of any length.
This reader knows the few instructions that files of weights have, and a fixed list of names.
"""

import pickletools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from amkit.storage.cards import ModelFileError

_MAX_INSTRUCTIONS = 1_000_000
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

Read = Callable[[Sequence[Any]], Any]  # From the arguments of a name to the value it stands for.


class Named(NamedTuple):
    """A name that the reader knows: what it stands for, or how its value is read."""

    name: str
    meaning: Read | str


class Stateful:
    """A value to which a file may add a state; as it stands, one whose state is not needed."""

    def set_state(self, state: Any) -> None:
        """Takes what of the state is needed."""


class Mapped(dict[Any, Any], Stateful):
    """A dictionary that was pickled as an object of its own."""


class Ignored(Stateful):
    """An object that is not needed, such as an optimizer's state."""


def ordered_dict(arguments: Sequence[Any]) -> Mapped:
    """`collections.OrderedDict`, empty or of a list of pairs."""
    pairs = arguments[0] if arguments else []
    mapped = Mapped()
    for key, value in pairs:
        mapped[_key(key)] = value
    return mapped


def read(
    stream: BinaryIO,
    names: Mapping[str, Read | str],
    storage: Callable[[Any], Any] | None = None,
    inert: Sequence[str] = (),
) -> Any:
    """Reads one pickle, and leaves the stream behind it.

    Args:
        stream: at the pickle's first byte.
        names: those that it may hold, "module.name", and how each is read.
        storage: reads what a persistent id stands for; None refuses them.
        inert: beginnings of further names, whose objects become `Ignored`.

    Raises:
        ModelFileError: if it names anything else, or has an instruction that weights do not need.
    """
    return _Machine(names, storage, inert).run(stream)


def _key(key: object) -> str | int:
    """A key of a dictionary. Tuples are none: to hash nested ones may take for ever."""
    if not isinstance(key, str | int):
        raise ModelFileError(f"keys must be text or whole numbers. Received: {type(key).__name__}")
    return key


class _Machine:
    """The stack, the marks on it and the memo of one pickle."""

    def __init__(
        self,
        names: Mapping[str, Read | str],
        storage: Callable[[Any], Any] | None,
        inert: Sequence[str],
    ) -> None:
        self._names, self._storage, self._inert = names, storage, tuple(inert)
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # What is under each mark.
        self._memo: dict[int, Any] = {}

    def run(self, stream: BinaryIO) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > _MAX_INSTRUCTIONS:
                raise ModelFileError("the pickle is larger than a file of weights")
            if opcode.name == "STOP":
                return self._stack.pop()
            self._step(opcode.name, argument)
        raise ModelFileError("the file is cut")

    def _step(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        if opcode in _VALUES:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _TUPLES:
            stack.append(tuple(self._popped(_TUPLES[opcode])))
        elif opcode in ("EMPTY_DICT", "EMPTY_LIST"):
            stack.append({} if opcode == "EMPTY_DICT" else [])
        elif opcode in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if argument is None else argument] = stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif opcode == "MARK":
            self._below.append(stack)
            self._stack = []
        elif opcode not in ("PROTO", "FRAME"):
            self._build(opcode, argument)

    def _build(self, opcode: str, argument: Any) -> None:
        """Instructions that make a value of others."""
        match opcode:
            case "TUPLE":
                value = tuple(self._marked())
                self._stack.append(value)
            case "APPEND" | "APPENDS":
                values = self._popped(1) if opcode == "APPEND" else self._marked()
                if not isinstance(self._stack[-1], list):
                    raise ModelFileError("the pickle adds to a value that is not a list")
                self._stack[-1].extend(values)
            case "SETITEM" | "SETITEMS":
                values = self._popped(2) if opcode == "SETITEM" else self._marked()
                if not isinstance(self._stack[-1], dict):
                    raise ModelFileError(
                        "the pickle sets items of a value that is not a dictionary"
                    )
                for key, value in zip(values[::2], values[1::2], strict=True):
                    self._stack[-1][_key(key)] = value
            case "GLOBAL":
                self._stack.append(self._named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                self._stack.append(self._named(*self._popped(2)))
            case "REDUCE" | "NEWOBJ":
                named, arguments = self._popped(2)
                if not isinstance(named, Named) or not callable(named.meaning):
                    raise ModelFileError("the pickle calls a value that is not a function")
                self._stack.append(named.meaning(arguments))
            case "BUILD":
                (state,) = self._popped(1)
                if not isinstance(self._stack[-1], Stateful):
                    raise ModelFileError("the pickle sets the state of a value without state")
                self._stack[-1].set_state(state)
            case "BINPERSID" if self._storage is not None:
                self._stack.append(self._storage(*self._popped(1)))
            case _:
                raise ModelFileError(f"the pickle does more than hold weights: {opcode}")

    def _named(self, module: str, name: str) -> Named:
        full = f"{module}.{name}"
        if full in self._names:
            return Named(full, self._names[full])
        if full.startswith(self._inert) and self._inert:
            return Named(full, lambda arguments: Ignored())
        raise ModelFileError(
            f"the pickle would run code that weights do not need. Received: {full:.80}"
        )

    def _popped(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ModelFileError("the pickle takes more from its stack than the stack holds")
        cut = len(self._stack) - count
        values = self._stack[cut:]
        del self._stack[cut:]
        return values

    def _marked(self) -> list[Any]:
        values, self._stack = self._stack, self._below.pop()
        return values
