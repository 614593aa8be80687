"""Assignment 5: Eq. 4."""

import numpy as np

from amkit.course.assignments import Array, Mistakes, Symptoms, Test
from amkit.course.checks.action_mask import masked_policy
from amkit.course.checks.boltzmann_policy import log_policy

TITLE = "policy regression (Eq. 4)"


def policy_regression(
    expert_q: Array, student_logits: Array, action_mask: Array, temperature: float
) -> Array:
    """The reference of Eq. 4: the legal actions alone, one after the other."""
    expert = masked_policy(expert_q / temperature, action_mask)
    student = log_policy(student_logits[:, action_mask])
    legal = np.flatnonzero(action_mask)
    terms = [expert[:, code] * student[:, i] for i, code in enumerate(legal)]
    loss: Array = -np.sum(terms, axis=0)
    return loss


def policy_regression_gradient(
    expert_q: Array, student_logits: Array, action_mask: Array, temperature: float
) -> Array:
    """The reference of Eq. 4's gradient by the logits."""
    expert = masked_policy(expert_q / temperature, action_mask)
    return masked_policy(student_logits, action_mask) - expert


def _log(logits: Array, action_mask: Array) -> Array:
    """Logarithm of the masked policy, very low but finite where illegal."""
    return log_policy(np.where(action_mask, logits, -1e9))


def _cross_entropy(policy: Array, log_of: Array) -> Array:
    loss: Array = -np.where(policy == 0, 0, policy * log_of).sum(axis=1)
    return loss


def _entropy(policy: Array) -> Array:
    return _cross_entropy(policy, np.log(np.maximum(policy, 1e-300)))


_rng = np.random.default_rng(5)
_MASK = np.isin(np.arange(18), [0, 1, 3, 4, 11, 12])  # Pong's.
_Q = _rng.normal(0, 0.5, (3, 18)).astype(np.float32)
_LOGITS = _rng.normal(0, 1, (3, 18)).astype(np.float32)
_LOUD = (np.where(_MASK, _Q, np.float32(30)), np.where(_MASK, _LOGITS, np.float32(20)))
_SURE = np.where(np.arange(18) % 4 == 0, np.float32(900), _LOGITS)

TESTS = (
    Test("policy_regression", "temperature 1", 2, (_Q, _LOGITS, _MASK, 1.0)),
    Test("policy_regression", "temperature 0.1", 2, (_Q, _LOGITS, _MASK, 0.1)),
    Test("policy_regression", "high values of illegal actions", 1, (*_LOUD, _MASK, 1.0)),
    Test("policy_regression", "a student that is sure: no log of 0", 2, (_Q, _SURE, _MASK, 1.0)),
    Test("policy_regression_gradient", "temperature 1", 1, (_Q, _LOGITS, _MASK, 1.0)),
    Test("policy_regression_gradient", "temperature 0.1", 1, (_Q, _LOGITS, _MASK, 0.1)),
    Test("policy_regression_gradient", "high values of illegal actions", 1, (*_LOUD, _MASK, 1.0)),
)

_BOTH = (
    "The temperature is on both sides. Eq. 3 divides the expert's Q-values by it; the student's "
    "logits stay as they are."
)
_STUDENT_ONLY = "The temperature is on the wrong side: it divides the expert's Q-values only."
_NO_TEMPERATURE = "The temperature is ignored: it divides the expert's Q-values."
_NOT_MASKED = "The mask is ignored."
_STUDENT_NOT_MASKED = (
    "The mask is missing on the student's side: its softmax includes all 18 actions."
)
_EXPERT_NOT_MASKED = (
    "The mask is missing on the expert's side: its softmax includes all 18 actions."
)
_ALL = np.ones(18, bool)

MISTAKES: Mistakes = {
    "policy_regression": {
        _BOTH: lambda q, z, mask, tau: policy_regression(q, z / tau, mask, tau),
        _STUDENT_ONLY: lambda q, z, mask, tau: policy_regression(q, z / tau, mask, 1),
        _NO_TEMPERATURE: lambda q, z, mask, tau: policy_regression(q, z, mask, 1),
        "The Q-values are multiplied by the temperature. "
        "Eq. 3 divides them by it.": lambda q, z, mask, tau: policy_regression(q, z, mask, 1 / tau),
        "The sign is wrong. A cross-entropy has a minus (Eq. 4 is printed without it) and is "
        "never negative.": lambda q, z, mask, tau: -policy_regression(q, z, mask, tau),
        "It is a mean over all 18 actions. "
        "Eq. 4 is a sum over the actions.": lambda q, z, mask, tau: (
            policy_regression(q, z, mask, tau) / 18
        ),
        "It is a mean over the legal actions. "
        "Eq. 4 is a sum over the actions.": lambda q, z, mask, tau: (
            policy_regression(q, z, mask, tau) / mask.sum()
        ),
        "The mean of the batch is taken. Return one loss per row.": lambda q, z, mask, tau: (
            policy_regression(q, z, mask, tau).mean()
        ),
        "The sum of the batch is taken. Return one loss per row.": lambda q, z, mask, tau: (
            policy_regression(q, z, mask, tau).sum()
        ),
        "A logarithm of zero: the student's softmax is 0 in floating point, and its log is "
        "minus infinity. Compute the log of the softmax from the logits: z - max - log(sum "
        "of exp(z - max)).": lambda q, z, mask, tau: (
            -(masked_policy(q / tau, mask) * np.log(masked_policy(z, mask)))[:, mask].sum(axis=1)
        ),
        "A logarithm of zero: illegal actions have probability 0, and 0 * log(0) is NaN. "
        "Sum over the legal actions only, "
        "or use a low finite number in place of minus infinity.": lambda q, z, mask, tau: (
            -(masked_policy(q / tau, mask) * np.log(masked_policy(z, mask))).sum(axis=1)
        ),
        "A small number is added inside the logarithm. It hides the log of 0 and makes "
        "the loss wrong where the student is sure: take the log of the softmax from the "
        "logits.": tuple(
            lambda q, z, mask, tau, small=small: _cross_entropy(
                masked_policy(q / tau, mask), np.log(masked_policy(z, mask) + small)
            )
            for small in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
        ),
        "This is the KL divergence. Eq. 4 is the cross-entropy: do not subtract the expert's "
        "entropy.": lambda q, z, mask, tau: (
            policy_regression(q, z, mask, tau) - _entropy(masked_policy(q / tau, mask))
        ),
        "Expert and student are exchanged: the expert's policy weights the logarithm of the "
        "student's.": lambda q, z, mask, tau: _cross_entropy(
            masked_policy(z, mask), _log(q / tau, mask)
        ),
        _NOT_MASKED: lambda q, z, mask, tau: policy_regression(q, z, _ALL, tau),
        _STUDENT_NOT_MASKED: lambda q, z, mask, tau: _cross_entropy(
            masked_policy(q / tau, mask), log_policy(z)
        ),
        _EXPERT_NOT_MASKED: (
            lambda q, z, mask, tau: (
                -(masked_policy(q / tau, _ALL) * _log(z, mask))[:, mask].sum(axis=1)
            ),
            lambda q, z, mask, tau: _cross_entropy(masked_policy(q / tau, _ALL), _log(z, mask)),
        ),
        "The mask comes after the softmax: the legal probabilities no longer sum to 1. Mask "
        "Q-values and logits before it.": lambda q, z, mask, tau: (
            -(masked_policy(q / tau, _ALL) * log_policy(z))[:, mask].sum(axis=1)
        ),
        "This is a squared difference of the policies. "
        "Eq. 4 is a cross-entropy.": lambda q, z, mask, tau: (
            (masked_policy(q / tau, mask) - masked_policy(z, mask)) ** 2
        ).sum(axis=1),
        "The expert's policy is one-hot (its best action). Eq. 4 takes its whole softmax "
        "policy.": lambda q, z, mask, tau: policy_regression(q, z, mask, 1e-6),
        "The expert's Q-values weight the logarithms. "
        "Take their softmax first (Eq. 3).": lambda q, z, mask, tau: (
            -(q / tau * _log(z, mask))[:, mask].sum(axis=1)
        ),
    },
    "policy_regression_gradient": {
        "The sign is wrong: "
        "the gradient is the student's policy minus the expert's.": lambda q, z, mask, tau: (
            -policy_regression_gradient(q, z, mask, tau)
        ),
        _BOTH: lambda q, z, mask, tau: policy_regression_gradient(q, z / tau, mask, tau),
        _STUDENT_ONLY: lambda q, z, mask, tau: policy_regression_gradient(q, z / tau, mask, 1),
        _NO_TEMPERATURE: lambda q, z, mask, tau: policy_regression_gradient(q, z, mask, 1),
        "The gradient is divided by the temperature. "
        "The student's logits have none.": lambda q, z, mask, tau: (
            policy_regression_gradient(q, z, mask, tau) / tau
        ),
        _NOT_MASKED: lambda q, z, mask, tau: policy_regression_gradient(q, z, _ALL, tau),
        _STUDENT_NOT_MASKED: lambda q, z, mask, tau: (
            masked_policy(z, _ALL) - masked_policy(q / tau, mask)
        ),
        _EXPERT_NOT_MASKED: lambda q, z, mask, tau: (
            masked_policy(z, mask) - masked_policy(q / tau, _ALL)
        ),
        "The mask comes after the softmax. "
        "Mask Q-values and logits before it.": lambda q, z, mask, tau: (
            policy_regression_gradient(q, z, _ALL, tau) * mask
        ),
        "The difference is of logits and Q-values. "
        "Take the softmax of both first.": lambda q, z, mask, tau: (z - q / tau) * mask,
        "The gradient is divided by the batch size. "
        "Each row has a loss of its own.": lambda q, z, mask, tau: (
            policy_regression_gradient(q, z, mask, tau) / len(q)
        ),
        "Only the student's policy is left: subtract the expert's.": lambda q, z, mask, tau: (
            masked_policy(z, mask)
        ),
        "The gradient is divided by 18, as for a mean over all actions. "
        "Eq. 4 is a sum.": lambda q, z, mask, tau: policy_regression_gradient(q, z, mask, tau) / 18,
    },
}

SYMPTOMS: Symptoms = {
    "policy_regression": {
        "A cross-entropy is never negative.": lambda loss, *arguments: loss.min() < 0,
    },
    "policy_regression_gradient": {
        "Illegal actions have a gradient. "
        "It is exactly 0 there.": lambda gradient, q, z, mask, tau: np.any(gradient[:, ~mask] != 0),
        "The gradient of "
        "a row does not sum to 0, as that of a softmax does.": lambda gradient, q, z, mask, tau: (
            not np.allclose(gradient.sum(axis=1), 0, atol=1e-3)
        ),
    },
}
