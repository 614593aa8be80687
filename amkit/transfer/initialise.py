"""Weight-transfer initialisation: a DQN for a new game begins as a saved AMN (section 3.4).

And the other way about: a student begins as one of its experts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import keras
import numpy as np

from amkit.games.atari import find_game
from amkit.games.catalogue import NUM_ACTIONS, Game
from amkit.networks.bodies import BODIES, Body
from amkit.storage import models
from amkit.storage.cards import Card, games_learnt, temperature

Head = Literal["keep", "new"]


@dataclass(frozen=True)
class Source:
    """A network to begin from.

    Attributes:
        network: Functional model, observation -> logits [B, 18].
        temperature: tau that an AMN's experts spoke at, the geometric mean where each had its own;
            its logits are Q-values divided by that, but for a constant in every state. 1 where its
            outputs are Q-values.
        background: luminance that its first layer sees as zero.
        weight_hash: of its weights.
        games: that it has learnt, or that the network had learnt which it began as.
        body: its layers, one of `networks.BODIES`.
        normalize_features: whether its features are layer-normalised.
    """

    network: keras.Model
    temperature: float
    background: float
    weight_hash: str
    games: tuple[str, ...]
    body: str
    normalize_features: bool

    def check(self, head: Head, freeze: str | None) -> None:
        """Checks that a target network can begin so: arguments as of `initialise`.

        Raises:
            ValueError: if one is unknown.
        """
        if head not in get_args(Head):
            raise ValueError(f"head is one of {', '.join(get_args(Head))}. Received: {head!r}")
        names = layer_names(BODIES[self.body], self.normalize_features)
        if freeze is not None and freeze not in names:
            raise ValueError(f"freeze is one of {', '.join(names)}. Received: {freeze!r}")


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

    Args:
        path: a `.keras` file with its card.

    Raises:
        ValueError: if its games have outputs of their own, or it has other layers than `BODIES` or
            other activations than their ReLUs.
        ModelFileError: if it is missing or damaged.
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
            f"weights come from a network with one set of outputs for all games, such as an AMN. "
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
        any(isinstance(layer, keras.layers.LayerNormalization) for layer in network.layers),
    )


def _background(network: keras.Model) -> float:
    """Luminance that the first layer sees as zero."""
    found = [x for x in network.layers if isinstance(x, keras.layers.Rescaling)]
    if len(found) != 1 or not np.isclose(found[0].scale, 1 / 255):
        raise ValueError(
            f"weights come from a network that rescales bytes to [0, 1] once. "
            f"Received: {network.name}, which does otherwise"
        )
    return float(-255 * found[0].offset)


def _body(network: keras.Model) -> str:
    layers = keras.layers
    found = Body(
        tuple(
            (layer.filters, layer.kernel_size[0], layer.strides[0])
            for layer in network.layers
            if isinstance(layer, layers.Conv2D)
        ),
        tuple(layer.units for layer in network.layers[:-1] if isinstance(layer, layers.Dense)),
        int(any(isinstance(layer, layers.ZeroPadding2D) for layer in network.layers)),
    )
    for name, body in BODIES.items():
        if body == found:
            return name
    raise ValueError(
        f"weights come from a network with one of the bodies {', '.join(BODIES)}. "
        f"Received: {network.name} with {found}"
    )


def _check_activations(network: keras.Model) -> None:
    """ValueError if what follows the layers with kernels is not as in amkit's own networks.

    Weights alone are copied: a tanh would become a ReLU, and the network say something else.
    """
    layers = keras.layers
    found = []
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense):
            found += ["kernel", keras.activations.serialize(layer.activation)]
        elif isinstance(layer, layers.Activation):
            found.append(keras.activations.serialize(layer.activation))
        elif isinstance(layer, layers.ReLU):
            plain = layer.max_value is None and not (layer.negative_slope or layer.threshold)
            found.append("relu" if plain else "another relu")
        elif isinstance(layer, layers.LayerNormalization):
            found.append("normalisation")
    found = [what for what in found if what != "linear"]
    hidden = (found.count("kernel") - 1) * ["kernel", "relu"]
    if found not in ([*hidden, "kernel"], [*hidden[:-1], "normalisation", "relu", "kernel"]):
        raise ValueError(
            "weights come from a network with a ReLU after each hidden layer, the last of which "
            "may be normalised before, and a linear output. "
            f"Received: {network.name} with {', '.join(found)}"
        )


def _over_all_actions(expert: keras.Model, game: Game) -> keras.Model:
    """An expert with 18 outputs: its own, each at the place of its action.

    All others are the mean of its own: zeros would be far below them in a good state, so that a
    greedy policy would hardly ever try an action that the expert did not have.
    """
    output = expert.layers[-1]
    head = keras.layers.Dense(NUM_ACTIONS, name=output.name, dtype="float32")
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
    shapes, own = ([weight.shape for weight in m.weights] for m in (source.network, network))
    if shapes != own:
        raise ValueError(
            f"weights go to a network with the layers of the one that they come from. "
            f"Received: weights of {shapes} for {own}"
        )
    output = network.layers[-1]
    fresh = output.get_weights()
    network.set_weights(source.network.get_weights())
    kept = [source.temperature * weight for weight in output.get_weights()]
    output.set_weights(kept if head == "keep" else fresh)
    first = next(x for x in network.layers if isinstance(x, keras.layers.Conv2D))
    kernel, bias = first.get_weights()
    brighter = (_background(network) - source.background) / 255
    first.set_weights([kernel, bias + brighter * kernel.sum(axis=(0, 1, 2))])
    if freeze is not None:
        names = [layer.name for layer in network.layers]
        for layer in network.layers[: names.index(freeze) + 1]:
            layer.trainable = False


def _normalised_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """The layers with kernels before the normalisation; none where nothing is normalised."""
    norms = [x for x in network.layers if isinstance(x, keras.layers.LayerNormalization)]
    if not norms:
        return []
    before = network.layers[: network.layers.index(norms[0])]
    return [x for x in before if isinstance(x, keras.layers.Conv2D | keras.layers.Dense)]


def _size(layer: keras.layers.Layer) -> float:
    """Root mean square of a layer's kernel."""
    return float(np.sqrt(np.mean(np.square(layer.get_weights()[0]))))


def _scale(network: keras.Model, sizes: Mapping[str, float]) -> None:
    """Gives kernels the sizes that they had when they were fresh; what the network says stays.

    Training makes weights grow several times over, and the normalisation behind them takes no
    notice. But Adam's steps do not grow along: they are of the learning rate's size, and grown
    weights would hardly learn any more.

    Args:
        network: changed in place.
        sizes: layer -> `_size` asked for, from the first layer to the last before the
            normalisation.
    """
    so_far = 1.0
    for name, size in sizes.items():
        layer = network.get_layer(name)
        kernel, bias = layer.get_weights()
        share = size / (_size(layer) or size)
        so_far *= share  # ReLUs hand a factor on, so that a bias takes those of all layers before.
        layer.set_weights([share * kernel, so_far * bias])


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
    sizes = {layer.name: _size(layer) for layer in _normalised_layers(student)}
    initialise(student, source)
    _scale(student, sizes)
    if temperature is not None:
        output = student.layers[-1]
        kernel, bias = output.get_weights()
        # Of a game's Q-values only the differences are its policy. What they have in common would
        # make actions that the source does not know impossible.
        own = kernel.any(axis=0)
        kernel[:, own] -= kernel[:, own].mean(axis=1, keepdims=True)
        bias[own] -= bias[own].mean()
        output.set_weights([kernel / temperature, bias / temperature])
