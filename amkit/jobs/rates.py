"""What this machine does per second, measured rather than assumed."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache

import keras
import numpy as np
import tensorflow as tf

from amkit.games.catalogue import Game
from amkit.games.environments import make
from amkit.networks import xla
from amkit.networks.bodies import OBSERVATION_SHAPE, actor_mimic_network
from amkit.networks.xla import quick

PRECISIONS = ("float32", "mixed_bfloat16")


@dataclass(frozen=True)
class Rates:
    """What this machine does by itself, each per second.

    Attributes:
        emulation: agent steps of emulators alone.
        forward: observations through the network.
        training: samples through a regression update of it.
    """

    emulation: float
    forward: float
    training: float

    def seconds_per_step(self, forwards: float, samples: float) -> float:
        """Cost of one agent step that takes so many forward passes and training samples."""
        return 1 / self.emulation + forwards / self.forward + samples / self.training


@cache
def emulation_rate(game: Game, envs: int, seconds: float) -> float:
    """Agent steps per second of `envs` emulators under random actions, nothing else running."""
    rng = np.random.default_rng(0)
    with closing(make([game], envs)) as environments:

        def step() -> int:
            environments.send(rng.choice(game.action_codes, envs))
            environments.receive()
            return envs

        return rate(step, seconds)


@cache
def forward_rate(precision: str, batch_size: int, seconds: float, body: str = "nature") -> float:
    """Observations per second through a network of 18 outputs, graph mode."""
    network = quick(actor_mimic_network(body, dtype=precision))
    observation = _observations(batch_size)
    forward = tf.function(lambda: network(observation), autograph=False)

    def step() -> int:
        forward().numpy()
        return batch_size

    return rate(step, seconds)


def forward_milliseconds(network: keras.Model, seconds: float = 0.3) -> dict[str, float]:
    """Time of one forward pass, for batches of one observation and of 64: "1" and "64".

    Args:
        network: uint8 [B, 4, 84, 84] -> anything.
        seconds: float. Spent on each.
    """
    milliseconds = {}
    for batch_size in (1, 64):
        forward = tf.function(network, autograph=False)
        observation = _observations(batch_size)

        def step(
            forward: Callable[..., tf.Tensor] = forward, observation: tf.Tensor = observation
        ) -> int:
            forward(observation).numpy()
            return 1

        milliseconds[str(batch_size)] = round(1000 / rate(step, seconds), 3)
    return milliseconds


def _observations(batch_size: int) -> tf.Tensor:
    shape = (batch_size, *OBSERVATION_SHAPE)
    return tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def rate(step: Callable[[], int], seconds: float) -> float:
    """Units per second of a step that returns how many it did; two unmeasured ones first."""
    step(), step()
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        done += step()
    return done / (time.perf_counter() - begun)


@cache
def fastest(
    batch_size: int,
    precision: str | None = None,
    jit_compile: bool | None = None,
    seconds: float = 1.0,
) -> tuple[str, bool]:
    """Times updates in float32 and mixed bfloat16, as a plain graph and by XLA, by turns; once.

    Processors without bfloat16 units emulate it, slower than float32. XLA's convolutions are slower
    than the plain graph's on some processors and in large batches, and faster on others.

    Args:
        batch_size: int. Of the updates.
        precision: str. Keras dtype policy; None is to be chosen.
        jit_compile: bool. XLA, or the plain graph; None is to be chosen.
        seconds: float. Spent in all, after two updates of each.

    Returns:
        (precision, jit_compile) whose fastest update was fastest here: what else the machine does
        slows some updates, but hardly all of one kind.
    """
    candidates = [
        (dtype, xla)
        for dtype in ([precision] if precision else PRECISIONS)
        for xla in ((False, True) if jit_compile is None else (jit_compile,))
    ]
    steps = {way: _updates(*way, batch_size, "nature") for way in candidates}
    for step in steps.values():
        step(), step()
    least = dict.fromkeys(steps, float("inf"))
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for way, step in steps.items():
            before = time.perf_counter()
            step()
            least[way] = min(least[way], time.perf_counter() - before)
    return min(least, key=lambda way: least[way])


@cache
def training_rate(
    precision: str, jit_compile: bool, batch_size: int, seconds: float, body: str = "nature"
) -> float:
    """Rate of regression updates of a network of 18 outputs.

    Args:
        precision: str. Keras dtype policy.
        jit_compile: bool. XLA, or the plain graph.
        batch_size: int.
        seconds: float. Measured after two unmeasured updates.
        body: str. The network's, one of `networks.BODIES`.

    Returns:
        Training samples per second.
    """
    return rate(_updates(precision, jit_compile, batch_size, body), seconds)


def _updates(precision: str, jit_compile: bool, batch_size: int, body: str) -> Callable[[], int]:
    """An update, which returns its number of samples."""
    network = quick(actor_mimic_network(body, dtype=precision))
    optimizer = keras.optimizers.Adam()
    optimizer.build(network.trainable_variables)
    observation = _observations(batch_size)

    def update() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(observation, training=True)))
        variables = network.trainable_variables
        xla.apply(optimizer, tape.gradient(loss, variables), variables)
        return loss

    compiled = tf.function(update, jit_compile=jit_compile, autograph=False)

    def step() -> int:
        compiled().numpy()
        return batch_size

    return step
