"""The paper's networks: expert DQN, Actor-Mimic network (AMN), and the multitask baseline MCDQN.

Each is a functional Keras model of stock layers, which Keras alone can load. It takes uint8
[B, 4, 84, 84], as ale-py and Gymnasium stack frames, and its pre-output layer is called `features`.
Every layer says its data format and dtype: nothing depends on Keras's global configuration.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal, NamedTuple

import keras

from amkit.games.catalogue import NUM_ACTIONS

OBSERVATION_SHAPE = (4, 84, 84)
BodyName = Literal["small", "nature", "wide", "transfer", "transfer-code"]

# Layers that other code finds by name.
MAPS, FEATURES, OUTPUT = "flatten", "features", "output"


class Body(NamedTuple):
    """Layers between observation and output."""

    convolutions: tuple[tuple[int, int, int], ...]  # (filters, kernel size, stride) of each.
    hidden_units: tuple[int, ...]  # Of the dense layers; the last are the features.
    padding: int = 0  # Pixels of zero around the first convolution's input.
    same: bool = False  # Whether every convolution pads as TensorFlow's "same" does.
    divisor: float = 255  # Of the pixels.


BODIES: dict[str, Body] = {
    # Half of the maps: less than half of the work, for a training of few minutes.
    "small": Body(((16, 8, 4), (32, 4, 2), (32, 3, 1)), (512,)),
    # Mnih et al. 2015, and the multitask AMN of section 5.1.
    "nature": Body(((32, 8, 4), (64, 4, 2), (64, 3, 1)), (512,)),
    # Twice as wide throughout: about three times the work.
    "wide": Body(((64, 8, 4), (128, 4, 2), (128, 3, 1)), (512,)),
    # The transfer AMN as App. D states it.
    "transfer": Body(((256, 8, 4), (512, 4, 2), (512, 3, 1), (512, 3, 1)), (2048,)),
    # The same as the authors' code has it.
    "transfer-code": Body(
        ((256, 8, 4), (512, 4, 2), (512, 3, 1), (512, 3, 1)), (2048, 1024), padding=1
    ),
}


def nature_dqn(
    num_actions: int,
    *,
    normalize_features: bool = False,
    background: float = 0,
    dtype: str | None = None,
) -> keras.Model:
    """The network of Mnih et al. 2015, the paper's expert.

    Args:
        num_actions: outputs, one Q-value per action.
        normalize_features: whether the 512 features are layer-normalised before their ReLU, and
            outputs begin at zero. It lets Q-learning do without a target network (Gallici et al.
            2024).
        background: in [0, 255]. Luminance that the first layer sees as zero. On a bright background
            all weights of a filter are pushed the same way, and many filters die.
        dtype: Keras dtype policy of all layers but the last, which stays float32; None is float32.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, num_actions] Q-values.

    Examples:
        >>> import amkit
        >>> expert = amkit.nature_dqn(amkit.GAMES["pong"].num_actions)
        >>> expert.output.shape, expert.get_layer("features").output.shape
        ((None, 6), (None, 512))
    """
    style = (normalize_features, background, dtype)
    return _network("nature_dqn", BODIES["nature"], num_actions, *style)


def other_dqn(body: Body, num_actions: int) -> keras.Model:
    """A DQN made elsewhere, of another body than `nature_dqn` has.

    Args:
        body: its layers.
        num_actions: outputs, one Q-value per action.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, num_actions] Q-values.
    """
    return _network("dqn", body, num_actions, False, 0, None)


def actor_mimic_network(
    body: str = "nature",
    *,
    normalize_features: bool = False,
    background: float = 0,
    dtype: str | None = None,
) -> keras.Model:
    """An AMN: by default with one expert's body and 18 outputs (section 5.1, App. C).

    Args:
        body: one of `BODIES`, else ValueError; those for transfer are larger (App. D).
        normalize_features, background, dtype: as in `nature_dqn`.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, 18] logits.

    Examples:
        >>> import amkit, numpy as np
        >>> student = amkit.actor_mimic_network()
        >>> student(np.zeros((1, 4, 84, 84), np.uint8)).shape
        TensorShape([1, 18])
    """
    if body not in BODIES:
        raise ValueError(f"body must be one of {', '.join(BODIES)}. Received: {body!r}")
    return _network("actor_mimic", BODIES[body], NUM_ACTIONS, normalize_features, background, dtype)


def multitask_convolutions(
    game_names: Sequence[str],
    *,
    normalize_features: bool = False,
    background: float = 0,
    dtype: str | None = None,
) -> keras.Model:
    """The MCDQN of App. C: shared convolutions, then 512 units and 18 outputs for each game.

    Args:
        game_names: of the G games.
        normalize_features, background, dtype: as in `nature_dqn`.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, G * 18]: Q-values for every
        game, in order. See `actions.for_games` and `actions.for_game`.

    Examples:
        >>> import amkit
        >>> amkit.multitask_convolutions(["pong", "breakout"]).output.shape
        (None, 36)
    """
    name, style = "multitask_convolutions", (normalize_features, background, dtype)
    return _network(name, BODIES["nature"], NUM_ACTIONS, *style, game_names)


def layer_of(name: str, game_name: str | None) -> str:
    """What the layer that other networks call `name` is called in a game's part of an MCDQN."""
    return f"{name}_{game_name}" if game_name else name


def _network(
    name: str,
    body: Body,
    outputs: int,
    normalize_features: bool,
    background: float,
    dtype: str | None,
    heads: Sequence[str | None] = (None,),
) -> keras.Model:
    """Convolutions, then dense layers and outputs for each head: the only one, or a game's own."""
    layers = keras.layers
    dtype = dtype or "float32"  # None would mean whatever Keras is configured to.
    last = "channels_last"
    observation = keras.Input(OBSERVATION_SHAPE, dtype="uint8", name="observation")
    # Rescaled first: a CPU transposes floats faster than bytes.
    scale, offset = 1 / body.divisor, -background / body.divisor
    x = layers.Rescaling(scale, offset, name="rescaling", dtype=dtype)(observation)
    x = layers.Permute((2, 3, 1), name=last, dtype=dtype)(x)
    if body.padding:
        x = layers.ZeroPadding2D(body.padding, last, name="padding", dtype=dtype)(x)
    for i, (filters, kernel_size, strides) in enumerate(body.convolutions, start=1):
        x = layers.Conv2D(
            filters,
            kernel_size,
            strides,
            "same" if body.same else "valid",
            data_format=last,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"conv{i}",
            dtype=dtype,
        )(x)
    maps = layers.Flatten(last, name=MAPS, dtype=dtype)(x)
    values = [
        _head(maps, body.hidden_units, outputs, normalize_features, dtype, game_name)
        for game_name in heads
    ]
    if None not in heads:
        values = [layers.Concatenate(name=OUTPUT, dtype="float32")(values)]
    return keras.Model(observation, values[0], name=name)


def _head(
    x: keras.KerasTensor,
    hidden_units: Sequence[int],
    outputs: int,
    normalize_features: bool,
    dtype: str,
    game_name: str | None,
) -> keras.KerasTensor:
    """Dense layers and a linear output, kept in float32."""
    layers = keras.layers
    named = partial(layer_of, game_name=game_name)
    for i, units in enumerate(hidden_units, start=1):
        last = i == len(hidden_units)
        x = layers.Dense(
            units,
            activation=None if normalize_features and last else "relu",
            kernel_initializer="he_normal",
            name=named(FEATURES if last and not normalize_features else f"hidden{i}"),
            dtype=dtype,
        )(x)
    if normalize_features:
        # A student that begins as an expert has features of variance 0.0007 here, which Keras's own
        # epsilon, 1e-3, would swallow (`transfer.initialise_student`).
        x = layers.LayerNormalization(epsilon=1e-5, name=named("normalization"), dtype=dtype)(x)
        x = layers.Activation("relu", name=named(FEATURES), dtype=dtype)(x)
    # Of normalised features an ordinary start would make outputs far larger than Q-values are.
    start = "zeros" if normalize_features else "glorot_uniform"
    return layers.Dense(outputs, kernel_initializer=start, name=named(OUTPUT), dtype="float32")(x)
