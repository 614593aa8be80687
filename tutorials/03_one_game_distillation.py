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
# # 3. One-game distillation
#
# **What you will learn**
#
# - policy regression, the heart of Actor-Mimic, written out in a dozen lines of TensorFlow;
# - what action masks are for, and two ways in which things go wrong without them;
# - how to ask whether it matters *who plays* while the student learns, and what the temperature does.
#
# **Time** 30 minutes, some 6 of them computing on two cores. **Needs** `pip install -e '.[plots]'` and
# `pretrained/pong.keras`, which comes with amkit.
#
# ## The idea
#
# An expert plays one game well. A student, a network that knows nothing, is to play it as well. The obvious way is to
# regress on the expert's Q-values. The paper advises against it: their scale differs from game to game, and what counts
# is which action the expert prefers, not what it expects of it. So the Q-values become a policy (tutorial 1), and the
# student learns that policy, state by state. No reward is used, no discount, no target network: this is supervised
# learning. One thing about it is not ordinary: somebody has to visit the states.
#
# `amkit distill` does all this. Here we write its central lines ourselves, and use of amkit only the parts around them:
# the emulators, the replay memory, the network.

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without the lines of its own that it would fill the page with.

import os
import time
from contextlib import closing
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit.evaluation.whole_games import random_network
from amkit.games.atari import AtariEnvironments, background
from amkit.games.catalogue import ACTIONS
from amkit.jobs.rates import fastest
from amkit.learning import losses
from amkit.networks.actions import over_all_actions
from amkit.play.replay import ReplayMemory

ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 60_000))  # Of one run. Tests play less.
FULL = STEPS >= 10_000
ENVS, BATCH = (64, 128) if FULL else (2, 8)
START = min(5_000, STEPS // 4)  # Learning starts here: the first states are all much alike.
PROTOCOL = amkit.PROTOCOLS["quick" if FULL else "tiny"]
UNSEEN = 2**30  # A seed far from those of training: what is measured there was not learnt from.

precision = fastest(128, jit_compile=False)[0] if FULL else "float32"
pong = amkit.find_game("pong")
expert = amkit.load_experts(ROOT / "pretrained", ["pong"], precision)[0].network
MASK = tf.constant(pong.action_mask)  # bool [18]
print("precision:", precision)
print("the expert's outputs:", ", ".join(pong.actions))
print("legal among the 18:  ", ", ".join(np.array(ACTIONS)[pong.action_mask]))

# %% [markdown]
# The expert has one output per action of Pong. The student has 18, one for each action of the console, so that the
# same network can later play any game (App. B). Output $i$ is action $i$ in every game. The *mask* $\mathcal A_E$ says
# which of them are legal in Pong.
#
# ## Policy regression
#
# The expert's Q-values become a policy over the legal actions (Eq. 3), and the student's logits $z$ become another:
#
# $$\pi_E(a|s) = \frac{\exp(Q_E(s,a) / \tau)}{\sum_{a' \in \mathcal A_E} \exp(Q_E(s,a') / \tau)}, \qquad
#   \pi_{AMN}(a|s;\theta) = \frac{\exp z_a(s;\theta)}{\sum_{a' \in \mathcal A_E} \exp z_{a'}(s;\theta)}.$$
#
# The loss is the cross-entropy from one to the other (Eq. 4; the paper prints it without its minus sign):
#
# $$\mathcal L(\theta) = -\sum_{a \in \mathcal A_E} \pi_E(a|s) \log \pi_{AMN}(a|s;\theta).$$
#
# The temperature $\tau$ divides the expert's values only. The student has to find logits as large as that takes.


# %%
def only_legal(values, mask):
    # Not minus infinity: 0 * log(0) would then be NaN. exp(-1e9) is exactly 0 all the same.
    return tf.where(mask, values, -1e9)


def log_policy(logits, mask):
    legal = only_legal(logits, mask)
    legal -= tf.reduce_max(legal, axis=-1, keepdims=True)  # Changes nothing but rounding errors.
    return legal - tf.math.log(tf.reduce_sum(tf.exp(legal), axis=-1, keepdims=True))


def boltzmann(q_values, mask, temperature):  # Eq. 3
    return tf.exp(log_policy(q_values / temperature, mask))


def cross_entropy(expert_q, logits, mask, temperature):  # Eq. 4, one number per state
    expert_policy = boltzmann(expert_q, mask, temperature)
    return -tf.reduce_sum(expert_policy * log_policy(logits, mask), axis=-1)


# %% [markdown]
# `amkit.learning.losses.policy_regression` is the same function. Both must give the same numbers, also for large logits:

# %%
rng = np.random.default_rng(0)
some_q = tf.constant(rng.normal(0, 1, (256, 18)), tf.float32)
some_logits = tf.constant(rng.normal(0, 5, (256, 18)), tf.float32)
for temperature in (1.0, 0.05):
    ours = cross_entropy(some_q, some_logits, MASK, temperature)
    amkits = losses.policy_regression(some_q, some_logits, MASK, temperature)
    difference = np.abs(ours - amkits).max()
    print(f"tau {temperature:4}: losses up to {max(amkits):.0f}, they differ by {difference:.0e}")
    assert difference < 1e-5

# %% [markdown]
# A cross-entropy does not fall to 0: $\mathcal L = \mathcal H(\pi_E) + KL(\pi_E \,\|\, \pi_{AMN})$, and the
# expert's entropy is there whatever the student does. What the student can do something about is the KL divergence, so
# that is what we look at, together with the *agreement*: how often both prefer the same action.


# %%
def divergence(expert_q, logits, temperature):
    entropy = cross_entropy(expert_q, expert_q / temperature, MASK, temperature)  # With itself.
    return cross_entropy(expert_q, logits, MASK, temperature) - entropy


def agreement(expert_q, logits):
    choices = [tf.argmax(only_legal(values, MASK), axis=-1) for values in (expert_q, logits)]
    return tf.cast(choices[0] == choices[1], tf.float32)


# %% [markdown]
# ## Masks
#
# The gradient of the cross-entropy with respect to the logits is as simple as it gets:
#
# $$\frac{\partial \mathcal L}{\partial z_a} = \pi_{AMN}(a|s) - \pi_E(a|s) \quad (a \in \mathcal A_E), \qquad
#   \frac{\partial \mathcal L}{\partial z_a} = 0 \quad (a \notin \mathcal A_E).$$
#
# Take a state in which an expert expects to lose a point, and a little less so if it goes right. These Q-values are made
# up; the 12 columns that Pong does not have are filled with zeros.

# %%
q_of_six = np.array([[-0.50, -0.50, -0.35, -0.60, -0.35, -0.62]], np.float32)
losing_q = over_all_actions(q_of_six, pong.action_codes)  # [1, 18]
logits = tf.Variable(rng.normal(0, 1, (1, 18)), dtype=tf.float32)
with tf.GradientTape() as tape:
    loss = cross_entropy(losing_q, logits, MASK, 0.05)
gradient = tape.gradient(loss, logits).numpy()
expert_policy = boltzmann(losing_q, MASK, 0.05).numpy()
student_policy = boltzmann(logits, MASK, 1.0).numpy()
illegal = ~pong.action_mask
print("illegal actions: probability", expert_policy[:, illegal].max(), student_policy[:, illegal].max(),
      "  gradient", np.abs(gradient[:, illegal]).max())  # fmt: skip
print("legal actions: gradient equals the difference of the policies to",
      f"{np.abs(gradient - (student_policy - expert_policy)).max():.0e}")  # fmt: skip
assert not gradient[:, illegal].any() and not expert_policy[:, illegal].any()

# %% [markdown]
# Exactly 0, not nearly. Now leave the masks out, one at a time.
#
# **Of the expert.** The zeros in the columns that Pong does not have are not Q-values, but the softmax cannot know
# that. Where the expert expects to lose, 0 is better than all it has.

# %% alt="Two bar charts of the expert's policy: with the mask RIGHT and RIGHTFIRE, without the mask only illegal actions"
everything = tf.ones_like(MASK)
figure, axes = plt.subplots(1, 2, figsize=(13, 3), sharey=True)
for ax, mask, title in ((axes[0], MASK, "with the mask"), (axes[1], everything, "without")):
    policy = boltzmann(losing_q, mask, 0.05).numpy()[0]
    ax.bar(ACTIONS, policy, color=np.where(pong.action_mask, "tab:blue", "tab:red"))
    ax.tick_params(axis="x", rotation=90)
    ax.set_title(f"{title}: {policy[illegal].sum():.3f} on illegal actions")
axes[0].set_ylabel(r"$\pi_E(a|s)$")
plt.show()

# %% [markdown]
# **Of the student.** Suppose that the expert's policy is masked and the student's softmax runs over all 18 actions.
# The gradient of an illegal action's logit is then its probability: positive, so that every update pushes it down. We
# let 18 bare logits, all of them 0, follow the gradient:


# %%
def descend(student_mask, updates=500 if FULL else 20, rate=1.0):
    logits = tf.Variable(tf.zeros((1, 18)))
    target = boltzmann(losing_q, MASK, 0.05)
    for _ in range(updates):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_sum(target * log_policy(logits, student_mask), axis=-1)
        logits.assign_sub(rate * tape.gradient(loss, logits))
    return logits.numpy()[0], float(loss[0])


for name, student_mask in (("with the mask", MASK), ("without", everything)):
    end, last_loss = descend(student_mask)
    print(f"{name:14s} RIGHT {end[ACTIONS.index('RIGHT')]:5.2f}   UP {end[ACTIONS.index('UP')]:5.2f}   "
          f"loss {last_loss:.3f}")  # fmt: skip

# %% [markdown]
# For Pong alone that is a detour: the student has to learn not to press what is not there. For several games it is
# worse. Games share the outputs, and UP is an action of Boxing. Every state of Pong would push it down, through
# weights that Boxing uses too. With the mask, Pong says nothing about UP.
#
# ## Act, ask, store, learn
#
# The rest is a loop. In every step:
#
# 1. **act**: somebody, the student or the expert, chooses an action in each of the environments, epsilon-greedily;
# 2. **ask**: the expert is asked for its Q-values of the state, whoever acts;
# 3. **store**: the state and the expert's answer go into the replay memory;
# 4. **learn**: a batch of stored states makes one update, while the emulators carry out the actions.
#
# The student is amkit's network: uint8 [B, 4, 84, 84] in, 18 logits out. They begin at 0, so that its first policy is
# uniform.


# %%
def new_student():
    keras.utils.set_random_seed(0)  # All students begin with the same weights.
    return amkit.actor_mimic_network(
        normalize_features=True, background=background(pong), dtype=precision
    )


def choose(values, rng, epsilon):
    greedy = np.where(pong.action_mask, values, -np.inf).argmax(axis=1)
    drawn = rng.choice(pong.action_codes, len(values))  # Uniform over the legal actions.
    return np.where(rng.random(len(values)) < epsilon, drawn, greedy)


def expert_and(student):
    """Asks both in one graph, which is faster than one after the other."""

    @tf.function(autograph=False)
    def ask(observation):
        return over_all_actions(expert(observation), pong.action_codes), student(observation)

    return ask


def updater(student, optimizer, temperature):
    optimizer.build(student.trainable_variables)

    @tf.function(autograph=False)
    def update(observation, expert_q):
        with tf.GradientTape() as tape:
            logits = student(observation, training=True)
            # The mean, so that the learning rate need not change with the batch size.
            loss = tf.reduce_mean(cross_entropy(expert_q, logits, MASK, temperature))
        weights = student.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        kl = tf.reduce_mean(divergence(expert_q, logits, temperature))
        return kl, tf.reduce_mean(agreement(expert_q, logits))

    return update


def distil(behaviour, temperature, steps, epsilon=0.1):
    """Returns a student, and a row (agent steps, KL, agreement) per update."""
    student = new_student()
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, (steps - START) // ENVS, alpha=0.01)
    update = updater(student, keras.optimizers.Adam(schedule), temperature)
    ask = expert_and(student)
    rng, sampling = np.random.default_rng(0).spawn(2)
    memory = ReplayMemory(steps, ENVS, sampling, extras={"expert_q": ((18,), "float32")})
    curve, begun = [], time.perf_counter()
    with closing(AtariEnvironments([pong], ENVS, seed=0)) as environments:
        for step in range(0, steps, ENVS):
            observation = environments.observation
            expert_q, logits = (answer.numpy() for answer in ask(observation))  # Ask.
            values = logits if behaviour == "student" else expert_q
            action = choose(values, rng, epsilon)  # Act.
            environments.send(action)
            memory.add(  # Store. `start` and `cut`: where one game ends and another begins.
                observation,
                action=action,
                start=environments.start,
                cut=environments.ended,
                expert_q=expert_q,
            )
            if step >= START:  # Learn.
                row, env = memory.sample(BATCH)
                kl, agreed = update(
                    memory.observations(row, env), memory.values("expert_q", row, env)
                )
                curve.append((step, float(kl), float(agreed)))
            environments.receive()
    rate = steps / (time.perf_counter() - begun)
    print(f"{behaviour} acts, tau {temperature}: {len(curve)} updates, {rate:,.0f} steps/s")
    return student, np.array(curve)


# %% [markdown]
# The first student: it acts itself, and the temperature is 0.05. The settings are preset `laptop`'s but for four: there both
# act in turns, a running average of the student acts and is kept, the learning rate falls to a half and not to a hundredth,
# and half of the environments break their games off. The run is a fifth as long.

# %%
TAU = 0.05
student_taught, student_curve = distil("student", TAU, STEPS)


# %% alt="While the student acts, KL falls from 0.2 to 0.03 nats and agreement ends at 0.72"
def plot_curves(curves):
    _, axes = plt.subplots(1, 2, figsize=(12, 3.5))
    for name, curve in curves.items():
        width = max(len(curve) // 30, 1)  # One batch is noisy: a running mean.
        steps, kl, agreed = (
            np.convolve(column, np.ones(width) / width, mode="valid") for column in curve.T
        )
        axes[0].semilogy(steps, kl, label=name)
        axes[1].plot(steps, agreed, label=name)
    axes[0].set_ylabel(r"$KL(\pi_E \,\|\, \pi_{AMN})$, nats")
    axes[1].set_ylabel("agreement with the expert")
    for ax in axes:
        ax.set_xlabel("agent steps")
        ax.legend()
    plt.show()


plot_curves({"the student acts": student_curve})
first, last = student_curve[0], student_curve[-max(len(student_curve) // 10, 1) :].mean(axis=0)
print(f"at the first update: KL {first[1]:.3f}, agreement {first[2]:.2f}")
print(f"over the last tenth of the updates: KL {last[1]:.3f}, agreement {last[2]:.2f}")

# %% [markdown]
# At the first update the student's policy is uniform, and its KL is $\log 6$ minus the expert's entropy. See how much is
# left at the end, and how much agreement goes with it. The KL need not fall all the way: all games begin at once, and the
# memory holds more kinds of states as they go on. An agreement of 1 is neither to be expected nor needed: in Pong
# RIGHTFIRE does what RIGHT does but in the moment of a hit, and in most states hardly anything depends on the action
# (tutorial 1). So we also let
# the student play: whole games, beside chance and the expert. A game of Pong ends when one side has 21 points; the
# score is the difference.

# %%
results = {}


def play(name, network, epsilon=0.05):
    result = amkit.evaluate_game(network, pong, PROTOCOL, epsilon=epsilon, seed=UNSEEN)
    results[name] = result
    print(f"{name:28s} {result.mean:6.1f} +- {result.standard_error:.1f}   {len(result.scores)} games, "
          f"{np.mean(result.lengths):,.0f} steps each")  # fmt: skip


play("chance", random_network, epsilon=1.0)
play("expert", expert)
play("taught while it acts", student_taught)

# %% [markdown]
# ## Who should act?
#
# The expert plays better. So why not let it play, and have the student watch? That is behavioural cloning. Both ways
# minimise the same divergence, but over different states:
#
# $$\mathbb E_{s \sim D_{\pi_E}} \left[ KL \right] \quad\text{(the expert acts)} \qquad\text{or}\qquad
#   \mathbb E_{s \sim D_{\pi_{AMN}}} \left[ KL \right] \quad\text{(the student acts)}.$$
#
# When the student is done, it plays alone. The states it then meets are its own, $D_{\pi_{AMN}}$. If it was taught
# on the expert's states, it is asked about a distribution that it was not trained on: *covariate shift*. A small mistake
# can lead to a state that the expert never visits, in which nobody told the student what to do, which leads to
# the next mistake. Section 4.3 makes a bound of that: a cost that grows linearly with time if the student acts, and
# quadratically if the expert does. Tutorial 8 shows both where they can be computed.
#
# Here is the other student. Nothing is changed but who acts.

# %% alt="KL and agreement over agent steps: KL is lower if the expert acts, agreement is higher at first if the student acts and ends alike"
expert_taught, expert_curve = distil("expert", TAU, STEPS)
plot_curves({"the student acts": student_curve, "the expert acts": expert_curve})

# %% [markdown]
# Do not compare these two curves with each other. Each is measured on its own replay memory, thus on other states. A
# fair comparison asks both students about the same kind of states, and of two kinds: those of the student's own play
# and those of the expert's.
#
# The next function plays new games, by either, and compares student and expert in every state. Its uncertainty is that
# of a mean over environments, as states of one game resemble each other.


# %%
def measure(student, actor, temperature, steps=16_000 if FULL else 20, envs=16 if FULL else 2):
    """Returns (mean, standard error) of the KL and of the agreement, on the actor's states."""
    ask, rng = expert_and(student), np.random.default_rng(1)
    kl, agreed = [], []
    with closing(AtariEnvironments([pong], envs, seed=UNSEEN)) as environments:
        for _ in range(steps // envs):
            expert_q, logits = ask(environments.observation)
            kl.append(divergence(expert_q, logits, temperature))
            agreed.append(agreement(expert_q, logits))
            values = logits if actor == "student" else expert_q
            environments.step(choose(values, rng, epsilon=0.05))
    per_environment = [np.mean(values, axis=0) for values in (kl, agreed)]  # [envs] each
    return [(x.mean(), x.std(ddof=1) / np.sqrt(envs)) for x in per_environment]


students = {"the student acted": student_taught, "the expert acted": expert_taught}
measured = {
    (name, actor): measure(student, actor, TAU)
    for name, student in students.items()
    for actor in ("student", "expert")
}
print(f"{'while learning':20s}{'states of':12s}{'KL':>15s}{'agreement':>18s}")
for (name, actor), ((kl, kl_error), (agreed, error)) in measured.items():
    print(f"{name:20s}{actor:12s}{kl:8.3f} +- {kl_error:.3f}{agreed:10.3f} +- {error:.3f}")

# %% alt="Bars of KL and agreement on states of both players: the student taught while the expert acts has lower KL and higher agreement on both"
figure, axes = plt.subplots(1, 2, figsize=(12, 3.5))
places = np.arange(len(students))
for i, actor in enumerate(("student", "expert")):
    for ax, quantity in zip(axes, (0, 1), strict=True):
        means, errors = zip(*(measured[name, actor][quantity] for name in students), strict=True)
        ax.bar(places + 0.38 * i, means, 0.36, yerr=errors, label=f"on states of the {actor}")
for ax, label in zip(axes, (r"$KL(\pi_E \,\|\, \pi_{AMN})$, nats", "agreement"), strict=True):
    ax.set_xticks(places + 0.19, students)
    ax.set_ylabel(label)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()
for name in students:
    own, experts = (measured[name, actor][0][0] for actor in ("student", "expert"))
    print(f"{name}: KL on its own states is {own / experts:.2f} times that on the expert's")

play("taught while the expert acts", expert_taught)

# %% [markdown]
# Read the table in two ways. First, how much worse is each student on its own states than on the expert's? The ratios
# above say it. Some states are harder than others for any student, so a ratio alone means little: covariate shift is
# what the ratio of the second student has beyond that of the first. Second, which student has the lower KL where it will
# have to play, on its own states? And which one on the expert's?
#
# Two things work against a large shift here. While learning, whoever acts takes a random action in a tenth of the
# steps, which leads the expert off its path too. And in Pong every point begins anew: a mistake costs one point at most,
# not the rest of the game. It is for the numbers above to say what is left of it.
#
# ## Temperature
#
# The paper takes $\tau = 1$. What would the expert say then?

# %%
with closing(AtariEnvironments([pong], 16 if FULL else 2, seed=UNSEEN)) as environments:
    rng, ask, answers = np.random.default_rng(2), expert_and(student_taught), []
    for _ in range(500 if FULL else 10):
        answers.append([answer.numpy() for answer in ask(environments.observation)])
        environments.step(choose(answers[-1][0], rng, epsilon=0.05))
seen_q, seen_logits = (np.concatenate(column) for column in zip(*answers, strict=True))  # [T, 18]

gap = np.ptp(seen_q[:, pong.action_mask], axis=1).mean()
print("tau    probability of its best action   entropy   KL of a uniform policy   logits apart")
for temperature in (1.0, TAU, 0.01):
    best = np.max(boltzmann(seen_q, MASK, temperature), axis=1).mean()
    uniform = np.mean(divergence(seen_q, np.zeros_like(seen_q), temperature))
    entropy = np.log(pong.num_actions) - uniform
    print(f"{temperature:<6} {best:29.2f} {entropy:9.2f} {uniform:24.3f} {gap / temperature:14.2f}")

# %% [markdown]
# These are means over states of the expert's play. A student begins with a uniform policy: its KL is all that there is to
# learn. The nearer to 0 it is, the smaller are the gradients from the first update on, as they are the difference of
# two policies. The last column says how far apart, from worst to best action, the logits of a student lie that has
# learnt everything. A third student, at $\tau = 1$:

# %% alt="At temperature 1 KL is a hundred times lower than at 0.05, and agreement is lower too"
mild_taught, mild_curve = distil("student", 1.0, STEPS)
plot_curves({r"$\tau$ = 0.05": student_curve, r"$\tau$ = 1": mild_curve})
play("taught at temperature 1", mild_taught)
for name, student, tau in (("0.05", student_taught, TAU), ("1", mild_taught, 1.0)):
    _, (agreed, error) = measure(student, "student", tau)
    print(f"tau {name:4}: agreement on its own states {agreed:.3f} +- {error:.3f}")

# %% [markdown]
# The two KLs have different targets: a lower curve at $\tau = 1$ does not mean a better student. Agreement and score
# have the same meaning at every temperature. Compare those.
#
# ## All together

# %% alt="Scores in Pong: chance -20, expert 18, and three students between 15 and 17"
names = list(results)
plt.figure(figsize=(9, 2.6))
plt.barh(
    names,
    [results[name].mean for name in names],
    xerr=[results[name].standard_error for name in names],
    color=["tab:gray", "tab:gray", "tab:blue", "tab:orange", "tab:green"],
)
plt.gca().invert_yaxis()
plt.axvline(0, color="black", linewidth=0.8)
plt.xlim(-21, 21)
plt.xlabel("score in Pong, epsilon 0.05; bars: standard error")
plt.show()

# %% [markdown]
# In the run shown here, the student that only watched is ahead in Pong. Its KL is lower on both kinds of states, its own (0.020
# beside 0.052) and the expert's (0.020 beside 0.066), and it agrees with the expert more often; the scores, 17.4 ± 0.4 and 14.9
# ± 1.5, are within their errors. The ratios of 1.02 and 0.79 point to a little covariate shift at most, and with their errors not even to
# that for sure. Perhaps the expert's games are simpler to learn in so few updates, and in Pong a mistake costs little.
#
# At temperature 1 the student agrees less with the expert on its own states (0.44 beside 0.54); at 0.01 (exercise 1) it agrees
# *more*, 0.58. The scores of all four students, 14.9 to 17.4, are within two of their errors of one another. So in a game as
# forgiving as this, by agreement who acts mattered more than either temperature, and by score nothing stands out.
#
# This is one seed and a few games. A difference of about two standard errors or less, or between two runs that differ in
# nothing but their seed, would not be worth a sentence.
#
# ## You should know
#
# - Policy regression is supervised learning: the expert's softmax is the label, the cross-entropy the loss, and its
#   gradient with respect to the logits is the difference of the two policies.
# - The mask belongs into both softmaxes. What is illegal then has probability 0 and gradient 0, exactly, so that games
#   with different actions can share their outputs.
# - The loss says nothing about which states it is averaged over. Measured on the replay memory it is an answer about
#   whoever filled that; what counts is the student on its own states.
# - KLs at different temperatures cannot be compared. Agreement can, but it counts RIGHT and RIGHTFIRE as different.
#   In the end, let it play.
#
# ## Exercises
#
# 1. Distil at $\tau = 0.01$. What becomes of the KL at the beginning, of the agreement and of the score?
# 2. In Pong, FIRE changes only how hard a ball is hit. How often do student and expert make the same *move*?
# 3. Show that for small differences $d_a = z_a - Q_a / \tau$ the KL is about half the variance of $d_a$ under $\pi_E$.
#    What does policy regression become at a high temperature?
#
# ### Solutions

# %%
# 1. The target is close to one-hot. There is more to learn in every state, also in those where the expert's preference
# is no more than the noise of its Q-values (tutorial 1, exercise 1). The student agrees with those, too, and plays no better.
sharp_taught, sharp_curve = distil("student", 0.01, STEPS)
play("1. taught at 0.01", sharp_taught)
(kl, _), (agreed, error) = measure(sharp_taught, "student", 0.01)
print(f"1. KL at first {sharp_curve[0, 1]:.2f}, on its own states at the end {kl:.2f}; "
      f"agreement there {agreed:.3f} +- {error:.3f}")  # fmt: skip

# %%
# 2. Each action's name without FIRE is its move, and a lone FIRE is none. States are the expert's, of the cell under
# "Temperature", the first 500 steps of games; the table under "Who should act?" has 1,000. The student is the first one.
moves = np.array([name.removesuffix("FIRE") or "NOOP" for name in ACTIONS])
choices = [
    np.where(pong.action_mask, values, -np.inf).argmax(axis=1) for values in (seen_q, seen_logits)
]
print(f"2. the same action in {np.mean(choices[0] == choices[1]):.3f} of the states, "
      f"the same move in {np.mean(moves[choices[0]] == moves[choices[1]]):.3f}")  # fmt: skip

# %%
# 3. Expand log sum exp to second order: the first-order term cancels, as the cross-entropy is least at d = 0. At a high
# temperature the expert's policy is almost uniform, and what is left is a squared error of Q / tau, up to a constant per
# state: Q-regression by another name, which the paper advised against.
for scale in (1.0, 0.3, 0.1):
    d = tf.constant(rng.normal(0, scale, seen_q.shape), tf.float32)
    policy = boltzmann(seen_q, MASK, TAU)
    mean = tf.reduce_sum(policy * d, axis=-1, keepdims=True)
    half_variance = tf.reduce_sum(policy * (d - mean) ** 2, axis=-1) / 2
    exact = divergence(seen_q, seen_q / TAU + d, TAU)
    print(f"3. differences of {scale:3}: KL {np.mean(exact):.5f}, "
          f"half the variance {np.mean(half_variance):.5f}")  # fmt: skip
