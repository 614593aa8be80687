"""Assignment 3: what a DQN learns from (Eq. 2)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amkit.course.assignments import Array, Mistakes, Symptoms, Test

TITLE = "the TD target (Eq. 2)"


def td_target(
    rewards: Array, terminals: Array, next_q_online: Array, next_q_target: Array, discount: float
) -> Array:
    """The reference of the target, row by row."""
    rows = zip(rewards, terminals, next_q_target, strict=True)
    return np.array([min(max(r, -1), 1) + (0 if end else discount * max(q)) for r, end, q in rows])


def td_loss(q_values: Array, actions: Array, targets: Array) -> Array:
    """The reference of the Huber loss of the action that was taken, row by row."""
    errors = [y - q[a] for q, a, y in zip(q_values, actions, targets, strict=True)]
    return np.array([e * e / 2 if abs(e) <= 1 else abs(e) - 0.5 for e in errors])


def synced(
    target_weights: list[Array], online_weights: list[Array], updates: int, period: int
) -> list[Array]:
    """The reference of the target network's weights after an update."""
    newest = online_weights if updates % period == 0 else target_weights
    return [np.array(weight) for weight in newest]


def _target(
    rewards: Array, terminals: Array, next_value: Array, discount: float, clip: float = 1
) -> Array:
    """The target of any value of the next state."""
    bootstrapped: Array = discount * np.where(terminals, 0, next_value)
    return np.clip(rewards, -clip, clip) + bootstrapped


def _error(q_values: Array, actions: Array, targets: Array) -> Array:
    error: Array = targets - q_values[np.arange(len(actions)), actions]
    return error


def _after(synced: Callable[..., Any], *updates: int) -> list[Any]:
    """Target weights after each of these updates, with a period of 100."""
    target = [np.zeros((2, 2)), np.ones(2)]
    online = [np.array([[1.0, 2], [3, 4]]), np.array([5.0, 6])]
    return [synced(target, online, n, 100) for n in updates]


def _learns_on(synced: Callable[..., Any]) -> Any:
    """Target weights after a copy, when the online network has learned on, in place."""
    online = [np.array([[1.0, 2], [3, 4]]), np.array([5.0, 6])]
    target = synced([np.zeros((2, 2)), np.ones(2)], online, 100, 100)
    for weight in online:
        weight += 10
    return target


def _mixed(target_weights: Sequence[Array], online_weights: Sequence[Array]) -> list[Array]:
    return [0.99 * t + 0.01 * o for t, o in zip(target_weights, online_weights, strict=True)]


_REWARDS = np.array([0, 1, -0.5, 0.25], np.float32)
_GAME = np.array([0, 100, -30, 1], np.float32)
_NEVER, _SOME = np.zeros(4, bool), np.array([False, True, False, True])
_NEXT_Q = np.array([[1, 3, 2], [-1, -2, -3], [0.5, 0.1, 0.2], [4, 4.5, 5]], np.float32)
_ONLINE_Q = np.array([[5, 1, 2], [-1, 0, 1], [0.9, 1.5, 0.2], [4, 7, 6]], np.float32)
_Q = np.array([[1, 3, 2], [-1, -2, -3], [0.5, 0.1, 0.2]], np.float32)
_ACTIONS = np.array([2, 0, 1])

TESTS = (
    Test("td_target", "ordinary steps", 1, (_REWARDS, _NEVER, _NEXT_Q, _NEXT_Q, 0.9)),
    Test("td_target", "terminal steps", 1, (_REWARDS, _SOME, _NEXT_Q, _NEXT_Q, 0.9)),
    Test("td_target", "rewards beyond 1 are clipped", 1, (_GAME, _NEVER, _NEXT_Q, _NEXT_Q, 0.9)),
    Test(
        "td_target",
        "two networks that disagree",
        1,
        (_REWARDS, _NEVER, _ONLINE_Q, _NEXT_Q, 0.9),
    ),
    Test(
        "td_loss",
        "errors within 1: half their square",
        2,
        (_Q, _ACTIONS, np.array([2.5, -1.75, 0.3], np.float32)),
    ),
    Test(
        "td_loss",
        "errors beyond 1: a straight line",
        1,
        (_Q, _ACTIONS, np.array([6, -4, 1.2], np.float32)),
    ),
    Test("synced", "updates 100 and 300 of a period of 100: a copy", 1, (100, 300), _after),
    Test("synced", "updates 1, 50, 99 and 101: nothing changes", 1, (1, 50, 99, 101), _after),
    Test("synced", "a copy: it stays when the online network learns on", 1, (), _learns_on),
)

MISTAKES: Mistakes = {
    "td_target": {
        "Terminal steps are not masked. "
        "Nothing follows them: their target is the reward.": lambda r, end, online, q, g: _target(
            r, 0 * end, q.max(axis=1), g
        ),
        "The terminal mask is inverted: "
        "only terminal steps look ahead.": lambda r, end, online, q, g: _target(
            r, ~end, q.max(axis=1), g
        ),
        "The next value is the online network's. "
        "Take the target network's.": lambda r, end, online, q, g: _target(
            r, end, online.max(axis=1), g
        ),
        "This is Double DQN: the online network chooses the action. In Eq. 2 the target "
        "network chooses and values it.": lambda r, end, online, q, g: _target(
            r, end, _chosen(q, online), g
        ),
        "The rewards are not clipped to [-1, 1].": lambda r, end, online, q, g: _target(
            r, end, q.max(axis=1), g, clip=np.inf
        ),
        "The reward's sign is taken. "
        "Clipping to [-1, 1] leaves 0.5 as it is.": lambda r, end, online, q, g: _target(
            np.sign(r), end, q.max(axis=1), g
        ),
        "The whole target is clipped to [-1, 1]. "
        "Only the reward is.": lambda r, end, online, q, g: np.clip(
            _target(r, end, q.max(axis=1), g, clip=np.inf), -1, 1
        ),
        "The next value is a mean over the actions. "
        "Eq. 2 takes the maximum.": lambda r, end, online, q, g: _target(r, end, q.mean(axis=1), g),
        "The maximum runs over the whole batch. "
        "Take the maximum of each row: axis=1.": lambda r, end, online, q, g: _target(
            r, end, q.max(), g
        ),
        "The next value is the index of the best action (argmax). "
        "Take its value (max).": lambda r, end, online, q, g: _target(r, end, q.argmax(axis=1), g),
        "The discount is missing: it multiplies the next value.": lambda r, end, online, q, g: (
            _target(r, end, q.max(axis=1), 1)
        ),
        "The discount multiplies the reward too. "
        "It multiplies the next value only.": lambda r, end, online, q, g: (
            g * _target(r, end, q.max(axis=1), 1)
        ),
        "The reward of terminal steps is lost. "
        "Mask the next value only.": lambda r, end, online, q, g: np.where(
            end, 0, _target(r, end, q.max(axis=1), g)
        ),
        "The sign is wrong: "
        "the discounted next value is added to the reward.": lambda r, end, online, q, g: _target(
            r, end, q.max(axis=1), -g
        ),
    },
    "td_loss": {
        "The loss is the squared error everywhere. "
        "Beyond 1 the Huber loss is a straight line.": lambda q, a, y: _error(q, a, y) ** 2 / 2,
        "The factor 1/2 is missing: "
        "the gradient of the loss is then twice the error.": lambda q, a, y: _error(q, a, y) ** 2,
        "The factor 1/2 is missing within 1: half the squared error.": lambda q, a, y: np.where(
            abs(_error(q, a, y)) <= 1, _error(q, a, y) ** 2, td_loss(q, a, y)
        ),
        "The line beyond 1 does not meet the parabola: it is |error| - 1/2.": lambda q, a, y: (
            np.where(abs(_error(q, a, y)) <= 1, td_loss(q, a, y), abs(_error(q, a, y)))
        ),
        "The error is clipped before it is squared: beyond 1 nothing is learned. Clip the "
        "gradient, which makes the loss a straight line.": lambda q, a, y: (
            np.clip(_error(q, a, y), -1, 1) ** 2 / 2
        ),
        "The sign of the error is not taken off before it is compared with 1: an error of -4 "
        "is large, too. Compare its size, np.abs.": lambda q, a, y: np.where(
            _error(q, a, y) <= 1, _error(q, a, y) ** 2 / 2, td_loss(q, a, y)
        ),
        "The two formulas are exchanged: the square is for errors within 1.": lambda q, a, y: (
            np.where(abs(_error(q, a, y)) > 1, _error(q, a, y) ** 2 / 2, abs(_error(q, a, y)) - 0.5)
        ),
        "The result is the clipped error. "
        "That is the gradient of the loss, not the loss.": lambda q, a, y: np.clip(
            _error(q, a, y), -1, 1
        ),
        "The absolute error is taken everywhere.": lambda q, a, y: abs(_error(q, a, y)),
        "The Q-value is that of the best action. "
        "Take that of the action that was taken.": lambda q, a, y: td_loss(q, q.argmax(axis=1), y),
        "The Q-value is always that of the first action. "
        "Take that of the action taken.": lambda q, a, y: td_loss(q, 0 * a, y),
        "The loss is of every action. "
        "Only the action that was taken has a target.": lambda q, a, y: np.stack(
            [td_loss(q, 0 * a + i, y) for i in range(q.shape[1])], axis=1
        ),
        "The rows of the actions are picked, not one action in each row: use "
        "q_values[np.arange(B), actions].": lambda q, a, y: td_loss(q[a], a, y),
        "The mean of the batch is taken. Return one loss per row.": lambda q, a, y: td_loss(
            q, a, y
        ).mean(),
        "The sum of the batch is taken. Return one loss per row.": lambda q, a, y: td_loss(
            q, a, y
        ).sum(),
        "The result is the error, not the loss.": _error,
        "The sign is wrong: a loss is never negative.": lambda q, a, y: -td_loss(q, a, y),
    },
    "synced": {
        "The target network is never synced: "
        "it keeps its first weights.": lambda target, online, n, period: [
            weight.copy() for weight in target
        ],
        "The target network is synced in every update. "
        "Copy once in each period.": lambda target, online, n, period: [
            weight.copy() for weight in online
        ],
        "The target gets the online network's own arrays, so that it follows every later "
        "change. Copy them.": lambda target, online, n, period: (
            online if n % period == 0 else target
        ),
        "Off by one: the copy comes one update too late.": lambda target, online, n, period: synced(
            target, online, n - 1, period
        ),
        "Off by one: the copy comes one update too early.": lambda target, online, n, period: (
            synced(target, online, n + 1, period)
        ),
        "The copy is made once only. "
        "Make one whenever another period is over.": lambda target, online, n, period: synced(
            target, online, int(n != period), 2
        ),
        "From the first period on, every update copies. "
        "Copy once in each period.": lambda target, online, n, period: synced(
            target, online, int(n < period), 2
        ),
        "The condition is inverted: "
        "it copies in all updates but those of the period.": lambda target, online, n, period: (
            synced(target, online, int(n % period == 0), 2)
        ),
        "The two networks are averaged. "
        "DQN copies the online weights whole.": lambda target, online, n, period: (
            _mixed(target, online) if n % period == 0 else target
        ),
        "The two networks are averaged. DQN copies the online weights whole, and only once "
        "in each period.": lambda target, online, n, period: _mixed(target, online),
        "Only the first array is copied. Copy all of them.": lambda target, online, n, period: (
            [online[0].copy(), *target[1:]] if n % period == 0 else target
        ),
    },
}


def _chosen(target_q: Array, online_q: Array) -> Array:
    """The target network's values of the actions that the online network would choose."""
    chosen: Array = target_q[np.arange(len(online_q)), online_q.argmax(axis=1)]
    return chosen


SYMPTOMS: Symptoms = {
    "td_loss": {
        "A loss is never negative.": lambda loss, *arguments: loss.min() < 0,
    },
}
