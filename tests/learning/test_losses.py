"""Losses and targets against numpy written from the paper's formulas, in float64."""

import numpy as np
import pytest
import tensorflow as tf

from amkit.learning import losses, returns

RNG = np.random.default_rng(0)
MASK = np.isin(np.arange(18), [0, 1, 3, 4, 11, 12])


def draw(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def softmax_over(values, legal):
    result = np.zeros(len(values))
    weights = np.exp(values[legal] - values[legal].max())
    result[legal] = weights / weights.sum()
    return result


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01])
def test_policy_regression_is_eq_3_and_4(temperature):
    q, logits = draw(32, 18), draw(32, 18)
    expected = []
    for expert_row, student_row in zip(q.astype(float), logits.astype(float), strict=True):
        expert = softmax_over(expert_row / temperature, MASK)
        student = softmax_over(student_row, MASK)
        expected.append(-sum(expert[a] * np.log(student[a]) for a in np.flatnonzero(MASK)))
    actual = losses.policy_regression(q, logits, MASK, temperature)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_masked_actions_get_no_probability_and_no_gradient():
    q, logits = draw(8, 18), tf.Variable(draw(8, 18))
    q[:, ~MASK] = 1e6  # Whatever an expert says of an action that its game does not have.
    policy = losses.boltzmann_policy(q, MASK).numpy()
    assert (policy[:, ~MASK] == 0).all()
    np.testing.assert_allclose(policy.sum(axis=1), 1, rtol=1e-6)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(losses.policy_regression(q, logits, MASK))
    gradient = tape.gradient(loss, logits).numpy()
    assert (gradient[:, ~MASK] == 0).all()
    assert (np.abs(gradient[:, MASK]) > 0).any()


@pytest.mark.parametrize("mask", [MASK, np.tile(MASK, (8, 1))])
def test_q_regression_is_the_mean_over_legal_actions(mask):
    q, student = draw(8, 18), tf.Variable(draw(8, 18))
    q[:, ~MASK] = np.inf
    with tf.GradientTape() as tape:
        loss = losses.q_regression(q, student, mask)
    expected = [
        np.mean([(float(row[a]) - float(own[a])) ** 2 for a in np.flatnonzero(MASK)])
        for row, own in zip(q, student.numpy(), strict=True)
    ]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    gradient = tape.gradient(loss, student).numpy()
    assert (gradient[:, ~MASK] == 0).all()
    wanted = 2 * (student.numpy() - q)[:, MASK] / MASK.sum()
    np.testing.assert_allclose(gradient[:, MASK], wanted, rtol=1e-5)


def test_policy_gradient_is_student_minus_expert():
    q, logits = draw(1, 18), tf.Variable(draw(1, 18))
    with tf.GradientTape() as tape:
        loss = losses.policy_regression(q, logits, MASK)
    expected = softmax_over(logits.numpy()[0], MASK) - softmax_over(q[0], MASK)
    np.testing.assert_allclose(tape.gradient(loss, logits)[0], expected, atol=1e-6)


def test_extreme_values_stay_finite():
    q = np.where(MASK, draw(4, 18) * 1e4, np.inf).astype(np.float32)
    logits = draw(4, 18) * 1e4
    assert np.isfinite(losses.policy_regression(np.nan_to_num(q), logits, MASK, 0.01)).all()


def test_mask_per_row():
    masks = RNG.random((16, 18)) < 0.5
    masks[:, 0] = True
    q, logits = draw(16, 18), draw(16, 18)
    together = losses.policy_regression(q, logits, masks)
    apart = [losses.policy_regression(q[i : i + 1], logits[i : i + 1], masks[i]) for i in range(16)]
    np.testing.assert_allclose(together, np.concatenate(apart), rtol=1e-5)


def test_entropy_is_the_least_cross_entropy():
    q = draw(8, 18)
    policy = losses.boltzmann_policy(q, MASK)
    least = losses.policy_regression(q, q, MASK)
    np.testing.assert_allclose(losses.policy_entropy(policy), least, rtol=1e-5, atol=1e-6)


def test_feature_regression_is_eq_5():
    predicted, expert = draw(8, 5), draw(8, 5)
    expected = [np.linalg.norm(p - e) ** 2 for p, e in zip(predicted, expert, strict=True)]
    np.testing.assert_allclose(losses.feature_regression(predicted, expert), expected, rtol=1e-5)


def test_td_target_and_error_are_eq_2():
    reward, discount, next_value = draw(16), RNG.random(16).astype(np.float32), draw(16)
    q, action = draw(16, 18), RNG.integers(0, 18, 16).astype(np.int32)
    target = returns.td_target(reward, discount, next_value)
    error = returns.td_error(q, action, target)
    expected = [reward[i] + discount[i] * next_value[i] - q[i][action[i]] for i in range(16)]
    np.testing.assert_allclose(error, expected, rtol=1e-5, atol=1e-5)


def test_no_gradient_flows_through_the_target():
    value = tf.Variable(draw(4))
    with tf.GradientTape() as tape:
        target = returns.td_target(tf.zeros(4), tf.ones(4), value)
    assert tape.gradient(target, value) is None


def test_huber_clips_the_gradient_of_the_squared_error():
    error = tf.Variable(np.array([-3, -1, -0.4, 0, 0.4, 1, 3], np.float32))
    with tf.GradientTape() as tape:
        loss = losses.huber(error)
    np.testing.assert_allclose(tape.gradient(loss, error), np.clip(error.numpy(), -1, 1))
    np.testing.assert_allclose(loss, [2.5, 0.5, 0.08, 0, 0.08, 0.5, 2.5], rtol=1e-6)
    np.testing.assert_allclose(losses.squared(error), error.numpy() ** 2 / 2)


def n_step_return(reward, terminal, cut, value, t, n, discount):
    """Rewards of up to n steps from t, and the value of what comes after them."""
    total, factor = 0.0, 1.0
    for k in range(t, t + n):
        if k == len(reward) or cut[k]:
            return total + factor * value[k]
        total += factor * reward[k]
        factor *= discount
        if terminal[k]:
            return total
    return total + factor * value[t + n]


def watkins(reward, terminal, cut, greedy, value, t, discount, trace_decay):
    """Watkins's lambda-return of one environment: its n-step returns, weighed (Sutton, 12.10)."""
    steps = len(reward) - t  # All that the rollout holds, fewer if it explores before.
    for n in range(1, steps):
        if not greedy[t + n] and not cut[t + n]:
            steps = n
            break
    returns = [
        n_step_return(reward, terminal, cut, value, t, n, discount) for n in range(1, steps + 1)
    ]
    weights = [(1 - trace_decay) * trace_decay ** (n - 1) for n in range(1, steps)]
    weights.append(trace_decay ** (steps - 1))
    return np.dot(weights, returns)


def errors_to_come(reward, terminal, value, action_value, trace, t, discount):
    """A return as the action's value and the discounted errors from then on."""
    total, weight = action_value[t], 1.0
    for k in range(t, len(reward)):
        following = 0.0 if terminal[k] else discount * value[k + 1]
        total += weight * (reward[k] + following - action_value[k])
        if terminal[k] or k + 1 == len(reward):
            break
        weight *= discount * trace[k + 1]
    return total


def test_lambda_returns():
    steps, envs = 20, 7
    reward, value, action_value = draw(steps, envs), draw(steps + 1, envs), draw(steps, envs)
    terminal = RNG.random((steps, envs)) < 0.15
    trace = RNG.random((steps, envs)).astype(np.float32)
    actual = returns.lambda_returns(reward, terminal, value, action_value, trace, 0.97)
    for n in range(envs):
        own = [part[:, n] for part in (reward, terminal, value, action_value, trace)]
        expected = [errors_to_come(*own, t, 0.97) for t in range(steps)]
        np.testing.assert_allclose(actual[:, n], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("epsilon", [0.0, 0.05, 1.0])
def test_tree_backup_of_the_epsilon_greedy_policy(epsilon):
    """By its tree: every action not taken gives its value, the one taken what came of it."""
    steps, actions, discount, trace_decay = 12, 6, 0.97, 0.8
    q, reward = draw(steps + 1, actions), draw(steps)
    # Three columns more, of illegal actions, at random places, with values that would win.
    places = np.sort(RNG.permutation(actions + 3)[:actions])
    wide = np.full((steps + 1, actions + 3), 1e3, np.float32)
    wide[:, places] = q
    mask = np.zeros(wide.shape, bool)
    mask[:, places] = True
    action = np.where(RNG.random(steps) < 0.7, q[:-1].argmax(1), RNG.integers(0, actions, steps))
    terminal = RNG.random(steps) < 0.15
    taken = q[np.arange(steps), action]
    probability = returns.epsilon_greedy_probability(wide[:-1], mask[:-1], taken, epsilon)
    actual = returns.lambda_returns(
        reward[:, None],
        terminal[:, None],
        returns.epsilon_greedy_value(wide, mask, epsilon)[:, None],
        taken[:, None],
        (trace_decay * probability)[:, None],
        discount,
    )
    following = None
    for t in reversed(range(steps)):
        policy = np.full(actions, epsilon / actions)
        policy[np.argmax(q[t + 1])] += 1 - epsilon
        branches = q[t + 1].astype(float)
        if t + 1 < steps:
            a = action[t + 1]
            branches[a] = (1 - trace_decay) * q[t + 1][a] + trace_decay * following
        following = reward[t] + (0 if terminal[t] else discount * policy @ branches)
        np.testing.assert_allclose(actual[t, 0], following, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("trace_decay", [0.0, 0.65, 0.95, 1.0])
def test_lambda_returns_of_the_greedy_policy_are_watkinss(trace_decay):
    steps, envs = 20, 7
    reward, value = draw(steps, envs), draw(steps + 1, envs)
    terminal, cut = RNG.random((steps, envs)) < 0.15, RNG.random((steps, envs)) < 0.1
    greedy = (RNG.random((steps, envs)) < 0.8) & ~cut
    action_value = np.where(greedy, value[:-1], value[:-1] - 1)
    trace = np.where(greedy, trace_decay, 0)
    actual = returns.lambda_returns(reward, terminal, value, action_value, trace, 0.97)
    for n in range(envs):
        own = [part[:, n] for part in (reward, terminal, cut, greedy, value)]
        expected = [watkins(*own, t, 0.97, trace_decay) for t in range(steps)]
        np.testing.assert_allclose(
            actual[:, n][~cut[:, n]], np.array(expected)[~cut[:, n]], rtol=1e-5, atol=1e-5
        )


def test_loss_does_not_depend_on_the_batch_size():
    q, logits = draw(64, 18), draw(64, 18)
    whole = tf.reduce_mean(losses.policy_regression(q, logits, MASK))
    halves = [
        tf.reduce_mean(losses.policy_regression(q[h], logits[h], MASK))
        for h in (slice(0, 32), slice(32, 64))
    ]
    np.testing.assert_allclose(whole, np.mean(halves), rtol=1e-6)


def test_xla_and_plain_graph_agree():
    q, logits = draw(32, 18), draw(32, 18)
    plain = tf.function(losses.policy_regression)(q, logits, MASK, 0.1)
    compiled = tf.function(losses.policy_regression, jit_compile=True)(q, logits, MASK, 0.1)
    np.testing.assert_allclose(plain, compiled, rtol=1e-5, atol=1e-5)
