"""Returns that Q-learning regresses on (Eq. 2), and lambda-returns."""

import numpy as np
import tensorflow as tf


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
    """The difference that Eq. 2 squares: target - Q(s, a), float32 [B].

    Args:
        q_values: float32 [B, A].
        action: int32 [B]. The action taken, an index into the last axis of `q_values`.
        target: float32 [B]. See `td_target` and `lambda_returns`.
    """
    return target - tf.gather(q_values, action, batch_dims=1)


def epsilon_greedy_value(
    q_values: np.ndarray, action_mask: np.ndarray, epsilon: float
) -> np.ndarray:
    """Value of the epsilon-greedy policy, V = sum_a pi(a|s) Q(s, a).

    Args:
        q_values: float32 [..., A]. Any value where the action is illegal.
        action_mask: bool [..., A]. True where legal.
        epsilon: float in [0, 1]. Probability of a uniform legal action.

    Returns:
        float32 [...].
    """
    best = q_values.max(axis=-1, where=action_mask, initial=-np.inf)
    value: np.ndarray = (1 - epsilon) * best + epsilon * q_values.mean(axis=-1, where=action_mask)
    return value


def epsilon_greedy_probability(
    q_values: np.ndarray, action_mask: np.ndarray, action_value: np.ndarray, epsilon: float
) -> np.ndarray:
    """Probability pi(a|s) of one action per row under the epsilon-greedy policy.

    Args:
        q_values, action_mask, epsilon: as of `epsilon_greedy_value`.
        action_value: float32 [...]. Q of the action; one as good as the best counts as greedy.

    Returns:
        float [...].
    """
    greedy = action_value == q_values.max(axis=-1, where=action_mask, initial=-np.inf)
    probability: np.ndarray = (1 - epsilon) * greedy + epsilon / action_mask.sum(axis=-1)
    return probability


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
