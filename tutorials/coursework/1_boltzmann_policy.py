"""Assignment 1: the Boltzmann policy (Eq. 3). Goes with tutorial 1.

An expert DQN has a Q-value for each action. Actor-Mimic turns these Q-values into a policy: a
softmax with a temperature tau.

    pi(a | s) = exp(Q(s, a) / tau) / sum over all actions b of exp(Q(s, b) / tau)

Write the two functions with numpy. Replace each `raise` by your code; let the names and the
arguments stay. B is the size of the batch, A the number of actions.

Check your file: amkit check 1
"""

import numpy as np


def boltzmann_policy(q_values: np.ndarray, temperature: float) -> np.ndarray:
    """The policy of Eq. 3. (7 points)

    Each row is a policy by itself. Q-values may be as large as 1,000: no exponential may overflow.

    Args:
        q_values: float [B, A].
        temperature: tau, greater than 0.

    Returns:
        float [B, A]. Each row sums to 1.
    """
    # TODO: divide by the temperature, make large values safe, exponentiate, normalise.
    # BEGIN SOLUTION
    scaled = q_values / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    exponentials = np.exp(scaled)
    return exponentials / exponentials.sum(axis=1, keepdims=True)
    # END SOLUTION


def policy_entropy(policy: np.ndarray) -> np.ndarray:
    """The entropy of each policy in nats: minus the sum of p log p. (3 points)

    An action of probability 0 adds nothing: the limit of p log p is 0.

    Args:
        policy: float [B, A]. Rows sum to 1.

    Returns:
        float [B].
    """
    # TODO: take care of the logarithm of 0.
    # BEGIN SOLUTION
    safe = np.where(policy > 0, policy, 1.0)
    return -(policy * np.log(safe)).sum(axis=1)
    # END SOLUTION


# In words (5 points, marked by hand). What becomes of the policy when tau goes to 0, and when tau
# goes to infinity? At which of the two does a student learn more about the expert's Q-values?
# Answer in two to four sentences.
# BEGIN SOLUTION
# When tau goes to 0 the policy is greedy: the best action has probability 1. When tau goes to
# infinity the policy is uniform, and says nothing about the Q-values. A small tau tells which action
# is best, but not by how much, or how good the others are. A moderate tau tells all of that.
# END SOLUTION
