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
# # 5. Eight games, one network
#
# **What you will learn**
#
# - what eight games share in one network and what each keeps for itself, and one joint update
#   written out;
# - why policies rather than Q-values: how much each game weighs in either loss, in numbers;
# - the baselines MDQN and MCDQN, Table 1 with intervals, and how to ask whether games help or hurt
#   each other.
#
# **Time** 30 minutes, some 10 of them computing on two cores. **Needs** 4 GiB of free memory,
# `pip install -e '.[plots]'`, and the eight experts and `amn.keras`, which come with amkit.
# Tutorial 3 first.
#
# ## The idea
#
# Tutorial 3 distilled one expert into one student. With several games almost everything stays:
# every state has an expert, and the student learns that expert's policy. The objective of all games
# is the mean of the games' objectives. What is new are questions. Do eight games fit into a network
# of one expert's size? Does one of them drown the others? Do they help each other? Section 5.1 and
# Appendix C of the paper are about these.

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without the lines of its own that it would fill the page with.

import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit.evaluation.protocols import Protocol
from amkit.evaluation.whole_games import random_network
from amkit.games.atari import AtariEnvironments, background
from amkit.games.catalogue import ACTIONS
from amkit.games.published import TABLE_1, normalized
from amkit.jobs.build import build
from amkit.jobs.configuration import baseline_config, distill_config
from amkit.jobs.rates import fastest
from amkit.learning import losses
from amkit.learning.job import compile_learner
from amkit.networks.actions import for_game, for_games, over_all_actions
from amkit.reports import multitask, statistics
from amkit.reports import recorded as cards_of_runs
from amkit.reports import text as table_text

ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 16_000))  # Of each game. Tests play less.
FULL = STEPS >= 10_000
ENVS, ROWS = (16, 16) if FULL else (2, 4)  # Of each game: environments, samples in an update.
UNSEEN = 2**30  # A seed far from those of training.
TAU = 0.05

precision = fastest(128, jit_compile=False)[0] if FULL else "float32"
EIGHT = list(amkit.SPLITS["multitask"])
names = EIGHT if FULL else ["boxing", "breakout", "pong"]
games = [amkit.find_game(name) for name in names]
experts = amkit.load_experts(ROOT / "pretrained", names)
masks = np.array([game.action_mask for game in games])  # bool [8, 18]

# %% [markdown]
# ## What is shared, and what is not
#
# **Shared** are all weights of the network: the convolutions, the 512 features, and the 18 outputs.
# Output $i$ is action $i$ of the console in every game. Nothing tells the network which game it is
# asked about. It has to see that on the screen.
#
# **Not shared** are the mask of legal actions, the expert, the emulators, and the replay memory. A
# memory for each game lets every update take equally many states of all games, and no game can push
# another's states out.
#
# One thing has to be settled for all at once. The first layer sees the luminance of a game's
# background as zero (an addition of amkit's: on a bright background many filters die). An expert
# has its own game's background there, the student has the mean of all.

# %%
backgrounds = [background(game) for game in games]
BACKGROUND = float(np.mean(backgrounds))
keras.utils.set_random_seed(0)
untrained = amkit.actor_mimic_network(normalize_features=True, background=BACKGROUND)
FIRST = untrained.get_weights()  # What every student here begins with.

print(f"{'':15s} background   legal actions")
for game, level in zip(games, backgrounds, strict=True):
    legal = "".join("x" if action in game.actions else "." for action in ACTIONS)
    print(f"{game.name:15s} {level:10d}   {legal}  {game.num_actions}")
print(f"{'the student':15s} {BACKGROUND:10.1f}   {'x' * 18}  18")
together = sum(expert.network.count_params() for expert in experts)
print(f"\nweights: {untrained.count_params():,} in the student, {together:,} in the eight experts")

# %% [markdown]
# Each column of crosses is an output that those games use together.
#
# ## States of eight games
#
# We need states to measure on. Every expert plays its game, with a random action in a tenth of the
# steps, and we keep every eighth state of the first minute and what the expert says of it. Half of
# the environments are for a small experiment below; on the other half nothing is ever trained.
# Those are called *held out* here.


# %% alt="One screen of each of the eight games"
def some_states(expert, envs=16 if FULL else 2, steps=800 if FULL else 24, every=8):
    """Returns (states uint8 [envs, T, 4, 84, 84], the expert's Q-values float32 [envs, T, 18])."""
    rng, codes, kept = np.random.default_rng(1), expert.game.action_codes, []
    ask = tf.function(lambda observation: expert.network(observation), autograph=False)
    with closing(AtariEnvironments([expert.game], envs, seed=UNSEEN)) as environments:
        for step in range(steps):
            observation = environments.observation
            q_values = ask(observation)
            if step % every == every - 1:
                kept.append((observation.copy(), over_all_actions(q_values, codes).numpy()))
            drawn = rng.choice(codes, envs)
            greedy = codes[np.argmax(q_values, axis=1)]
            environments.step(np.where(rng.random(envs) < 0.1, drawn, greedy))
    return tuple(np.stack(part, axis=1) for part in zip(*kept, strict=True))


begun = time.perf_counter()
states, expert_q = zip(*(some_states(expert) for expert in experts), strict=True)
HALF = len(states[0]) // 2  # Environments before it: to train on. After it: held out.
print(f"{states[0].shape} states of each game, {time.perf_counter() - begun:.0f} s")

figure, axes = plt.subplots(1, len(names), figsize=(15, 2.2))
for ax, name, seen in zip(axes, names, states, strict=True):
    ax.imshow(seen[-1, -1, -1], cmap="gray", vmin=0, vmax=255)
    ax.set_title(name.replace("_", " "), fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# ## Why not Q-values?
#
# The obvious way to distil is a squared loss on the expert's Q-values. Section 3.1 of the paper:
# "As the range of the expert value functions could vary widely between games, we found it difficult
# to directly distill knowledge from the expert value functions." How widely do they vary here? All
# experts learnt from rewards clipped to [-1, 1]. But how many of them come within the horizon of
# the discount differs from game to game.
#
# The *level* of a state is the mean of its Q-values over the legal actions. The *gap* is the
# distance from its worst to its best action. Only gaps matter for playing.

# %%
legal_q = [q[..., mask] for q, mask in zip(expert_q, masks, strict=True)]  # [envs, T, n] each
level = np.array([np.abs(q.mean(axis=-1)).mean() for q in legal_q])
spread = np.array([q.mean(axis=-1).std() for q in legal_q])
gap = np.array([np.ptp(q, axis=-1).mean() for q in legal_q])
best = np.array([losses.boltzmann_policy(q, np.ones(q.shape[-1], bool), TAU).numpy().max(-1).mean()
                 for q in legal_q])  # fmt: skip
print(f"{'':15s}  |level|   its std      gap   level / gap   probability of the best action")
for row in zip(names, level, spread, gap, level / gap, best, strict=True):
    print("{:15s} {:8.2f}  {:8.2f} {:8.3f} {:13.1f} {:16.2f}".format(*row))
print(f"largest / smallest: {level.max() / level.min():.1f} of the levels, "
      f"{gap.max() / gap.min():.1f} of the gaps")  # fmt: skip

# %% [markdown]
# What does that do to a gradient? At the outputs $z$ of the student it is, for one state with $n$
# legal actions,
#
# $$\frac{\partial}{\partial z_a} \frac 1 n \sum_{a'} (z_{a'} - Q_E(s,a'))^2
#   = \frac 2 n (z_a - Q_E(s,a)) \qquad\text{and}\qquad
#   \frac{\partial \mathcal L_{policy}}{\partial z_a} = \pi_{AMN}(a|s) - \pi_E(a|s).$$
#
# The first is in units of the game's returns. The second is the difference of two distributions:
# its norm is $\sqrt 2$ at most, in any game. Bounded does not mean equal. An expert that hardly
# cares which action is taken asks for less than one that does, and how much an expert cares is set
# by its gaps and the temperature.
#
# The student begins with outputs of zero. The gradient there, per game: at the outputs, mean norm
# over the states; and of all weights, norm of the mean over the states. (With an output layer of
# zeros only that layer has a gradient at first.) The column "gaps alone" is Q-regression of a
# student that knows the level of every state already, and nothing else.


# %%
def only_legal(values, mask):
    return tf.where(mask, values, -1e9)


def policy_loss(q_values, logits, mask):  # Eq. 3, 4
    return tf.nn.softmax_cross_entropy_with_logits(
        tf.nn.softmax(only_legal(q_values / TAU, mask)), only_legal(logits, mask)
    )


def q_loss(q_values, outputs, mask):  # Squared error, mean over the legal actions
    error = tf.where(mask, outputs - q_values, 0.0)
    return tf.reduce_sum(error**2, axis=-1) / tf.reduce_sum(tf.cast(mask, tf.float32), axis=-1)


def held_out(values, most=256):
    """Some rows of the environments that nothing is trained on: [N, ...]."""
    rows = values[HALF:].reshape(-1, *values.shape[2:])
    return rows[:: max(len(rows) // most, 1)][:most]


def gradient_of(network, loss, i):
    """Gradient of game i's mean loss, a list of one array per weight."""
    with tf.GradientTape() as tape:
        outputs = network(held_out(states[i]), training=True)
        mean = tf.reduce_mean(loss(held_out(expert_q[i]), outputs, masks[i]))
    return [part.numpy() for part in tape.gradient(mean, network.trainable_variables)]


def norm(gradient):
    return np.sqrt(sum(np.sum(part**2.0) for part in gradient))


at_outputs = {"policy": [], "Q-values": [], "gaps alone": []}
for q in legal_q:
    policy = losses.boltzmann_policy(q, np.ones(q.shape[-1], bool), TAU).numpy()
    at_outputs["policy"].append(1 / q.shape[-1] - policy)
    at_outputs["Q-values"].append(-2 * q / q.shape[-1])
    at_outputs["gaps alone"].append(2 * (q.mean(-1, keepdims=True) - q) / q.shape[-1])
norms = {
    name: np.array([np.linalg.norm(g, axis=-1).mean() for g in gradients])
    for name, gradients in at_outputs.items()
}
for name, loss in (("policy", policy_loss), ("Q-values", q_loss)):
    norms[f"{name}, weights"] = np.array(
        [norm(gradient_of(untrained, loss, i)) for i in range(len(games))]
    )
print(f"{'norm of the gradient':22s}" + "".join(f"{name:>19s}" for name in norms))
for i, name in enumerate(names):
    print(f"{name:22s}" + "".join(f"{values[i]:19.3f}" for values in norms.values()))
print(f"{'largest / smallest':22s}" + "".join(f"{v.max() / v.min():19.1f}" for v in norms.values()))

# %% alt="Bars: each game's share of the squared gradient, for policies and for Q-values; Crazy Climber has the largest"
figure, axes = plt.subplots(1, 2, figsize=(13, 3.2), sharex=True)
for ax, columns, title in (
    (axes[0], ("policy", "Q-values", "gaps alone"), "at the outputs"),
    (axes[1], ("policy, weights", "Q-values, weights"), "of all weights"),
):
    width = 0.8 / len(columns)
    for j, column in enumerate(columns):
        share = norms[column] ** 2 / np.sum(norms[column] ** 2)
        ax.bar(np.arange(len(names)) + j * width, share, width, label=column)
    ax.axhline(1 / len(names), color="black", linewidth=0.8, linestyle=":")
    ax.set_xticks(
        np.arange(len(names)) + 0.4 - width / 2, [n.replace("_", " ") for n in names], rotation=30
    )
    ax.set_title(f"share of the squared gradient, {title}")
    ax.legend()
plt.show()

# %% [markdown]
# The dotted line is an equal share. Adam divides every weight's step by the recent size of its
# gradient. So a common factor of all games cancels, but the *shares* do not: where one game makes
# up most of a weight's gradient, the step is mostly that game's, and the others move along.
#
# A multitask DQN has the same trouble as Q-regression. Its TD error is in units of the game's
# returns too, and there is no expert from which one could make a policy beforehand.
#
# ## One joint update
#
# A batch has equally many rows of every game: those of game 0 first, then of game 1, and so on. The
# mean of the loss over such a batch is the mean of the games' means. So this is the whole of
# multitask distillation, apart from playing:


# %%
def batch_of(rng, rows=ROWS):
    """Equally many states of every game, from the environments to train on."""
    picked = [(rng.integers(0, HALF, rows), rng.integers(0, q.shape[1], rows)) for q in expert_q]
    return (
        np.concatenate([seen[where] for seen, where in zip(states, picked, strict=True)]),
        np.concatenate([q[where] for q, where in zip(expert_q, picked, strict=True)]),
        np.repeat(masks, rows, axis=0),  # Each row has its game's mask.
    )


def updater(student, optimizer, loss_function):
    optimizer.build(student.trainable_variables)

    @tf.function(autograph=False)
    def update(observation, q_values, mask):
        with tf.GradientTape() as tape:
            outputs = student(observation, training=True)
            loss = tf.reduce_mean(loss_function(q_values, outputs, mask))
        weights = student.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return update


def new_student():
    student = amkit.actor_mimic_network(normalize_features=True, background=BACKGROUND)
    student.set_weights(FIRST)
    return student


# %% [markdown]
# `amkit.ActorMimic` makes the same update. Two students, three batches, plain gradient descent:
# both must end with the same weights.

# %%
ours, amkits = new_student(), new_student()
update = updater(ours, keras.optimizers.SGD(0.1), policy_loss)
learner = amkit.ActorMimic(amkits, feature_sizes=[], temperature=TAU)
compile_learner(learner, keras.optimizers.SGD(0.1), jit_compile=False)
rng = np.random.default_rng(0)
for _ in range(3):
    observation, q_values, mask = batch_of(rng)
    loss = update(tf.constant(observation), tf.constant(q_values), tf.constant(mask))
    batch = {"observation": observation, "expert_q": q_values, "action_mask": mask}
    learner.reset_metrics()
    amkit_loss = learner.train_step({key: tf.constant(value) for key, value in batch.items()})
    print(f"loss {loss:.6f}, amkit's {amkit_loss['loss']:.6f}")
apart = max(
    np.abs(a - b).max() for a, b in zip(ours.get_weights(), amkits.get_weights(), strict=True)
)
moved = max(np.abs(a - b).max() for a, b in zip(ours.get_weights(), FIRST, strict=True))
print(f"weights moved by up to {moved:.0e}, and differ by {apart:.0e}")
assert apart < 1e-5

# %% [markdown]
# Now both objectives at work. No emulator is needed for a first look: we take the states that we
# have, and train one student on policies and another on Q-values, with the same first weights,
# batches, optimizer and number of updates. Held-out states say how often each prefers the action
# that the expert prefers. For this count it does not matter whether the outputs are logits or
# Q-values.


# %%
def asker(network, asked=games):
    """Returns a function: what the network says of held-out states, [game, E, T, 18]."""
    numbers = [games.index(game) for game in asked]
    values = tf.function(for_games(network, asked), autograph=False)

    def ask():
        environments = range(HALF, len(states[0]))
        rows = (np.concatenate([states[i][env] for i in numbers]) for env in environments)
        said = np.stack([values(tf.constant(of_all)) for of_all in rows])
        return said.reshape(len(environments), len(asked), -1, 18).swapaxes(0, 1)

    return ask


def agreement(q_values, outputs, mask):
    """[E]: the share of each environment's states in which both prefer the same action."""
    first, second = (np.where(mask, x, -np.inf).argmax(axis=-1) for x in (q_values, outputs))
    return (first == second).mean(axis=-1)


def divergence(q_values, logits, mask):
    """[E]: mean KL(expert || student) over each environment's states."""
    cross = policy_loss(q_values, logits, mask)
    entropy = policy_loss(q_values, q_values / TAU, mask)
    return np.mean(cross - entropy, axis=-1)


def mean_and_error(values):
    """Of a mean over environments: states of one game resemble each other."""
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def learn(loss_function, updates=300 if FULL else 5):
    student, rng = new_student(), np.random.default_rng(1)
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, updates, alpha=0.01)
    update = updater(student, keras.optimizers.Adam(schedule), loss_function)
    for _ in range(updates):
        update(*map(tf.constant, batch_of(rng)))
    return student


begun = time.perf_counter()
by_policy, by_q = learn(policy_loss), learn(q_loss)
print(f"{time.perf_counter() - begun:.0f} s\n")
print(
    f"{'':15s}  always the      agreement of a student of             share of the squared gradient"
)
print(f"{'':15s} commonest one     policies          Q-values              policies    Q-values")
said = [asker(student)() for student in (by_policy, by_q)]
left = [
    np.array([norm(gradient_of(student, loss, i)) ** 2 for i in range(len(games))])
    for student, loss in ((by_policy, policy_loss), (by_q, q_loss))
]
for i, name in enumerate(names):
    q = expert_q[i][HALF:]
    preferred = np.where(masks[i], q, -np.inf).argmax(axis=-1)
    commonest = np.bincount(preferred.ravel()).max() / preferred.size
    found = [mean_and_error(agreement(q, outputs[i], masks[i])) for outputs in said]
    print(f"{name:15s} {commonest:10.2f}     "
          + "".join(f"{mean:8.3f} +- {error:.3f} " for mean, error in found)
          + "      " + "".join(f"{part[i] / part.sum():12.2f}" for part in left))  # fmt: skip

# %% [markdown]
# The first column is what a student reaches that has found out which game it is, and always plays
# one action there. The last two columns are the gradient's shares again, now at the end: what is
# left to learn, as each loss sees it. Both losses may well come to agree with the experts in the
# end; the question is what they spend a limited number of updates on.
#
# ## Distil eight games
#
# Now with play, by amkit's own functions: `amkit distill --experts pretrained/ --split multitask`
# in a short run without its files. The settings are preset `laptop`'s, with fewer environments (16
# of each game in place of 32, so that a short run sees more than the openings) and a memory that
# holds the whole run. Every 8 steps of each game there is an update of 16 rows of each. On the way
# the student is asked about the held-out states of every game.


# %%
def train(config, asked=games, first=None, points=8 if FULL else 1):
    """Returns (network, agent steps [P], outputs on held-out states [P][game, E, T, 18])."""
    job = build(config, environments_seed=0)
    network = job.learner.acting
    if first is not None:
        network.set_weights(first)
    ask, at, outputs, seconds = asker(network, asked), [], [], 0.0
    with closing(job.environments):
        for point in range(points + 1):
            begun = time.perf_counter()
            while job.steps < point * STEPS // points:
                job.play_and_learn()
            seconds += time.perf_counter() - begun
            at.append(job.steps)
            outputs.append(ask())
    rate, weights = len(asked) * job.steps / seconds, network.count_params()
    print(f"{config.kind} of {len(asked)}: {job.steps:,} steps of each game in {seconds:.0f} s, "
          f"{rate:,.0f} steps/s, {weights:,} weights")  # fmt: skip
    return network, at, outputs


def distillation(taught):
    config = distill_config(
        ROOT / "pretrained",
        taught,
        precision=precision,
        jit_compile=False,
        steps=STEPS,
        envs=ENVS,
        replay_steps=STEPS,
        replay_start_steps=STEPS // 10,
        batch_size=ROWS,
        update_period_steps=8,
        averaging=0.01,  # As for eight games, however many are taught.
    )
    return replace(config, background=BACKGROUND)


student, at, outputs = train(distillation(names), first=FIRST)


# %% alt="KL falls and agreement rises in most of eight games over 16,000 steps of each"
def curves_of(measure, outputs, asked=games):
    """float [P, game]: a measure of (Q-values, outputs, mask) at every point."""
    truth = [(expert_q[i][HALF:], masks[i]) for i in map(games.index, asked)]
    return np.array(
        [
            [measure(q, said, mask).mean() for said, (q, mask) in zip(row, truth, strict=True)]
            for row in outputs
        ]
    )


kl, agreed = curves_of(divergence, outputs), curves_of(agreement, outputs)
figure, axes = plt.subplots(1, 2, figsize=(13, 3.8))
for i, name in enumerate(names):
    axes[0].semilogy(at, kl[:, i], marker="o", markersize=3)
    axes[1].plot(at, agreed[:, i], marker="o", markersize=3, label=name.replace("_", " "))
axes[0].set_ylabel(r"$KL(\pi_E \,\|\, \pi_{AMN})$, nats")
axes[1].set_ylabel("agreement with the expert")
axes[1].legend(bbox_to_anchor=(1, 1))
for ax in axes:
    ax.set_xlabel("agent steps of each game")
plt.show()
print(f"{'':15s}   KL at first   at the end   left    agreement at the end")
for i, name in enumerate(names):
    first, last = kl[0, i], kl[-1, i]
    print(f"{name:15s} {first:13.3f} {last:12.3f} {last / first:6.0%} {agreed[-1, i]:16.2f}")

# %% [markdown]
# KLs of different games cannot be compared, as the experts are not equally sure of themselves. The
# KL at first is what there is to learn; what is left of it says more. Agreement has its own
# trouble: where several actions do the same, it stays low while play is good (tutorial 3).
#
# So let the student play. Whole games of all eight would take long (a good player's game of
# Atlantis takes thousands of steps). We count the score of the first 600 steps of each game
# instead, some 40 seconds of play, of ten games each. Chance and expert are measured in the same
# way. These scores are not those of Table 1, and cannot be compared with them.

# %%
CUT = 600 if FULL else 10
OPENING = Protocol("opening", 0, 10 if FULL else 2, 0.0, "ten games, cut", max_steps=CUT)
played = games if FULL else games[1:2]
results = {}


def play(name, network, asked=None, epsilon=0.05):
    for game in asked or played:
        player = network if network is random_network else for_game(network, game)
        results[name, game.name] = amkit.evaluate_game(
            player, game, OPENING, epsilon=epsilon, seed=UNSEEN + 2**20
        )


def show_scores(columns, asked=None):
    print(f"{'first ' + str(CUT) + ' steps':15s}" + "".join(f"{c:>20s}" for c in columns))
    for game in asked or played:
        line = f"{game.name:15s}"
        for column in columns:
            result = results[column, game.name]
            line += f"{result.mean:10,.1f} +- {result.standard_error:<6,.1f}"
        print(line)


begun = time.perf_counter()
play("chance", random_network, epsilon=1.0)
for expert in experts:
    if expert.game in played:
        play("expert", expert.network, [expert.game])
play("AMN", student)
print(f"{time.perf_counter() - begun:.0f} s")
show_scores(["chance", "expert", "AMN"])

# %% [markdown]
# ## Without experts: MDQN and MCDQN
#
# Appendix C of the paper asks what the experts are good for. Why not learn all games at once by
# Q-learning?
#
# - **MDQN**, the multitask DQN: the AMN's very network, 18 outputs for all games and a mask for
#   each. The outputs are Q-values, learnt from rewards.
# - **MCDQN**, the multitask *convolutions* DQN: the games share the convolutions only. Each has 512
#   features and 18 outputs of its own. This is to keep the games' value scales apart.
#
# The paper reports that both "will often focus on performing reasonably well on a small subset of
# the source games", and that the MCDQN "hardly improves results even though it has significantly
# larger computational cost that scales linearly with the number of source games".
#
# amkit's baselines learn as its own experts do, by parallel Q-learning. Here they have as many
# environments and steps as the student, and as many samples of each step, two. An update has 32
# rows of each game. One setting had to change: preset `laptop`'s exploration takes 100,000 steps to
# fall, and in so short a run there would be nothing but random play. Ours falls within the first
# half.


# %%
def baseline(architecture):
    return baseline_config(
        architecture,
        names,
        precision=precision,
        jit_compile=False,
        steps=STEPS,
        envs=ENVS,
        rollout_steps=16,
        batch_size=2 * ROWS if FULL else 32,
        epsilon=((0, 1.0), (STEPS // 2, 0.05)),
        hold=((0, 10.0), (STEPS // 3, 10.0), (STEPS // 2, 1.0)),
    )


curves = {"AMN": (at, agreed)}
for name in ("MDQN", "MCDQN"):
    network, at_baseline, outputs = train(baseline(name.lower()))
    curves[name] = at_baseline, curves_of(agreement, outputs)
    play(name, network)
show_scores(["chance", "expert", "AMN", "MDQN", "MCDQN"])


# %% alt="Agreement in eight games over steps: the AMN rises in all, MDQN and MCDQN hardly"
def panels(title, names=names):
    figure, axes = plt.subplots(2, 4, figsize=(14, 5.2), sharex=True, layout="constrained")
    figure.supylabel(title)
    axes = dict(zip(names, axes.ravel(), strict=False))  # Tests have fewer games than panels.
    for name, ax in axes.items():
        ax.set_title(name.replace("_", " "), fontsize=10)
    return figure, axes


figure, axes = panels("agreement with the expert")
for i, name in enumerate(names):
    for network, (steps, values) in curves.items():
        axes[name].plot(steps, values[:, i], marker="o", markersize=3, label=network)
    axes[name].set_ylim(0, 1)
axes[names[0]].legend()
figure.supxlabel("agent steps of each game")
plt.show()

# %% [markdown]
# (A Q-learner owes an expert no agreement: it may play well in another way, and with outputs that
# begin at zero the first points of its curves mean nothing. Scores decide.)
#
# ### What so short a run can say
#
# It can say where each network is after the same number of steps. It cannot say that multitask
# Q-learning does not work: Q-learning of *one* game does not get far in so few steps either. How
# far, the experts' cards know. They hold the scores of the games that ended while each expert
# learnt, by the same algorithm, alone:

# %%
print(f"{'':15s}   training score                half-way to its final score")
for expert in experts:
    name, final = expert.game.name, expert.card["scores"][0]
    rows = [
        (row["steps"], row.get(f"score_{name}", row.get("score")))  # Older cards: `score`.
        for row in expert.card["learning_curve"]
    ]
    at_step, score = next(row for row in rows if row[0] >= STEPS)
    near = "no game ended yet" if score is None else f"{score:,.1f}"
    half_way = (final["mean"] + final["random"]["mean"]) / 2
    reached = [steps for steps, score in rows if score is not None and score > half_way]
    there = f"at {reached[0]:,} steps" if reached else "not reached"
    print(f"{name:15s} {near:>17s} at {at_step:,} {there:>20s}")

# %% [markdown]
# Only the games that ended while training count here, and very long ones, as of a good player of
# Atlantis, hardly ever do.
#
# So the fair reading is about *time*: an AMN need not find out what is good, as somebody has paid
# for that before. Where there are no experts yet, their steps belong on the bill. One difference
# can be seen in any run: the MCDQN's weights, and what they cost (steps/s above). What both learn
# in 500,000 steps of each game comes below.
#
# ## Table 1
#
# `pretrained/amn.keras` is the result of a whole run. Its card holds what was measured: of each
# game the score of every whole game (protocol `paper-30`), beside chance and the expert under the
# same protocol. `amkit.reports.multitask` makes Table 1 of it. A score becomes *expert-normalised* by
#
# $$x = \frac{\text{AMN} - \text{chance}}{\text{expert} - \text{chance}}.$$
#
# The paper has AMN / expert. The two differ where chance is far from 0. In Pong chance is about
# -20: a draw, of score 0, is far better than that, and its ratio is 0 %.

# %%
recorded = cards_of_runs.experiment(cards_of_runs.read_cards([ROOT / "pretrained" / "amn.keras"]))
table = multitask.table_1(recorded)
card = recorded.amns[0]
print(
    f"{card['steps']:,} agent steps of each game, {card['minutes']} minutes, seed {card['seed']}\n"
)
papers, ratios = {}, {}
for name, paper in TABLE_1.items():
    chance = amkit.find_game(name).scores.random  # As published elsewhere: the paper gives none.
    papers[name] = normalized(paper.amn_mean, chance, paper.expert_mean)
    ratios[name] = paper.amn_mean / paper.expert_mean
print(f"{'':15s}   chance   expert                 AMN       normalised (95 %)   ratio"
      "   the paper: ratio  normalised")  # fmt: skip
for row in table:
    name, x = row["game"], row["normalised"]
    print(f"{name:15s} {row['random']:8,.1f} {row['expert']:8,.0f} "
          f"{row['amn']:10,.1f} +- {row['amn_error']:<8,.1f}"
          f"{x.value:6.2f} ({x.low:.2f} to {x.high:.2f}) {row['ratio']:7.0%}"
          f"{ratios[name]:19.0%} {papers[name]:11.2f}")  # fmt: skip

# %% [markdown]
# Read the two halves apart. The paper's experts are others: stronger in some games, weaker in
# others. An AMN can be near a weak expert and far from a strong one with the same score. The
# paper's scores are the mean over ten testing epochs of two networks, ours are one network's,
# measured once.
#
# ### One number, and how sure it is
#
# For a number over all games the scores are normalised first; otherwise Atlantis would be all of
# it. The *geometric* mean is the mean of factors: a game at half its expert's score and one at
# twice it make 1. One game near 0 pulls it far down, which suits the question, as one network is to
# play *all* games. (amkit counts a score below 0.01 as that: a game below chance has no logarithm.)
#
# The interval is a *bootstrap*: draw as many games as were played, with replacement; take the mean;
# repeat. The means of expert and chance are not known exactly either, and vary by their standard
# errors. In code:


# %% alt="Expert-normalised scores of eight games: ours near 1, the paper's between 0.3 and 3.4"
def draws_of(entry, rng, replicates=2000):
    scores = np.array(entry["scores"])
    means = scores[rng.integers(0, len(scores), (replicates, len(scores)))].mean(axis=1)
    expert, chance = (
        rng.normal(entry[who]["mean"], entry[who]["standard_error"], replicates)
        for who in ("expert", "random")
    )
    return (means - chance) / (expert - chance)


def geometric_mean(values):
    return np.exp(np.log(np.maximum(values, statistics.FLOOR)).mean(axis=0))


rng = np.random.default_rng(0)
draws = np.array([draws_of(cards_of_runs.score_of(card, name), rng) for name in EIGHT])  # [8, 2000]
middle = geometric_mean(np.array([row["normalised"].value for row in table]))
low, high = np.percentile(geometric_mean(draws), [2.5, 97.5])
print(f"geometric mean {middle:.3f} ({low:.3f} to {high:.3f})\n\namkit.report:")
for name, x in multitask.aggregates(recorded).items():
    print(f"{name:20s} {x.value:.3f} ({x.low:.3f} to {x.high:.3f})")
of_papers = [geometric_mean(np.array(list(x.values()))) for x in (papers, ratios)]
print("\nthe paper's, geometric mean: {:.2f} normalised, {:.2f} of the ratios".format(*of_papers))

plt.figure(figsize=(11, 3))
places, found = np.arange(len(table)), [row["normalised"] for row in table]
error = [[x.value - x.low for x in found], [x.high - x.value for x in found]]
plt.bar(places - 0.2, [x.value for x in found], 0.4, yerr=error, label="amkit, 95 % interval")
plt.bar(places + 0.2, [papers[name] for name in EIGHT], 0.4, color="lightgray", label="the paper")
plt.axhline(1, color="black", linewidth=0.8)
plt.xticks(places, [name.replace("_", " ") for name in EIGHT])
plt.ylabel("expert-normalised score")
plt.legend()
plt.show()

# %% [markdown]
# The interval is about the games that *this* network played. Another seed is another network, and
# with one seed nothing says how far apart two would be: "would it come out like that again?" takes
# several seeds. They come with Figures 2 and 3.
#
# ### Figure 1
#
# The card also holds tests from the time of the training, ten whole games each, and the KL over all
# games. The level of each expert is the line.


# %% alt="The AMN's scores of eight games over 450,000 steps reach the experts' lines"
def draw_tests(trained, table):
    """Figures 1 to 3: tests while training, name -> cards, beside the levels of expert and chance."""
    figure, axes = panels("score", EIGHT)
    for row in table:
        ax = axes[row["game"]]
        for name, cards in trained.items():
            points = cards_of_runs.curve(cards, row["game"])
            ax.errorbar(
                [point["steps"] / 1000 for point in points],
                [point["mean"] for point in points],
                yerr=[point["standard_error"] for point in points],
                marker="o",
                markersize=3,
                label=name,
            )
        ax.axhline(row["expert"], color="black", linewidth=1, label="expert")
        ax.axhline(row["random"], color="gray", linestyle=":", label="chance")
    axes[EIGHT[0]].legend()
    figure.supxlabel("thousand agent steps of each game")
    plt.show()


draw_tests({"AMN": recorded.amns}, table)
for row in card["learning_curve"][:: max(len(card["learning_curve"]) // 4, 1)]:
    print(f"{row['steps']:8,} steps: KL {row['kl']:.3f}, agreement {row['agreement']:.2f}")

# %% [markdown]
# This KL is over the states of the replay memories, which change as the student gets further into
# its games.
#
# ### Figures 2 and 3, and more seeds
#
# The same training with two more seeds is recorded. (All three begin as one network of Breakout and
# Enduro, so that how far they are apart leaves out what another such beginning would do.) So are both
# baselines, at preset `laptop`'s length: 500,000 steps of each game, a third of what an expert has.
# The bootstrap now draws seeds first, and then games of each.

# %% alt="AMN, MDQN and MCDQN in eight games: the AMN is at the experts' level, the two others only in Crazy Climber"
shelf = sorted((ROOT / "tutorials" / "recorded" / "multitask").glob("*.json"))
everything = cards_of_runs.experiment(
    cards_of_runs.read_cards([ROOT / "pretrained" / "amn.keras", *shelf])
)
trained = {"AMN": everything.amns} | {
    kind.upper(): cards for kind, cards in sorted(everything.baselines.items(), reverse=True)
}
draw_tests(trained, multitask.table_1(everything))

columns = [f"AMN, seed {card['seed']}" for card in everything.amns] + list(trained)[1:]
print(f"{'expert-normalised':18s}{'AMN, all (95 %)':>21s}" + "".join(f"{c:>13s}" for c in columns))
for row in multitask.table_1(everything):
    each = [
        normalized(cards_of_runs.score_of(card, row["game"])["mean"], row["random"], row["expert"])
        for card in everything.amns
    ] + [row[f"{name.lower()}_normalised"] for name in list(trained)[1:]]
    print(f"{row['game']:18s}{table_text.interval(row['normalised']):>21s}"
          + "".join(f"{value:13.2f}" for value in each))  # fmt: skip
for name, x in multitask.aggregates(everything).items():
    print(f"{name:20s} {x.value:.3f} ({x.low:.3f} to {x.high:.3f})")

# %% [markdown]
# `amkit report pretrained/amn.keras tutorials/recorded/multitask/*.json` makes a page with these
# tables and figures, which [comes with amkit](multitask.md).
#
# ## Do games help or hurt each other?
#
# A game can gain from others, by features that it need not learn alone, or lose by them, as they
# pull at the same weights. Table 1 cannot tell. What lies below the expert's level may be missing
# because of the other games, or because of too few updates, too few states, or states that are hard
# to imitate.
#
# ### One game alone
#
# The experiment that can tell takes one game out of the company and changes nothing else. The
# student below sees the same number of states of its game, as many of them in each of as many
# updates; first weights, background, learning rate and running average are equal. Only the rows of the
# other games are missing; exploration and emulators draw other numbers, as under another seed. (In the joint
# mean a game's gradient is divided by eight. Adam, which divides by the gradient's size, hardly
# notices such a factor.) We take the two games in which the network of Table 1 is furthest from its
# expert.
#
# Both students are asked about the same held-out states. So we compare them environment by
# environment: what makes an environment easy or hard is the same for both, and cancels.

# %%
taught = [row for row in table if row["game"] in names]
hardest = sorted(taught, key=lambda row: row["normalised"].value)[: 2 if FULL else 1]
alone_games = [amkit.find_game(row["game"]) for row in hardest]
for game in alone_games:
    i = games.index(game)
    alone, _, alone_outputs = train(distillation([game.name]), asked=[game], first=FIRST)
    q = expert_q[i][HALF:]
    of_all, of_one = asker(student, [game])()[0], alone_outputs[-1][0]
    for label, measure in (("KL", divergence), ("agreement", agreement)):
        together, apart = (measure(q, o, masks[i]) for o in (of_all, of_one))
        difference, error = mean_and_error(together - apart)
        print(f"   {game.name}, {label}: {together.mean():.3f} with the others, "
              f"{apart.mean():.3f} alone, difference {difference:+.3f} +- {error:.3f}")  # fmt: skip
    play("alone", alone, [game])
    if ("AMN", game.name) not in results:
        play("AMN", student, [game])
show_scores(["AMN", "alone"], alone_games)

# %% [markdown]
# A lower KL alone says that the others cost something *at this number of updates, in a network of
# this size*. That is three statements in one. More updates, or a wider network (`--body wide`), can
# make the cost go away; if not, the games really conflict. And what is held equal is a choice: here
# it is samples of the game and updates. With equal computing time the student alone would have
# eight times as many samples, which is another question.

# %% [markdown]
# ## What came out here
#
# One seed and short runs, but for Table 1 and Figures 1 to 3. The tables above say how sure each number is.
#
# - **Scale.** The levels of the games differ by a factor of 14, their gaps by 6. Three games (Crazy
#   Climber, Enduro, Atlantis) make up nearly four fifths of the squared gradient of Q-regression at
#   the outputs. There the policy loss is more even: its norms are 4.3 apart, not 10.9. Over all
#   weights it is not (12.2 and 11.3): Crazy Climber, Boxing and Enduro weigh most, and Pong next to
#   nothing. Bounded is not equal.
# - **300 updates.** The student of policies agrees with the expert more often than the student of
#   Q-values, clearly so in five games; in Atlantis and Breakout the difference is about two of its
#   errors or less, and in Pong there is none: both are at "always the commonest one". The student of
#   Q-values is clearly above that in no game. It has spent its updates on Crazy Climber, which still
#   is 93 % of its gradient.
# - **Distillation.** Crazy Climber has 11 % of its KL left, Boxing 21 %, Pong 90 %, and Breakout more
#   than it began with. KL is not skill: Pong's student has come from chance's -12.4 to -2.6, on the
#   way to the expert's 4.5, with a KL that hardly moved. In Atlantis even the expert is little above
#   chance within 600 steps, so that nothing can be said.
# - **MDQN and MCDQN** are at chance or below it nearly everywhere; the MDQN is well above it in Space
#   Invaders, the MCDQN in Seaquest. The cards say why that is no verdict: alone, the same algorithm took
#   460,800 to 1,280,000 steps to get half-way. What the run does show is the price of the MCDQN: 7.7
#   times the weights, and three quarters of the speed.
# - **Table 1.** Geometric mean 0.96 (0.93 to 1.00). The paper has 0.88, of other experts, and would
#   have 0.73 without Atlantis and 1.05 without Seaquest. Ours is lowest in Space Invaders, 0.86, and
#   in Enduro, 0.90.
# - **Figures 2 and 3, three seeds.** Geometric means of 0.96, 0.97 and 0.99, together 0.97 (0.94 to
#   1.01): the seeds are hardly further apart than the games of one, and the interval is as wide. MDQN
#   and MCDQN learn Crazy Climber as well as its expert and some Boxing, and next to nothing of the
#   others. In half a million steps experts alone did not get far either, but in Pong they did.
# - **Alone or together.** Both games do better alone, in KL (lower by 0.074 ± 0.013 in Space
#   Invaders, 0.097 ± 0.023 in Enduro) and in agreement. In play Enduro does, 46 ± 3 beside 27 ± 4,
#   and Space Invaders does not, 384 ± 39 beside 396 ± 39. One seed and so short a run: the network of
#   Table 1, with 28 times as many steps and another beginning, has 0.86 and 0.90 of them.

# %% [markdown]
# ## You should know
#
# - One network for several games shares all weights. Masks, experts, memories and emulators belong
#   to each game. An update takes equally many states of each, and its loss is the mean of the
#   games'.
# - Q-regression and multitask Q-learning weigh a game by the size of its returns, which nobody
#   chose. The gradient of policy regression is bounded alike in every game; gaps and temperature
#   still say how much each asks for.
# - MDQN and MCDQN learn without experts. Compare them with an AMN at equal steps only if you say
#   what the experts have cost, and judge them only by runs as long as Q-learning needs.
# - Normalise before you average over games, give an interval, and say what it is of: games of one
#   network, or seeds.
# - "Do games hurt each other?" needs the same game alone, with everything else equal, and a word on
#   what "everything else" was.
#
# ## Exercises
#
# 1. Suppose that rewards were not clipped and Pong counted every point as ten, so that its expert's
#    Q-values were ten times as large. What becomes of Pong's share of the squared gradient, for Q-values and for policies?
#    What would have to be done to $\tau$?
# 2. Take the arithmetic mean, the median and the geometric mean of the paper's normalised scores.
#    Which game makes the difference? Leave out each game in turn.
#
# ### Solutions

# %%
# 1. Q-regression: a gradient ten times as large, a hundred times in squares. Policies: a sharper
# target, but no more than the bound. With a temperature ten times as high nothing changes at all.
# So a temperature for each game, in proportion to its gaps, is a way to even them out:
# `amkit distill --temperature-unit spread`.
pong = names.index("pong")
legal = np.ones(games[pong].num_actions, bool)


def share(new, column):
    squares = np.array(norms[column]) ** 2
    squares[pong] = np.linalg.norm(new, axis=-1).mean() ** 2
    return squares[pong] / squares.sum()


for scale, tau in ((1, TAU), (10, TAU), (10, 10 * TAU)):
    q = scale * legal_q[pong]
    policy = losses.boltzmann_policy(q, legal, tau).numpy()
    of_q, of_policy = (
        share(-2 * q / len(legal), "Q-values"),
        share(1 / len(legal) - policy, "policy"),
    )
    print(f"1. times {scale:2d}, tau {tau:4}: Q-values {of_q:.4f}, policies {of_policy:.4f}")

# %%
# 2. The arithmetic mean of factors is led by the largest, here Atlantis. The smallest, Seaquest, pulls the
# geometric mean down most. The median hardly minds who is missing.
values = np.array(list(papers.values()))
print(f"2. all games: arithmetic {values.mean():.2f}, median {np.median(values):.2f}, "
      f"geometric {geometric_mean(values):.2f}")  # fmt: skip
for i, name in enumerate(papers):
    rest = np.delete(values, i)
    three = f"{rest.mean():.2f}, {np.median(rest):.2f}, {geometric_mean(rest):.2f}"
    print(f"   without {name:15s} {three}")
