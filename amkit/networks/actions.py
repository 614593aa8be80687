"""The 18 actions of the ALE: a game's own among them, and the mask of the legal ones."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from amkit.games.catalogue import NUM_ACTIONS, Game
from amkit.networks.bodies import MAPS, OUTPUT, layer_of
from amkit.networks.xla import quick

# What illegal logits become before a softmax. Finite, so that 0 * log(0) never makes a NaN; so low
# that exp() of it is exactly 0 in float32 and float64 and no gradient flows.
_ILLEGAL = -1e9


def mask_illegal(values: tf.Tensor, action_mask: tf.Tensor | NDArray[np.bool_]) -> tf.Tensor:
    """Replaces illegal actions' values by a very low number, for argmax, max or softmax (Eq. 4).

    Args:
        values: float32 [B, A]. Q-values or logits.
        action_mask: bool [A] or [B, A]. True where legal.
    """
    return tf.where(action_mask, values, tf.constant(_ILLEGAL, values.dtype))


def over_all_actions(values: Any, action_codes: NDArray[np.int64]) -> Any:
    """Spreads values of a game's own actions over the 18 of the ALE.

    Args:
        values: float [B, n] or [B, 18], and whatever axes follow. One column per entry of
            `action_codes`, or already 18.
        action_codes: int [n]. Each column's index among the 18.

    Returns:
        float [B, 18, ...]. Zero where the game has no action: mask before use.

    Examples:
        >>> import amkit, numpy as np
        >>> breakout = amkit.GAMES["breakout"]  # NOOP, FIRE, RIGHT and LEFT: codes 0, 1, 3, 4.
        >>> q_values = np.array([[1, 2, 3, 4]], np.float32)
        >>> amkit.over_all_actions(q_values, breakout.action_codes).numpy()[0, :6].tolist()
        [1.0, 2.0, 0.0, 3.0, 4.0, 0.0]
    """
    if values.shape[1] == NUM_ACTIONS:
        return values
    # Column n is zero, and stands for every action that the game has not.
    column = np.full(NUM_ACTIONS, len(action_codes))
    column[action_codes] = np.arange(len(action_codes))
    padding = [(0, 0), (0, 1), *[(0, 0)] * (len(values.shape) - 2)]
    return keras.ops.take(keras.ops.pad(values, padding), column, axis=1)


def for_games(network: keras.Model, games: Sequence[Game]) -> Callable[..., Any]:
    """What a network says of several games' rows.

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
    outputs = network.output.shape[1]
    if outputs <= NUM_ACTIONS:
        if len(games) > 1 and outputs < NUM_ACTIONS:
            raise ValueError(f"several games share {NUM_ACTIONS} outputs. Received: {outputs}")
        quickly = quick(network)

        def values(observation: Any, training: bool = False) -> Any:
            return over_all_actions(quickly(observation, training=training), games[0].action_codes)

        return values

    # Each head sees the rows of its own game only.
    maps = network.get_layer(MAPS).output
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

    Returns:
        Functional `keras.Model`, observation -> float [B, n] or [B, 18], for running, as `quick`.
    """
    if network.output.shape[-1] > NUM_ACTIONS:
        network = keras.Model(network.input, network.get_layer(_own_output(game)).output)
    return quick(network)


def plays(network: keras.Model, game: Game) -> bool:
    """Whether a network has outputs for a game: its n, the ALE's 18, or 18 of its own.

    As many outputs as a game has actions may still be of other actions.
    """
    outputs = network.output.shape[-1]
    if outputs <= NUM_ACTIONS:
        return outputs in (game.num_actions, NUM_ACTIONS)
    heads = [layer.output for layer in network.layers if layer.name == _own_output(game)]
    return bool(heads) and heads[0].shape == (None, NUM_ACTIONS)


def _own_output(game: Game) -> str:
    return layer_of(OUTPUT, game.name)
