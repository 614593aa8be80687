# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. Why it works
#
# Does imitation *always* work? Section 4 of the [paper](https://arxiv.org/abs/1511.06342) proves
# three statements about a simpler student:
#
# | | in words |
# |---|---|
# | Lemma 1 | A student that watches a fixed player ends at one solution, wherever it begins. |
# | Theorem 1 | A student that plays by what it has learnt settles too, if its policy is smooth. |
# | Proposition 1 | The cost of mistakes grows linearly with time if the student acts. |
#
# Here you test all three with exact numbers, and find their limits.
#
# **Time:** 20 minutes. **You need:** `pip install -e '.[tutorials]'`. The code is numpy alone. The
# [notation](concepts/notation.md) lists the symbols.
#
# ## 1. Can this student copy its expert?
#
# Atari has too many states for exact numbers. We take a random *Markov decision process* with 12
# states and 3 actions. Each state $s$ has 5 features, $\phi(s)$. The student's Q-values are linear
# in them, and its policy is a softmax:
#
# $$\hat Q(s, a; \theta) = \phi(s)^T \theta_a, \qquad
# p(a|s; \theta) = \frac{\exp \hat Q(s, a; \theta)}{\sum_{a'} \exp \hat Q(s, a'; \theta)}$$
#
# > **Predict.** How many numbers are in $\theta$? How many can be chosen freely in the expert's
# > policy, where each of the 12 rows sums to 1? Can the student copy the expert exactly?

# %%
from itertools import islice, pairwise

import helpers
import matplotlib.pyplot as plt
import numpy as np

from amkit import palette
from amkit.theory import processes

helpers.style()


def make(seed):
    """A random process, an expert of it, and the random generator."""
    rng = np.random.default_rng(seed)
    process = processes.random_process(rng, states=12, actions=3, features=5)
    return process, processes.softmax(3 * rng.normal(size=(12, 3))), rng


SEED = 0
process, expert, rng = make(SEED)
print("transitions", process.transitions.shape, " features", process.features.shape)
print("the expert in state 0:", expert[0].round(2))

# %% [markdown]
# **You should see** that $\theta$ has 5 x 3 = 15 numbers, and the expert has 12 x 2 = 24. An exact
# copy is impossible in general. The student must choose where to be good, and it chooses the states
# that it sees often. So it matters *which states it sees*.
#
# ## 2. Does the start matter? (Lemma 1)
#
# Somebody plays by a fixed policy $\pi$, here the expert. In the long run the game is in state $s$
# with probability $D_\pi(s)$. In these states the student minimises the cross-entropy to the
# expert, plus a penalty on large weights (Eq. 7):
#
# $$\min_\theta \; \mathbb E_{s \sim D_\pi} \left[ \mathcal H(\pi_E(\cdot|s), p(\cdot|s;\theta)) \right]
#   + \tfrac{\lambda}{2} \lVert\theta\rVert^2$$
#
# Gradient descent on it is Eq. 8:
#
# ```text
# repeat:
#     P = softmax(Phi theta)                                the student's policy in all states
#     gradient = Phi^T D (P - Pi_E) + lambda theta          (Eq. 8)
#     theta = theta - rate * gradient
# ```
#
# (The paper's Eq. 7 has $\lambda$ for $\lambda / 2$, a misprint.)
#
# > **Predict.** Start four times from random weights. Sketch the distance to the solution
# > $\theta^*$ over 150 updates, on a logarithmic axis.


# %% alt="Four lines on a logarithmic axis. After 20 updates they are straight, parallel and close together, from about 1 down to a millionth at 150 updates."
def update(theta, distribution, decay, rate=1.0):
    student = processes.softmax(process.features @ theta)  # P, [S, A]
    gradient = process.features.T @ (distribution[:, None] * (student - expert)) + decay * theta
    return theta - rate * gradient


decay = 0.1  # lambda
distribution = processes.stationary_distribution(process, expert)  # D, [S]
imitation = processes.Imitation(process, expert, decay)
solution = imitation.fixed_point(distribution)  # theta*, exact to nine digits

for _ in range(4):
    theta = rng.normal(0, 3, solution.shape)
    distances = []
    for _ in range(2000):
        distances.append(np.linalg.norm(theta - solution))
        if distances[-1] < 1e-6:  # Far below, only rounding errors would show.
            break
        theta = update(theta, distribution, decay)
    plt.semilogy(distances, color=palette.AMN, alpha=0.6)
    factor = (distances[-1] / distances[-21]) ** (1 / 20)
    print(
        f"{len(distances) - 1} updates; near the end each multiplies the distance by {factor:.3f}"
    )
plt.xlabel("updates (Eq. 8)")
plt.ylabel(r"distance to $\theta^*$")
plt.title("Lemma 1: four starts, one solution")
plt.show()

# %% [markdown]
# **You should see** four lines that become straight and parallel. They reach one millionth after
# 140 to 160 updates. Each update multiplies the distance by 0.90, which is $1 - \lambda$.
#
# **Lines that do not come down?** The learning rate is too large. Try `rate=10`.
#
# **Why one solution?** The cross-entropy of a softmax is convex: a valley. The valley has a flat
# floor: if you add the same vector to the weights of every action, no probability changes. Along
# the floor only the penalty pulls, by the factor $1 - \lambda$ in each update. It makes the loss
# *strictly* convex, with one lowest point.
#
# ## 3. Does it settle when the student plays? (Theorem 1)
#
# In Actor-Mimic the student plays. What it learns changes which states it sees, and these states
# change what it learns:
#
# ```text
# start with any policy
# repeat:
#     D = how often this policy visits each state
#     theta = the solution of Lemma 1 for this D
#     policy = Gamma(Phi theta)
# ```
#
# $\Gamma$ turns Q-values into the policy that plays. We compare three. Each takes a random action
# with probability $\epsilon = 0.1$. Otherwise the first draws from a softmax with temperature 1,
# the second from a sharp softmax with temperature 0.05, and the third takes the best action
# (epsilon-greedy).
#
# > **Predict.** Which of the three policies settle, so that the change in each round goes to zero?

# %% alt="Change of the policy per round on a logarithmic axis. With temperature 1 it falls below one hundred-millionth in 8 rounds, with 0.05 in 20 rounds. Epsilon-greedy stays at 1.3 for ever."
operators = {
    "softmax, temperature 1": lambda q: processes.epsilon_greedy(q, 0.1, temperature=1.0),
    "softmax, temperature 0.05": lambda q: processes.epsilon_greedy(q, 0.1, temperature=0.05),
    "epsilon-greedy": lambda q: processes.epsilon_greedy(q, 0.1),
}
looks = zip(palette.OTHERS[3:6], "o^s", strict=True)  # Colour and marker.


def play_and_learn(process, expert, decay, operator, first_policy, most_rounds=100):
    """The policies of the loop, until a round changes less than 1e-8."""
    rounds = processes.Imitation(process, expert, decay).adaptive_iteration(operator, first_policy)
    policies = [first_policy]
    for policy, _ in islice(rounds, most_rounds):
        policies.append(policy)
        if np.linalg.norm(policies[-1] - policies[-2]) < 1e-8:
            break
    return policies


another, its_expert, generator = make(2)
start = generator.dirichlet(np.ones(3), size=12)
for (name, operator), (colour, marker) in zip(operators.items(), looks, strict=True):
    policies = play_and_learn(another, its_expert, decay, operator, start, most_rounds=25)
    changes = [np.linalg.norm(new - old) for old, new in pairwise(policies)]
    plt.semilogy(range(1, len(changes) + 1), changes, marker=marker, color=colour, label=name)
plt.xlabel("round")
plt.ylabel("change of the policy")
plt.title("A smooth policy settles; one that jumps may go in circles")
plt.legend(loc="center right")
plt.show()

# %% [markdown]
# **You should see** a fast fall, a slower one, and a flat line. With epsilon-greedy the student
# goes in circles: policy A leads to states that teach policy B, and B leads back to A. A and B
# differ in a single state.
#
# This process was chosen because it shows all three cases. How often does each happen? We take ten
# processes with ten starts each, and count the processes in which all starts end at one policy.


# %%
def one_end(seed, decay, operator):
    """Whether ten starts in this process settle at one policy."""
    process, expert, rng = make(seed)
    ends = []
    for _ in range(10):
        start = rng.dirichlet(np.ones(3), size=12)
        *_, before, last = play_and_learn(process, expert, decay, operator, start)
        if np.linalg.norm(last - before) > 1e-6:
            return False
        ends.append(last)
    return np.ptp(ends, axis=0).max() < 1e-4


lines = [f"{'processes of 10 with one end':30s}lambda = 1   lambda = 0.1"]
for name, operator in operators.items():
    counts = [sum(one_end(seed, decay, operator) for seed in range(10)) for decay in (1.0, 0.1)]
    lines.append(f"{name:30s}{counts[0]:10d}   {counts[1]:12d}")
print("\n".join(lines))

# %% [markdown]
# **You should see** 10 for temperature 1, and about half for epsilon-greedy. The sharp softmax
# settles everywhere at $\lambda = 1$, but not everywhere at 0.1.
#
# **Why?** Theorem 1 asks that $\Gamma$ is *Lipschitz continuous*: a small change of the values makes
# a small change of the policy.
#
# - **Epsilon-greedy jumps** where two actions are equally good. No $\epsilon$ below 1 removes the
#   jump. The theorem says nothing about this policy.
# - **The sharp softmax is Lipschitz**, with a large constant. The proof needs more than the theorem
#   says: one round must bring any two policies closer together. Such a round is a *contraction*. It
#   needs a smooth policy or a large $\lambda$, which holds $\theta$ near zero.
#
# Deep networks do not meet these conditions. The theorem is a reason to hope, not a guarantee.
#
# ## 4. Who should act? (Proposition 1)
#
# A car drives on a road, next to a ditch. There are four actions.
#
# ```text
#   on the road:    action 0 ---> road             any other action ---> ditch 1
#   in the ditch:   1 --> 2 --> 3 --> 4 --> 5 --> 6 --> road
#                   one right action for each arrow; a wrong action ---> ditch 1
# ```
#
# Each step in the ditch costs 1. The expert never leaves the road, but it knows the way back. Two
# students learn from it with the same loss, and with one feature for each state. They differ in
# *who acts*:
#
# - **The expert acts.** The student sees only the road.
# - **The student acts**, in 15 rounds of the loop of section 3. The expert tells it what to do in
#   every state that it reaches, also in the ditch.
#
# Weight decay makes both a little unsure, so both leave the road now and then.
#
# > **Predict.** (1) The first student never saw the ditch, so its weights there are zero. How many
# > steps does it need to get out? (2) Drive for 400 steps in place of 200. By which factor does each
# > student's cost grow?

# %% alt="Cost over 400 steps. If the expert acts the curve bends upwards to about 220. If the student acts it is a straight line to about 26."
road, driver = processes.road_and_ditch()


def learn(first_policy, rounds):
    imitation = processes.Imitation(road, driver, decay=1e-3)
    iteration = imitation.adaptive_iteration(processes.softmax, first_policy)
    *_, (student, _) = islice(iteration, rounds)
    return student  # [S, A]


def steps_in_the_ditch(student):
    """From ditch 1 to the road, on average: (I - W)^-1 1."""
    within = np.einsum("sa,sat->st", student, road.transitions)[1:, 1:]
    return np.linalg.solve(np.eye(6) - within, np.ones(6))[0]


uniform = np.full(driver.shape, 0.25)
students = {
    "the expert acts": learn(driver, rounds=1),
    "the student acts": learn(uniform, rounds=15),
}
lines = [
    "                   leaves     steps to   cost of   cost of           bound",
    "                   the road   get out    200       400       ratio   (400)",
]
for (name, student), colour in zip(students.items(), (palette.EXPERT, palette.AMN), strict=True):
    growth = processes.cost_growth(road, driver, student, start=0, horizon=400)
    plt.plot(np.arange(1, 401), growth.student, color=colour)
    plt.text(404, growth.student[-1], name, color=colour, va="center")
    short, long = growth.student[[199, 399]]
    lines.append(
        f"{name:19s}{100 * (1 - student[0, 0]):.2f} % {steps_in_the_ditch(student):10,.0f}"
        f"{short:10.0f} {long:9.0f} {long / short:10.1f} {growth.bound[-1]:7,.0f}"
    )
plt.xlabel("steps T")
plt.ylabel(r"cost $J_T$ (steps in the ditch)")
plt.title("Proposition 1: the cost grows linearly if the student acts")
plt.show()
print("\n".join(lines))

# %% [markdown]
# **You should see** a curve that bends upwards and a straight line. Nothing is random here: your
# numbers must be the same. Both students leave the road in 0.5 % of the steps. The difference is
# what happens next:
#
# - The first student tries actions at random until six in a row are right. This takes
#   $(4^7 - 4) / 3 = 5{,}460$ steps. So a mistake costs *all the time that is left*. The chance of a
#   mistake grows with $T$, and so does its cost: together about $T^2$. For small $T$ the ratio is 4.
#   Here it is 3.1, because no step can cost more than 1.
# - The second student gets out after 14 steps. Each mistake costs the same, so the ratio is near 2.
#
# Proposition 1 is a bound:
#
# $$J_T(\pi_{AMN}) \le J_T(\pi_E) + u\, T\, \epsilon / \log 2$$
#
# This $\epsilon$ is the cross-entropy in the states that the student itself visits. One wrong action
# costs at most $u$ if the expert drives on: $u = 6$, the way out of the ditch. The last column has
# the bound for $T = 400$. It holds for both students, but it is small only if the student acts.
# (The paper prints $\ge u$; the proof needs $\le u$.)
#
# The idea is older than Actor-Mimic: [DAgger, Ross et al. 2010](https://arxiv.org/abs/1011.0686).
# [Tutorial 3](03_one_game_distillation.ipynb) tries it in a game.
#
# ## What to remember
#
# - Weight decay makes the solution unique.
# - Playing and learning in turns settles if the policy is smooth and the decay is large enough. A
#   policy that jumps may go in circles.
# - A student must see the states that its own mistakes lead to.
#
# ## Exercises
#
# 1. **Less decay.** Set `decay = 0.01` in section 2. Predict the number of updates, then count.
# 2. **No decay.** Make the expert certain: `expert = np.eye(3)[expert.argmax(axis=1)]`. Call
#    `update` with decay 0, from zeros. Print the norm of `theta` after 100, 1,000 and 10,000
#    updates. What does Lemma 1 say about this case?
# 3. **A contraction?** `Imitation.contraction(operator, rng)` searches for two policies that one
#    round moves apart, and returns the ratio of the distances. Below 1 the round is a contraction.
#    Find a process with a ratio above 1 that settles all the same. Is this against Theorem 1?
# 4. **A noisy expert.** Let the first student watch an expert that makes mistakes:
#    `learn(processes.epsilon_greedy(driver, epsilon), 1)`. How much noise makes its cost linear?
# 5. **The gradient.** Where does $P - \Pi_E$ come from? Write it in assignment 5 of the
#    [coursework](coursework/README.md). `amkit check 5` marks your file.
