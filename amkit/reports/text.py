"""Numbers as a page and a terminal show them."""

import math
from dataclasses import dataclass
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


def percent(ratio: float) -> str:
    """A ratio in percent; a dash for none."""
    return "-" if math.isnan(ratio) else f"{100 * ratio:.0f} %"


def interval(estimate: Estimate | None, decimals: int = 2) -> str:
    """An estimate, such as "0.98 (0.94 to 1.01)"; a dash for none."""
    if estimate is None or math.isnan(estimate.value):
        return "-"
    value, low, high = (number(part, decimals) for part in vars(estimate).values())
    return f"{value} ({low} to {high})"
