"""Assignment 1: Eq. 3."""

from collections.abc import Callable

import numpy as np

from amkit.course.assignments import Array, Mistakes, Symptoms, Test

TITLE = "the Boltzmann policy (Eq. 3)"


def log_policy(logits: Array) -> Array:
    """Logarithm of the softmax of each row, [B, A]."""
    highest = logits.max(axis=1, keepdims=True)
    difference = logits - highest
    log: Array = difference - np.log(np.exp(difference).sum(axis=1, keepdims=True))
    return log


def boltzmann_policy(q_values: Array, temperature: float) -> Array:
    """The reference of Eq. 3."""
    policy: Array = np.exp(log_policy(q_values / temperature))
    return policy


def policy_entropy(policy: Array) -> Array:
    """The reference of the entropy, in nats."""
    return np.array([-sum(p * np.log(p) for p in row if p > 0) for row in policy])


def _divided(scaled: Array, highest: Array | float, axis: int | None) -> Array:
    """Exponentials, less this before them, divided by their sum over an axis."""
    exponentials = np.exp(scaled - highest)
    divided: Array = exponentials / exponentials.sum(axis=axis, keepdims=True)
    return divided


def _shifts(axis: int | None) -> tuple[Callable[[Array, float], Array], ...]:
    """Softmaxes over this axis: nothing is subtracted, or the maximum of the rows, or of all."""
    return (
        lambda q, tau: _divided(q / tau, 0, axis),
        lambda q, tau: _divided(q / tau, q.max(axis=1, keepdims=True) / tau, axis),
        lambda q, tau: _divided(q / tau, q.max(axis=0) / tau, axis),
        lambda q, tau: _divided(q / tau, q.max() / tau, axis),
    )


_Q = np.array([[1, 2, 0.5, -1], [0.3, 0.1, 0.2, 0.25], [-2, -1, -1.5, 0.1]], np.float32)
_POLICY = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])

TESTS = (
    Test("boltzmann_policy", "temperature 1", 2, (_Q, 1.0)),
    Test("boltzmann_policy", "temperature 0.1: the best action stands out", 2, (_Q, 0.1)),
    Test("boltzmann_policy", "temperature 5: nearly uniform", 1, (_Q, 5.0)),
    Test("boltzmann_policy", "Q-values near 1,000: no overflow", 1, (_Q + 1000, 0.5)),
    Test(
        "boltzmann_policy",
        "rows of very different size: each row by itself",
        1,
        (_Q + np.array([[0], [3000], [0]], np.float32), 1.0),
    ),
    Test("policy_entropy", "entropy in nats", 2, (_POLICY,)),
    Test("policy_entropy", "a policy that is sure: 0 log 0 counts as 0", 1, (np.eye(2, 4),)),
)

_NOT_NORMALISED = "The rows do not sum to 1: divide by the sum of the exponentials of the row."

MISTAKES: Mistakes = {
    "boltzmann_policy": {
        "The Q-values are multiplied by the temperature. "
        "Eq. 3 divides them by it.": lambda q, tau: boltzmann_policy(q, 1 / tau),
        "The temperature is ignored. Eq. 3 divides the Q-values by it.": lambda q, tau: (
            boltzmann_policy(q, 1)
        ),
        "The softmax runs over the batch (axis 0). It runs over the actions, axis 1.": tuple(
            wrong for wrong in _shifts(0)
        ),
        "The softmax runs over the whole array. Each row is a policy by itself: axis=1.": tuple(
            wrong for wrong in _shifts(None)
        ),
        "The exponential overflows for large Q-values. Subtract the row's maximum before it: "
        "the policy stays the same.": _shifts(1)[0],
        "The maximum of the whole array is subtracted: the exponentials of small rows all "
        "become 0. Subtract the maximum of each row.": _shifts(1)[3],
        "The sign is wrong: the worst action gets the highest probability.": lambda q, tau: (
            boltzmann_policy(-q, tau)
        ),
        _NOT_NORMALISED: (
            lambda q, tau: np.exp((q - q.max(axis=1, keepdims=True)) / tau),
            lambda q, tau: np.exp(q / tau),
        ),
        "The result is the logarithm of the policy. Eq. 3 is the policy itself.": lambda q, tau: (
            log_policy(q / tau)
        ),
        "The result is the greedy policy: "
        "1 for the best action. Eq. 3 is a softmax.": lambda q, tau: np.eye(q.shape[1])[
            q.argmax(axis=1)
        ],
        "The Q-values are divided by their sum. "
        "Eq. 3 takes their exponentials first.": lambda q, tau: (
            (q / tau) / (q / tau).sum(axis=1, keepdims=True)
        ),
        "The temperature divides the probabilities, after the softmax. It divides the "
        "Q-values, before it.": lambda q, tau: boltzmann_policy(q, 1) / tau,
    },
    "policy_entropy": {
        "The sign is wrong: "
        "an entropy is never negative. Put a minus before the sum.": lambda policy: (
            -policy_entropy(policy)
        ),
        "A logarithm of zero: 0 * log(0) is NaN in numpy. Its limit is 0: leave such "
        "actions out.": lambda policy: -(policy * np.log(policy)).sum(axis=1),
        "The logarithm has base 2. Nats need the natural one, np.log.": lambda policy: (
            policy_entropy(policy) / np.log(2)
        ),
        "It is a mean over the actions. The entropy is a sum over them.": lambda policy: (
            policy_entropy(policy) / policy.shape[1]
        ),
        "The sum runs over the whole batch. Return one entropy per row: axis=1.": lambda policy: (
            policy_entropy(policy).sum()
        ),
        "The mean of the batch is taken. Return one entropy per row.": lambda policy: (
            policy_entropy(policy).mean()
        ),
        "The logarithms are not weighted: "
        "multiply each by the probability of its action.": lambda policy: (
            -np.log(policy).sum(axis=1)
        ),
    },
}

SYMPTOMS: Symptoms = {
    "boltzmann_policy": {
        _NOT_NORMALISED: lambda policy, q, tau: not np.allclose(policy.sum(axis=1), 1, atol=1e-3),
    },
    "policy_entropy": {
        "An entropy is never negative.": lambda entropy, policy: entropy.min() < 0,
    },
}
