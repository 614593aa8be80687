"""Assignment 7: weight transfer (section 3.4). Goes with tutorial 9.

A DQN for a new game begins with the weights of a trained AMN. All layers before the output are
copied. The output layer (the head) is either new, or it is kept. A kept head must be scaled: the
AMN's logits are like Q-values divided by tau, and the DQN's outputs are Q-values.

A network's weights are a dictionary from the name of a layer to its two arrays, in the order of the
layers. The output layer is the last one:

    {"conv1": [kernel, bias], "conv2": [kernel, bias], ..., "output": [kernel, bias]}

Write the two functions with numpy. Replace each `raise` by your code; let the names and the
arguments stay.

Check your file: amkit check 7
"""

import numpy as np

Weights = dict[str, list[np.ndarray]]


def transferred(source: Weights, target: Weights, head: str, temperature: float) -> Weights:
    """The weights that the new game's network begins with. (7 points)

    Args:
        source: the AMN's weights.
        target: fresh random weights for the new game's network, of the same layers.
        head: "new": the output layer is the target's. "keep": the output layer is the source's, for
            Q-values in place of logits.
        temperature: tau that the AMN was trained with.

    Returns:
        A new dictionary of new arrays. The new network will change them in place: `source` and
        `target` must not change with them.
    """
    # TODO: which layers come from where? Which are scaled?
    # BEGIN SOLUTION
    output = list(source)[-1]
    weights = {}
    for layer in source:
        if layer != output:
            weights[layer] = [array.copy() for array in source[layer]]
        elif head == "keep":
            weights[layer] = [temperature * array for array in source[layer]]
        else:
            weights[layer] = [array.copy() for array in target[layer]]
    return weights
    # END SOLUTION


def learns(layers: list[str], freeze: str | None) -> list[bool]:
    """Which layers learn in the new game. (3 points)

    Args:
        layers: their names, in order.
        freeze: this layer and all before it do not learn. None: all layers learn.

    Returns:
        One bool for each layer.
    """
    # TODO: where is the layer `freeze`?
    # BEGIN SOLUTION
    if freeze is None:
        return [True for layer in layers]
    last_frozen = layers.index(freeze)
    return [place > last_frozen for place in range(len(layers))]
    # END SOLUTION


# In words (5 points, marked by hand). A transfer helps at the beginning of a training, but the final
# score is the same. Was it of use? What would you measure, and how often? Answer in two to four
# sentences.
# BEGIN SOLUTION
# It was of use if time or steps are scarce: measure the steps until a given score, or the area under
# the learning curve, and not the final score alone. Repeat both beginnings with several seeds, and
# compare them with an interval. A third beginning, such as shuffled weights of the same sizes, tells
# whether it was the knowledge or merely the scale of the weights.
# END SOLUTION
