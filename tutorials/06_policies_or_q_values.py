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
# # 6. Policies or Q-values?
#
# A student could copy its experts' Q-values directly. Actor-Mimic copies policies instead.
# [Parisotto et al. 2015](https://arxiv.org/abs/1511.06342) (section 3.1) give this reason: the range
# of Q-values "could vary widely between games". Here you measure these ranges, compare the pull of
# each game in both losses, and train two students to see the difference.
#
# **Time:** 20 minutes, 2 of them computing. **You need:** `pip install -e '.[tutorials]'`, and the
# joint update of [tutorial 5](05_eight_games.ipynb).
#
# Each section asks a question. Write down your prediction before you read on.
#
# ## 1. How large are Q-values?
#
# A Q-value is a discounted sum of clipped rewards ([tutorial 1](01_meet_an_expert.ipynb)). Split the
# Q-values of a state into two parts:
#
# - The **level** is the mean of the Q-values over the legal actions. It says how good the state is.
# - The **gap** is the best Q-value minus the worst. Only the differences between actions say what
#   to do.
#
# Each expert plays its game in 8 environments, and we keep every eighth state. Half of the
# environments are for training. The other half is *held out*: we only measure there.
#
# > **Predict.** With $\gamma = 0.99$, one point every $k$ steps is worth about $100 / k$. In Pong the
# > expert wins a point every 90 steps, in Crazy Climber about every 9 steps. Estimate both levels.
# > Which part is larger, level or gap?

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without TensorFlow's own messages.

import helpers
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit import palette
from amkit.learning import losses
from amkit.storage.cards import read_card

helpers.style()
SEED = 1  # Change this, and the numbers change a little.
FULL = helpers.steps(300) >= 300  # Tests play less.
UPDATES, ENVS, STEPS = (300, 8, 400) if FULL else (4, 2, 16)
TAU = 0.05  # The temperature of the experts' policies.

EIGHT = amkit.SPLITS["multitask"]
games = {name: amkit.find_game(name) for name in EIGHT}
titles = [game.title for game in games.values()]
plays = {}
for expert in amkit.load_experts(helpers.ROOT / "pretrained", EIGHT):
    plays[expert.game.name] = helpers.plays(expert.network, expert.game, ENVS, STEPS, epsilon=0.1)


def legal_q_values(name):  # [N, n], of the held-out states
    return plays[name].outputs[ENVS // 2 :].reshape(-1, 18)[:, games[name].action_codes]


# %% alt="Level and gap of eight games on a logarithmic axis. Levels lie between 0.7 in Pong and 10 in Crazy Climber, gaps between 0.1 and 0.6."
level = {name: np.abs(legal_q_values(name).mean(axis=1)).mean() for name in EIGHT}
gap = {name: np.ptp(legal_q_values(name), axis=1).mean() for name in EIGHT}
plt.semilogx(list(level.values()), titles, "o", color=palette.EXPERT, label="level")
plt.semilogx(list(gap.values()), titles, "D", mfc="none", color=palette.EXPERT, label="gap")
plt.xlim(0.1, 20)
plt.xticks([0.1, 1, 10], ["0.1", "1", "10"])
plt.xlabel("mean over the held-out states (discounted clipped points)")
plt.title("The level of a state is far larger than the gap between its actions")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
for name in EIGHT:
    print(f"{games[name].title:15s} level {level[name]:5.2f}   gap {gap[name]:4.2f}   "
          f"level / gap {level[name] / gap[name]:4.1f}")  # fmt: skip
print(f"largest / smallest: level {max(level.values()) / min(level.values()):.0f}, "
      f"gap {max(gap.values()) / min(gap.values()):.0f}")  # fmt: skip

# %% [markdown]
# **You should see** levels from 0.7 (Pong) to 10 (Crazy Climber), a factor of about 15. The gaps
# differ by a factor of 5. In every game the level is larger than the gap, 5 to 34 times. So the
# Q-values of one state are almost equal: Crazy Climber has 10.3, give or take a quarter.
#
# ## 2. Which game pulls most?
#
# The two losses for one state with $n$ legal actions, and their gradients at the outputs $z_a$ of
# the student:
#
# ```text
#                loss                                    gradient for action a
# Q-values       mean over a of (z_a - Q(s, a))^2        2 / n * (z_a - Q(s, a))
# policies       -sum over a of pi_E(a|s) log pi(a|s)    pi(a|s) - pi_E(a|s)
# ```
#
# The first gradient grows with the Q-values. The second is a difference of two policies. Its length
# is never above $\sqrt 2$, in any game.
#
# One update adds the gradients of eight games. We measure the length of each game's gradient, over
# all weights of a new student, and divide by the sum of the eight lengths: the game's **share**.
#
# > **Predict.** An equal share is 12.5 %. Which game has the largest share if the student learns
# > Q-values? Are the shares equal if it learns policies?


# %%
def policy_loss(q_values, outputs, mask):
    return losses.policy_regression(q_values, outputs, mask, TAU)  # Eq. 3 and 4.


def q_loss(q_values, outputs, mask):
    return losses.q_regression(q_values, outputs, mask)


def held_out(name):
    play = plays[name]
    states, q_values = (part[ENVS // 2 :] for part in (play.states, play.outputs))
    return states.reshape(-1, 4, 84, 84), q_values.reshape(-1, 18)


def shares(student, loss):
    """Each game's share of the gradient, in %."""
    lengths = []
    for name, game in games.items():
        states, q_values = held_out(name)
        with tf.GradientTape() as tape:
            outputs = student(states, training=True)
            mean = tf.reduce_mean(loss(q_values, outputs, game.action_mask))
        gradient = tape.gradient(mean, student.trainable_variables)
        lengths.append(float(tf.linalg.global_norm(gradient)))
    return 100 * np.array(lengths) / np.sum(lengths)


def new_student():
    keras.utils.set_random_seed(SEED)  # All students begin alike.
    return amkit.actor_mimic_network(normalize_features=True)


# %% alt="Shares of the gradient of eight games for both losses. With either loss Crazy Climber has about 24 % and Pong only 1 or 2 %."
POLICIES, Q_VALUES = palette.AMN, palette.OTHERS[2]


def paired_bars(of_policies, of_q_values):
    places = np.arange(len(EIGHT))
    both = (("policies", of_policies, POLICIES), ("Q-values", of_q_values, Q_VALUES))
    for shift, (label, values, colour) in zip((-0.2, 0.2), both, strict=True):
        plt.bar(places + shift, values, 0.4, color=colour, label=label)
    plt.xticks(places, titles, rotation=30, ha="right")


at_first = shares(new_student(), policy_loss), shares(new_student(), q_loss)
paired_bars(*at_first)
plt.axhline(100 / len(EIGHT), color="black", linestyle=":", label="equal")
plt.ylabel("share of the gradient (%)")
plt.title("Neither loss gives the games equal shares")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
for name, *pair in zip(titles, *at_first, strict=True):
    print(f"{name:15s} policies {pair[0]:5.1f} %   Q-values {pair[1]:5.1f} %")

# %% [markdown]
# **You should see** unequal shares with *both* losses. Crazy Climber has about 24 % and Pong 1 or 2 %,
# with either loss. Only the reason differs:
#
# - **Q-values:** the share follows the level. The loss is a mean over the actions, so a game with 18
#   actions has less (Boxing, Seaquest).
# - **Policies:** the share follows how sure the expert is. Boxing has 17 %, because its gap is large
#   beside $\tau$. The expert of Pong is almost uniform in most states, so there is little to copy.
#
# So policies bound the pull of each game, but they do not make the games equal. Is this the whole
# difference between the two losses? The next section looks inside the error.
#
# ## 3. What is the error about?
#
# The squared error of the Q-values is a sum of two parts, because the differences to the level add
# up to zero:
#
# $$\frac 1 n \sum_a (z_a - Q_a)^2 = (\bar z - \bar Q)^2
#   + \frac 1 n \sum_a \big[(z_a - \bar z) - (Q_a - \bar Q)\big]^2$$
#
# The first part is the level. The second part, the differences between actions, is all that a player
# needs. A softmax ignores the level: the same number added to all Q-values changes no probability.
#
# > **Predict.** A new student answers 0. How many per cent of its squared error are about the
# > differences between actions?


# %%
def parts(values):  # [N, n] -> level [N], differences [N, n]
    return values.mean(axis=1), values - values.mean(axis=1, keepdims=True)


for name in EIGHT:
    levels, differences = parts(legal_q_values(name))
    of_levels, of_differences = np.mean(levels**2), np.mean(differences**2)
    percent = 100 * of_differences / (of_levels + of_differences)
    print(f"{games[name].title:15s} {percent:5.2f} % of the squared error is about differences")

# %% [markdown]
# **You should see** 3 % in Pong and at most 0.2 % in the other games. So almost the whole error, and
# almost the whole gradient, is about how good the state is. It says nothing about what to do.
#
# ## 4. Does the choice matter?
#
# Two students begin with the same weights. They see the same states in the same 300 updates, 8
# states of each game in every update. Only the loss differs:
#
# ```text
# for 300 updates:
#     draw 8 training states of each game
#     loss = mean of policy_loss   or   mean of q_loss
#     one step of Adam, with a learning rate that falls from 0.001
# ```
#
# A student *agrees* with its expert where both have the same best action. For this it makes no
# difference whether the outputs are logits or Q-values. The **baseline** knows which game it is and
# always plays the action that the expert chooses most often there.
#
# > **Predict.** In how many of the eight games is each student above the baseline?


# %%
def draw(rng, rows=8):
    """Training states of all games, [8 x 8, ...], with Q-values and masks."""
    drawn = []
    for name, game in games.items():
        env = rng.integers(0, ENVS // 2, rows)
        step = rng.integers(0, plays[name].states.shape[1], rows)
        masks = np.repeat(game.action_mask[None], rows, axis=0)
        drawn.append((plays[name].states[env, step], plays[name].outputs[env, step], masks))
    return [tf.constant(np.concatenate(part)) for part in zip(*drawn, strict=True)]


def learn(loss_function):
    student, rng = new_student(), np.random.default_rng(SEED)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, UPDATES))
    optimizer.build(student.trainable_variables)

    @tf.function(autograph=False)
    def update(states, q_values, masks):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_function(q_values, student(states, training=True), masks))
        weights = student.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)

    for _ in range(UPDATES):
        update(*draw(rng))
    return student


by_policies, by_q_values = learn(policy_loss), learn(q_loss)

# %% alt="Agreement with the expert in eight games. The student of policies is far above the baseline in Crazy Climber, Seaquest and Space Invaders. The student of Q-values is above the baseline in no game."
answers = {}  # Game -> the outputs of both students for the legal actions, [N, n] each.
agreement, baseline = [], []
for name, game in games.items():
    states, q_values = held_out(name)
    answers[name] = [
        student.predict_on_batch(states)[:, game.action_codes]
        for student in (by_policies, by_q_values)
    ]
    right = legal_q_values(name).argmax(axis=1)
    agreement.append([100 * (each.argmax(axis=1) == right).mean() for each in answers[name]])
    baseline.append(100 * np.bincount(right).max() / len(right))

paired_bars(*np.transpose(agreement))
plt.plot(baseline, "_", color="black", markersize=24, label="baseline")
plt.ylabel("agreement with the expert (%)")
plt.title("After 300 updates only the student of policies is above the baseline")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
for name, pair, common in zip(titles, agreement, baseline, strict=True):
    print(f"{name:15s} policies {pair[0]:3.0f} %   Q-values {pair[1]:3.0f} %   "
          f"baseline {common:3.0f} %")  # fmt: skip

# %% [markdown]
# **You should see** the student of policies 17 to 44 points above the baseline in Crazy Climber,
# Seaquest and Space Invaders. In the other five games it is within 10 points of the baseline. The
# student of Q-values is above the baseline in no game.
#
# There are 200 held-out states of each game. So a difference of less than 10 points may be chance.
#
# ## 5. What is left to learn?
#
# We split the error of the second student as in section 3, and divide each part by the error of a
# new student, which answers 0.
#
# > **Predict.** How many per cent of the error are left, of the levels and of the differences?

# %%
for name in EIGHT:
    student, expert = parts(answers[name][1]), parts(legal_q_values(name))
    pairs = zip(student, expert, strict=True)
    left = [100 * np.mean((ours - right) ** 2) / np.mean(right**2) for ours, right in pairs]
    print(f"{games[name].title:15s} left: {left[0]:3.0f} % of the level, "
          f"{left[1]:4.0f} % of the differences")  # fmt: skip

# %% [markdown]
# **You should see** 1 to 5 % left of the levels (Pong: 22 %), but about 100 % or more of the
# differences. This student knows how good a state is, and does not know what to do.
#
# **Above 100 %?** The student's differences are then noise, and larger than the right differences.
# In Crazy Climber, an error of 5 % of the level is already as large as the gap.
#
# ## 6. Does a longer training help?
#
# We recorded two long trainings with play: one student of Breakout, Pong and Seaquest, 75,000 steps
# of each, by either loss. A score of 0 is random play and 1 is the expert
# ([all ablations](ablations.md)).
#
# > **Predict.** Which scores does the student of Q-values have?

# %%
recorded = helpers.ROOT / "tutorials" / "recorded" / "ablations"
for label, file in (("policies", "both-act.json"), ("Q-values", "q-values.json")):
    scores = []
    for score in read_card(recorded / file)["scores"]:
        chance, expert = score["random"]["mean"], score["expert"]["mean"]
        scores.append(f"{score['game']} {(score['mean'] - chance) / (expert - chance):5.2f}")
    print(f"{label}:  {'   '.join(scores)}")

# %% [markdown]
# **You should see** 0.02 to 0.12 for Q-values and 0.13 to 0.91 for policies: also after a longer
# training, policies are far ahead in every game. Each row is one run. The error of the student of
# Q-values was still falling, so Q-values are slow rather than impossible.
#
# ## What to remember
#
# - A Q-value is a level plus a difference. The level is 5 to 34 times the gap, and says nothing about
#   what to do.
# - A student of Q-values learns the levels first. A softmax removes the level, so a student of
#   policies learns only what to do.
# - The gradient of the policy loss is bounded in every game. The games still have unequal shares: gap
#   and temperature decide.
# - Compare agreement with a baseline. "Always the commonest action" agrees in 20 to 50 % of states.
#
# ## Exercises
#
# 1. **Write the loss and its gradient yourself**: assignment 5 of the
#    [coursework](coursework/README.md). `amkit check 5` marks your file.
# 2. **Larger rewards.** Multiply all Q-values of Pong by 10. What happens to the share of Pong in
#    both losses, at the first update? Which $\tau$ for Pong undoes it?
# 3. **Without the level.** Train a third student with `q_loss` on $(Q - \text{level}) / \text{gap}$,
#    with the mean gap of each game. In which games is it above the baseline? Does it catch up with
#    the student of policies?
# 4. **Temperature.** Set `TAU = 1` and run section 2 again. Which shares of the policy loss change
#    most, and why?
# 5. **On paper.** Show that the same number added to all $Q(s, a)$ of a state changes neither $\pi_E$
#    nor the gradient of the policy loss. What does it change in the gradient of the Q-value loss?
