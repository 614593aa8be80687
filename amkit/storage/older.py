"""Documents of earlier versions, brought up to this one: the only place that knows them."""

from collections.abc import Mapping
from typing import Any

# Settings of distillation that came later, and what stood for them before.
_SETTINGS_SINCE = {"temperature_unit": "q_values", "total_envs": None, "restart_steps": None}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Adds to a card or a run's configuration what earlier versions left out.

    Args:
        document: of any version, or of unknown origin; it stays as it is.

    Returns:
        A copy. It names its "algorithm", if the document is a training's, and has every setting of
        distillation, if it is one's.
    """
    new = dict(document)
    settings = new.get("settings")
    if isinstance(settings, dict) and "temperature" in settings:
        new["settings"] = settings | {
            name: value for name, value in _SETTINGS_SINCE.items() if name not in settings
        }
    if isinstance(settings, dict) and isinstance(settings.get("optimizer"), dict):
        rmsprop = settings["optimizer"].get("config", {})  # Of a DQN, the only kind there was.
        renamed = {"learning_rate": "learning_rate", "rho": "rho", "rms_epsilon": "epsilon"}
        new["settings"] = {key: value for key, value in settings.items() if key != "optimizer"}
        new["settings"] |= {key: rmsprop[old] for key, old in renamed.items() if old in rmsprop}
    if "algorithm" not in new:
        if new.get("kind") == "amn":
            new["algorithm"] = "actor_mimic"
        elif isinstance(settings, dict):
            replay = "replay_steps" in settings and "passes" not in settings
            new["algorithm"] = "dqn" if replay else "pqn"
    return new
