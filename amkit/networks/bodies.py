"""The paper's networks: expert DQN, Actor-Mimic network (AMN), and the multitask baseline MCDQN.

Each function returns a plain functional Keras model of stock layers, which a saved file loads as
with Keras alone. It takes uint8 [B, 4, 84, 84], what ale-py and Gymnasium's frame stack hand out,
and names its pre-output layer `features`. Nothing depends on Keras's global configuration: every
layer says its data format and dtype.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras

from amkit.games.catalogue import NUM_ACTIONS

OBSERVATION_SHAPE = (4, 84, 84)
BodyName = Literal["nature", "wide", "transfer", "transfer-code"]

# Layers that other code finds by name.
MAPS, FEATURES, OUTPUT = "flatten", "features", "output"


@dataclass(frozen=True)
class Body:
    """Layers between observation and output.

    Attributes:
        convolutions: (filters, kernel size, stride) of each.
        hidden_units: of the dense layers; the last are the features.
        padding: pixels of zero around the first convolution's input.
    """

    convolutions: tuple[tuple[int, int, int], ...]
    hidden_units: tuple[int, ...]
    padding: int = 0


BODIES: dict[str, Body] = {
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
        num_actions: int. Outputs, one Q-value per action.
        normalize_features: bool. Layer-normalise the 512 features before their ReLU, and begin with
            outputs of zero. It lets Q-learning do without a target network (Gallici et al. 2024).
        background: float in [0, 255]. Luminance that the first layer sees as zero. On a bright
            background all weights of a filter are pushed the same way, and many filters die.
        dtype: str or None. Keras dtype policy of all layers but the last, which stays float32; None
            means float32.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, num_actions] Q-values.

    Example:
        >>> import amkit
        >>> expert = amkit.nature_dqn(amkit.GAMES["pong"].num_actions)
        >>> expert.output.shape, expert.get_layer("features").output.shape
        ((None, 6), (None, 512))
    """
    return _network("nature_dqn", "nature", num_actions, normalize_features, background, dtype)


def actor_mimic_network(
    body: str = "nature",
    *,
    normalize_features: bool = False,
    background: float = 0,
    dtype: str | None = None,
) -> keras.Model:
    """An AMN: by default with one expert's body and 18 outputs (section 5.1, App. C).

    Args:
        body: str. One of `BODIES`; those for transfer are larger (App. D).
        normalize_features, background, dtype: as in `nature_dqn`.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, 18] logits.

    Raises:
        ValueError: if the body is none of `BODIES`.

    Example:
        >>> import amkit, numpy as np
        >>> student = amkit.actor_mimic_network()
        >>> student(np.zeros((1, 4, 84, 84), np.uint8)).shape
        TensorShape([1, 18])
    """
    return _network("actor_mimic", body, NUM_ACTIONS, normalize_features, background, dtype)


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

    Example:
        >>> import amkit
        >>> amkit.multitask_convolutions(["pong", "breakout"]).output.shape
        (None, 36)
    """
    body = BODIES["nature"]
    observation, maps = _convolutional(body, background, dtype)
    q_values = [
        _head(maps, body.hidden_units, NUM_ACTIONS, normalize_features, dtype, name)
        for name in game_names
    ]
    outputs = keras.layers.Concatenate(name=OUTPUT, dtype="float32")(q_values)
    return keras.Model(observation, outputs, name="multitask_convolutions")


def layer_of(name: str, game_name: str) -> str:
    """What the layer that other networks call `name` is called in a game's part of an MCDQN."""
    return f"{name}_{game_name}"


def _network(
    name: str,
    body: str,
    outputs: int,
    normalize_features: bool,
    background: float,
    dtype: str | None,
) -> keras.Model:
    """Convolutions, dense layers, a linear output kept in float32."""
    if body not in BODIES:
        raise ValueError(f"body is one of {', '.join(BODIES)}. Received: {body!r}")
    observation, maps = _convolutional(BODIES[body], background, dtype)
    values = _head(maps, BODIES[body].hidden_units, outputs, normalize_features, dtype)
    return keras.Model(observation, values, name=name)


def _convolutional(
    body: Body, background: float, dtype: str | None
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input, and what the convolutions make of it, flat."""
    layers = keras.layers
    dtype = dtype or "float32"  # None would mean whatever Keras is configured to.
    last = "channels_last"
    observation = keras.Input(OBSERVATION_SHAPE, dtype="uint8", name="observation")
    # Rescaled first: a CPU transposes floats faster than bytes.
    x = layers.Rescaling(1 / 255, -background / 255, name="rescaling", dtype=dtype)(observation)
    x = layers.Permute((2, 3, 1), name=last, dtype=dtype)(x)
    if body.padding:
        x = layers.ZeroPadding2D(body.padding, last, name="padding", dtype=dtype)(x)
    for i, (filters, kernel_size, strides) in enumerate(body.convolutions, start=1):
        x = layers.Conv2D(
            filters,
            kernel_size,
            strides,
            data_format=last,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"conv{i}",
            dtype=dtype,
        )(x)
    return observation, layers.Flatten(last, name=MAPS, dtype=dtype)(x)


def _head(
    x: keras.KerasTensor,
    hidden_units: Sequence[int],
    outputs: int,
    normalize_features: bool,
    dtype: str | None,
    game_name: str | None = None,
) -> keras.KerasTensor:
    """Dense layers and a linear output; the name tells several games' layers apart."""
    layers = keras.layers
    dtype = dtype or "float32"

    def named(name: str) -> str:
        return layer_of(name, game_name) if game_name else name

    for i, units in enumerate(hidden_units, start=1):
        to_normalize = normalize_features and i == len(hidden_units)
        are_features = not normalize_features and i == len(hidden_units)
        x = layers.Dense(
            units,
            activation=None if to_normalize else "relu",
            kernel_initializer="he_normal",
            name=named(FEATURES if are_features else f"hidden{i}"),
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
