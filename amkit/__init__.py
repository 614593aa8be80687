"""amkit: Actor-Mimic (Parisotto, Ba, Salakhutdinov, ICLR 2016) in Keras.

`import amkit` is quick: TensorFlow is loaded by the first name that needs it.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> the module it lives in.
_MODULES = {
    "ActorMimic": "learning.actor_mimic",
    "Distillation": "learning.distillation",
    "DistillSettings": "learning.distillation",
    "DQN": "learning.dqn",
    "DQNSettings": "learning.dqn",
    "GAMES": "games.catalogue",
    "PQN": "learning.pqn",
    "PQNSettings": "learning.pqn",
    "PROTOCOLS": "evaluation.protocols",
    "SPLITS": "games.catalogue",
    "actor_mimic_network": "networks.bodies",
    "evaluate_game": "evaluation.whole_games",
    "find_game": "games.atari",
    "load_experts": "storage.experts",
    "load": "storage.keras_files",
    "read_card": "storage.cards",
    "save": "storage.models",
    "nature_dqn": "networks.bodies",
    "multitask_convolutions": "networks.bodies",
    "over_all_actions": "networks.actions",
    "random_network": "evaluation.whole_games",
    "policy_regression": "learning.losses",
    "feature_regression": "learning.losses",
}

__all__ = [*sorted(_MODULES)]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'amkit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"amkit.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
