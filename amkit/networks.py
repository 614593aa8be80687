"""The networks of the paper: functions that return plain functional Keras models of stock layers.

Every network takes uint8 [B, 4, 84, 84], what ale-py and Gymnasium's frame stack hand out, and
names its pre-output layer `features` (an MCDQN's are `features_<game>`). A saved network loads with
Keras alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from amkit.games import NUM_ACTIONS, Game
from amkit.kernels import quick

OBSERVATION_SHAPE = (4, 84, 84)


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


BODIES = {
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


def with_features(network: keras.Model) -> keras.Model:
    """The same network, which also hands out its pre-output activations.

    Args:
        network: Functional model with a layer named `features`.

    Returns:
        Functional `keras.Model` sharing the weights, observation -> (outputs [B, A], features
        [B, D]).
    """
    return keras.Model(
        network.input, (network.output, network.get_layer("features").output), name=network.name
    )


def feature_size(network: keras.Model) -> int:
    """D, the width of a network's pre-output layer.

    Raises:
        ValueError: if there is no layer called `features` with outputs [B, D].
    """
    for layer in network.layers:
        if layer.name == "features" and len(layer.output.shape) == 2:
            return layer.output.shape[-1]
    raise ValueError(
        f"a network has a layer called features, of outputs [B, D]. Received: {network.name}"
    )


def frozen_copy(network: keras.Model) -> keras.Model:
    """The same layers and weights anew, which training leaves as they are.

    Args:
        network: Functional model.

    Returns:
        Functional `keras.Model`, not trainable.
    """
    copy = keras.models.clone_model(network)
    copy.trainable = False
    copy.set_weights(network.get_weights())
    return copy


def in_precision(model: keras.Model, dtype: str) -> keras.Model:
    """A twin of a network that computes in another precision, its weights copied.

    Args:
        model: Functional model of stock layers.
        dtype: str. Keras dtype policy of every layer but the last, which stays float32.

    Returns:
        Functional `keras.Model`; of float32 weights by float32 and the mixed policies.
    """
    return _twin(model, lambda layer: dtype)


def for_running(model: keras.Model, dtype: str) -> keras.Model:
    """As `in_precision`, for a network that learns no more: its weights are cast once, here.

    Under a mixed policy Keras casts them in every call, which takes longer than a forward pass of
    one observation. The outputs are the same: what Keras does not cast, normalisations, stays.

    Args:
        model: Functional model of stock layers.
        dtype: str. Keras dtype policy, as in `in_precision`.

    Returns:
        Functional `keras.Model`, convolutions and dense layers but the last in the number format
        that the policy computes in.
    """
    cast = keras.DTypePolicy(dtype).compute_dtype
    kernels = (keras.layers.Conv2D, keras.layers.Dense)
    return _twin(model, lambda layer: cast if isinstance(layer, kernels) else dtype)


def _twin(model: keras.Model, policy: Callable[[keras.layers.Layer], str]) -> keras.Model:
    """The same layers and weights under other dtype policies; the last stays in float32."""
    last = model.layers[-1].name

    def twin(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = "float32" if layer.name == last else policy(layer)
            config.pop("trainable", None)  # Frozen was how it learnt, not what it is.
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=twin)
    copy.set_weights(model.get_weights())
    return copy


def move_towards(network: keras.Model, other: keras.Model, share: float) -> None:
    """Moves a network's weights towards another's of the same layers.

    Repeated, that is an exponential moving average of the other's weights (Polyak averaging).

    Args:
        network: is moved.
        other: stays.
        share: float in (0, 1]. Of the way; 1 copies.
    """
    for own, goal in zip(network.variables, other.variables, strict=True):
        own.assign_add(share * (goal - own))


def over_all_actions(values: Any, action_codes: np.ndarray) -> Any:
    """Spreads values of a game's own actions over the 18 of the ALE.

    Args:
        values: float [B, n] or [B, 18]. One column per entry of `action_codes`, or already 18.
        action_codes: int [n]. Each column's index among the 18.

    Returns:
        float [B, 18]. Zero where the game has no action: mask before use.
    """
    if values.shape[-1] == NUM_ACTIONS:
        return values
    # Column n is zero, and stands for every action that the game has not.
    column = np.full(NUM_ACTIONS, len(action_codes))
    column[action_codes] = np.arange(len(action_codes))
    return keras.ops.take(keras.ops.pad(values, ((0, 0), (0, 1))), column, axis=1)


def for_games(network: keras.Model, games: Sequence[Game]) -> Callable[..., Any]:
    """What a network says of several games' rows, whichever of the three kinds it is.

    Args:
        network: Functional model, observation -> float [B, n] for its one game, [B, 18] for any, or
            [B, G * 18] of `multitask_convolutions` for these G games.
        games: the G games.

    Returns:
        Function of (observation uint8 [B, 4, 84, 84], training bool), rows of game 0 first, then of
        game 1 and so on, equally many of each -> float [B, 18]; 0 where a game has no action.

    Raises:
        ValueError: if several games are to share fewer than 18 outputs, or one has no outputs of
            its own where the others do.
    """
    if network.output.shape[-1] <= NUM_ACTIONS:
        if len(games) > 1 and network.output.shape[-1] < NUM_ACTIONS:
            raise ValueError(
                f"several games share {NUM_ACTIONS} outputs. Received: {network.output.shape[-1]}"
            )

        quickly = quick(network)

        def values(observation: Any, training: bool = False) -> Any:
            return over_all_actions(quickly(observation, training=training), games[0].action_codes)

        return values

    # Each head sees the rows of its own game only.
    maps = network.get_layer("flatten").output
    trunk = quick(keras.Model(network.input, maps))
    heads = [keras.Model(maps, network.get_layer(_own_output(game)).output) for game in games]

    def values_of_own(observation: Any, training: bool = False) -> Any:
        parts = keras.ops.split(trunk(observation, training=training), len(heads))
        return keras.ops.concatenate(
            [head(part, training=training) for head, part in zip(heads, parts, strict=True)]
        )

    return values_of_own


def for_game(network: keras.Model, game: Game) -> keras.Model:
    """The part of a network that plays one game: all of it, unless games have their own heads.

    Args:
        network: as in `for_games`.
        game: one of its games.

    Returns:
        Functional `keras.Model`, observation -> float [B, n] or [B, 18], for running, as `quick`.
    """
    if network.output.shape[-1] > NUM_ACTIONS:
        network = keras.Model(network.input, network.get_layer(_own_output(game)).output)
    return quick(network)


def plays(network: keras.Model, game: Game) -> bool:
    """Whether a network has outputs for a game: its n, the ALE's 18, or 18 of its own.

    Args:
        network: as in `for_games`.
        game: any game.

    Returns:
        bool. As many outputs as a game has actions may still be of other actions.
    """
    outputs = network.output.shape[-1]
    if outputs <= NUM_ACTIONS:
        return outputs in (game.num_actions, NUM_ACTIONS)
    own = [layer.output for layer in network.layers if layer.name == _own_output(game)]
    return bool(own) and own[0].shape == (None, NUM_ACTIONS)


def _own_output(game: Game) -> str:
    return f"output_{game.name}"
