"""Numbers as a page and a terminal show them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

Row = dict[str, Any]  # A row of a table: texts, numbers, `Estimate`s.


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds it with probability 0.95."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def number(value: float | None, decimals: int = 1) -> str:
    """A number: no decimals where it is whole or 1,000 and more; a dash for none."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.{decimals}f}"


def interval(estimate: Estimate | None, decimals: int = 2) -> str:
    """An estimate, such as "0.98 (0.94 to 1.01)"; a dash for none."""
    if estimate is None or math.isnan(estimate.value):
        return "-"
    value, low, high = (number(part, decimals) for part in vars(estimate).values())
    return f"{value} ({low} to {high})"


class Cells(Formatter):
    """Fills in a cell of a row, such as "{amn} ± {amn_error}", "{ratio:.0%}" or "{game:words}".

    A format that is a whole number is a number of decimals, of an estimate's parts too.
    """

    def get_field(self, name: str, args: Sequence[Any], row: Mapping[str, Any]) -> Any:
        """What stands for a name; None of "{paper.ratio}" where the paper has not the game."""
        try:
            return super().get_field(name, args, row)
        except AttributeError:
            return None, name

    def format_field(self, value: Any, style: str) -> str:
        """A value as text; a dash for none."""
        if isinstance(value, Estimate):
            return interval(value, int(style or 2))
        if isinstance(value, str):
            return value.replace("_", " ") if style == "words" else value
        if not style or style.isdecimal() or number(value) == "-":
            return number(value, int(style) if style.isdecimal() else 1)
        return format(value, style).replace("%", " %")
