"""Weight-transfer initialisation: a DQN for a new game begins as a saved AMN (section 3.4).

And the other way about: a student begins as one of its experts.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import keras
import numpy as np
from keras import layers

from amkit.games.atari import find_game
from amkit.games.catalogue import NUM_ACTIONS, Game
from amkit.networks.bodies import BODIES, Body
from amkit.storage import models
from amkit.storage.cards import Card, games_learnt, temperature
from amkit.transfer.kernels import kernel_sizes, scale_kernels

Head = Literal["keep", "new"]


class Source(NamedTuple):
    """A network to begin from."""

    network: keras.Model  # Functional, observation -> logits [B, 18].
    # tau that an AMN's experts spoke at, the geometric mean where each had its own: its logits are
    # Q-values divided by that, but for a constant in every state. 1 where outputs are Q-values.
    temperature: float
    background: float  # Luminance that its first layer sees as zero.
    weight_hash: str
    games: tuple[str, ...]  # That it has learnt, or the network which it began as.
    body: str  # Its layers, one of `networks.BODIES`.
    normalize_features: bool  # Whether its features are layer-normalised.

    def check(self, head: Head, freeze: str | None) -> None:
        """ValueError if no target network can begin so: arguments as of `initialise`."""
        if head not in get_args(Head):
            raise ValueError(f"head must be one of {', '.join(get_args(Head))}. Received: {head!r}")
        names = layer_names(BODIES[self.body], self.normalize_features)
        if freeze is not None and freeze not in names:
            raise ValueError(f"freeze must be one of {', '.join(names)}. Received: {freeze!r}")

    def sizes_for(self, body: str | None) -> tuple[float, ...]:
        """Its `kernel_sizes`, for another network of that body; ValueError if it has another."""
        if self.body != body or not self.normalize_features:
            raise ValueError(
                f"the network of --kernels must have the body {body}, and normalised features. "
                f"Received: a network with the body {self.body}, whose features are "
                f"{'' if self.normalize_features else 'not '}normalised"
            )
        return kernel_sizes(self.network)


def layer_names(body: Body, normalize_features: bool) -> list[str]:
    """The layers of a network of `networks.bodies` with this body, in order, less its output."""
    last = len(body.hidden_units)
    dense = [f"hidden{i}" for i in range(1, last)]
    dense += [f"hidden{last}", "normalization", "features"] if normalize_features else ["features"]
    return [
        *("observation", "rescaling", "channels_last"),
        *(["padding"] if body.padding else []),
        *(f"conv{i}" for i in range(1, len(body.convolutions) + 1)),
        *("flatten", *dense),
    ]


def load_source(path: Path) -> Source:
    """Loads an AMN, or an expert of another game, to begin from; each file once.

    Raises:
        ValueError: if its games have outputs of their own, or it has other layers than `BODIES` or
            other activations than their ReLUs.
        ModelFileError: if the file, or its card, is missing or damaged.
    """
    path = Path(path).resolve()
    return _load(path, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _load(path: Path, written: int) -> Source:
    """Loads a file as it was written at that time."""
    return source_of(path, *models.load_with_card(path))


def source_of(path: Path, network: keras.Model, card: Card) -> Source:
    """As `load_source`, of a file that has been read."""
    outputs = network.output.shape[-1]
    if outputs > NUM_ACTIONS:
        raise ValueError(
            "the source must have one set of outputs for all games, as an AMN has. "
            f"Received: {path}, {card['kind']} with {outputs} outputs"
        )
    _check_activations(network)
    if outputs < NUM_ACTIONS:
        network = _over_all_actions(network, find_game(card["games"][0]))
    return Source(
        network,
        temperature(card),
        _background(network),
        card["weight_hash"],
        games_learnt(card),
        _body(network),
        bool(_of_kind(network.layers, layers.LayerNormalization)),
    )


def _of_kind(some_layers: Sequence[Any], *kinds: type) -> list[Any]:
    return [layer for layer in some_layers if isinstance(layer, kinds)]


def _background(network: keras.Model) -> float:
    """Luminance that the first layer sees as zero."""
    rescaling = _of_kind(network.layers, layers.Rescaling)
    if len(rescaling) != 1 or not np.isclose(rescaling[0].scale, 1 / 255):
        raise ValueError(
            "the source network must rescale bytes to [0, 1], once. "
            f"Received: {network.name}, which does not"
        )
    return float(-255 * rescaling[0].offset)


def _body(network: keras.Model) -> str:
    """The name of its body, by what its layers are."""
    convolutions = _of_kind(network.layers, layers.Conv2D)
    body = Body(
        tuple((layer.filters, layer.kernel_size[0], layer.strides[0]) for layer in convolutions),
        tuple(layer.units for layer in _of_kind(network.layers[:-1], layers.Dense)),
        int(bool(_of_kind(network.layers, layers.ZeroPadding2D))),
    )
    for name, known in BODIES.items():
        if body == known:
            return name
    raise ValueError(
        f"the source network must have one of the bodies {', '.join(BODIES)}. "
        f"Received: {network.name} with {body}"
    )


def _check_activations(network: keras.Model) -> None:
    """ValueError if what follows the layers with kernels is not as in amkit's own networks.

    Weights alone are copied: a tanh would become a ReLU, and the network say something else.
    """
    course = []
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense):
            course += ["kernel", keras.activations.serialize(layer.activation)]
        elif isinstance(layer, layers.Activation):
            course.append(keras.activations.serialize(layer.activation))
        elif isinstance(layer, layers.ReLU):
            plain = layer.max_value is None and not (layer.negative_slope or layer.threshold)
            course.append("relu" if plain else "another relu")
        elif isinstance(layer, layers.LayerNormalization):
            course.append("normalisation")
    course = [what for what in course if what != "linear"]
    hidden = (course.count("kernel") - 1) * ["kernel", "relu"]
    if course not in ([*hidden, "kernel"], [*hidden[:-1], "normalisation", "relu", "kernel"]):
        raise ValueError(
            "the source network must have a ReLU after each hidden layer (the last hidden layer "
            "may be normalised before its ReLU) and a linear output. "
            f"Received: {network.name} with {', '.join(course)}"
        )


def _over_all_actions(expert: keras.Model, game: Game) -> keras.Model:
    """An expert with 18 outputs: its own, each at the place of its action.

    All others are the mean of its own: zeros would be far below them in a good state, so that a
    greedy policy would hardly ever try an action that the expert did not have.
    """
    output = expert.layers[-1]
    head = layers.Dense(NUM_ACTIONS, name=output.name, dtype="float32")
    network = keras.Model(expert.input, head(output.input), name=expert.name)
    for place, own in zip(head.weights, output.get_weights(), strict=True):
        spread = np.repeat(own.mean(axis=-1, keepdims=True), NUM_ACTIONS, axis=-1)
        spread[..., game.action_codes] = own
        place.assign(spread)
    return network


def initialise(
    network: keras.Model, source: Source, head: Head = "keep", freeze: str | None = None
) -> None:
    """Gives a target network the weights of an AMN.

    The softmax is dropped (section 3.4) and the logits become Q-values: kept, the output layer is
    multiplied by the temperature, which makes its differences those of Q-values. Where the network
    sees another luminance as zero than the source, the first layer's biases take up the difference
    (but for a border of zeros, which only the body `transfer-code` has).

    Args:
        network: Functional model with the source's layers, freshly made; changed in place.
        source: the AMN.
        head: "keep" the output layer, or begin with a "new" one, as `network` has it. Of an expert
            of another game, actions that it does not know begin with the mean value of its own.
        freeze: name of a layer: it and all before it do not learn. None freezes nothing.

    Raises:
        ValueError: if the layers differ, or there is none called so.
    """
    source.check(head, freeze)
    given, taken = ([weight.shape for weight in m.weights] for m in (source.network, network))
    if given != taken:
        raise ValueError(
            "the new network must have the same layers as the source. "
            f"Received: weights of {given} for {taken}"
        )
    output = network.layers[-1]
    fresh = output.get_weights()
    network.set_weights(source.network.get_weights())
    kept = [source.temperature * weight for weight in output.get_weights()]
    output.set_weights(kept if head == "keep" else fresh)
    first = _of_kind(network.layers, layers.Conv2D)[0]
    kernel, bias = first.get_weights()
    brighter = (_background(network) - source.background) / 255
    first.set_weights([kernel, bias + brighter * kernel.sum(axis=(0, 1, 2))])
    if freeze is not None:
        names = [layer.name for layer in network.layers]
        for layer in network.layers[: names.index(freeze) + 1]:
            layer.trainable = False


def initialise_student(student: keras.Model, source: Source, temperature: float | None) -> None:
    """Gives a student the weights of one of its experts, or of another AMN.

    Its policy is then the source's at that temperature, in the source's own games. Kernels before a
    normalisation have the size of fresh ones: it learns other games as fast as a fresh student.

    Args:
        student: Functional model with the source's layers, freshly made; changed in place.
        source: the expert or AMN.
        temperature: tau of Eq. 3 that the student will imitate at; None where it will regress on
            Q-values: then it begins with the source's.

    Raises:
        ValueError: if the layers differ.
    """
    fresh = kernel_sizes(student)
    initialise(student, source)
    scale_kernels(student, fresh)  # Training makes them grow several times over.
    if temperature is not None:
        output = student.layers[-1]
        kernel, bias = output.get_weights()
        # Of a game's Q-values only the differences are its policy. What they have in common would
        # make actions that the source does not know impossible.
        own = kernel.any(axis=0)
        kernel[:, own] -= kernel[:, own].mean(axis=1, keepdims=True)
        bias[own] -= bias[own].mean()
        output.set_weights([kernel / temperature, bias / temperature])
