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
# # 1. Meet an expert
#
# **What you will learn**
#
# - what an expert DQN is as a Keras model: what goes in, what comes out, what lies between;
# - how to watch it play, and what its Q-values say while it does;
# - how a Boltzmann policy is made of Q-values, and why its temperature matters so much for Actor-Mimic.
#
# **Time** 15 minutes. **Needs** `pip install -e '.[plots]'` and `pretrained/pong.keras`, which comes with amkit.
#
# ## The model
#
# An expert is one `.keras` file of stock Keras layers. `amkit.load` checks it before it builds anything;
# `keras.saving.load_model` reads it just as well.

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without the lines of its own that it would fill the page with.

import os
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import amkit
from amkit.evaluation import recording
from amkit.storage.cards import read_card

ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 600))  # Tests play less.

path = ROOT / "pretrained" / "pong.keras"
expert = amkit.load(path)
pong = amkit.find_game("pong")
for layer in expert.layers:
    print(f"{layer.name:15s} {type(layer).__name__:20s} {layer.output.shape}")
print("actions:", ", ".join(pong.actions))

# %% [markdown]
# In goes what the emulator shows: the last four frames, 84 x 84, as bytes. Out come as many numbers as the game has
# actions, $Q(s, a)$: the clipped reward, discounted by $\gamma = 0.99$ a step, that the expert expects if it does $a$
# now and plays on by its own policy. Just before them lie the 512 `features`, which tutorial 4 is about.
#
# Beside the file lies its card: how it was trained, and what it scores.

# %%
card = read_card(path)
score = card["scores"][0]
print(card["command"], "-", card["steps"], "agent steps,", card["minutes"], "minutes")
print(
    f"{score['mean']:.1f} +- {score['standard_error']:.1f} over {score['games']} whole games, "
    f"epsilon {score['epsilon']}"
)

# %% [markdown]
# ## Watch it play
#
# `amkit record pretrained/pong.keras` makes a video. Here we take its moments one by one. A DQN plays
# *epsilon-greedily*: the best action, and now and then a random one.

# %% alt="Four screens of Pong: the expert's paddle follows the ball and the score grows from 0 to 5"
moments = list(islice(recording.play(expert, pong, epsilon=0.05, seed=1), STEPS))
q_values = np.array([moment.values for moment in moments])  # [T, A]
rewards = np.array([moment.reward for moment in moments])
print(f"{len(moments)} steps, points won {(rewards > 0).sum()}, lost {(rewards < 0).sum()}")

figure, axes = plt.subplots(1, 4, figsize=(12, 4))
for ax, step in zip(axes, np.linspace(50, len(moments) - 1, 4).astype(int), strict=True):
    ax.imshow(moments[step].screen, aspect="auto")
    ax.set_title(f"step {step}: {pong.actions[moments[step].action]}")
    ax.axis("off")
plt.show()

# %% [markdown]
# ## What it expects
#
# The best Q-value is what the expert expects from here on. Dashed: a point won.

# %% alt="The best Q-value over 600 steps rises before each point is won and drops after it; the gap to the worst action opens before hits"
best, worst = q_values.max(axis=1), q_values.min(axis=1)
plt.figure(figsize=(12, 3))
plt.fill_between(range(len(best)), worst, best, alpha=0.3, label="from worst to best action")
plt.plot(best, label=r"$\max_a Q(s, a)$")
for step in np.flatnonzero(rewards):
    plt.axvline(step, color="green" if rewards[step] > 0 else "red", linestyle="--", linewidth=1)
plt.xlabel("step")
plt.ylabel("Q")
plt.legend()
plt.show()
gap = best - worst
print(f"best minus worst action: {np.median(gap):.2f} at the median, {gap.max():.2f} at the most")

# %% [markdown]
# It rises while a point comes near and drops when the point is won: the reward is then no longer *to come*. Look at
# the shaded band: most of the time it hardly matters what the expert does. Only when the ball is near its paddle do the
# actions differ.
#
# ## From Q-values to a policy
#
# Actor-Mimic does not copy Q-values, whose scale differs from game to game. It makes a policy of them (Eq. 3):
#
# $$\pi_E(a|s) = \frac{\exp(Q(s,a) / \tau)}{\sum_{a'} \exp(Q(s,a') / \tau)}$$
#
# and lets the student imitate that. Written out:


# %% alt="Five bar charts of the policy at one step: temperature 1 spreads over all actions, 0.01 leaves RIGHT and RIGHTFIRE alone"
def boltzmann(q, temperature):
    exponentials = np.exp((q - q.max(axis=-1, keepdims=True)) / temperature)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


temperatures = (1.0, 0.3, 0.1, 0.05, 0.01)
decisive = int(gap.argmax())
figure, axes = plt.subplots(1, len(temperatures), figsize=(14, 2.6), sharey=True)
for ax, temperature in zip(axes, temperatures, strict=True):
    ax.bar(pong.actions, boltzmann(q_values[decisive], temperature))
    ax.set_title(rf"$\tau$ = {temperature}")
    ax.tick_params(axis="x", rotation=90)
axes[0].set_ylabel(f"policy at step {decisive}")
plt.show()

for temperature in temperatures:
    policy = boltzmann(q_values, temperature)
    entropy = -(policy * np.log(policy.clip(1e-12))).sum(axis=1).mean()
    print(
        f"tau {temperature:4}: the best action has probability {policy.max(axis=1).mean():.2f} on "
        f"average, entropy {entropy:.2f} of at most {np.log(pong.num_actions):.2f} nats"
    )

# %% [markdown]
# The paper uses $\tau = 1$. Rewards are clipped to -1 and 1 and discounted, in the paper too, so that in Pong Q-values lie
# close together: at 1 a bad action keeps some probability even in the most decisive step, and in most others the policy is
# nearly uniform. It says almost nothing about how to play. Preset `laptop` takes 0.05.
#
# ## You should know
#
# - An expert is a function: bytes [B, 4, 84, 84] to Q-values [B, n].
# - Its Q-values are *expected, clipped, discounted* rewards under its own policy, not scores.
# - In most states most actions are equally good. What there is to imitate sits in a few decisive steps.
# - The temperature decides how loudly the expert speaks.
#
# ## Exercises
#
# 1. In Pong, FIRE does nothing but at the moment in which the ball meets the paddle: pressed then, it sends the ball back about
#    twice as fast. So in most steps RIGHTFIRE does what RIGHT does. Does the expert know? Compare their Q-values over all
#    steps, and in the twenty in which its actions differ most.
# 2. How often would the expert at temperature 0.05 take another action than its greedy one?
# 3. Play at epsilon 0.5. Do the Q-values notice?
#
# ### Solutions

# %%
# 1. In most steps equal up to the network's noise, which is as large as most gaps are: one more reason not to copy
# Q-values as they are, and not to make the temperature too small. In the decisive ones it tells RIGHT from RIGHTFIRE, if far
# less than LEFT from RIGHT.
by_name = dict(zip(pong.actions, q_values.T, strict=True))
most = gap.argsort()[-20:]
for one, other in (("NOOP", "FIRE"), ("RIGHT", "RIGHTFIRE"), ("LEFT", "RIGHT")):
    apart = np.abs(by_name[one] - by_name[other])
    print(f"1. {one}, {other}: {apart.mean():.3f} apart, {apart[most].mean():.3f} in those twenty")

# %%
# 2. One minus the probability of the greedy action.
print(f"2. in {100 * (1 - boltzmann(q_values, 0.05).max(axis=1).mean()):.0f} % of the steps")

# %%
# 3. They are the values of its own, nearly greedy policy: they do not know how much noise is to come. They only see
# the worse positions that it leads to.
noisy = list(islice(recording.play(expert, pong, epsilon=0.5, seed=1), STEPS))
print(f"3. mean of the best Q-value: {best.mean():.2f} at epsilon 0.05, "
      f"{np.mean([moment.values.max() for moment in noisy]):.2f} at 0.5")  # fmt: skip
