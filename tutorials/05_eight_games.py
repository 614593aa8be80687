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
# [Tutorial 3](03_one_game_distillation.ipynb) trained a student of one expert. Now one student
# learns from several experts, one for each game. This is the main experiment of the Actor-Mimic
# paper ([Parisotto et al. 2015](https://arxiv.org/abs/1511.06342), section 5.1). You find out what
# the games share, write the joint update, train a student of four games, and watch a network that
# plays all eight.
#
# **Time:** 20 minutes, 3 of them computing. **You need:** `pip install -e '.[tutorials]'`, and
# policy regression from tutorial 3.
#
# Each section asks a question. Write down your prediction before you read on.
#
# ## 1. What do the games share?
#
# The games share all weights: the convolutions, the 512 features and the 18 outputs. Output $i$
# means action $i$ of the joystick, in every game. Each game keeps four things for itself:
#
# | each game has its own | because |
# |---|---|
# | expert | an expert plays one game |
# | mask of legal actions | Pong has 6 of the 18 actions, Boxing has all |
# | emulators | they are the game |
# | replay memory | every update then has equally many states of each game |
#
# > **Predict.** Eight experts have 13.5 million weights together. How many has one student of
# > all eight games?

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without TensorFlow's own messages.

from contextlib import closing

import helpers
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit import palette
from amkit.evaluation import recording
from amkit.games.catalogue import ACTIONS
from amkit.jobs.build import build
from amkit.jobs.configuration import distill_config
from amkit.learning.job import compile_learner

helpers.style()
SEED = 1  # Change this, and the numbers of sections 3 to 6 change a little.
STEPS = helpers.steps(8_000)  # Of each game, to train on.
FULL = STEPS >= 1000  # Tests play less.
ENVS, SECONDS = (8, 20) if FULL else (2, 1)
TAU = 0.05  # The temperature.

EIGHT = amkit.SPLITS["multitask"]
games = {name: amkit.find_game(name) for name in EIGHT}
folder = helpers.ROOT / "pretrained"
experts = {expert.game.name: expert.network for expert in amkit.load_experts(folder, EIGHT)}
shipped = amkit.load(folder / "amn.keras")  # Has learnt all eight games.

for name, game in games.items():
    legal = "".join("x" if action in game.actions else "." for action in ACTIONS)
    print(f"{name:15s} {legal}  {game.num_actions:2d} actions")
together = sum(expert.count_params() for expert in experts.values())
print(f"weights: {together:,} in eight experts, {shipped.count_params():,} in one student")

# %% [markdown]
# **You should see** that one student has 1.7 million weights, as many as *one* expert (plus a few
# for 18 outputs). Each column of crosses is an output that these games share.
#
# Nothing tells the network which game it plays. It must see this on the screen. Each expert now
# plays its game for 20 seconds, in 8 environments. We keep every eighth state and the expert's
# Q-values. We never train on these states: they are our **held-out** states.

# %% alt="The screens of the eight games in grey, 84 by 84 pixels. They look very different."
held_out = {}
for name, expert in experts.items():
    held_out[name] = helpers.plays(expert, games[name], ENVS, 15 * SECONDS, every=8)

figure, axes = plt.subplots(2, 4, figsize=(8, 4.6))
for ax, (name, play) in zip(axes.flat, held_out.items(), strict=True):
    ax.imshow(play.states[0, -1, -1], cmap="gray", vmin=0, vmax=255)
    ax.set_title(games[name].title)
    ax.axis("off")
figure.suptitle("Only the screen tells the network which game it plays")
plt.show()

# %% [markdown]
# ## 2. Does a trained network know which actions are legal?
#
# `amn.keras`, which comes with amkit, has learnt all eight games from 450,000 steps of each. Ask it
# for the best of all 18 outputs, *without* a mask.
#
# > **Predict.** In how many of 100 states of Breakout is the best output an action that Breakout
# > does not have? And in Boxing?

# %%
for name, play in held_out.items():
    logits = shipped.predict_on_batch(play.states.reshape(-1, 4, 84, 84))
    illegal = ~games[name].action_mask[logits.argmax(axis=1)]
    print(f"{name:15s} best output is illegal in {100 * illegal.mean():5.1f} % of the states")

# %% [markdown]
# **You should see** about 73 in Breakout, 83 in Pong and 21 to 32 in four other games. In Boxing and
# Seaquest it is 0, because all 18 actions are legal there.
#
# **Why?** The loss masks the illegal outputs. In states of Breakout they get no gradient, so the
# network never learns that they are wrong. Whoever plays must mask them too.
#
# ## 3. What is one joint update?
#
# A joint update takes equally many states of every game. The loss is the mean of the games' losses,
# and each of these is the policy regression of tutorial 3 (Eq. 3 and 4):
#
# ```text
# for each game i:
#     draw 16 states s from memory i, with the Q-values of expert i
#     target = softmax(Q_i(s) / tau)     over the legal actions of game i
#     policy = softmax(student(s))       over the legal actions of game i
#     loss_i = mean over the states of   -sum target * log(policy)
# loss  = mean of all loss_i
# theta = theta - rate * gradient of loss
# ```


# %%
def policy_loss(q_values, logits, mask):  # [B, 18], [B, 18], [18] -> [B]
    target = tf.nn.softmax(tf.where(mask, q_values / TAU, -1e9))
    log_policy = tf.nn.log_softmax(tf.where(mask, logits, -1e9))
    return -tf.reduce_sum(target * log_policy, axis=-1)


def joint_loss(student, batches):
    """The mean of the games' losses. `batches`: game -> (states, Q-values)."""
    of_games = []
    for name, (states, q_values) in batches.items():
        logits = student(states, training=True)
        of_games.append(tf.reduce_mean(policy_loss(q_values, logits, games[name].action_mask)))
    return tf.reduce_mean(of_games)


def draw(rng, rows=16):
    """Game -> 16 random states and the expert's Q-values."""
    batches = {}
    for name, play in held_out.items():
        env, step = rng.integers(0, play.states.shape[:2], (rows, 2)).T
        batches[name] = play.states[env, step], play.outputs[env, step]
    return batches


# %% [markdown]
# amkit's `ActorMimic` makes the same update from *one* batch, with the rows of all games one below
# the other. We give both the same student and the same states, three times. (Here alone we train on
# the held-out states. These two students are thrown away.)
#
# > **Predict.** (1) A new student answers 0 for every output. What is the loss of a game with 4
# > legal actions? With 18? Then estimate the joint loss. (2) Do both students have the same weights
# > after three updates?

# %%
ours, amkits = (amkit.actor_mimic_network(normalize_features=True) for _ in range(2))
amkits.set_weights(ours.get_weights())
optimizer = keras.optimizers.SGD(0.1)
learner = amkit.ActorMimic(amkits, feature_sizes=[], temperature=TAU)
compile_learner(learner, keras.optimizers.SGD(0.1), jit_compile=False)

rng = np.random.default_rng(SEED)
for _ in range(3):
    batches = draw(rng)
    with tf.GradientTape() as tape:
        loss = joint_loss(ours, batches)
    optimizer.apply(tape.gradient(loss, ours.trainable_variables), ours.trainable_variables)

    states, q_values = (np.concatenate(part) for part in zip(*batches.values(), strict=True))
    masks = np.repeat([game.action_mask for game in games.values()], 16, axis=0)
    batch = {"observation": states, "expert_q": q_values, "action_mask": masks}
    learner.reset_metrics()
    measured = learner.train_step({key: tf.constant(value) for key, value in batch.items()})
    print(f"our loss {loss:.5f}   amkit's {measured['loss']:.5f}")

pairs = zip(ours.get_weights(), amkits.get_weights(), strict=True)
apart = max(np.abs(a - b).max() for a, b in pairs)
print(f"the weights differ by at most {apart:.0e}")
assert apart < 1e-5

# %% [markdown]
# **You should see** a first loss of 2.0664 and differences that are only rounding errors. A student
# that answers 0 is uniform over $n$ legal actions, so its loss is $\log n$: 1.39 for 4 actions and
# 2.89 for 18. The joint loss is the mean of the eight logarithms.
#
# **Larger differences?** Then the mask or the temperature differs. A common mistake divides the
# student's logits by $\tau$ too.
#
# ## 4. What do a few minutes teach?
#
# Now the whole algorithm. We take four games, because eight would take twice as long. The student
# and the expert act in turns, as tutorial 3 explains:
#
# ```text
# repeat:
#     for each game i:
#         student or expert acts         (by turns; a random action in 10 % of the steps)
#         store the state and the Q-values of expert i in memory i
#     after every 8 steps of each game:
#         one joint update
# ```
#
# The code uses amkit's own functions; `amkit distill` does the same. The student gets 8,000 steps
# of each game, 9 minutes of play. `amn.keras` had 56 times as many.
#
# The **KL divergence** from the expert's to the student's policy measures what is left to learn. We
# divide it by the KL of the new, uniform student. So every game begins at 100 %.
#
# > **Predict.** Which of Boxing, Breakout, Crazy Climber and Pong will be learnt first, and which
# > last? In which games must the network see a *small* thing on the screen?

# %%
FOUR = ["boxing", "breakout", "crazy_climber", "pong"] if FULL else ["boxing", "pong"]


def kl(student, name):
    """Mean KL(expert || student) in the held-out states, in nats."""
    play, mask = held_out[name], games[name].action_mask
    states, q_values = play.states.reshape(-1, 4, 84, 84), play.outputs.reshape(-1, 18)
    cross_entropy = policy_loss(q_values, student.predict_on_batch(states), mask)
    entropy = policy_loss(q_values, q_values / TAU, mask)
    return float(tf.reduce_mean(cross_entropy - entropy))


def distil(names, points=8):
    """A student of these games, its steps [P] and its KL in each game, [P, G], on the way."""
    settings = {"steps": STEPS, "envs": ENVS, "replay_steps": STEPS, "batch_size": 16}
    settings |= {"replay_start_steps": STEPS // 10, "update_period_steps": 8}
    as_is = {"precision": "float32", "jit_compile": False}  # Otherwise amkit measures first.
    config = distill_config(folder, names, seed=SEED, temperature=TAU, **settings, **as_is)
    job = build(config, environments_seed=SEED)
    steps, kls = [], []
    with closing(job.environments):
        for point in range(points + 1):
            while job.steps < point * STEPS // points:
                job.play_and_learn()
            steps.append(job.steps)
            kls.append([kl(job.learner.acting, name) for name in names])
    return job.learner.acting, np.array(steps), np.array(kls)


student, steps, kls = distil(FOUR)

# %% alt="KL left over 8,000 steps. Crazy Climber falls to a few per cent by step 3,000 and Boxing to about 40 %. Pong stays at 100 % and Breakout rises above it."
left = 100 * kls / kls[0]
for name, line, colour in zip(FOUR, left.T, palette.OTHERS[2:], strict=False):
    plt.plot(steps, line, marker="o", markersize=3, color=colour, label=games[name].title)
plt.xlabel("agent steps of each game")
plt.ylabel("KL left (% of a uniform student's)")
plt.ylim(bottom=0)
plt.title("Crazy Climber and Boxing come first; the games with a ball take longer")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
for name, line in zip(FOUR, left.T, strict=True):
    print(f"{games[name].title:15s} {line[-1]:4.0f} % of the KL left")

# %% [markdown]
# **You should see** Crazy Climber fall to 3 % and Boxing to 41 to 43 %. Pong ends at 100 %, and
# Breakout at 128 to 140 %.
#
# **Above 100 %?** A uniform student is never sure of a wrong action. The student of Breakout is
# already sure of something, and often wrong. In Pong and Breakout the right action depends on a
# ball of a few pixels. This takes longer to learn: `amn.keras` has learnt it, as you will see.
#
# ## 5. Can the student play?
#
# Each player plays each game for 20 seconds, in 8 environments. We count the points.
#
# > **Predict.** In which of the four games is the student better than random play? Use the figure
# > above. And where is `amn.keras`?


# %% alt="Bars of points in four games, on a scale where random play is 0 and the expert is 1. amn.keras is near 1 in all four. The student is near 1 in Crazy Climber, lower in Boxing, and at or below 0 in Breakout and Pong."
def points(network, name, epsilon=0.05):
    """The points of each environment, [8]."""
    return helpers.plays(network, games[name], ENVS, 15 * SECONDS, epsilon=epsilon).points


def mean_and_error(values):
    return np.array([values.mean(), values.std(ddof=1) / np.sqrt(len(values))])


table = {}
for name in FOUR:
    of_players = {
        "random": points(amkit.random_network, name, epsilon=1.0),
        "student": points(student, name),
        "amn.keras": points(shipped, name),
        "expert": held_out[name].points,  # It has played in section 1.
    }
    table[name] = {player: mean_and_error(found) for player, found in of_players.items()}
lines = [f"{'points in 20 s':15s}" + "".join(f"{player:>16s}" for player in table[FOUR[0]])]
for name, row in table.items():
    numbers = "".join(f"{mean:9.1f} ± {error:4.1f}" for mean, error in row.values())
    lines.append(f"{games[name].title:15s}{numbers}")
print("\n".join(lines))

places = np.arange(len(FOUR))
for shift, player, look in ((-0.2, "student", {"alpha": 0.4}), (0.2, "amn.keras", {})):
    bars = []
    for row in table.values():
        scale = row["expert"][0] - row["random"][0]
        bars.append((row[player] - [row["random"][0], 0]) / scale)
    heights, errors = np.transpose(bars)
    plt.bar(places + shift, heights, 0.4, yerr=errors, color=palette.AMN, label=player, **look)
plt.axhline(1, color=palette.EXPERT)
plt.axhline(0, color=palette.RANDOM_PLAY)
plt.xticks(places, [games[name].title for name in FOUR])
plt.ylabel("points (random play 0, expert 1)")
plt.title("The short training is enough for Crazy Climber, the long one for all four")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# **You should see** the student almost at the expert's level in Crazy Climber (0.93 to 0.98), and
# between random play and expert in Boxing. In Pong it plays like random play, and in Breakout it is
# no better or even worse.
# `amn.keras` is within two standard errors of the expert in every game. It has as many weights as
# the student, so the student is not too small. It needs more training.
#
# ## 6. Does one network play like an expert?
#
# Watch `amn.keras` beside the expert of Breakout. Both begin in the same state, and both take the
# same random actions ($\epsilon = 0.05$). The bars are probabilities: of the student its softmax,
# of the expert the softmax of $Q / \tau$, which the student has imitated.
#
# > **Predict.** Both games begin alike. For how many steps do they stay the same?

# %% alt="Animation of two games of Breakout. Left one network for eight games, right the expert. Both hit the ball; beside each screen are the probabilities of the four actions."
breakout = games["breakout"]


def watched(network):
    play = recording.play(network, breakout, epsilon=0.05, seed=SEED, steps=15 * SECONDS)
    return list(play)


left_side = watched(shipped)
right_side = watched(lambda screens: experts["breakout"](screens) / TAU)
same = [a.action == b.action for a, b in zip(left_side, right_side, strict=False)]
print(f"the first different action is in step {np.argmin(same)}")
print(f"points after 20 s: {left_side[-1].score:.0f} and {right_side[-1].score:.0f}")
helpers.watch(breakout, left_side[:90], right_side[:90], policy=True)

# %% [markdown]
# **You should see** two games that look almost alike: both players reach the ball. The actions
# first differ between steps 8 and 14, and both games go on. After 20 seconds both players have the
# same points, 7 with seed 1 and 12 with seed 2.
#
# How good is this network in whole games of all eight games?
# [Tutorial 7](07_baselines.ipynb) measures it, with intervals, and compares it with networks that
# learn without experts.
#
# ## What to remember
#
# - One network for several games shares *all* weights. Masks, experts, emulators and memories belong
#   to each game.
# - A joint update takes equally many states of each game. Its loss is the mean of the games' losses.
# - Outputs that are masked in the loss learn nothing. Mask them when you play, too.
# - Some games need far more steps than others. Look at each game, not only at the mean.
#
# ## Exercises
#
# 1. **Write the mask yourself**, and the policy of a game with fewer than 18 actions: assignment 4 of
#    the [coursework](coursework/README.md). `amkit check 4` marks your file.
# 2. **Forget the mask.** Set every mask in `policy_loss` to 18 times `True`. What is the first joint
#    loss now? The Q-value of an illegal action is stored as 0. In which states would this student
#    learn to prefer illegal actions?
# 3. **How does it know the game?** Compute the 512 features of `amn.keras` in the held-out states:
#    `amkit.networks.twins.with_features(shipped)` returns outputs and features. Take each game's
#    mean over half of the environments. In the other half, how often is the nearest mean that of
#    the right game? In which game does it fail?
# 4. **Another game to watch.** Show `amn.keras` beside its expert in Boxing. When do the two games
#    part? Who has more points after 20 seconds?
