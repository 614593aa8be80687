"""What this machine does per second, measured rather than assumed."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from amkit.games.atari import AtariEnvironments
from amkit.games.catalogue import Game
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


def measure_rates(
    game: Game,
    precision: str,
    jit_compile: bool,
    envs: int,
    batch_size: int,
    body: str = "nature",
    seconds: float = 0.5,
) -> Rates:
    """Measures emulation, acting and learning, about `seconds` each and the time to trace.

    Args:
        game: whose emulator.
        precision: str. Keras dtype policy.
        jit_compile: bool. XLA for the update, or the plain graph.
        envs: int. Environments stepped, and acted for, at once.
        batch_size: int. Of the updates.
        body: str. The network's, one of `networks.BODIES`.
        seconds: float.

    Returns:
        `Rates`.
    """
    return Rates(
        emulation_rate(game, envs, seconds),
        forward_rate(precision, envs, seconds, body),
        training_rate(precision, jit_compile, batch_size, seconds, body),
    )


def emulation_rate(game: Game, envs: int, seconds: float) -> float:
    """Agent steps per second of `envs` emulators under random actions, nothing else running."""
    environments = AtariEnvironments([game], envs)
    rng = np.random.default_rng(0)

    def step() -> int:
        environments.step(rng.choice(game.action_codes, envs))
        return envs

    try:
        return rate(step, seconds)
    finally:
        environments.close()


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
    found = {}
    for batch_size in (1, 64):
        forward = tf.function(network, autograph=False)
        observation = _observations(batch_size)

        def step(forward: Callable = forward, observation: tf.Tensor = observation) -> int:
            forward(observation).numpy()
            return 1

        found[str(batch_size)] = round(1000 / rate(step, seconds), 3)
    return found


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


def fastest_precision(batch_size: int = 128, seconds: float = 1.0) -> str:
    """Times forward and backward passes in float32 and in mixed bfloat16, by turns.

    Processors without bfloat16 units emulate it, slower than float32.

    Args:
        batch_size: int. Of the passes.
        seconds: float. Spent in all, after two passes of each.

    Returns:
        The Keras dtype policy whose fastest pass was faster here: what else the machine does slows
        some passes, but hardly all of one kind.
    """
    steps = {p: _updates(p, False, batch_size, "nature") for p in PRECISIONS}
    for step in steps.values():
        step(), step()
    least = dict.fromkeys(PRECISIONS, float("inf"))
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        for precision, step in steps.items():
            started = time.perf_counter()
            step()
            least[precision] = min(least[precision], time.perf_counter() - started)
    return min(least, key=least.get)


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

    @tf.function(jit_compile=jit_compile, autograph=False)
    def update():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(observation, training=True)))
        variables = network.trainable_variables
        xla.apply(optimizer, tape.gradient(loss, variables), variables)
        return loss

    def step() -> int:
        update().numpy()
        return batch_size

    return step
