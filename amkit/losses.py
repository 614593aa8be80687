"""The losses of the paper: pure functions, one value per example, masked. The caller reduces.

Every loss returns one value per row, so that a learner takes the mean once and its learning rate
does not depend on the batch size.
"""

import numpy as np
import tensorflow as tf

# What illegal logits become before a softmax. Finite, so that 0 * log(0) never makes a NaN; so low
# that exp() of it is exactly 0 in float32 and float64 and no gradient flows.
_ILLEGAL = -1e9


def mask_illegal(values: tf.Tensor, action_mask: tf.Tensor) -> tf.Tensor:
    """Replaces the values of illegal actions by a very low number.

    Args:
        values: float32 [B, A]. Q-values or logits.
        action_mask: bool [A] or [B, A]. True where legal.

    Returns:
        float32 [B, A]. Fit for an argmax, a max or a softmax over legal actions.
    """
    return tf.where(action_mask, values, tf.constant(_ILLEGAL, values.dtype))


def td_target(reward: tf.Tensor, discount: tf.Tensor, next_value: tf.Tensor) -> tf.Tensor:
    """The target of Q-learning, r + discount * V(s') (the bracket of Eq. 2).

    Args:
        reward: float32 [B]. Clipped reward, or the discounted sum of n of them.
        discount: float32 [B]. gamma ** n, and 0 after a terminal step.
        next_value: float32 [B]. max_a Q(s', a) of the target network.

    Returns:
        float32 [B]. No gradient flows through it.
    """
    return tf.stop_gradient(reward + discount * next_value)


def td_error(q_values: tf.Tensor, action: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """The difference that Eq. 2 squares: target - Q(s, a).

    Args:
        q_values: float32 [B, A].
        action: int32 [B]. The action taken, an index into the last axis of `q_values`.
        target: float32 [B]. See `td_target` and `lambda_returns`.

    Returns:
        float32 [B].
    """
    return target - tf.gather(q_values, action, batch_dims=1)


def squared(error: tf.Tensor) -> tf.Tensor:
    """Half the squared error: the gradient is the error itself (Eq. 2).

    Args:
        error: float32 [B].

    Returns:
        float32 [B].
    """
    return 0.5 * tf.square(error)


def huber(error: tf.Tensor) -> tf.Tensor:
    """Half the squared error within [-1, 1], linear outside: the gradient is the clipped error.

    This is "TD error clipped to [-1, 1]" of Mnih et al. 2015.

    Args:
        error: float32 [B].

    Returns:
        float32 [B].
    """
    size = tf.abs(error)
    inside = tf.minimum(size, 1.0)
    return 0.5 * tf.square(inside) + (size - inside)


def epsilon_greedy_value(
    q_values: np.ndarray, action_mask: np.ndarray, epsilon: float
) -> np.ndarray:
    """Value of the epsilon-greedy policy, V = sum_a pi(a|s) Q(s, a).

    Args:
        q_values: float32 [N, A]. Any value where the action is illegal.
        action_mask: bool [N, A]. True where legal.
        epsilon: float in [0, 1]. Probability of a uniform legal action.

    Returns:
        float32 [N].
    """
    best = q_values.max(axis=1, where=action_mask, initial=-np.inf)
    return (1 - epsilon) * best + epsilon * q_values.mean(axis=1, where=action_mask)


def epsilon_greedy_probability(
    q_values: np.ndarray, action_mask: np.ndarray, action_value: np.ndarray, epsilon: float
) -> np.ndarray:
    """Probability pi(a|s) of one action per row under the epsilon-greedy policy.

    Args:
        q_values: float32 [N, A]. Any value where the action is illegal.
        action_mask: bool [N, A]. True where legal.
        action_value: float32 [N]. Q of the action; one as good as the best counts as greedy.
        epsilon: float in [0, 1]. Probability of a uniform legal action.

    Returns:
        float32 [N].
    """
    greedy = action_value == q_values.max(axis=1, where=action_mask, initial=-np.inf)
    return (1 - epsilon) * greedy + epsilon / action_mask.sum(axis=1)


def lambda_returns(
    reward: np.ndarray,
    terminal: np.ndarray,
    value: np.ndarray,
    action_value: np.ndarray,
    trace: np.ndarray,
    discount: float,
) -> np.ndarray:
    """Tree-backup lambda-returns: those of a policy pi, whoever acted.

    G_t = r_t + gamma * (V_{t+1} + c_{t+1} * (G_{t+1} - Q_{t+1})), G_t = r_t after a terminal step;
    V = sum_a pi(a|s) Q(s, a), Q_t = Q(s_t, a_t), c_t = lambda * pi(a_t|s_t) (Precup et al. 2000;
    Sutton and Barto 2018, section 12.10). Of a greedy pi they are Watkins's. With c = lambda,
    whatever was done, they are Q(lambda)'s with off-policy corrections (Harutyunyan et al. 2016).

    Args:
        reward: float32 [T, N]. Clipped rewards.
        terminal: bool [T, N]. True where the step ended a life or a game: nothing comes after it.
        value: float32 [T + 1, N]. V of every observation, the one after the rollout last.
        action_value: float32 [T, N]. Q of the action taken.
        trace: float32 [T, N]. c, in [0, 1]; 0 gives one-step targets. 0 where a row is no
            transition (a game restarts): a game that was cut is then bootstrapped from its end.
        discount: float. gamma.

    Returns:
        float32 [T, N].
    """
    returns = np.empty_like(reward)
    following = value[-1]
    for t in reversed(range(len(reward))):
        returns[t] = reward[t] + discount * np.where(terminal[t], 0, following)
        following = value[t] + trace[t] * (returns[t] - action_value[t])
    return returns


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
        expert_q: float32 [B, 18]. Expert Q-values, any value where the action is illegal.
        student_logits: float32 [B, 18].
        action_mask: bool [18] or [B, 18]. True where legal.
        temperature: float > 0, or float32 [B, 1]. Divides the expert's Q-values only.

    Returns:
        float32 [B]. One loss per example, in nats; the caller reduces.
    """
    expert_policy = boltzmann_policy(expert_q, action_mask, temperature)
    student_log_policy = tf.nn.log_softmax(mask_illegal(student_logits, action_mask))
    return -tf.reduce_sum(expert_policy * student_log_policy, axis=-1)


def q_regression(expert_q: tf.Tensor, student_q: tf.Tensor, action_mask: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of Q-values over legal actions: what section 3.1 advises against.

    Args:
        expert_q: float32 [B, 18]. Expert Q-values, any value where the action is illegal.
        student_q: float32 [B, 18].
        action_mask: bool [18] or [B, 18]. True where legal.

    Returns:
        float32 [B]. One loss per example.
    """
    legal = tf.broadcast_to(tf.cast(action_mask, student_q.dtype), tf.shape(student_q))
    difference = tf.where(action_mask, student_q - expert_q, tf.zeros_like(student_q))
    return tf.reduce_sum(tf.square(difference), axis=-1) / tf.reduce_sum(legal, axis=-1)


def policy_entropy(policy: tf.Tensor) -> tf.Tensor:
    """Entropy of a policy: the least value that `policy_regression` can reach against it.

    Args:
        policy: float32 [B, A]. Rows sum to 1.

    Returns:
        float32 [B], in nats.
    """
    return -tf.reduce_sum(tf.math.xlogy(policy, policy), axis=-1)


def feature_regression(predicted: tf.Tensor, expert_features: tf.Tensor) -> tf.Tensor:
    """Squared distance from the predicted to the expert's features (Eq. 5).

    Args:
        predicted: float32 [B, D]. f_i(h_AMN(s)), the projection of the student's features.
        expert_features: float32 [B, D]. h_{E_i}(s).

    Returns:
        float32 [B]. The sum over the D features.
    """
    return tf.reduce_sum(tf.math.squared_difference(predicted, expert_features), axis=-1)
