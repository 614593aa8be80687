"""Assignment 5: policy regression (Eq. 4). A sample hand-in, with two mistakes."""

import numpy as np


def softmax(x, mask):
    x = np.where(mask, x, -1e9)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(x, mask):
    x = np.where(mask, x, -1e9)
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def policy_regression(expert_q, student_logits, action_mask, temperature):
    expert = softmax(expert_q / temperature, action_mask)
    student = log_softmax(student_logits / temperature, action_mask)
    return -np.sum(expert * student, axis=1)


def policy_regression_gradient(expert_q, student_logits, action_mask, temperature):
    expert = softmax(expert_q / temperature, action_mask)
    student = softmax(student_logits, action_mask)
    return expert - student


# In words. The loss is smallest when the student has the same policy as the expert. It is not 0
# because the student can never be perfect.
