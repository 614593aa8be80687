"""What this machine is, and what it does per second, measured rather than assumed."""

import os
import platform
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Literal, get_args

import keras
import numpy as np
import tensorflow as tf

from amkit import __version__
from amkit.games.catalogue import Game
from amkit.games.environments import make
from amkit.networks import xla
from amkit.networks.bodies import OBSERVATION_SHAPE, actor_mimic_network
from amkit.networks.xla import quick

Precision = Literal["float32", "mixed_bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
_PACKAGES = ("tensorflow", "keras", "ale-py", "gymnasium", "numpy")


def machine() -> dict[str, str | int]:
    """This machine and its versions, for a run's configuration and a model's card."""
    cpuinfo = Path("/proc/cpuinfo")  # Linux alone tells the model; elsewhere the family must do.
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(affinity(0)) if affinity else os.cpu_count() or 1,
        "python": platform.python_version(),
        "amkit": __version__,
        **{package: version(package) for package in _PACKAGES},
    }


def rate(step: Callable[[], int], seconds: float) -> float:
    """Units per second of a step that returns how many it did; two unmeasured ones first."""
    step(), step()
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        done += step()
    return done / (time.perf_counter() - begun)


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
def emulator_seconds(game: Game, count: int = 8) -> float:
    """Seconds to start an emulator, one of several."""
    begun = time.perf_counter()
    make([game], count).close()
    return (time.perf_counter() - begun) / count


@cache
def forward_rate(precision: str, batch_size: int, seconds: float, body: str = "nature") -> float:
    """Observations per second through a network of 18 outputs, graph mode."""
    network = quick(actor_mimic_network(body, dtype=precision))
    return rate(_forward(network, batch_size), seconds)


def forward_milliseconds(network: keras.Model, seconds: float = 0.3) -> dict[str, float]:
    """Milliseconds of a forward pass of 1 and of 64 observations: "1" and "64"."""
    rates = {size: rate(_forward(network, size), seconds) for size in (1, 64)}
    return {str(size): round(1000 * size / rate, 3) for size, rate in rates.items()}


@cache
def training_rate(
    precision: str, jit_compile: bool, batch_size: int, seconds: float, body: str = "nature"
) -> float:
    """Samples per second of regression updates of a network of 18 outputs."""
    return rate(_updates(precision, jit_compile, batch_size, body), seconds)


@cache
def fastest(
    batch_size: int,
    precision: Precision | None = None,
    jit_compile: bool | None = None,
    seconds: float = 1.0,
) -> tuple[Precision, bool]:
    """Times updates in float32 and mixed bfloat16, as a plain graph and by XLA, by turns; once.

    Processors without bfloat16 units emulate it, many times slower than float32: there only float32
    is tried. XLA's convolutions are slower than the plain graph's in large batches, and faster in
    small ones on some processors.

    Args:
        batch_size: of the updates.
        precision: Keras dtype policy; None is to be chosen.
        jit_compile: XLA, or the plain graph; None is to be chosen.
        seconds: spent in all, after two updates of each.

    Returns:
        (precision, jit_compile) whose fastest update was fastest here: what else the machine does
        slows some updates, but hardly all of one kind.
    """
    dtypes = (precision,) if precision else PRECISIONS if _bfloat16_is_faster() else ("float32",)
    by_xla = (False, True) if jit_compile is None else (jit_compile,)
    steps = {way: _updates(*way, batch_size, "nature") for way in product(dtypes, by_xla)}
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


def _bfloat16_is_faster() -> bool:
    """Whether a convolution learns faster in bfloat16 than in float32: a fraction of a second."""
    seconds = {}
    for dtype in (tf.float32, tf.bfloat16):
        maps, kernel = tf.ones((32, 20, 20, 32), dtype), tf.ones((4, 4, 32, 64), dtype)
        seconds[dtype] = float("inf")
        for _ in range(3):
            begun = time.perf_counter()
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                convolved = tf.nn.conv2d(maps, kernel, 2, "VALID")
            tape.gradient(convolved, kernel).numpy()
            seconds[dtype] = min(seconds[dtype], time.perf_counter() - begun)
    return seconds[tf.bfloat16] < seconds[tf.float32]


def _forward(network: keras.Model, batch_size: int) -> Callable[[], int]:
    observation = _observations(batch_size)
    return _step(lambda: network(observation), batch_size)


def _updates(precision: str, jit_compile: bool, batch_size: int, body: str) -> Callable[[], int]:
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

    return _step(update, batch_size, jit_compile)


def _observations(batch_size: int) -> tf.Tensor:
    shape = (batch_size, *OBSERVATION_SHAPE)
    return tf.constant(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def _step(
    compute: Callable[[], tf.Tensor], batch_size: int, jit_compile: bool = False
) -> Callable[[], int]:
    """What `rate` measures, of a batch: it ends when the result is there."""
    compiled = tf.function(compute, jit_compile=jit_compile, autograph=False)

    def step() -> int:
        compiled().numpy()
        return batch_size

    return step
