"""Assignment 5: policy regression (Eq. 4). Goes with tutorial 3.

The student imitates the expert's policy. Its loss is the cross-entropy of the two policies:

    L = - sum over the legal actions a of  pi_expert(a | s) * log pi_student(a | s)

    pi_expert   softmax of Q(s, a) / tau      over the legal actions (Eq. 3)
    pi_student  softmax of the student's logits  over the legal actions, without tau

The paper prints Eq. 4 without its minus sign; a loss that is minimised needs it.

Write the two functions with numpy. Replace each `raise` by your code; let the names and the
arguments stay. You may add functions of your own. B is the size of the batch.

Check your file: amkit check 5
"""

import numpy as np


def policy_regression(
    expert_q: np.ndarray, student_logits: np.ndarray, action_mask: np.ndarray, temperature: float
) -> np.ndarray:
    """The loss of each row (Eq. 4). (7 points)

    A student can be so sure that its softmax is 0 in floating point. The loss is finite then, too:
    compute the logarithm of the softmax from the logits, log pi = z - log(sum of exp(z)).

    Args:
        expert_q: float [B, 18]. Any value where the action is illegal.
        student_logits: float [B, 18]. Any value where the action is illegal.
        action_mask: bool [18]. True where legal.
        temperature: tau, greater than 0.

    Returns:
        float [B], in nats.
    """
    # TODO: the expert's policy, the logarithm of the student's policy, then the sum.
    # BEGIN SOLUTION
    expert = np.where(action_mask, expert_q / temperature, -1e9)
    expert = np.exp(expert - expert.max(axis=1, keepdims=True))
    expert = expert / expert.sum(axis=1, keepdims=True)
    student = np.where(action_mask, student_logits, -1e9)
    student = student - student.max(axis=1, keepdims=True)
    log_student = student - np.log(np.exp(student).sum(axis=1, keepdims=True))
    return -(expert * log_student).sum(axis=1)
    # END SOLUTION


def policy_regression_gradient(
    expert_q: np.ndarray, student_logits: np.ndarray, action_mask: np.ndarray, temperature: float
) -> np.ndarray:
    """The gradient of each row's loss by the student's logits. (3 points)

    Work it out on paper first. The result is short.

    Args:
        expert_q, student_logits, action_mask, temperature: as above.

    Returns:
        float [B, 18]. Exactly 0 where the action is illegal.
    """
    # TODO: two policies, one line.
    # BEGIN SOLUTION
    expert = np.where(action_mask, expert_q / temperature, -1e9)
    expert = np.exp(expert - expert.max(axis=1, keepdims=True))
    expert = expert / expert.sum(axis=1, keepdims=True)
    student = np.where(action_mask, student_logits, -1e9)
    student = np.exp(student - student.max(axis=1, keepdims=True))
    student = student / student.sum(axis=1, keepdims=True)
    return student - expert
    # END SOLUTION


# In words (5 points, marked by hand). What is the smallest value that the loss can reach, and when?
# Why is it not 0? Answer in two to four sentences.
# BEGIN SOLUTION
# The smallest value is the entropy of the expert's policy. The loss is that entropy plus the KL
# divergence from the expert to the student, which is 0 when both policies are the same. It is 0 only
# where the expert is sure of one action.
# END SOLUTION
