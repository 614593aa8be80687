"""Small trainings on scripted environments, for tests."""

from dataclasses import replace

import keras
import numpy as np

from amkit.jobs import presets
from amkit.learning.actor_mimic import ActorMimic
from amkit.learning.distillation import Distillation
from amkit.learning.dqn import DQN, DQNTraining
from amkit.learning.pqn import PQN, PQNTraining
from amkit.networks.bodies import actor_mimic_network, multitask_convolutions, nature_dqn
from amkit.storage.experts import Expert

RNG = np.random.default_rng(0)


def compiled(learner, optimizer=None, jit_compile=False):
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    optimizer.build(learner.trainable_variables)
    learner.compile(optimizer=optimizer, jit_compile=jit_compile)
    return learner


def observations(n):
    return RNG.integers(0, 256, (n, 4, 84, 84), np.uint8)


def pqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings = presets.EXPERT["tiny"]
    learner = compiled(PQN(nature_dqn(6, normalize_features=True), [pong]), settings.optimizer())
    return PQNTraining([pong], settings, scripted([pong], settings.envs), learner, seed)


def quantile_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings = presets.EXPERT["tiny-quantile"]
    learner = settings.learner(nature_dqn(6, normalize_features=True), [pong])
    compiled(learner, settings.optimizer())
    return PQNTraining([pong], settings, scripted([pong], settings.envs), learner, seed)


def dqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings = presets.EXPERT["tiny-dqn"]
    learner = DQN(nature_dqn(6), [pong])
    compiled(learner, settings.optimizer())
    return DQNTraining([pong], settings, scripted([pong], settings.envs), learner, seed)


def distill_job(scripted, pong, breakout, seed=0, **changes):
    keras.utils.set_random_seed(seed)
    changes = {"feature_weight": 0.01, "behaviour": "student", **changes}
    settings = replace(presets.DISTILL["tiny"], **changes)
    experts = [
        Expert(pong, {}, None, nature_dqn(6)),
        Expert(breakout, {}, None, nature_dqn(18)),
    ]
    student = actor_mimic_network(settings.body, normalize_features=True)
    widths = [expert.feature_size for expert in experts]
    learner = compiled(ActorMimic(student, widths, 0.05, 0.01), settings.optimizer())
    return Distillation(experts, settings, scripted([pong, breakout], settings.envs), learner, seed)


def mdqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings, games = presets.EXPERT["tiny"], [pong, breakout]
    network = actor_mimic_network(normalize_features=True)
    learner = compiled(PQN(network, games), settings.optimizer())
    return PQNTraining(games, settings, scripted(games, settings.envs), learner, seed)


def mcdqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings, games = presets.EXPERT["tiny-dqn"], [pong, breakout]
    learner = DQN(multitask_convolutions(["pong", "breakout"]), games)
    compiled(learner, settings.optimizer())
    return DQNTraining(games, settings, scripted(games, settings.envs), learner, seed)


JOBS = {
    "pqn": pqn_job,
    "quantile": quantile_job,
    "dqn": dqn_job,
    "distill": distill_job,
    "mdqn": mdqn_job,
    "mcdqn": mcdqn_job,
}
