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
# # 6. Why it works: section 4 as numbers
#
# **What you will learn**
#
# - why policy regression under a fixed behaviour has one solution, and what weight decay has to do with it;
# - why *learning while playing by what was learnt* still converges, and what breaks that;
# - why the student should act while it learns: the cost of imitation then grows linearly with time, not
#   quadratically.
#
# **Time** 20 minutes. **Needs** `pip install -e '.[plots]'`; no emulator, no TensorFlow: numpy alone.
#
# ## The idea
#
# An Atari game has too many states to write down. Section 4 of the paper therefore takes a small Markov
# decision process in which every state $s$ has features $\phi(s)$, and a student that is *linear* in them:
#
# $$\hat Q(s, a; \theta) = \phi(s)^T \theta_a, \qquad p(a|s;\theta) \propto \exp \hat Q(s, a; \theta).$$
#
# Then everything that Actor-Mimic does can be computed exactly, and every claim can be looked at.

# %%
from itertools import islice, pairwise

import matplotlib.pyplot as plt
import numpy as np

from amkit.theory import processes

rng = np.random.default_rng(0)
process = processes.random_process(rng, states=12, actions=3, features=5)
expert = processes.softmax(3 * rng.normal(size=(12, 3)))  # Pi_E: one row per state
print("transitions", process.transitions.shape, " features", process.features.shape)
print("the expert in state 0:", expert[0].round(3))

# %% [markdown]
# ## Lemma 1: a fixed behaviour has one solution
#
# Someone plays by a fixed policy $\pi$. In the long run state $s$ is visited with probability $D_\pi(s)$, the
# solution of $D_\pi T_\pi = D_\pi$, where $T_\pi(s'|s) = \sum_a \pi(a|s)\, T(s'|s,a)$ are the probabilities from state to state.
# The student minimises the cross-entropy to the expert over those states, and a
# penalty on its weights (Eq. 7):
#
# $$\min_\theta \; \mathbb E_{s \sim D_\pi} \left[ \mathcal H(\pi_E(\cdot|s), p(\cdot|s;\theta)) \right]
#   + \tfrac{\lambda}{2} \lVert\theta\rVert^2.$$
#
# (The paper prints $\lambda$ for $\lambda / 2$; its Eq. 8 is the gradient with the half.) The gradient step is Eq. 8. These are its
# central lines, written out:


# %% alt="The distance to the fixed point falls from four starts along the same straight line on a log scale"
def one_update(theta, distribution, decay, rate):
    student = processes.softmax(process.features @ theta)  # P_theta, [S, A]
    gradient = process.features.T @ (distribution[:, None] * (student - expert)) + decay * theta
    return theta - rate * gradient  # Eq. 8


distribution = processes.stationary_distribution(process, expert)
decay = 0.1
imitation = processes.Imitation(process, expert, decay)
solution = imitation.fixed_point(distribution)

for _ in range(4):
    theta, distances = rng.normal(0, 3, solution.shape), []
    for _ in range(300):
        distances.append(np.linalg.norm(theta - solution))
        theta = one_update(theta, distribution, decay, rate=1.0)
    plt.semilogy(distances)
plt.xlabel("updates of Eq. 8")
plt.ylabel(r"distance to $\theta^*$")
plt.title("Lemma 1: from four starts to one fixed point")
plt.show()

# %% [markdown]
# Four starts, one end. The reason: cross-entropy of a softmax is convex in $\theta$, and the penalty makes it
# *strictly* so. Without it the solution need not be unique, or may not exist: an expert that is sure of an action
# in a state that the features tell apart pulls the logits towards infinity.
#
# ## Theorem 1: playing by what was learnt
#
# Actor-Mimic does not play by a fixed policy. It plays by the student, which changes which states it sees, which
# changes what it learns:
#
# $$\pi \;\to\; D_\pi \;\to\; \theta^* \;\to\; \pi' = \Gamma(\hat Q_{\theta^*}) \;\to\; \dots$$
#
# `Imitation.adaptive_iteration` is this loop. $\Gamma$ makes a policy of Q-values. The theorem asks that $\Gamma$ is
# Lipschitz continuous: values that are close give policies that are close. The proof bounds how far apart one round can
# leave two policies by their distance times $c_\epsilon \lVert\Phi\rVert c$, where $c_\epsilon$ is $\Gamma$'s constant and $c$ grows
# as $\lambda$ gets smaller. Where that product is below 1 a round is a contraction, and contractions have one fixed point. That
# it is below 1 the theorem does not ask for, and a Lipschitz $\Gamma$ alone does not make it so, as the table below shows.


# %% alt="The change of the policy shrinks by a constant factor in every round, from 0.1 to below a billionth"
def soft(q_values):
    return processes.epsilon_greedy(q_values, epsilon=0.1, temperature=1.0)


ends = []
for _ in range(3):
    start = rng.dirichlet(np.ones(3), size=12)
    rounds = islice(imitation.adaptive_iteration(soft, start), 12)
    policies = [policy for policy, _ in rounds]
    steps = [np.linalg.norm(a - b) for a, b in pairwise(policies)]
    plt.semilogy(steps, marker="o")
    ends.append(policies[-1])
plt.xlabel("round")
plt.ylabel("change of the policy")
plt.title("Theorem 1: the changes shrink by a constant factor")
plt.show()
print("greatest difference between the three ends:", np.ptp(ends, axis=0).max())

# %% [markdown]
# Now break it. `theory.contraction` looks for the two policies that one round draws *apart* most; a ratio of 1 or
# more means that the round is no contraction.

# %%
operators = {
    "softmax, temperature 1": soft,
    "softmax, temperature 0.05": lambda q: processes.epsilon_greedy(q, 0.1, 0.05),
    "epsilon-greedy, 0.1": lambda q: processes.epsilon_greedy(q, 0.1),
    "greedy": lambda q: processes.epsilon_greedy(q, 0.0),
}
print(f"{'':28s}lambda = 1   lambda = 0.01")
for name, operator in operators.items():
    ratios = [
        processes.Imitation(process, expert, d).contraction(
            operator, np.random.default_rng(1), pairs=4
        )
        for d in (1.0, 0.01)
    ]
    print(f"{name:28s}" + "".join(f"{ratio:10.2f}   " for ratio in ratios))

# %% [markdown]
# - **A sharp policy.** At temperature 0.05 a little change of the values is a large change of the policy.
# - **A small weight decay.** It holds $\theta$ less firmly, so that the states seen matter more. Neither breaks the contraction
#   alone here (0.27 and 0.13); both together do (2.00), though the policy is Lipschitz continuous.
# - **A jump.** Greedy and epsilon-greedy policies change outright where two actions are equally good. Two policies
#   on either side of the jump may be as close as one likes: no constant bounds the ratio, and what you see here only
#   says how long the search was. Epsilon makes the jump smaller; it does not remove it. The paper's
#   epsilon-greedy operator has to be read as a smoothed one.
#
# That a round is no contraction does not mean that the iteration fails (exercise 2).
#
# ## Proposition 1: who should act?
#
# The road goes on for ever under action 0. Every other action leads into the ditch, and only one sequence of six
# right actions leads out of it. A step in the ditch costs 1. The expert never leaves the road, but knows the way
# back.
#
# One student learns from states that the *expert* visits: it only ever sees the road. The other learns from those
# that *it* visits, ditch included, and is told what the expert would do there.

# %% alt="Cost over steps on log scales: quadratic if the expert acts, linear if the student acts, both below their bounds"
road, driver = processes.road_and_ditch()
student_acts = np.full(driver.shape, 0.25)


def learn(first_policy, rounds):
    imitation = processes.Imitation(road, driver, 1e-3)
    iteration = imitation.adaptive_iteration(processes.softmax, first_policy)
    *_, (student, _) = islice(iteration, rounds)
    return student


students = {"the expert acts": learn(driver, 1), "the student acts": learn(student_acts, 15)}
for name, student in students.items():
    growth = processes.cost_growth(road, driver, student, start=0, horizon=400)
    steps = np.arange(1, 401)
    (line,) = plt.loglog(steps, growth.student, label=name)
    plt.loglog(steps, growth.bound, ":", color=line.get_color(), label="its bound")
    doubled = growth.student[399] / growth.student[199]
    # From the ditch's first state on: (I - transitions within the ditch)^-1 1 steps to the road.
    within = np.einsum("sa,sat->st", student, road.transitions)[1:, 1:]
    stay = np.linalg.solve(np.eye(len(within)) - within, np.ones(len(within)))[0]
    print(
        f"{name}: leaves the road in {100 * (1 - student[0, 0]):.2f} % of steps, for {stay:,.0f} "
        f"steps on average; twice the time costs {doubled:.1f} times as much"
    )
plt.xlabel("steps T")
plt.ylabel(r"cost-to-go $J_T$")
plt.legend()
plt.title("Proposition 1: linear if the student acts")
plt.show()

# %% [markdown]
# Both leave the road about equally often. The one that never saw the ditch then stays in it, so that each mistake
# costs all the time that is left: $T$ steps times a cost of order $T$, quadratic, as long as $T$ is short beside the 200 steps
# that lie between two mistakes. (At the end it is 3.1 times and not 4, as no cost can be more than 1 a step.) The other finds
# back after 14 steps on average. With $u$ the most that one wrong action costs if the expert goes on from there (6 here, the way
# out of the ditch),
#
# $$J_T(\pi_{AMN}) \le J_T(\pi_E) + u\, T\, \epsilon / \log 2,$$
#
# where $\epsilon$ is the cross-entropy over the states that the student itself visits. (The paper prints
# $\ge u$ for an action's disadvantage; the bound needs $\le u$.)
#
# ## You should know
#
# - Weight decay is what makes the fixed point of policy regression unique.
# - Theorem 1 is about a *smooth* policy and *enough* decay. Deep Actor-Mimic has neither; it works in practice.
# - Imitating under one's own states (DAgger, Actor-Mimic) trades quadratic cost for linear. It is why
#   `amkit distill` lets the student act (preset `laptop`: half of the time), and `--behaviour expert` is there to see what happens otherwise.
#
# ## Exercises
#
# 1. Set `decay = 0.01` in the first figure. What happens to the speed of Eq. 8, and why?
# 2. Run the adaptive iteration with the greedy operator for 30 rounds from ten starts. How many different policies
#    does it end in?
# 3. Let the expert act with some noise, as `processes.epsilon_greedy(driver, epsilon)`. How much of it does its student
#    need to see for its cost to grow linearly too?
#
# ### Solutions

# %%
# 1. The same vector added to the weights of every action changes no policy. On it decay alone pulls, by a factor of
# 1 - decay in each update: ten times less decay takes ten times as long.
start = np.random.default_rng(5).normal(0, 3, (5, 3))
for d in (0.1, 0.01):
    target = processes.Imitation(process, expert, d).fixed_point(distribution)
    theta = start
    updates = 0
    while np.linalg.norm(theta - target) > 1e-6:
        theta, updates = one_update(theta, distribution, d, rate=1.0), updates + 1
    print(f"1. decay {d}: {updates} updates to a distance of 1e-6")

# %%
# 2. No contraction, but no trouble here: the jumps are rarely met.
found = set()
for seed in range(10):
    start = np.random.default_rng(seed).dirichlet(np.ones(3), size=12)
    *_, (policy, _) = islice(imitation.adaptive_iteration(operators["greedy"], start), 30)
    found.add(tuple(policy.argmax(axis=1).tolist()))
print(f"2. ten starts end in {len(found)} greedy policy or policies")

# %%
# 3. Noise in the expert's behaviour shows the ditch too. One step in a hundred at random is enough for its student to find
# back, one in a thousand is not.
for epsilon in (0, 1e-3, 0.01, 0.1):
    student = learn(processes.epsilon_greedy(driver, epsilon), 1)
    cost = processes.cost_growth(road, driver, student, start=0, horizon=400).student
    print(
        f"3. expert acts with epsilon {epsilon:g}: twice the time, {cost[399] / cost[199]:.2f} times"
    )
