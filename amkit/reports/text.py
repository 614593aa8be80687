"""Numbers as a table shows them."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from amkit.reports.statistics import Estimate


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; an `Estimate` becomes three columns."""
    flat = []
    for row in rows:
        columns: dict[str, Any] = {}
        for key, value in row.items():
            if isinstance(value, Estimate):
                columns |= {key: value.value, f"{key}_low": value.low, f"{key}_high": value.high}
            elif key == "paper":
                columns |= (
                    {f"paper_{name}": part for name, part in vars(value).items()} if value else {}
                )
            else:
                columns[key] = value
        flat.append(columns)
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(key for row in flat for key in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def number(value: float | None, decimals: int = 1) -> str:
    """A number for a table: no decimals where it is whole or 1,000 and more; a dash for none."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return (
        f"{value:,.0f}"
        if isinstance(value, int) or abs(value) >= 1000
        else f"{value:,.{decimals}f}"
    )


def percent(ratio: float) -> str:
    """A ratio for a table; a dash for none."""
    return "-" if math.isnan(ratio) else f"{100 * ratio:.0f} %"


def interval(estimate: Estimate, decimals: int = 2) -> str:
    """An estimate for a table, such as "0.98 (0.94 to 1.01)"; a dash for none."""
    if math.isnan(estimate.value):
        return "-"
    value, low, high = (
        number(part, decimals) for part in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} ({low} to {high})"


def with_error(value: float, error: float | None) -> str:
    """A mean and its standard error for a table, such as "229.8 ± 9.5"."""
    return f"{number(value)} ± {number(error)}"


def machine_of(card: Mapping[str, Any]) -> str:
    """What a run was on, such as "2 cores of AMD EPYC"."""
    machine = card.get("machine", {})
    cores = machine.get("cores")
    return f"{cores} {'core' if cores == 1 else 'cores'} of {machine.get('processor')}"
