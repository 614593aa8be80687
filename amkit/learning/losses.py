"""The losses of the paper, one value per example: their mean does not depend on the batch size."""

import tensorflow as tf

from amkit.networks.actions import mask_illegal


def squared(error: tf.Tensor) -> tf.Tensor:
    """Half the squared error, float32 [B]: the gradient is the error itself (Eq. 2)."""
    return 0.5 * tf.square(error)


def huber(error: tf.Tensor) -> tf.Tensor:
    """Half the squared error within [-1, 1], linear outside, float32 [B].

    The gradient is the clipped error: "TD error clipped to [-1, 1]" of Mnih et al. 2015.
    """
    size = tf.abs(error)
    inside = tf.minimum(size, 1.0)
    return 0.5 * tf.square(inside) + (size - inside)


def quantile_huber(quantiles: tf.Tensor, target: tf.Tensor, threshold: float) -> tf.Tensor:
    """Quantile regression of a return (Dabney et al. 2018, Eq. 10), its mean over quantiles.

    Quantile k of K (from 0) has the level tau = (k + 1/2) / K. An error costs tau where the
    quantile is below the target and 1 - tau where it is above, times a Huber loss whose slope is 1
    beyond the threshold.

    Args:
        quantiles: float32 [B, K].
        target: float32 [B].
        threshold: float > 0. kappa.

    Returns:
        float32 [B].
    """
    count = quantiles.shape[-1]
    level = (tf.range(count, dtype=tf.float32) + 0.5) / count
    error = (target[:, tf.newaxis] - quantiles) / threshold
    weight = tf.where(error < 0, 1 - level, level)
    return threshold * tf.reduce_mean(weight * huber(error), axis=-1)


def boltzmann_policy(
    q_values: tf.Tensor, action_mask: tf.Tensor, temperature: float | tf.Tensor = 1.0
) -> tf.Tensor:
    """The expert's policy: a softmax of its Q-values over the legal actions (Eq. 3).

    Args:
        q_values: float32 [B, A]. Any value where the action is illegal.
        action_mask: bool [A] or [B, A]. True where legal.
        temperature: float > 0, or float32 [B, 1]. tau.

    Returns:
        float32 [B, A]. Rows sum to 1; exactly 0 where illegal.
    """
    return tf.nn.softmax(mask_illegal(q_values / temperature, action_mask))


def policy_regression(
    expert_q: tf.Tensor,
    student_logits: tf.Tensor,
    action_mask: tf.Tensor,
    temperature: float | tf.Tensor = 1.0,
) -> tf.Tensor:
    """Cross-entropy from the expert's softmax policy to the student's, legal actions (Eq. 3, 4).

    Eq. 4 is printed without its minus sign; it is a cross-entropy and is minimised.

    Args:
        expert_q: float32 [B, 18]. Any value where the action is illegal.
        student_logits: float32 [B, 18].
        action_mask: bool [18] or [B, 18]. True where legal.
        temperature: float > 0, or float32 [B, 1]. Divides the expert's Q-values only.

    Returns:
        float32 [B], in nats.

    Examples:
        >>> import amkit, numpy as np
        >>> pong = amkit.find_game("pong")
        >>> expert_q = np.zeros((1, 18), np.float32)  # No action is better than another.
        >>> student_logits = np.zeros((1, 18), np.float32)
        >>> loss = amkit.policy_regression(expert_q, student_logits, pong.action_mask)
        >>> bool(np.isclose(loss[0], np.log(6)))  # Pong has six actions.
        True
    """
    expert_policy = boltzmann_policy(expert_q, action_mask, temperature)
    student_log_policy = tf.nn.log_softmax(mask_illegal(student_logits, action_mask))
    return -tf.reduce_sum(expert_policy * student_log_policy, axis=-1)


def q_regression(expert_q: tf.Tensor, student_q: tf.Tensor, action_mask: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of Q-values over legal actions: what section 3.1 advises against.

    Args:
        expert_q, action_mask: as of `policy_regression`.
        student_q: float32 [B, 18].

    Returns:
        float32 [B].
    """
    legal = tf.broadcast_to(tf.cast(action_mask, student_q.dtype), tf.shape(student_q))
    difference = tf.where(action_mask, student_q - expert_q, tf.zeros_like(student_q))
    return tf.reduce_sum(tf.square(difference), axis=-1) / tf.reduce_sum(legal, axis=-1)


def policy_entropy(policy: tf.Tensor) -> tf.Tensor:
    """Entropy of a policy [B, A]: the least that `policy_regression` can reach, in nats [B]."""
    return -tf.reduce_sum(tf.math.xlogy(policy, policy), axis=-1)


def feature_regression(predicted: tf.Tensor, expert_features: tf.Tensor) -> tf.Tensor:
    """Squared distance from the predicted to the expert's features (Eq. 5).

    Args:
        predicted: float32 [B, D]. f_i(h_AMN(s)), the projection of the student's features.
        expert_features: float32 [B, D]. h_{E_i}(s).

    Returns:
        float32 [B]. The sum over the D features.

    Examples:
        >>> import amkit, numpy as np
        >>> predicted = np.zeros((2, 3), np.float32)
        >>> expert_features = np.array([[1, 2, 2], [0, 0, 0]], np.float32)
        >>> amkit.feature_regression(predicted, expert_features).numpy().tolist()
        [9.0, 0.0]
    """
    return tf.reduce_sum(tf.math.squared_difference(predicted, expert_features), axis=-1)
