"""Documents of earlier versions, brought up to this one: the only place that knows them."""

from collections.abc import Mapping
from typing import Any

# Settings of distillation that came later, and what stood for them before.
_SETTINGS_SINCE = {
    "temperature_unit": "q_values",
    "total_envs": None,
    "total_replay_steps": None,
    "restart_steps": None,
}
# Settings of a DQN, and what they were in its optimizer, RMSProp, the only kind there was.
_RMSPROP = {"learning_rate": "learning_rate", "rho": "rho", "rms_epsilon": "epsilon"}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a card or a run's configuration, with what earlier versions left out.

    It names its "algorithm", if the document, which is of any version or of unknown origin, is a
    training's, and has every setting of distillation, if it is one's.
    """
    new = dict(document)
    settings = new.get("settings")
    if not isinstance(settings, dict):
        settings = None
    elif "temperature" in settings:
        new["settings"] = {**settings, **_SETTINGS_SINCE, **settings}
        new["settings"].pop("total_steps", None)  # Was divided among the games beforehand.
    elif isinstance(optimizer := settings.get("optimizer"), dict):
        rmsprop = optimizer.get("config", {})
        new["settings"] = {key: value for key, value in settings.items() if key != "optimizer"}
        new["settings"] |= {key: rmsprop[old] for key, old in _RMSPROP.items() if old in rmsprop}
    if "algorithm" not in new:
        if new.get("kind") == "amn":
            new["algorithm"] = "actor_mimic"
        elif settings is not None:
            replay = "replay_steps" in settings and "passes" not in settings
            new["algorithm"] = "dqn" if replay else "pqn"
    return new
