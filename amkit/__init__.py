"""amkit: Actor-Mimic (Parisotto, Ba, Salakhutdinov, ICLR 2016) in Keras.

`import amkit` is quick: TensorFlow is loaded by the first name that needs it.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> the room it lives in.
_ROOMS = {
    "ActorMimic": "actor_mimic",
    "Distillation": "distillation",
    "DistillSettings": "distillation",
    "DQN": "dqn",
    "DQNSettings": "dqn",
    "GAMES": "games",
    "PQN": "pqn",
    "PQNSettings": "pqn",
    "PROTOCOLS": "evaluation",
    "SPLITS": "games",
    "actor_mimic_network": "networks",
    "evaluate_game": "evaluation",
    "find_game": "atari",
    "load_experts": "experts",
    "load": "model_files",
    "read_card": "model_files",
    "save": "model_files",
    "nature_dqn": "networks",
    "multitask_convolutions": "networks",
    "over_all_actions": "networks",
    "random_network": "evaluation",
    "policy_regression": "losses",
    "feature_regression": "losses",
}

__all__ = [*sorted(_ROOMS)]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'amkit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"amkit.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
