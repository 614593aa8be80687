"""Values from outside, checked against their types by pydantic; one line says what is wrong."""

import reprlib
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

_received = reprlib.Repr()  # Short, and not deeply nested, whatever it was.
_received.maxstring = _received.maxother = 80


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def validated(kind: Any, value: Any, strict: bool | None = None) -> Any:
    """Checks a value and converts it to a type.

    Args:
        kind: a pydantic model or data class, a `TypedDict`, or any other type that pydantic knows.
        value: what was received, such as a dictionary read from JSON.
        strict: bool. Whether a number has to be a number already: "3" and true are none.

    Returns:
        The value, as that type has it.

    Raises:
        ValueError: one line that names the first part that is wrong, what is valid and what was
            received.
    """
    try:
        return _adapter(kind).validate_python(value, strict=strict)
    except ValidationError as error:
        raise ValueError(one_line(error)) from None


def one_line(error: ValidationError) -> str:
    """Says what is wrong first: such as "steps: should be greater than 0. Received: -1"."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    says = first["msg"].removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
    if first["type"] == "missing":
        says = "is missing"
    line = " ".join((f"{place}: {says}" if place else says).split())
    return line if "Received:" in line else f"{line}. Received: {_received.repr(first['input'])}"
