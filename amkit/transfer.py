"""Weight-transfer initialisation: a DQN for a new game begins as a saved AMN (section 3.4)."""

from dataclasses import dataclass
from pathlib import Path

import keras

from amkit import model_files
from amkit.games import NUM_ACTIONS

HEADS = ("keep", "new")


@dataclass(frozen=True)
class Source:
    """An AMN to begin from.

    Attributes:
        network: Functional model, observation -> logits [B, 18].
        temperature: tau that its experts spoke at; its logits are Q-values divided by that, but for
            a constant in every state.
        background: luminance that its first layer sees as zero.
        weight_hash: of its weights.
    """

    network: keras.Model
    temperature: float
    background: float
    weight_hash: str


def load_source(path: Path) -> Source:
    """Loads an AMN to begin from.

    Args:
        path: a `.keras` file with its card.

    Raises:
        ValueError: if it is no network with one head of 18 outputs for all games.
        ModelFileError: if it is missing or damaged.
    """
    network, card = model_files.load_with_card(path)
    outputs = network.output.shape[-1]
    if card["kind"] == "expert" or outputs != NUM_ACTIONS:
        raise ValueError(
            f"weights come from a network of several games with {NUM_ACTIONS} outputs, such as an "
            f"AMN. Received: {path}, {card['kind']} with {outputs} outputs"
        )
    settings = card.get("settings", {})
    imitates = settings.get("objective") == "policy"  # Q-values have the right scale already.
    return Source(
        network,
        settings["temperature"] if imitates else 1.0,
        card.get("background", 0),
        card["weight_hash"],
    )


def initialise(
    network: keras.Model, source: Source, head: str = "keep", freeze: str | None = None
) -> None:
    """Gives a target network the weights of an AMN.

    The softmax is dropped (section 3.4) and the logits become Q-values: kept, the output layer is
    multiplied by the temperature, which makes its differences those of Q-values.

    Args:
        network: Functional model with the source's layers, freshly made; changed in place.
        source: the AMN.
        head: "keep" the output layer, or begin with a "new" one, as `network` has it.
        freeze: name of a layer: it and all before it do not learn. None freezes nothing.

    Raises:
        ValueError: if the layers differ, or there is none called so.
    """
    if head not in HEADS:
        raise ValueError(f"head is one of {', '.join(HEADS)}. Received: {head!r}")
    shapes, own = ([weight.shape for weight in m.weights] for m in (source.network, network))
    if shapes != own:
        raise ValueError(
            f"the target has the layers of the network that its weights come from. "
            f"Received: weights of {shapes} for {own}"
        )
    output = network.layers[-1]
    fresh = output.get_weights()
    network.set_weights(source.network.get_weights())
    kept = [source.temperature * weight for weight in output.get_weights()]
    output.set_weights(kept if head == "keep" else fresh)
    if freeze is None:
        return
    names = [layer.name for layer in network.layers]
    if freeze not in names[:-1]:
        raise ValueError(f"freeze is one of {', '.join(names[:-1])}. Received: {freeze!r}")
    for layer in network.layers[: names.index(freeze) + 1]:
        layer.trainable = False
