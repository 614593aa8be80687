"""Named settings: the data of `presets.toml`, checked."""

import tomllib
from pathlib import Path
from typing import Any

from amkit.jobs.algorithms import ALGORITHMS

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _row(command: str, name: str) -> dict[str, Any]:
    row = dict(_TABLES[command][name])
    base = _row(*row.pop("like").split(".")) if "like" in row else {}
    return {**base, **dict.fromkeys(row.pop("without", ())), **row}


def _settings(command: str) -> dict[str, Any]:
    """Preset -> the settings of its algorithm."""
    rows = {name: _row(command, name) for name in _TABLES[command]}
    for row in rows.values():
        row.pop("minutes", None)
    return {name: ALGORITHMS[row.pop("algorithm")].settings(**row) for name, row in rows.items()}


EXPERT = _settings("expert")
BASELINE = _settings("baseline")
TRANSFER = _settings("transfer")
DISTILL = _settings("distill")
# Preset -> minutes of a distillation, where neither they nor its steps are asked for.
DISTILL_MINUTES: dict[str, float | None] = {
    name: _row("distill", name).get("minutes") for name in DISTILL
}
RUN: dict[str, dict[str, Any]] = _TABLES["run"]  # Name of a preset -> what else goes with it.
ZOO: dict[str, dict[str, Any]] = _TABLES["zoo"]  # Game -> its preset and steps, if not `laptop`'s.
