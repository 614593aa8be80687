"""What section 4 claims, measured on small processes: the numbers behind `amkit theory`."""

from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from amkit.theory import processes

EXPLORING = 0.1
DECAYS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # lambda
TEMPERATURES = (1.0, 0.2, 0.05)  # Of Gamma's softmax: the lower, the greater its Lipschitz constant
HORIZON = 400


def lemma_1(seed: int, starts: int = 5, updates: int = 400) -> dict[str, Any]:
    """Distance to the fixed point of Eq. 8 from several starts, under one fixed policy.

    Returns:
        "decay"; "distances", one list of norms per start, before each update.
    """
    rng = np.random.default_rng(seed)
    task = _random_imitation(rng, decay=0.1)
    distribution = processes.stationary_distribution(task.process, task.expert)
    target = task.fixed_point(distribution)
    distances = []
    for _ in range(starts):
        theta = rng.normal(0, 3, target.shape)
        row = []
        for _ in range(updates):
            row.append(float(np.linalg.norm(theta - target)))
            theta = theta + task.update(theta, distribution)
        distances.append(row)
    return {"decay": task.decay, "distances": distances}


def theorem_1(seed: int, pairs: int = 8) -> list[dict[str, Any]]:
    """The greatest contraction ratio found, for each weight decay and operator.

    Returns:
        A list of {"operator", "decay", "ratio"}; a ratio of 1 or more is no contraction.
    """
    task = _random_imitation(np.random.default_rng(seed))
    operators = {
        f"softmax / {temperature:g}": partial(
            processes.epsilon_greedy, epsilon=EXPLORING, temperature=temperature
        )
        for temperature in TEMPERATURES
    }
    operators[f"{EXPLORING:g}-greedy"] = partial(processes.epsilon_greedy, epsilon=EXPLORING)
    operators["greedy"] = partial(processes.epsilon_greedy, epsilon=0.0)
    return [
        {
            "operator": name,
            "decay": decay,
            "ratio": task._replace(decay=decay).contraction(
                operator, np.random.default_rng(seed), pairs
            ),
        }
        for name, operator in operators.items()
        for decay in DECAYS
    ]


def proposition_1() -> dict[str, list[float]]:
    """Cost-to-go of two students of `processes.road_and_ditch`: who acts while they learn?

    Returns:
        "student_acts", "expert_acts": cost-to-go J_T for T = 1, 2, ...; "student_bound",
        "expert_bound": Proposition 1's bound on each.
    """
    process, expert = processes.road_and_ditch()
    task = processes.Imitation(process, expert, decay=1e-3)
    behaviours = {
        # Hardly ever elsewhere than on the road. One round: the expert's policy stays what it is.
        "expert": (processes.epsilon_greedy(expert, 1e-6), 1),
        "student": (np.full(expert.shape, 1 / expert.shape[1]), 15),
    }
    result = {}
    for who, (behaviour, rounds) in behaviours.items():
        *_, (student, _) = islice(task.adaptive_iteration(processes.softmax, behaviour), rounds)
        growth = processes.cost_growth(process, expert, student, start=0, horizon=HORIZON)
        result[f"{who}_acts"] = growth.student.tolist()
        result[f"{who}_bound"] = growth.bound.tolist()
    return result


def _random_imitation(rng: np.random.Generator, decay: float = 0.0) -> processes.Imitation:
    process = processes.random_process(rng)
    expert = processes.softmax(3 * rng.normal(size=process.rewards.shape))
    return processes.Imitation(process, expert, decay)
