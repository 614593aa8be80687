"""The algorithms by name: one row for each. A new one is a file of `learning`, a row, a preset."""

from collections.abc import Callable
from typing import Any, NamedTuple

from amkit.learning.distillation import Distillation, DistillSettings
from amkit.learning.dqn import DQNSettings, DQNTraining
from amkit.learning.job import Settings, Training
from amkit.learning.pqn import PQNSettings, PQNTraining
from amkit.learning.quantile_pqn import QuantilePQNSettings


class Cost(NamedTuple):
    """What one agent step of a training takes, beside emulation."""

    acting: float  # Forward passes of the network that learns.
    asking: float  # Forward passes of an expert.
    samples: float  # Of the training.
    replay_values: int | None = None  # Of four bytes, kept with each frame; None without a memory.

    def seconds(self, emulation: float, acting: float, asking: float, training: float) -> float:
        """Time of a step, were it only its parts, of which a machine does so many a second."""
        learning = self.acting / acting + self.asking / asking + self.samples / training
        return 1 / emulation + learning


class Algorithm(NamedTuple):
    """What trains a network."""

    settings: type[Settings]
    training: Callable[..., Training]  # Plays and learns.
    cost: Callable[[Any], Cost]  # Of a step.
    # Whether its networks have normalised features, for want of a target network; None where the
    # settings say so.
    normalize_features: bool | None


def _dqn_cost(settings: DQNSettings) -> Cost:
    samples = settings.batch_size / settings.update_period_steps
    # The target network is evaluated too: a third of an update's work. Kept are five values.
    return Cost(1, 0, samples * 4 / 3, 5)


def _pqn_cost(settings: PQNSettings) -> Cost:
    return Cost(1, 0, settings.passes)


def _distillation_cost(settings: DistillSettings) -> Cost:
    acting = {"expert": 0.0, "both": 0.5, "student": 1.0}[settings.behaviour]
    features = 512 // 2 if settings.feature_weight else 0  # In half precision.
    samples = settings.batch_size / settings.update_period_steps
    return Cost(acting, 1, samples, 18 + 5 + features)


ALGORITHMS = {
    "dqn": Algorithm(DQNSettings, DQNTraining, _dqn_cost, normalize_features=False),
    "pqn": Algorithm(PQNSettings, PQNTraining, _pqn_cost, normalize_features=True),
    "quantile_pqn": Algorithm(QuantilePQNSettings, PQNTraining, _pqn_cost, normalize_features=True),
    "actor_mimic": Algorithm(
        DistillSettings, Distillation, _distillation_cost, normalize_features=None
    ),
}


def name_of(settings: Settings) -> str:
    """The name of the algorithm that settings are of."""
    return next(name for name, row in ALGORITHMS.items() if type(settings) is row.settings)
