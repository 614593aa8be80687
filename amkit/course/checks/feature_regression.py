"""Assignment 6: Eq. 5 and 6."""

import numpy as np

from amkit.course.assignments import Array, Mistakes, Symptoms, Test

TITLE = "feature regression and the whole objective (Eq. 5, 6)"


def projected(student_features: Array, game: Array, weights: Array, biases: Array) -> Array:
    """The reference of f_i(h): each row by the projection of its game."""
    return np.stack(
        [row @ weights[i] + biases[i] for row, i in zip(student_features, game, strict=True)]
    )


def feature_regression(predicted: Array, expert_features: Array) -> Array:
    """The reference of Eq. 5, feature by feature."""
    columns = zip(predicted.T, expert_features.T, strict=True)
    return np.array(sum((p - e) * (p - e) for p, e in columns))


def actor_mimic_loss(policy_losses: Array, feature_losses: Array, feature_weight: float) -> float:
    """The reference of Eq. 6, averaged over the batch."""
    rows = zip(policy_losses, feature_losses, strict=True)
    return float(sum(p + feature_weight * f for p, f in rows) / len(policy_losses))


def _squared(predicted: Array, expert_features: Array) -> Array:
    square: Array = (predicted - expert_features) ** 2
    return square


_rng = np.random.default_rng(6)
_FEATURES = _rng.normal(0, 1, (5, 3)).astype(np.float32)
_WEIGHTS = _rng.normal(0, 1, (2, 3, 3)).astype(np.float32)
_BIASES = _rng.normal(0, 1, (2, 3)).astype(np.float32)
_ONE_GAME, _TWO_GAMES = np.zeros(5, int), np.array([1, 1, 0, 1, 0])
_PREDICTED = np.array([[1, 2, 2], [0, 0, 0], [0.5, -0.5, 3], [4, 0, 1]], np.float32)
_EXPERT = np.array([[0, 0, 0], [0, 0, 0], [1, 0.5, 1], [3, 1, 2]], np.float32)
_POLICY_LOSS = np.array([1.5, 0.5, 2.5, 0.25], np.float32)
_FEATURE_LOSS = np.array([30, 10, 20, 60], np.float32)

TESTS = (
    Test("projected", "one game", 2, (_FEATURES, _ONE_GAME, _WEIGHTS, _BIASES)),
    Test("projected", "two games, mixed", 2, (_FEATURES, _TWO_GAMES, _WEIGHTS, _BIASES)),
    Test("feature_regression", "four rows", 3, (_PREDICTED, _EXPERT)),
    Test("actor_mimic_loss", "beta 0.01", 2, (_POLICY_LOSS, _FEATURE_LOSS, 0.01)),
    Test(
        "actor_mimic_loss", "beta 0: the policy's loss alone", 1, (_POLICY_LOSS, _FEATURE_LOSS, 0)
    ),
)

MISTAKES: Mistakes = {
    "projected": {
        "All rows use the first game's projection. Each game has one of its own: take "
        "weights[game] and biases[game] row by row.": lambda h, game, w, b: projected(
            h, 0 * game, w, b
        ),
        "The bias is missing.": lambda h, game, w, b: projected(h, game, w, 0 * b),
        "Each row is multiplied by the weights of every row. Take them row by row, in a loop "
        "or with np.einsum.": lambda h, game, w, b: h @ w[game] + b[game],
        "All rows have the first game's bias. "
        "Each game has one of its own.": lambda h, game, w, b: projected(
            h, game, w, np.stack([b[0]] * len(b))
        ),
        "All rows have the first game's weights. "
        "Each game has weights of its own.": lambda h, game, w, b: projected(
            h, game, np.stack([w[0]] * len(w)), b
        ),
        "The weights are transposed: "
        "a row of features is multiplied from the left.": lambda h, game, w, b: projected(
            h, game, w.transpose(0, 2, 1), b
        ),
        "A ReLU follows the projection. It is linear (App. B).": lambda h, game, w, b: np.maximum(
            projected(h, game, w, b), 0
        ),
        "A ReLU is applied to the features first. "
        "The projection takes them as they are.": lambda h, game, w, b: projected(
            np.maximum(h, 0), game, w, b
        ),
        "The bias is subtracted. It is added.": lambda h, game, w, b: projected(h, game, w, -b),
        "The games are off by one: they count from 0.": lambda h, game, w, b: projected(
            h, game - 1, w, b
        ),
        "The projections of all games are averaged. "
        "Each row takes that of its own game.": lambda h, game, w, b: (
            h @ w.mean(axis=0) + b.mean(axis=0)
        ),
        "The projections of all games are added. "
        "Each row takes that of its own game.": lambda h, game, w, b: (
            h @ w.sum(axis=0) + b.sum(axis=0)
        ),
        "The rows are put together game by game. Keep them in their order.": lambda h, game, w, b: (
            projected(h, game, w, b)[np.argsort(game, kind="stable")]
        ),
    },
    "feature_regression": {
        "It is a mean over the features. Eq. 5 is a sum over them (a squared norm).": lambda f, e: (
            _squared(f, e).mean(axis=1)
        ),
        "The sum runs over the whole batch. Return one loss per row: axis=1.": lambda f, e: (
            _squared(f, e).sum()
        ),
        "The mean of the batch is taken. Return one loss per row.": lambda f, e: (
            _squared(f, e).sum(axis=1).mean()
        ),
        "The mean of everything is taken. "
        "Eq. 5 is a sum over the features of each row.": lambda f, e: _squared(f, e).mean(),
        "The sum runs over the batch (axis 0). It runs over the features, axis 1.": lambda f, e: (
            _squared(f, e).sum(axis=0)
        ),
        "There is a factor of 1/2 that Eq. 5 does not have.": lambda f, e: (
            _squared(f, e).sum(axis=1) / 2
        ),
        "The loss is divided by the batch size. Return the loss of each row.": lambda f, e: (
            _squared(f, e).sum(axis=1) / len(f)
        ),
        "The root is taken. Eq. 5 is the squared norm.": lambda f, e: np.sqrt(
            _squared(f, e).sum(axis=1)
        ),
        "The differences are summed before they are squared, so that they cancel. Square "
        "each first.": lambda f, e: (f - e).sum(axis=1) ** 2,
        "Absolute differences are summed. Eq. 5 squares them.": lambda f, e: abs(f - e).sum(axis=1),
        "The sign is wrong: a squared distance is positive.": lambda f, e: (
            -_squared(f, e).sum(axis=1)
        ),
        "The squared norms are subtracted. "
        "Eq. 5 is the squared norm of the difference.": lambda f, e: (f**2 - e**2).sum(axis=1),
        "The two are added. Eq. 5 takes their difference.": lambda f, e: ((f + e) ** 2).sum(axis=1),
        "The differences are not summed: return one loss per row.": _squared,
    },
    "actor_mimic_loss": {
        "beta is ignored: it multiplies the feature loss.": lambda p, f, beta: actor_mimic_loss(
            p, f, 1
        ),
        "beta is on the wrong loss: it multiplies the feature loss.": lambda p, f, beta: (
            beta * p.mean() + f.mean()
        ),
        "beta multiplies both losses. It multiplies the feature loss only.": lambda p, f, beta: (
            beta * (p.mean() + f.mean())
        ),
        "The losses are mixed with weights 1 - beta and beta. Eq. 6 leaves the policy's loss "
        "whole.": lambda p, f, beta: (1 - beta) * p.mean() + beta * f.mean(),
        "The batch is summed. Take the mean: the learning rate must not depend on the batch "
        "size.": lambda p, f, beta: (p + beta * f).sum(),
        "The feature loss is left out.": lambda p, f, beta: p.mean(),
        "One loss per row is returned. Take the mean over the batch.": lambda p, f, beta: (
            p + beta * f
        ),
        "The feature loss is subtracted. Both losses are minimised: add it.": lambda p, f, beta: (
            p.mean() - beta * f.mean()
        ),
        "The mean "
        "runs over the losses of both kinds, twice as many numbers as rows.": lambda p, f, beta: (
            (p.mean() + beta * f.mean()) / 2
        ),
        "The policy's loss is summed and the feature loss averaged. "
        "Average both.": lambda p, f, beta: p.sum() + beta * f.mean(),
        "The feature loss is summed and the policy's averaged. Average both.": lambda p, f, beta: (
            p.mean() + beta * f.sum()
        ),
        "The feature loss is divided by beta. It is multiplied by it.": lambda p, f, beta: (
            p.mean() + f.mean() / np.float64(beta)
        ),
        "The two losses are multiplied. Add them.": lambda p, f, beta: (p * beta * f).mean(),
    },
}

SYMPTOMS: Symptoms = {
    "feature_regression": {
        "A squared distance is never negative.": lambda loss, *_: loss.min() < 0,
    },
}
