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
# Actor-Mimic ([Parisotto et al. 2015](https://arxiv.org/abs/1511.06342)) trains one network to play
# many games. Its teachers are **experts**: networks that play one game each. Here you meet the
# expert of Pong. You find out what its Q-values say, when they matter, and how they become the
# policy that a student copies.
#
# **Time:** 20 minutes, 1 of them computing. **You need:** `pip install -e '.[tutorials]'`. New to
# Q-values? Read the [primer](concepts/primer.md) first (10 minutes).
#
# Each section asks a question. Write down your prediction before you read on. Ranges in the answers
# allow for other seeds.
#
# ## 1. What is an expert?
#
# An expert is a deep Q-network, a DQN ([Mnih et al. 2013](https://arxiv.org/abs/1312.5602)). It
# sees the last four pictures of the game, in grey, 84 x 84 pixels each. Pong has six actions.
#
# > **Predict.** Which shape has the input? How many numbers come out?

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without TensorFlow's own messages.

import helpers
import keras
import matplotlib.pyplot as plt
import numpy as np

import amkit
from amkit import palette
from amkit.evaluation import recording
from amkit.storage.cards import read_card

helpers.style()
SEED = 1  # Change this, and every number below changes a little.
STEPS = helpers.steps(600)  # One step is one decision: 4 frames, 1/15 of a second.

path = helpers.ROOT / "pretrained" / "pong.keras"
expert = amkit.load(path)
pong = amkit.find_game("pong")
for layer in expert.layers:
    print(f"{layer.name:15s} {type(layer).__name__:20s} {layer.output.shape}")
print("actions:", ", ".join(pong.actions))

# %% [markdown]
# **You should see** an input of shape (4, 84, 84) and an output of shape (6,). `None` stands for
# the size of the batch. The six numbers are the Q-values $Q(s, a)$, one for each action. A Q-value
# is the sum of future rewards that the expert expects if it takes action $a$ now and then plays as
# usual. Two details matter below:
#
# - Rewards are **clipped**: a point won counts +1, a point lost counts -1.
# - Rewards are **discounted**: a reward $k$ steps away counts $\gamma^k$, with $\gamma = 0.99$.
#
# In Pong, RIGHT moves the paddle up and LEFT moves it down. FIRE matters only while the ball
# touches the paddle: the ball then flies back faster.
#
# ## 2. How well does it play?
#
# A model has a *card*, a file with its training and its scores. A game of Pong ends at 21 points.
# The score is the points won minus the points lost.
#
# > **Predict.** What is the best score? Which score has random play?

# %%
card = read_card(path)
score = card["scores"][0]
print(f"{card['steps']:,} steps of training, {card['minutes']:.0f} minutes")
print(f"score: {score['mean']:.1f} ± {score['standard_error']:.1f}, mean of {score['games']} games")

# %% [markdown]
# The best score is 21. Random play scores about -20.2, and the expert 18.4 (standard error 0.2).
#
# The next cell plays 40 seconds of Pong. The expert is the green paddle on the right. With
# probability $\epsilon = 0.05$ it takes a random action, and otherwise the action with the highest
# Q-value (*epsilon-greedy*).

# %%
moments = list(recording.play(expert, pong, epsilon=0.05, seed=SEED, steps=STEPS))
q_values = np.array([moment.values for moment in moments])  # [T, 6]
rewards = np.array([moment.reward for moment in moments])  # [T]
print(f"{len(moments)} steps: {(rewards > 0).sum()} points won, {(rewards < 0).sum()} lost")

# %% [markdown]
# > **Predict.** The animation shows the first rally, with the six Q-values beside the screen. When
# > will the six numbers differ most?

# %% alt="Animation: the expert's green paddle waits, jumps up to hit the ball, and wins a point. Beside the screen are bars of the six Q-values."
helpers.watch(pong, moments[20:100])

# %% [markdown]
# **You should see** the expert win a point. The yellow bar is the action that it takes. The bars
# show differences to the worst action, so look at the numbers too. Most of the time all six are
# almost equal. They differ for a moment, just before the paddle meets the ball.
#
# ## 3. What does the expert expect?
#
# The highest Q-value says how many points the expert expects from now on.
#
# > **Predict.** Suppose that this expert wins a point every 90 steps. Just after a point, the next
# > one counts $0.99^{90} = 0.4$, and the one after it $0.4^2$. Continue the sum. Which Q-value do
# > you expect just after a point? And just before one?

# %% alt="The best Q-value over 40 seconds. It climbs to about 1.4 before each point and falls to about 0.4 right after it."
best, worst = q_values.max(axis=1), q_values.min(axis=1)
plt.plot(best, color=palette.EXPERT)
for step in np.flatnonzero(rewards):
    plt.axvline(step, color=palette.RANDOM_PLAY, linestyle=":")
    plt.text(step, best.max() + 0.1, f"{rewards[step]:+.0f}", ha="center")
plt.xlabel("step (1/15 s)")
plt.ylabel("best Q-value (discounted points)")
plt.title("The best Q-value climbs before each point and then falls by 1", pad=18)
plt.show()

for step in np.flatnonzero(rewards[:-1]):
    print(f"step {step}: best Q-value {best[step]:.2f}, one step later {best[step + 1]:.2f}")

# %% [markdown]
# **You should see** a curve like the teeth of a saw. Each dotted line is a point. Just before a
# point won, the value is between 1.3 and 1.7. One step later it is about 1 lower, because this
# point is no longer *in the future*. The sum is $0.4 / (1 - 0.4) = 0.67$ just after a point, and
# 1.67 just before one. The expert expects a little less, because some points take longer and a few
# are lost.
#
# **A fall without a point?** Near step 340 the expert only just reaches the ball. This hit does not
# win: the next point is again 100 steps away.
#
# ## 4. When does it matter what the expert does?
#
# The **gap** is the best Q-value minus the worst. A gap of 0.5 means: the worst action costs half a
# point. A gap near 0 means: all actions are equally good. Winning and losing a point differ by up
# to 2.
#
# > **Predict.** In how many of 100 steps is the gap above 0.5? Where is the ball in these steps?

# %% alt="Eight screens of Pong. Above, in decisive steps, the ball comes near the expert's paddle. Below, in typical steps, it is far away or has just been hit."
gap = best - worst
decisive = gap > 0.5
print(f"median gap {np.median(gap):.2f}, largest {gap.max():.2f}")
print(f"gap above 0.5 in {100 * decisive.mean():.0f} % of the steps, "
      f"below 0.1 in {100 * (gap < 0.1).mean():.0f} %")  # fmt: skip

quarters = np.array_split(np.arange(len(gap)), 4)  # One screen from each quarter of the play.
figure, axes = plt.subplots(2, 4, figsize=(8, 5.4))
for column, quarter in enumerate(quarters):
    from_median = np.abs(gap[quarter] - np.median(gap))
    for row, step in enumerate([quarter[gap[quarter].argmax()], quarter[from_median.argmin()]]):
        axes[row, column].imshow(moments[step].screen, aspect="auto")
        axes[row, column].set_title(f"step {step}: gap {gap[step]:.2f}")
        axes[row, column].set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("largest gap")
axes[1, 0].set_ylabel("median gap")
figure.suptitle("The choice matters when the ball reaches the paddle")
plt.show()

# %% [markdown]
# **You should see** a gap above 0.5 in 4 to 6 of 100 steps, and a median gap between 0.03 and 0.06.
# In the upper row the ball comes near the green paddle. In the lower row the ball is far away, has
# just been hit, or is out of play. So the expert's skill is visible in few steps. A student can
# agree with its expert in 90 % of the steps and still miss these few.
#
# ## 5. How do Q-values become a policy?
#
# The size of Q-values differs from game to game. So Actor-Mimic turns them into probabilities first
# (Eq. 3):
#
# $$\pi_E(a|s) = \frac{\exp(Q(s,a) / \tau)}{\sum_{a'} \exp(Q(s,a') / \tau)}$$
#
# This is a softmax with a **temperature** $\tau$. The paper uses $\tau = 1$, and amkit's preset
# `laptop` 0.05.
#
# ```text
# for each step:
#     subtract the best Q-value    (avoids overflow, changes nothing)
#     divide by tau, take the exponential
#     divide by the sum of the exponentials
# ```


# %%
def boltzmann(q_values, temperature):  # [T, A] -> [T, A]
    scaled = (q_values - q_values.max(axis=-1, keepdims=True)) / temperature
    exponentials = np.exp(scaled)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


# %% [markdown]
# > **Predict.** A uniform policy gives each of six actions $1/6 = 0.17$. Take a typical step (gap
# > 0.05) and the most decisive step (gap about 1.5). In which of them is the policy nearly uniform
# > at $\tau = 1$? And at $\tau = 0.05$?

# %% alt="Bars of the policy in two steps. In the typical step the policy is uniform at temperature 1, uneven at 0.05, and mostly one action at 0.01. In the decisive step RIGHT and RIGHTFIRE stand out at 1 and share all probability at 0.05 and 0.01."
temperatures = (1.0, 0.05, 0.01)
typical = int(np.abs(gap - np.median(gap)).argmin())
shown = {"typical": typical, "decisive": int(gap.argmax())}
figure, axes = plt.subplots(2, 3, figsize=(8, 5), sharex=True, sharey=True)
for row, (name, step) in zip(axes, shown.items(), strict=True):
    row[0].set_ylabel(f"{name} step {step}\nprobability")
    for ax, temperature in zip(row, temperatures, strict=True):
        ax.bar(pong.actions, boltzmann(q_values[step], temperature), color=palette.EXPERT)
        ax.axhline(1 / pong.num_actions, color=palette.RANDOM_PLAY, linestyle=":")
        ax.tick_params(axis="x", rotation=90)
for ax, temperature in zip(axes[0], temperatures, strict=True):
    ax.set_title(rf"$\tau$ = {temperature}")
axes[0, 0].set_ylim(0, 1)
axes[0, 0].text(5.5, 0.2, "uniform", ha="right", color=palette.RANDOM_PLAY)
figure.suptitle("The policy becomes sharp first where the choice matters")
plt.show()

print("       probability of the best action, mean of    distance")
print("tau    all steps   steps with a gap above 0.5    from uniform (nats)")
for temperature in temperatures:
    policy = boltzmann(q_values, temperature)
    highest = policy.max(axis=1)
    entropy = -(policy * np.log(policy.clip(1e-12))).sum(axis=1)
    print(f"{temperature:<6g} {highest.mean():9.2f} {highest[decisive].mean():28.2f}"
          f"{np.log(pong.num_actions) - entropy.mean():17.3f}")  # fmt: skip
print(f"decisive step, tau = 1: best action {np.exp(gap.max()):.1f} times as probable as the worst")

# %% [markdown]
# **You should see** this:
#
# - At $\tau = 1$ the policy is nearly uniform in the typical step. In the decisive step it is not:
#   the best action is 4 to 7 times as probable as the worst.
# - At $\tau = 0.05$ the best action has a mean probability of only 0.26 to 0.36, but 0.7 to 0.9 in
#   decisive steps. The mean over all steps is a bad summary: most steps do not matter.
# - At $\tau = 0.01$ the policy is sharp even in the typical step.
#
# (In the decisive step RIGHT and RIGHTFIRE share the probability: both move the paddle up.)
#
# The last column is the mean KL divergence from the uniform policy. A student's loss is its
# cross-entropy to the expert's policy. A student that always answers "uniform" is only this far
# above the lowest possible loss: 0.005 to 0.01 at $\tau = 1$, but 0.1 to 0.3 at 0.05.
#
# ## 6. Which temperature still wins?
#
# Let the policy itself play: draw each action with its probability $\pi_E(a|s)$.
#
# > **Predict.** Who wins, the expert or its opponent, at $\tau = 1$, at 0.05 and at 0.01?
#
# The code uses a trick: add a random number from the Gumbel distribution to each $Q / \tau$, and the
# largest sum is a draw from the softmax ([Maddison et al. 2014](https://arxiv.org/abs/1411.0030)).


# %%
def draws_actions(temperature):
    """A network whose best action is a draw from the expert's policy."""
    noise = keras.random.SeedGenerator(SEED)

    def network(observation):
        uniform = keras.random.uniform((1, pong.num_actions), seed=noise)
        gumbel = -keras.ops.log(-keras.ops.log(uniform))
        return expert(observation) / temperature + gumbel

    return network


lines = ["tau    points won   lost"]
for temperature in temperatures:
    network = draws_actions(temperature)
    play = recording.play(network, pong, epsilon=0, seed=SEED, steps=STEPS)
    points = np.array([moment.reward for moment in play])
    lines.append(f"{temperature:<6g} {(points > 0).sum():10d} {(points < 0).sum():6d}")
print("\n".join(lines))

# %% [markdown]
# **You should see** a clear defeat at $\tau = 1$: 0 to 2 points won, 10 to 13 lost. At 0.05 the
# policy wins 4 to 7 points and loses 0 to 2. Most of its moves look random, but the decisive ones
# do not. At 0.01 it wins as clearly as the expert of section 2.
#
# Can a student learn from $\tau = 1$? Yes. It copies this policy, but later *plays* the best
# action, which is the same at every temperature. A student with $\tau = 1$ reached 12.4 points in
# Pong. But the loss hardly rewards what it learns: see the last column in section 5. A temperature
# that is too low may hurt too: the student must copy choices that do not matter. Our
# [ablation](ablations.md) trained students of three games for a short time:
#
# | temperature | 1 | 0.05 | 0.01 |
# |---|---|---|---|
# | score (expert = 1, random play = 0) | 0.34 | **0.47** | 0.40 |
#
# ## What to remember
#
# - An expert is a function from pictures, [B, 4, 84, 84], to Q-values, [B, A].
# - A Q-value is an expected sum of clipped, discounted rewards. It is not a score.
# - In most steps the choice does not matter. The skill is in a few decisive steps.
# - The temperature decides how clearly the policy shows these steps. It never changes which action
#   is best.
#
# ## Exercises
#
# 1. **Write Eq. 3 yourself**, and the entropy of a policy: assignment 1 of the
#    [coursework](coursework/README.md). `amkit check 1` marks your file.
# 2. **Are the Q-values right?** Play 1,000 steps. Compute the return $G_t = r_t + 0.99\, G_{t+1}$
#    backwards. Compare $G_t$ and the best Q-value in the first 600 steps. Why leave out the other
#    400? Which mean is higher with seed 1, and which with seed 2?
# 3. **Does the expert know FIRE?** How far apart are the Q-values of RIGHT and RIGHTFIRE, and of
#    RIGHT and LEFT? Compare all steps with the twenty steps of the largest gap.
# 4. **More noise.** Play with `epsilon=0.5`. Who wins now? Does the mean of the best Q-value show
#    it? Which policy are the Q-values about?
# 5. **Another game.** Use the expert of Breakout. Which sentences after "You should see" are still
#    true? Rewrite the others.
