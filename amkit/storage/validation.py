"""Values from outside, checked against their types by pydantic; one line says what is wrong."""

import reprlib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic import dataclasses as pydantic_dataclasses

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def checked(kind: type[T]) -> type[T]:
    """Makes a class a frozen data class, whose fields are checked against their types.

    `dataclasses.replace` checks them anew. What is wrong is a ValueError of one line.
    """
    config = ConfigDict(
        extra="forbid", arbitrary_types_allowed=True, validate_by_name=True, validate_by_alias=True
    )
    made: Any = pydantic_dataclasses.dataclass(kind, frozen=True, kw_only=True, config=config)
    init: Callable[..., None] = made.__init__

    @wraps(init)
    def one_line_init(self: T, **values: Any) -> None:
        try:
            init(self, **values)
        except ValidationError as error:
            raise ValueError(one_line(error)) from None

    made.__init__ = one_line_init
    return cast(type[T], made)


def validated(kind: type[T], value: Any) -> T:
    """A value as one of a type, such as a list of rows; ValueError of one line if it is none."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError(one_line(error)) from None


_received = reprlib.Repr()  # Short, and not deeply nested, whatever it was.
_received.maxstring = _received.maxother = 80


def one_line(error: ValidationError) -> str:
    """Says what is wrong first: such as "steps: should be greater than 0. Received: -1"."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    says = first["msg"].removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
    if first["type"] == "missing":
        says = "is missing"
    line = " ".join((f"{place}: {says}" if place else says).split())
    return line if "Received:" in line else f"{line}. Received: {_received.repr(first['input'])}"
