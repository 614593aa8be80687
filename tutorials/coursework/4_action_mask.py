"""Assignment 4: the action mask. Goes with tutorial 3.

The Atari emulator knows 18 actions; Breakout uses four of them. The student network has 18 outputs
for all games. In each game a mask says which outputs are legal.

Write the three functions with numpy. Replace each `raise` by your code; let the names and the
arguments stay. B is the size of the batch. In a mask, True means legal.

Check your file: amkit check 4
"""

import numpy as np


def masked_policy(logits: np.ndarray, action_mask: np.ndarray) -> np.ndarray:
    """A softmax over the legal actions. (4 points)

    Args:
        logits: float [B, 18]. Any value, however high, where the action is illegal.
        action_mask: bool [18], or [B, 18] with one mask for each row.

    Returns:
        float [B, 18]. Each row sums to 1, and is exactly 0 where the action is illegal.
    """
    # TODO: what must the illegal logits be before the softmax?
    # BEGIN SOLUTION
    masked = np.where(action_mask, logits, -1e9)
    exponentials = np.exp(masked - masked.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
    # END SOLUTION


def greedy_action(q_values: np.ndarray, action_mask: np.ndarray) -> np.ndarray:
    """The best legal action of each row. (3 points)

    Args:
        q_values: float [B, 18]. All may be negative.
        action_mask: bool [18].

    Returns:
        int [B]. The place of the action among the 18.
    """
    # TODO: an illegal action must never win.
    # BEGIN SOLUTION
    masked = np.where(action_mask, q_values, -np.inf)
    return masked.argmax(axis=1)
    # END SOLUTION


def over_all_actions(q_values: np.ndarray, action_codes: np.ndarray) -> np.ndarray:
    """Spreads an expert's Q-values over the 18 actions. (3 points)

    An expert has outputs for its own game's actions only. Column i of its Q-values belongs to the
    action with the code action_codes[i].

    Args:
        q_values: float [B, n].
        action_codes: int [n]. Codes from 0 to 17, in any order.

    Returns:
        float [B, 18]. Zero where the game has no action.
    """
    # TODO: begin with zeros.
    # BEGIN SOLUTION
    spread = np.zeros((len(q_values), 18))
    spread[:, action_codes] = q_values
    return spread
    # END SOLUTION


# In words (5 points, marked by hand). A student masks after the softmax: `softmax(logits) * mask`.
# The loss still goes down. What is wrong, and which logits does it push where? Answer in two to four
# sentences.
# BEGIN SOLUTION
# The legal probabilities no longer sum to 1, so that this is no policy over the legal actions. The
# cross-entropy then also falls when probability moves from illegal to legal actions: the network
# spends its training on pushing illegal logits down, which no mask needs.
# END SOLUTION
