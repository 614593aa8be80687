"""Assignment 4: the mask of legal actions."""

from functools import partial

import numpy as np

from amkit.course.assignments import Array, Mistakes, Symptoms, Test
from amkit.course.checks.boltzmann_policy import boltzmann_policy

TITLE = "the action mask"


def masked_policy(logits: Array, action_mask: Array) -> Array:
    """The reference: a softmax of the legal actions alone, row by row."""
    masks = np.broadcast_to(action_mask, logits.shape)
    policy = np.zeros(logits.shape)
    for row, (values, legal) in enumerate(zip(logits, masks, strict=True)):
        policy[row, legal] = boltzmann_policy(values[legal][np.newaxis], 1)[0]
    return policy


def greedy_action(q_values: Array, action_mask: Array) -> Array:
    """The reference of the best legal action, row by row."""
    legal = np.flatnonzero(action_mask)
    return np.array([max(legal, key=lambda code: row[code]) for row in q_values])


def over_all_actions(q_values: Array, action_codes: Array) -> Array:
    """The reference of a game's Q-values among the 18."""
    spread = np.zeros((18, len(q_values)))
    for column, code in zip(q_values.T, action_codes, strict=True):
        spread[code] = column
    return spread.T


def _softmax(logits: Array) -> Array:
    return boltzmann_policy(logits, 1)


def _lowered(logits: Array, mask: Array, low: float) -> Array:
    """A softmax whose illegal logits are this low."""
    return _softmax(np.where(mask, logits, low))


def _at(codes: Array, q_values: Array, fill: float | Array = 0.0) -> Array:
    """Q-values in these columns of the 18, and another value elsewhere."""
    spread = np.repeat(np.broadcast_to(fill, (len(q_values), 1)), 18, axis=1).astype(float)
    spread[:, codes] = q_values
    return spread


_rng = np.random.default_rng(4)
_MASK = np.isin(np.arange(18), [0, 1, 3, 4])  # Breakout's.
_MASKS = np.stack([_MASK, np.isin(np.arange(18), [0, 2, 5]), np.ones(18, bool)])
_LOGITS = _rng.normal(0, 2, (3, 18)).astype(np.float32)
_ILLEGAL_HIGH = np.where(_MASK, _LOGITS, np.float32(2000))
_NEGATIVE = -np.abs(_LOGITS) - 1
_NEGATIVE[0, 3] = -0.5  # Here a legal action is the best of all 18.
_OWN = _rng.normal(0, 2, (3, 4)).astype(np.float32)

TESTS = (
    Test("masked_policy", "the legal probabilities sum to 1", 2, (_LOGITS, _MASK)),
    Test("masked_policy", "illegal logits of 2,000 change nothing", 1, (_ILLEGAL_HIGH, _MASK)),
    Test("masked_policy", "each row has a mask of its own", 1, (_LOGITS, _MASKS)),
    Test("greedy_action", "an illegal action has the highest value", 2, (_ILLEGAL_HIGH, _MASK)),
    Test("greedy_action", "all values are negative", 1, (_NEGATIVE, _MASK)),
    Test("over_all_actions", "codes in order", 2, (_OWN, np.array([0, 1, 3, 4]))),
    Test("over_all_actions", "codes in another order", 1, (_OWN, np.array([4, 0, 11, 2]))),
)

_LEAKS = "Illegal actions still have a probability: their logits must become so low that exp() is 0"
_INVERTED = "The mask is inverted: True means legal."
_LEGAL_ONLY = "The result has the legal actions only. Keep all 18 columns, with 0 where illegal."
_IGNORED = "The mask is ignored."

MISTAKES: Mistakes = {
    "masked_policy": {
        "The mask comes after the softmax, so that the legal probabilities no longer sum to "
        "1. Mask the logits before it.": lambda logits, mask: _softmax(logits) * mask,
        "The mask comes after the softmax, with a new normalisation. That fails where an "
        "illegal logit is very high: 0 / 0. Mask the logits before it.": lambda logits, mask: (
            (_softmax(logits) * mask) / (_softmax(logits) * mask).sum(axis=1, keepdims=True)
        ),
        "The mask sets illegal logits to 0, and exp(0) is 1. They need a very low number, "
        "such as -1e9.": lambda logits, mask: _softmax(logits * mask),
        "The mask is added to the logits. Legal ones stay as they are; illegal ones become "
        "very low.": lambda logits, mask: _softmax(logits + mask),
        **{
            f"{_LEAKS}. {low} is not low enough; -1e9 is.": partial(_lowered, low=low)
            for low in (-1, -10)
        },
        f"{_LEAKS}. The lowest logit of the row is not low enough; -1e9 is.": lambda logits, mask: (
            _softmax(np.where(mask, logits, logits.min(axis=1, keepdims=True)))
        ),
        _INVERTED: lambda logits, mask: _softmax(np.where(mask, -1e9, logits)),
        _IGNORED: lambda logits, mask: _softmax(logits),
        _LEGAL_ONLY: (
            lambda logits, mask: _softmax(logits[:, mask]),
            lambda logits, mask: _softmax(logits[:, np.atleast_2d(mask)[0]]),
        ),
        "The softmax runs over the batch (axis 0). "
        "It runs over the actions, axis 1.": lambda logits, mask: (
            _softmax(np.where(mask, logits, -1e9).T).T
        ),
        "The mask of the first row is used for all rows.": lambda logits, mask: masked_policy(
            logits, np.atleast_2d(mask)[0]
        ),
        "The policy is uniform over the legal actions: "
        "the logits are not used.": lambda logits, mask: masked_policy(0 * logits, mask),
    },
    "greedy_action": {
        _IGNORED: lambda q, mask: q.argmax(axis=1),
        "The mask sets illegal values to 0, which is the best where all legal values are "
        "negative. Use a very low number.": lambda q, mask: (q * mask).argmax(axis=1),
        "The index counts among the legal actions. "
        "Return the action's place among the 18.": lambda q, mask: q[:, mask].argmax(axis=1),
        "The result is the highest value (max). "
        "Return the place of the action (argmax).": lambda q, mask: np.where(mask, q, -1e9).max(
            axis=1
        ),
        "The worst legal action is chosen.": lambda q, mask: greedy_action(-q, mask),
        _INVERTED: lambda q, mask: greedy_action(q, ~mask),
        "The maximum runs over the batch. Choose in each row: axis=1.": lambda q, mask: np.where(
            mask, q, -1e9
        ).argmax(axis=0),
        "One action is returned for the whole batch. Choose in each row: axis=1.": lambda q, mask: (
            np.where(mask, q, -1e9).argmax()
        ),
        "The maximum "
        "runs over all 18 actions, and the mask is applied to the result.": lambda q, mask: (
            q.argmax(axis=1) * mask[q.argmax(axis=1)]
        ),
        "Off by one: actions count from 0.": lambda q, mask: greedy_action(q, mask) + 1,
    },
    "over_all_actions": {
        "The values stand in the first columns. "
        "Each goes to the column of its action code.": lambda q, codes: _at(
            np.arange(len(codes)), q
        ),
        "The codes are taken in ascending order. "
        "Column i belongs to action_codes[i].": lambda q, codes: _at(np.sort(codes), q),
        "The wrong way about: the codes are the columns of the result, not those of the "
        "Q-values.": lambda q, codes: q[:, codes],
        "The other actions have a very low value. "
        "Here they are 0; the mask comes later.": lambda q, codes: _at(codes, q, -1e9),
        "The other actions are minus infinity. "
        "Here they are 0; the mask comes later.": lambda q, codes: _at(codes, q, -np.inf),
        "The other actions are NaN. Here they are 0; the mask comes later.": lambda q, codes: _at(
            codes, q, np.nan
        ),
        "The other actions have the mean of the row. Here they are 0.": lambda q, codes: _at(
            codes, q, q.mean(axis=1, keepdims=True)
        ),
        "Off by one: action codes count from 0.": lambda q, codes: _at(codes + 1, q),
        "The result is transposed: "
        "it has one row per observation and 18 columns.": lambda q, codes: _at(codes, q).T,
        "All rows have the values of the first row.": lambda q, codes: np.repeat(
            _at(codes, q)[:1], len(q), axis=0
        ),
        "The order of the values is reversed.": lambda q, codes: _at(codes, q[:, ::-1]),
    },
}

SYMPTOMS: Symptoms = {
    "masked_policy": {
        f"{_LEAKS}, such as -1e9.": lambda policy, logits, mask: np.any(
            policy[~np.broadcast_to(mask, policy.shape)] > 0
        ),
        "The rows do not sum to 1.": lambda policy, logits, mask: (
            not np.allclose(policy.sum(axis=1), 1, atol=1e-3)
        ),
    },
    "greedy_action": {
        "An illegal action is chosen.": lambda actions, q, mask: (
            not mask[actions.astype(int)].all()
        ),
    },
}
