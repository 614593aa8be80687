"""Section 4 and App. A as numbers: linear softmax students of small Markov decision processes.

Everything is exact: distributions are solved for, not sampled. Names are the paper's. S states, A
actions, K features; `features` is Phi [S, K], `theta` [K, A], `distribution` D [S], `expert` Pi_E
[S, A], `decay` lambda, `operator` Gamma. A policy is [S, A] with rows that sum to 1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Policy = Array
Operator = Callable[[Array], Policy]  # Gamma of section 4.2: Q-values [S, A] -> policy [S, A]


@dataclass(frozen=True)
class Process:
    """A finite Markov decision process whose states have features."""

    transitions: Array  # [S, A, S]. Probability of the next state.
    rewards: Array  # [S, A]. Expected reward of an action.
    features: Array  # [S, K]. phi(s).

    def __post_init__(self) -> None:
        states, actions = self.transitions.shape[:2]
        shapes = (self.transitions.shape, self.rewards.shape, len(self.features))
        if shapes != ((states, actions, states), (states, actions), states):
            raise ValueError(
                "transitions [S, A, S], rewards [S, A] and features [S, K] are of one process. "
                f"Received: {self.transitions.shape}, {self.rewards.shape}, {self.features.shape}"
            )
        sums = self.transitions.sum(axis=2)
        if (self.transitions < 0).any() or not np.allclose(sums, 1):
            raise ValueError(
                "transitions[s, a] are probabilities that sum to 1. "
                f"Received: sums from {sums.min()} to {sums.max()}"
            )


def random_process(
    rng: np.random.Generator, states: int = 12, actions: int = 3, features: int = 5
) -> Process:
    """An irreducible and aperiodic process. Each state's feature vector has length 1."""
    phi = rng.normal(size=(states, features))
    return Process(
        rng.dirichlet(np.full(states, 0.3), size=(states, actions)) * 0.95 + 0.05 / states,
        rng.normal(size=(states, actions)),
        phi / np.linalg.norm(phi, axis=1, keepdims=True),
    )


def softmax(values: Array) -> Policy:
    """p(a|s) of Q-values or logits [S, A]."""
    exponentials: Array = np.exp(values - values.max(axis=1, keepdims=True))
    policy: Policy = exponentials / exponentials.sum(axis=1, keepdims=True)
    return policy


def epsilon_greedy(q_values: Array, epsilon: float, temperature: float = 0.0) -> Policy:
    """Gamma of section 4.2: uniform with probability epsilon, otherwise the best action.

    At temperature 0 the best action is taken outright, and Gamma jumps where two actions are
    equally good. Above 0 it is drawn from a softmax, and Gamma is Lipschitz continuous with a
    constant that grows as 1 / temperature, as Theorem 1 asks.
    """
    actions = q_values.shape[1]
    if temperature > 0:
        best = softmax(q_values / temperature)
    else:
        best = np.eye(actions)[q_values.argmax(axis=1)]
    policy: Policy = (1 - epsilon) * best + epsilon / actions
    return policy


def state_transitions(process: Process, policy: Policy) -> Array:
    """Probability of the next state under a policy, float [S, S]."""
    chain: Array = np.einsum("sa,sat->st", policy, process.transitions)
    return chain


def stationary_distribution(process: Process, policy: Policy) -> Array:
    """D_pi: how often each state is visited in the long run, float [S].

    Solves D P = D, sum D = 1. Unique where the process has one recurrent class.
    """
    chain = state_transitions(process, policy)
    equations = np.vstack([chain.T - np.eye(len(chain)), np.ones(len(chain))])
    right = np.append(np.zeros(len(chain)), 1.0)
    distribution: Array = np.linalg.lstsq(equations, right, rcond=None)[0].clip(min=0)
    return distribution


class Imitation(NamedTuple):
    """A linear softmax student of an expert: what section 4 studies."""

    process: Process  # Where both play.
    expert: Policy  # [S, A].
    decay: float  # lambda.

    def objective(self, theta: Array, distribution: Array) -> float:
        """Eq. 7 in nats, with lambda / 2 in place of lambda, so that Eq. 8 is its gradient."""
        student = softmax(self.process.features @ theta)
        cross_entropy = -(self.expert * np.log(student)).sum(axis=1)
        return float(distribution @ cross_entropy + 0.5 * self.decay * (theta**2).sum())

    def update(self, theta: Array, distribution: Array) -> Array:
        """Delta theta of Eq. 8 for a learning rate of 1, float [K, A]."""
        features = self.process.features
        difference = softmax(features @ theta) - self.expert
        gradient: Array = features.T @ (distribution[:, None] * difference) + self.decay * theta
        return -gradient

    def fixed_point(
        self,
        distribution: Array,
        start: Array | None = None,
        tolerance: float = 1e-10,
        max_updates: int = 1_000_000,
    ) -> Array:
        """theta* of Lemma 1: repeats Eq. 8 until nothing changes.

        The learning rate is constant, 1 over the gradient's Lipschitz constant: the updates are
        expected ones, without noise that a falling rate would have to average out.

        Args:
            distribution: float [S]. Of a fixed policy.
            start: float [K, A], or None for zeros.
            tolerance: largest norm of Eq. 8 at the result.
            max_updates: ArithmeticError if they were not enough.

        Raises:
            ValueError: if decay is not above 0: there need be no solution.
        """
        if not self.decay > 0:
            raise ValueError(f"decay is above 0. Received: {self.decay}")
        features = self.process.features
        shape = (features.shape[1], self.expert.shape[1])
        theta = np.zeros(shape) if start is None else np.array(start, float)
        # A softmax's Jacobian has norm 1/2 at most.
        curvature = 0.5 * np.linalg.norm(features.T @ (distribution[:, None] * features), 2)
        rate = 1 / (curvature + self.decay)
        for _ in range(max_updates):
            change = self.update(theta, distribution)
            if np.linalg.norm(change) <= tolerance:
                return theta
            theta = theta + rate * change
        size = np.linalg.norm(change)
        raise ArithmeticError(f"Eq. 8 is still {size:.1e} after {max_updates} steps")

    def adaptive_iteration(
        self, operator: Operator, policy: Policy
    ) -> Iterator[tuple[Policy, Array]]:
        """The adaptive learning scheme of section 4.2, without end, from the first policy played.

        Play by the policy, learn until Eq. 8 stands still, play by Gamma of what was learnt.

        Yields:
            (the next policy, the theta it comes from).
        """
        theta = None
        while True:
            distribution = stationary_distribution(self.process, policy)
            theta = self.fixed_point(distribution, start=theta)
            policy = operator(self.process.features @ theta)
            yield policy, theta

    def contraction(
        self, operator: Operator, rng: np.random.Generator, pairs: int = 8, halvings: int = 12
    ) -> float:
        """The beta of Theorem 1's proof, as measured: below 1 the iteration contracts.

        The greatest ratio found of the distance between two policies' successors to that between
        the policies themselves. Between two policies lie others, and of the two halves of the way
        one stretches as much as the whole or more: each pair is narrowed to the half that does.
        Where Gamma jumps, the ratio doubles with every halving.

        Args:
            operator: Gamma.
            rng: draws the policies.
            pairs: of policies to begin with; the result can only grow with more.
            halvings: times that each pair is narrowed; likewise.
        """

        def played(policy: Policy) -> tuple[Policy, Policy]:
            return policy, next(self.adaptive_iteration(operator, policy))[0]

        def stretch(ends: Sequence[tuple[Policy, Policy]]) -> float:
            before, after = (np.linalg.norm(a - b) for a, b in zip(*ends, strict=True))
            return float(after / before)

        states, actions = self.expert.shape
        greatest = 0.0
        for _ in range(pairs):
            ends = [played(rng.dirichlet(np.ones(actions), states)) for _ in range(2)]
            for _ in range(halvings):
                middle = played((ends[0][0] + ends[1][0]) / 2)
                ends = max([ends[0], middle], [middle, ends[1]], key=stretch)
            greatest = max(greatest, stretch(ends))
        return greatest


class Growth(NamedTuple):
    """What imitating costs over T steps, for T = 1, 2, ... (Proposition 1)."""

    expert: Array  # [T]. Cost-to-go J_T of the expert.
    student: Array  # [T]. J_T of the student.
    bound: Array  # [T]. J_T(expert) + u T epsilon / log 2.


def cost_growth(
    process: Process, expert: Policy, student: Policy, start: int, horizon: int
) -> Growth:
    """Cost-to-go of expert and student from the state `start`, and Proposition 1's bound on it.

    The paper's u is printed as a lower bound of an action's disadvantage; the proof needs an upper
    one, and so it is taken here: the most that one wrong action costs if the expert goes on. Its
    epsilon is the cross-entropy over the states that the student visits within T steps.

    Args:
        process: where both play.
        expert: float [S, A]. Deterministic, as the cross-entropy is then 0 for a perfect student.
        student: float [S, A].
        start: first state.
        horizon: the greatest T.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = -np.where(expert > 0, expert * np.log(student), 0).sum(axis=1)
    experts_way, students_way = (
        _visited(process, policy, start, horizon) for policy in (expert, student)
    )
    experts_cost = -np.cumsum(experts_way @ (expert * process.rewards).sum(axis=1))
    students_cost = -np.cumsum(students_way @ (student * process.rewards).sum(axis=1))
    steps = np.arange(1, horizon + 1)
    epsilon = np.cumsum(students_way @ loss) / steps
    disadvantage = _greatest_disadvantage(process, expert, horizon)
    bound = experts_cost + disadvantage * (steps * epsilon / np.log(2))
    return Growth(experts_cost, students_cost, bound)


def _visited(process: Process, policy: Policy, start: int, horizon: int) -> Array:
    """Distribution over states at each of the first steps, float [T, S]."""
    chain = state_transitions(process, policy)
    rows = [np.eye(len(chain))[start]]
    while len(rows) < horizon:
        rows.append(rows[-1] @ chain)
    return np.array(rows)


def _greatest_disadvantage(process: Process, expert: Policy, horizon: int) -> Array:
    """u for each T: max over s, a and t <= T of Z_t(s, expert) - Z_t(s, a), float [T]."""
    value = np.zeros(len(expert))
    greatest = []
    for _ in range(horizon):
        q_values = process.rewards + process.transitions @ value
        value = (expert * q_values).sum(axis=1)
        greatest.append(max(0.0, float((value[:, None] - q_values).max())))
    return np.maximum.accumulate(greatest)


def road_and_ditch(lock: int = 6, actions: int = 4) -> tuple[Process, Policy]:
    """A process in which it shows who acts while the student learns (section 4.3).

    On the road, state 0, action 0 goes on, and every other leads into the ditch, states 1 to
    `lock`. Each of these has one right action; it leads one state further, the last back onto the
    road, and a wrong one leads to the ditch's first state. A step in the ditch costs 1. The expert
    never leaves the road, but knows its way back: only who sees the ditch can learn that. Every
    state has a feature of its own.

    Returns:
        (the process, the expert's deterministic policy [S, A]).
    """
    states = lock + 1
    right = np.append(0, 1 + np.arange(lock) % (actions - 1))
    transitions = np.zeros((states, actions, states))
    transitions[:, :, 1] = 1.0
    for state in range(states):
        transitions[state, right[state]] = 0.0
        transitions[state, right[state], (state + 1) % states if state else 0] = 1.0
    rewards = np.repeat(np.append(0.0, np.full(lock, -1.0))[:, None], actions, axis=1)
    return Process(transitions, rewards, np.eye(states)), np.eye(actions)[right]
