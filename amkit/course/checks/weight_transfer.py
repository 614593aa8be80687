"""Assignment 7: a new game's DQN begins as an AMN (section 3.4)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from amkit.course.assignments import Array, Mistakes, Symptoms, Test

TITLE = "weight transfer (section 3.4)"

Weights = dict[str, list[Array]]


def transferred(source: Weights, target: Weights, head: str, temperature: float) -> Weights:
    """The reference of the weights that the target network begins with."""
    return _begun(source, target, head, temperature)


def learns(layers: Sequence[str], freeze: str | None) -> list[bool]:
    """The reference of the layers that learn."""
    if freeze is None:
        return [True] * len(layers)
    frozen = layers[: layers.index(freeze) + 1]
    return [layer not in frozen for layer in layers]


def _copied(layer: str, source: list[Array], target: list[Array]) -> list[Array]:
    return source


def _scaled(source: list[Array], temperature: float) -> list[Array]:
    return [temperature * weight for weight in source]


def _begun(
    source: Weights,
    target: Weights,
    head: str,
    temperature: float,
    body: Callable[[str, list[Array], list[Array]], list[Array]] = _copied,
    keep: Callable[[list[Array], float], list[Array]] = _scaled,
) -> Weights:
    """New weights; `body` says those of a layer before the output, `keep` a kept output's."""
    *before, output = source
    weights = {layer: body(layer, source[layer], target[layer]) for layer in before}
    weights[output] = keep(source[output], temperature) if head == "keep" else target[output]
    return {layer: [np.array(w) for w in both] for layer, both in weights.items()}


def _layers(value: float) -> Weights:
    """A small network's weights; each is different."""
    shapes = {"conv1": (2, 2), "hidden1": (2, 2), "features": (2, 2), "output": (2, 3)}
    return {
        layer: [
            np.arange(shape[0] * shape[1]).reshape(shape) + value + 10 * i,
            np.arange(shape[1]) - value - 10 * i,
        ]
        for i, (layer, shape) in enumerate(shapes.items())
    }


def _body(transferred: Callable[..., Any], source: Weights, target: Weights) -> dict[str, Any]:
    """The layers before the output, with either head."""
    begun = {head: transferred(source, target, head, 0.1) for head in ("new", "keep")}
    return {
        f"{layer}, head {head},": weights[layer]
        for head, weights in begun.items()
        for layer in ("conv1", "hidden1", "features")
    }


def _head(
    transferred: Callable[..., Any], source: Weights, target: Weights, head: str, tau: float
) -> Any:
    """The output layer."""
    return transferred(source, target, head, tau)["output"]


def _learns_on(transferred: Callable[..., Any], source: Weights, target: Weights) -> dict[str, Any]:
    """The source and the target after the new network has learned, in place."""
    for head in ("keep", "new"):
        for weights in transferred(source, target, head, 1.0).values():
            for weight in weights:
                weight += 100
    return {"the source": source, "the target": target}


def _own_arrays(
    source: Weights, target: Weights, head: str, temperature: float, body: bool, new_head: bool
) -> Weights:
    """The given arrays themselves, of the body, of a new head, or of both."""
    weights = _begun(source, target, head, temperature)
    for layer in list(source)[:-1] if body else []:
        weights[layer] = source[layer]
    if new_head and head == "new":
        weights["output"] = target["output"]
    return weights


def _into_target(source: Weights, target: Weights, head: str, temperature: float) -> Weights:
    """The target itself, changed."""
    begun = _begun(source, target, head, temperature)
    target.update(begun)
    return target


def _like(**changes: Any) -> Callable[..., Weights]:
    return lambda source, target, head, tau: _begun(source, target, head, tau, **changes)


_SOURCE, _TARGET = _layers(1.0), _layers(500.0)
_LAYERS = ("conv1", "conv2", "conv3", "features", "output")

TESTS = (
    Test("transferred", "the layers before the output", 2, (_SOURCE, _TARGET), _body),
    Test("transferred", "a new head", 1, (_SOURCE, _TARGET, "new", 0.1), _head),
    Test(
        "transferred",
        "a head that is kept, temperature 1",
        1,
        (_SOURCE, _TARGET, "keep", 1.0),
        _head,
    ),
    Test(
        "transferred",
        "a head that is kept, temperature 0.1",
        2,
        (_SOURCE, _TARGET, "keep", 0.1),
        _head,
    ),
    Test(
        "transferred",
        "the given weights stay when the new network learns",
        1,
        (_SOURCE, _TARGET),
        _learns_on,
    ),
    Test("learns", "frozen up to conv2", 1, (_LAYERS, "conv2")),
    Test("learns", "frozen up to features", 1, (_LAYERS, "features")),
    Test("learns", "nothing frozen", 1, (_LAYERS, None)),
)

MISTAKES: Mistakes = {
    "transferred": {
        "The output layer is copied although the head is new: it keeps the target's own weights.": (
            lambda s, t, head, tau: _begun(s, t, "keep", tau if head == "keep" else 1),
            lambda s, t, head, tau: _begun(s, t, "keep", tau),
        ),
        "The output layer is never copied: "
        "with head 'keep' it is the source's.": lambda s, t, head, tau: _begun(s, t, "new", tau),
        "The two heads are exchanged: "
        "'keep' takes the source's output layer.": lambda s, t, head, tau: _begun(
            s, t, "new" if head == "keep" else "keep", tau
        ),
        "The temperature is missing: logits are Q-values divided by tau. Multiply the kept "
        "output layer by it.": _like(keep=lambda s, tau: s),
        "The kept output layer is divided by the temperature. Logits are Q-values divided by "
        "tau: multiply.": _like(keep=lambda s, tau: [w / tau for w in s]),
        "The temperature multiplies the kernel only. The bias is part of the logits too.": _like(
            keep=lambda s, tau: [tau * s[0], s[1]]
        ),
        "The temperature multiplies the bias only. The kernel is part of the logits too.": _like(
            keep=lambda s, tau: [s[0], tau * s[1]]
        ),
        "The temperature multiplies a new head too. "
        "That was never divided by it.": lambda s, t, head, tau: {
            **_begun(s, t, head, tau),
            "output": [tau * w for w in (s if head == "keep" else t)["output"]],
        },
        "The temperature multiplies all layers. It belongs to the output layer alone.": (
            lambda s, t, head, tau: _begun(
                s, t, head, tau, lambda layer, s, t: _scaled(s, tau if head == "keep" else 1)
            ),
            lambda s, t, head, tau: _begun(s, t, head, tau, lambda layer, s, t: _scaled(s, tau)),
        ),
        "The biases are not copied. Copy kernel and bias of each layer.": _like(
            body=lambda layer, s, t: [s[0], t[1]]
        ),
        "The biases become 0. Copy kernel and bias of each layer.": _like(
            body=lambda layer, s, t: [s[0], 0 * s[1]]
        ),
        "Only the convolutions are copied. All layers before the output are.": _like(
            body=lambda layer, s, t: s if layer.startswith("conv") else t
        ),
        "Off by one: the layer before the output is not copied.": _like(
            body=lambda layer, s, t: t if layer == "features" else s
        ),
        "Off by one: the first layer is not copied.": _like(
            body=lambda layer, s, t: t if layer == "conv1" else s
        ),
        "Nothing is copied: the layers before the output are the target's own.": _like(
            body=lambda layer, s, t: t
        ),
        "Source and target are averaged. Copy the source's weights whole.": _like(
            body=lambda layer, s, t: [(a + b) / 2 for a, b in zip(s, t, strict=True)]
        ),
        "The new network has the given arrays themselves, so that they change when it "
        "learns. Copy them.": tuple(
            partial(_own_arrays, body=body, new_head=new_head)
            for body, new_head in ((True, True), (True, False), (False, True))
        ),
        "The target's dictionary is changed and returned. Make a new one, of copies.": _into_target,
    },
    "learns": {
        "Off by one: the named layer is frozen too.": lambda layers, freeze: [
            freeze is None or i >= layers.index(freeze) for i in range(len(layers))
        ],
        "Off by one: a layer after the named one is frozen.": lambda layers, freeze: [
            freeze is None or i > layers.index(freeze) + 1 for i in range(len(layers))
        ],
        "It is inverted: True means that a layer learns.": (
            lambda layers, freeze: [not learning for learning in learns(layers, freeze)],
            lambda layers, freeze: [
                freeze is None or not learning for learning in learns(layers, freeze)
            ],
        ),
        "Only the named layer is frozen. Those before it are, too.": lambda layers, freeze: [
            layer != freeze for layer in layers
        ],
        "The layers after the named one are frozen. "
        "Freeze it and those before it.": lambda layers, freeze: [
            freeze is None or i < layers.index(freeze) for i in range(len(layers))
        ],
        "With freeze=None everything is frozen. Nothing is.": lambda layers, freeze: [
            freeze is not None and learning for learning in learns(layers, freeze)
        ],
        "freeze=None is looked up among the layers. None freezes nothing.": lambda layers, freeze: (
            learns(layers, layers[layers.index(freeze)])
        ),
        "Nothing is frozen.": lambda layers, freeze: [True for layer in layers],
        "Everything is frozen.": lambda layers, freeze: [False for layer in layers],
        "The names of the layers are returned. "
        "Return True or False for each layer.": lambda layers, freeze: [
            layer for layer, on in zip(layers, learns(layers, freeze), strict=True) if on
        ],
    },
}

SYMPTOMS: Symptoms = {}
