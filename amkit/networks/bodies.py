"""The networks of the paper: functions that return plain functional Keras models of stock layers.

Every network takes uint8 [B, 4, 84, 84], what ale-py and Gymnasium's frame stack hand out, and
names its pre-output layer `features` (an MCDQN's are `features_<game>`). A saved network loads with
Keras alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras

from amkit.games.catalogue import NUM_ACTIONS

OBSERVATION_SHAPE = (4, 84, 84)
BodyName = Literal["nature", "wide", "transfer", "transfer-code"]


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
    x = _head(maps, BODIES[body].hidden_units, outputs, normalize_features, dtype)
    return keras.Model(observation, x, name=name)


def _convolutional(body: Body, background: float, dtype: str | None) -> tuple:
    """The input, and what the convolutions make of it, flat."""
    layers = keras.layers
    observation = keras.Input(OBSERVATION_SHAPE, dtype="uint8", name="observation")
    # Rescaled first: a CPU transposes floats faster than bytes.
    x = layers.Rescaling(1 / 255, -background / 255, name="rescaling", dtype=dtype)(observation)
    x = layers.Permute((2, 3, 1), name="channels_last", dtype=dtype)(x)
    if body.padding:
        x = layers.ZeroPadding2D(body.padding, name="padding", dtype=dtype)(x)
    for i, (filters, kernel_size, strides) in enumerate(body.convolutions, start=1):
        x = layers.Conv2D(
            filters,
            kernel_size,
            strides,
            activation="relu",
            kernel_initializer="he_normal",
            name=f"conv{i}",
            dtype=dtype,
        )(x)
    return observation, layers.Flatten(name="flatten", dtype=dtype)(x)


def _head(
    x: Any,
    hidden_units: Sequence[int],
    outputs: int,
    normalize_features: bool,
    dtype: str | None,
    suffix: str = "",
) -> Any:
    """Dense layers and a linear output; `suffix` tells several games' layers apart."""
    layers = keras.layers
    for i, units in enumerate(hidden_units, start=1):
        last = i == len(hidden_units)
        plain = last and not normalize_features
        x = layers.Dense(
            units,
            activation=None if last and normalize_features else "relu",
            kernel_initializer="he_normal",
            name=("features" if plain else f"hidden{i}") + suffix,
            dtype=dtype,
        )(x)
    if normalize_features:
        # A student that begins as an expert has features of variance 0.0007 here, which Keras's own
        # epsilon, 1e-3, would swallow (`transfer.initialise_student`).
        x = layers.LayerNormalization(epsilon=1e-5, name="normalization" + suffix, dtype=dtype)(x)
        x = layers.Activation("relu", name="features" + suffix, dtype=dtype)(x)
    # Of normalised features an ordinary start would make outputs far larger than Q-values are.
    start = "zeros" if normalize_features else "glorot_uniform"
    return layers.Dense(outputs, kernel_initializer=start, name="output" + suffix, dtype="float32")(
        x
    )


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
        dtype: str or None. Keras dtype policy of all layers but the last, which stays float32.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, num_actions] Q-values.
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
        normalize_features: bool. As in `nature_dqn`.
        background: float. As in `nature_dqn`.
        dtype: str or None. As in `nature_dqn`.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, 18] logits.

    Raises:
        ValueError: if the body is none of `BODIES`.
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
        normalize_features: bool. As in `nature_dqn`, for each game's features.
        background: float. As in `nature_dqn`.
        dtype: str or None. As in `nature_dqn`.

    Returns:
        Functional `keras.Model`, uint8 [B, 4, 84, 84] -> float32 [B, G * 18]: Q-values for every
        game, in order. See `for_games` and `for_game`.
    """
    body = BODIES["nature"]
    observation, maps = _convolutional(body, background, dtype)
    q_values = [
        _head(maps, body.hidden_units, NUM_ACTIONS, normalize_features, dtype, suffix=f"_{name}")
        for name in game_names
    ]
    outputs = keras.layers.Concatenate(name="output", dtype="float32")(q_values)
    return keras.Model(observation, outputs, name="multitask_convolutions")
