"""Assignment 3: the TD target (Eq. 2). Goes with tutorial 2.

A DQN learns Q(s, a) from a target: the clipped reward plus the discounted value of the best next
action. The value comes from a second network, the target network, with weights of a while ago.

    y = r + gamma * max over b of Q_target(s', b)        y = r after a terminal step

Write the three functions with numpy. Replace each `raise` by your code; let the names and the
arguments stay. B is the size of the batch, A the number of actions.

Check your file: amkit check 3
"""

import numpy as np


def td_target(
    rewards: np.ndarray,
    terminals: np.ndarray,
    next_q_online: np.ndarray,
    next_q_target: np.ndarray,
    discount: float,
) -> np.ndarray:
    """The target of each step. (4 points)

    Args:
        rewards: float [B], as the game gave them. Clip them to [-1, 1].
        terminals: bool [B]. True where nothing follows.
        next_q_online: float [B, A]. What the online network says of the next observations. You may
            not need it.
        next_q_target: float [B, A]. What the target network says of them.
        discount: gamma.

    Returns:
        float [B].
    """
    # TODO: clip, choose the network, take the best action, mask terminal steps.
    # BEGIN SOLUTION
    clipped = np.clip(rewards, -1, 1)
    next_value = next_q_target.max(axis=1)
    return clipped + discount * np.where(terminals, 0.0, next_value)
    # END SOLUTION


def td_loss(q_values: np.ndarray, actions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The Huber loss of each step. (3 points)

    The error is the target minus the Q-value of the action that was taken. The loss is half the
    square of the error where its size is 1 or less, and its size minus 1/2 beyond. So the gradient
    is the error, clipped to [-1, 1].

    Args:
        q_values: float [B, A].
        actions: int [B]. The action taken in each row.
        targets: float [B].

    Returns:
        float [B].
    """
    # TODO: pick one Q-value in each row, then apply the two formulas.
    # BEGIN SOLUTION
    taken = q_values[np.arange(len(actions)), actions]
    size = np.abs(targets - taken)
    return np.where(size <= 1, size**2 / 2, size - 0.5)
    # END SOLUTION


def synced(
    target_weights: list[np.ndarray], online_weights: list[np.ndarray], updates: int, period: int
) -> list[np.ndarray]:
    """The target network's weights after an update. (3 points)

    Whenever another `period` updates are done, they are a copy of the online weights. Else they
    stay. The online network will change its arrays in place: the copy must not change with them.

    Args:
        target_weights, online_weights: arrays of the same shapes.
        updates: how many updates are done, with this one: 1, 2, 3, ...
        period: updates between two copies.

    Returns:
        List of arrays.
    """
    # TODO: is a copy due? If so, copy every array.
    # BEGIN SOLUTION
    if updates % period == 0:
        return [weight.copy() for weight in online_weights]
    return target_weights
    # END SOLUTION


# In words (5 points, marked by hand). What goes wrong if the target network is synced in every
# update? And what if it is never synced? Answer in two to four sentences.
# BEGIN SOLUTION
# With a copy in every update the target moves whenever the network does: raising Q(s, a) also raises
# the targets that depend on it, and values can run away or oscillate. Without any copy the network
# learns the values of its random beginning plus one reward, and no value further back than one step.
# END SOLUTION
