"""Section 4 as numbers, against closed forms and brute force."""

from itertools import islice

import numpy as np
import pytest

from amkit.theory import processes


@pytest.fixture
def process():
    return processes.random_process(np.random.default_rng(0))


@pytest.fixture
def expert(process):
    return processes.softmax(3 * np.random.default_rng(1).normal(size=process.rewards.shape))


@pytest.fixture
def imitation(process, expert):
    return processes.Imitation(process, expert, decay=0.1)


def uniform(process):
    return np.full(process.rewards.shape, 1 / process.rewards.shape[1])


def test_stationary_distribution_is_the_chains_eigenvector(process, expert):
    distribution = processes.stationary_distribution(process, expert)
    values, vectors = np.linalg.eig(processes.state_transitions(process, expert).T)
    vector = np.real(vectors[:, np.argmax(np.real(values))])
    np.testing.assert_allclose(distribution, vector / vector.sum(), atol=1e-12)


def test_stationary_distribution_is_how_often_states_are_visited(process, expert):
    rng = np.random.default_rng(2)
    cumulative = processes.state_transitions(process, expert).cumsum(axis=1)
    visits, state = np.zeros(len(expert)), 0
    for draw in rng.random(100_000):
        state = min(int(np.searchsorted(cumulative[state], draw)), len(expert) - 1)
        visits[state] += 1
    np.testing.assert_allclose(
        visits / visits.sum(), processes.stationary_distribution(process, expert), atol=0.01
    )


def test_eq_8_is_the_gradient_of_eq_7(imitation):
    rng = np.random.default_rng(3)
    distribution = processes.stationary_distribution(imitation.process, imitation.expert)
    theta = rng.normal(size=(5, 3))
    gradient = np.zeros_like(theta)
    for index in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[index] = 1e-6
        above, below = (imitation.objective(theta + sign * step, distribution) for sign in (1, -1))
        gradient[index] = (above - below) / 2e-6
    np.testing.assert_allclose(imitation.update(theta, distribution), -gradient, atol=1e-8)


def test_lemma_1_one_fixed_point_from_many_starts(process, expert):
    rng = np.random.default_rng(4)
    distribution = processes.stationary_distribution(process, expert)
    imitation = processes.Imitation(process, expert, 0.01)
    points = [
        imitation.fixed_point(distribution, start=rng.normal(0, 10, size=(5, 3))) for _ in range(5)
    ]
    for point in points[1:]:
        np.testing.assert_allclose(point, points[0], atol=1e-7)


def test_lemma_1_with_noise_and_a_falling_learning_rate(process, expert):
    distribution = processes.stationary_distribution(process, expert)
    imitation = processes.Imitation(process, expert, 0.5)
    wanted = imitation.fixed_point(distribution)
    rng, theta = np.random.default_rng(5), np.ones((5, 3))
    for t, state in enumerate(rng.choice(len(distribution), 40_000, p=distribution)):
        sampled = np.eye(len(distribution))[state]  # One state drawn from D.
        theta = theta + 2 / (t + 10) * imitation.update(theta, sampled)
    assert np.linalg.norm(theta - wanted) < 0.03


def test_a_fixed_point_in_closed_form():
    # Two actions, one state of feature 1: theta = (x, -x) and lambda x = p - sigmoid(2x).
    process = processes.Process(np.ones((1, 2, 1)), np.zeros((1, 2)), np.ones((1, 1)))
    imitation = processes.Imitation(process, np.array([[0.9, 0.1]]), 0.2)
    theta = imitation.fixed_point(np.ones(1))
    x = theta[0, 0]
    assert theta[0, 1] == pytest.approx(-x)
    assert 0.2 * x == pytest.approx(0.9 - 1 / (1 + np.exp(-2 * x)), abs=1e-9)


def test_without_decay_there_is_no_fixed_point_to_look_for(process, expert):
    with pytest.raises(ValueError, match="decay is above 0"):
        processes.Imitation(process, expert, 0.0).fixed_point(np.ones(12) / 12)


@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_epsilon_greedy_is_a_policy(temperature):
    q_values = np.random.default_rng(6).normal(size=(7, 4))
    policy = processes.epsilon_greedy(q_values, 0.2, temperature)
    np.testing.assert_allclose(policy.sum(axis=1), 1)
    assert policy.min() >= 0.2 / 4 - 1e-12
    np.testing.assert_array_equal(policy.argmax(axis=1), q_values.argmax(axis=1))


def test_theorem_1_contracts_to_one_policy(imitation):
    def operator(q_values):
        return processes.epsilon_greedy(q_values, 0.1, temperature=1.0)

    rng = np.random.default_rng(7)
    assert imitation.contraction(operator, rng, pairs=5) < 1
    ends = []
    for _ in range(3):
        start = rng.dirichlet(np.ones(3), 12)
        *_, (policy, _) = islice(imitation.adaptive_iteration(operator, start), 30)
        ends.append(policy)
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-7)
    np.testing.assert_allclose(ends[2], ends[0], atol=1e-7)


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_theorem_1_needs_a_continuous_operator(process, expert, epsilon):
    # It jumps between policies that are hardly apart: every halving doubles the ratio.
    imitation = processes.Imitation(process, expert, 0.01)
    ratios = [
        imitation.contraction(
            lambda q: processes.epsilon_greedy(q, epsilon),
            np.random.default_rng(8),
            pairs=2,
            halvings=halvings,
        )
        for halvings in (5, 10)
    ]
    assert ratios[0] > 1
    assert ratios[1] == pytest.approx(32 * ratios[0], rel=0.5)


def test_less_decay_contracts_less(process, expert):
    ratios = [
        processes.Imitation(process, expert, decay).contraction(
            lambda q: processes.epsilon_greedy(q, 0.1, 0.2),
            np.random.default_rng(9),
            pairs=3,
        )
        for decay in (1.0, 0.1, 0.01)
    ]
    assert ratios == sorted(ratios)


def test_proposition_1_the_bound_holds_for_random_students():
    process, expert = processes.road_and_ditch(lock=3, actions=3)
    rng = np.random.default_rng(10)
    for _ in range(20):
        student = 0.9 * expert + 0.1 * rng.dirichlet(np.ones(3), len(expert))
        growth = processes.cost_growth(process, expert, student, start=0, horizon=50)
        assert (growth.student <= growth.bound + 1e-9).all()
        assert (growth.expert == 0).all()  # It never leaves the road.


def test_cost_to_go_by_brute_force():
    process, expert = processes.road_and_ditch(lock=2, actions=2)
    student = 0.7 * expert + 0.3 * expert[:, ::-1]

    def cost(state, steps):
        if not steps:
            return 0.0
        return sum(
            student[state, a] * (-process.rewards[state, a] + cost(next_state, steps - 1))
            for a in range(2)
            for next_state in np.flatnonzero(process.transitions[state, a])
        )

    growth = processes.cost_growth(process, expert, student, start=0, horizon=8)
    np.testing.assert_allclose(growth.student, [cost(0, t) for t in range(1, 9)])


def test_proposition_1_linear_if_the_student_acts_quadratic_if_the_expert_does():
    process, expert = processes.road_and_ditch()
    imitation = processes.Imitation(process, expert, 1e-3)
    # The expert acts: the road alone is seen.
    seen = processes.stationary_distribution(process, 0.999999 * expert + 0.000001 / 4)
    cloned = processes.softmax(process.features @ imitation.fixed_point(seen, tolerance=1e-8))
    # The student acts, by its own softmax policy.
    *_, (mimic, _) = islice(imitation.adaptive_iteration(processes.softmax, uniform(process)), 15)
    cost = {}
    for name, student in (("cloned", cloned), ("mimic", mimic)):
        cost[name] = processes.cost_growth(process, expert, student, 0, 400).student
    # Doubling the time doubles a linear cost and quadruples a quadratic one.
    assert cost["mimic"][399] / cost["mimic"][199] == pytest.approx(2, abs=0.1)
    assert cost["cloned"][399] / cost["cloned"][199] > 3
    assert cost["mimic"][399] < cost["cloned"][399]
