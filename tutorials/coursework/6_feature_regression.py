"""Assignment 6: feature regression and the whole objective (Eq. 5, 6). Goes with tutorial 4.

The student may also imitate the expert's features, the activations before the output layer. For each
game i a linear projection f_i maps the student's features h to the features of that game's expert:

    L_feature = || f_i(h(s)) - h_expert_i(s) ||^2          (Eq. 5, a sum over the features)
    L = L_policy + beta * L_feature                        (Eq. 6)

Write the three functions with numpy. Replace each `raise` by your code; let the names and the
arguments stay. B is the size of the batch, D the number of the student's features, E that of the
expert's features, G the number of games.

Check your file: amkit check 6
"""

import numpy as np


def projected(
    student_features: np.ndarray, game: np.ndarray, weights: np.ndarray, biases: np.ndarray
) -> np.ndarray:
    """f_i(h): each row by the projection of its own game. (4 points)

    Args:
        student_features: float [B, D].
        game: int [B]. The game of each row, from 0; in any order.
        weights: float [G, D, E].
        biases: float [G, E].

    Returns:
        float [B, E]. A linear projection: no activation follows.
    """
    # TODO: row b needs weights[game[b]] and biases[game[b]].
    # BEGIN SOLUTION
    rows = []
    for features, i in zip(student_features, game, strict=True):
        rows.append(features @ weights[i] + biases[i])
    return np.array(rows)
    # END SOLUTION


def feature_regression(predicted: np.ndarray, expert_features: np.ndarray) -> np.ndarray:
    """The loss of each row (Eq. 5). (3 points)

    Args:
        predicted: float [B, E]. The projected features.
        expert_features: float [B, E].

    Returns:
        float [B].
    """
    # TODO: one line.
    # BEGIN SOLUTION
    return ((predicted - expert_features) ** 2).sum(axis=1)
    # END SOLUTION


def actor_mimic_loss(
    policy_losses: np.ndarray, feature_losses: np.ndarray, feature_weight: float
) -> float:
    """The loss of a batch: the mean over its rows of Eq. 6. (3 points)

    Args:
        policy_losses: float [B]. Of Eq. 4.
        feature_losses: float [B]. Of Eq. 5.
        feature_weight: beta.

    Returns:
        float.
    """
    # TODO: one line.
    # BEGIN SOLUTION
    return float(np.mean(policy_losses + feature_weight * feature_losses))
    # END SOLUTION


# In words (5 points, marked by hand). Why does each game need a projection of its own? And why must
# beta be small? Answer in two to four sentences.
# BEGIN SOLUTION
# Each expert was trained alone, from other random weights: feature 7 of two experts means different
# things. A projection lets the student order and mix its features as it likes. The squared distance
# is a sum over hundreds of features and far larger than the cross-entropy: with a large beta the
# network would serve the features alone.
# END SOLUTION
