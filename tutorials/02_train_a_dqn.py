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
# # 2. Train a DQN
#
# Where do experts come from? Each one is a DQN that learned its game from rewards alone ([Mnih et
# al. 2013](https://arxiv.org/abs/1312.5602), [2015](https://www.nature.com/articles/nature14236)).
# Here you write the update of a DQN and its training loop. Then you remove its three ingredients
# one at a time: replay, target network, exploration.
#
# **Time:** 25 minutes, 2 of them computing. **You need:** `pip install -e '.[tutorials]'`. New to
# Q-learning? Read the [primer](concepts/primer.md) first (10 minutes).
#
# Each section asks a question. Write down your prediction before you read on.
#
# ## 1. How hard is the game?
#
# Atari takes too long for many experiments. So we play **Catch** (`catch.py`), a game with 7 x 7
# cells. A ball falls from a random column, one row in each step. The paddle is in the last row. Its
# actions are NOOP, RIGHT and LEFT, and it moves one column in each step.
#
# - A ball that is caught gives the reward +1. The next ball falls.
# - A ball that is missed gives -1. The game is over, and a new one begins.
#
# The pictures have Atari's 84 x 84 pixels.

# %% alt="Six screens of Catch. The ball, a white square, falls in the left column. The paddle, a white square in the bottom row, moves from the middle to the left."
from amkit.backend import load_tensorflow

load_tensorflow()  # Without TensorFlow's own messages.

from itertools import islice

import catch
import helpers
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit import palette
from amkit.learning.job import compile_learner
from amkit.play.policy import EpsilonGreedy, Piecewise
from amkit.play.replay import ReplayMemory
from amkit.play.rollout import rollout

helpers.style()
STEPS = helpers.steps(500)  # Of each game. Tests play less.
SEEDS = (0, 1) if STEPS >= 500 else (0,)
GAMES = 16  # Played in parallel while training.

games = catch.Catch(num_envs=1, seed=11)
shown = islice(rollout(games, lambda observation: (catch.at_best(games), None)), 6)
figure, axes = plt.subplots(1, 6, figsize=(8, 1.8))
for step, (ax, transition) in enumerate(zip(axes, shown, strict=True)):
    ax.imshow(transition.observation[0, -1], cmap="gray")
    ax.set(xticks=[], yticks=[], title=f"step {step}")
figure.suptitle("The paddle has six steps to reach the column of the ball")
plt.show()

# %% [markdown]
# Two reference players bound the score: random play and a scripted optimum. The optimum knows the
# column of the ball and goes there.
#
# > **Predict.** Which share of the balls does each of them catch?

# %%
references = {
    "random play": catch.reference(catch.at_random),
    "optimum": catch.reference(catch.at_best),
}
for name, share in references.items():
    print(f"{name:12s} catches {100 * share:3.0f} % of the balls")

# %% [markdown]
# **You should see** 100 % for the optimum, because the paddle can always reach the ball. Random
# play catches 12 to 16 %, about one ball in seven: there are seven columns.
#
# ## 2. What does one step teach?
#
# A DQN is a network $Q(s, a; \theta)$ with one output for each action. An older copy, the **target
# network**, has the weights $\theta^-$. A step that was played is $(s, a, r, s')$. It gives a
# **target** $y$ for the Q-value of the action (Eq. 2):
#
# $$y = r + \gamma \max_{a'} Q(s', a'; \theta^-)$$
#
# In words: the reward, plus what the best next action promises. If the step ended the game, $y =
# r$. The update makes the error $y - Q(s, a; \theta)$ smaller. The **Huber loss** is quadratic for
# small errors and linear for large ones, so one huge error cannot spoil the network.
#
# A small network is enough. It reads one pixel of each cell.


# %%
DISCOUNT = 0.99  # gamma


def make_dqn(seed):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    observation = keras.Input((4, 84, 84), dtype="uint8")  # The last four frames.
    x = layers.Flatten()(observation[:, :, 6::12, 6::12])  # [B, 4, 7, 7] -> [B, 196]
    x = layers.Rescaling(1 / 255)(x)
    for _ in range(2):
        x = layers.Dense(128, "relu", kernel_initializer="he_normal")(x)
    network = keras.Model(observation, layers.Dense(catch.GAME.num_actions)(x))
    dqn = amkit.DQN(network, [catch.GAME])  # Makes the target network, too.
    compile_learner(dqn, keras.optimizers.Adam(4e-3), jit_compile=False)
    return dqn


# %% [markdown]
# Random play fills a **replay memory** with steps to learn from.


# %%
def store(memory, transition):
    names = ("action", "reward", "terminal", "start")
    memory.add(transition.observation, **{name: getattr(transition, name) for name in names})


def make_batch(memory, row, game):
    """The steps at some places of the memory, as `train_step` takes them."""
    reward, discount, next_row = memory.what_followed(row, game, DISCOUNT)
    return {
        "observation": memory.observations(row, game),
        "action": memory.values("action", row, game),
        "reward": reward,
        "discount": discount,  # gamma, or 0 if the step ended the game.
        "next_observation": memory.observations(next_row, game),
        "action_mask": np.repeat([catch.GAME.action_mask], len(row), axis=0),
    }


games = catch.Catch(GAMES, seed=0)
memory = ReplayMemory(10_000, GAMES, np.random.default_rng(0))
for transition in islice(rollout(games, lambda _: (catch.at_random(games), None)), 100):
    store(memory, transition)
batch = make_batch(memory, *memory.sample(512))

# %% [markdown]
# > **Predict.** In which share of the steps is there a reward? What do the other steps teach?

# %%
print(f"of 512 steps, {np.count_nonzero(batch['reward'])} have a reward")
print(f"and {np.count_nonzero(batch['discount'] == 0)} ended the game")

# %% [markdown]
# **You should see** a reward in 60 to 100 of 512 steps. The mean is one in six, because a ball
# falls for six steps. Most rewards are misses, which end the game. In a step without reward the
# target is only the network's own opinion about the next step. So values travel backwards: first
# the network learns the value of the last step before a catch, then of the step before it.
#
# Now the update by hand:
#
# ```text
# for each step (s, a, r, s') of the batch:
#     y = r                                    if the step ended the game
#     y = r + gamma * max Q_target(s', a')     otherwise
#     error = y - Q(s, a)
#     loss = error^2 / 2                       if |error| < 1
#     loss = |error| - 1/2                     otherwise
# follow the gradient of the mean loss; y counts as a constant
# ```
#
# The target network gets other weights first. Else the check would not notice if we confuse the
# networks.

# %%
dqn = make_dqn(seed=0)
dqn.target.set_weights(make_dqn(seed=1).online.get_weights())

q = dqn.online(batch["observation"]).numpy()  # [B, 3]
next_q = dqn.target(batch["next_observation"]).numpy()  # [B, 3]
column = np.argmax(batch["action"][:, None] == catch.CODES, axis=1)  # Of the action taken, [B].
y = batch["reward"] + batch["discount"] * next_q.max(axis=1)
error = y - q[np.arange(len(q)), column]
size = np.abs(error)
loss = np.where(size < 1, error**2 / 2, size - 1 / 2).mean()

metrics = dqn.train_step({name: tf.constant(value) for name, value in batch.items()})
print(f"loss by hand {loss:.5f}, loss of train_step {float(metrics['loss']):.5f}")
assert abs(loss - float(metrics["loss"])) < 1e-4

# %% [markdown]
# **You should see** the same number twice. **Two different numbers?** Look at the target network,
# the last steps of games, and the action taken.
#
# ## 3. How does the network learn while it plays?
#
# A DQN has three ingredients around the update:
#
# - **Replay.** Keep all steps. Learn from steps drawn at random.
# - **Target network.** Keep the targets fixed for a while. Copy the weights every 25 updates.
# - **Exploration.** With probability $\epsilon$ take a random action. $\epsilon$ falls from 1 to
#   0.1 in the first third.
#
# ```text
# for each step of all 16 games:
#     with probability epsilon: a = a random action              (exploration)
#     otherwise: a = argmax Q(s, a)
#     do a; get r and s'; store the step                         (replay)
#     draw 64 stored steps at random                             (replay)
#     update the network
#     every 25 updates: Q_target = Q                             (target network)
# ```
#
# 500 steps of 16 games are 8,000 agent steps. Each is used four times on average. Ten times, a test
# without random actions counts the balls caught.


# %%
FALLING = ((0, 1.0), (STEPS // 3, 0.1))  # (step, epsilon), with straight lines between.
BATCH, SYNC, WARM_UP = 64, 25, STEPS // 20


def test_player(dqn):
    masks = np.repeat([catch.GAME.action_mask], 64, axis=0)
    return EpsilonGreedy(dqn, masks, np.random.default_rng(0), epsilon=0.0)


def train(seed, replay=True, sync=SYNC, epsilon=FALLING):
    """Returns the DQN and its curve: rows of (agent steps, share caught, mean best Q-value)."""
    dqn, games, schedule = make_dqn(seed), catch.Catch(GAMES, seed), Piecewise(epsilon)
    memory = ReplayMemory(10_000, GAMES, np.random.default_rng(seed))
    policy = EpsilonGreedy(dqn, games.action_masks, np.random.default_rng(seed + 1))
    tested = test_player(dqn)
    update = tf.function(dqn.train_step, autograph=False)
    curve = []
    for step, transition in enumerate(islice(rollout(games, policy), STEPS), start=1):
        store(memory, transition)
        policy.epsilon = schedule(step)
        if step > WARM_UP:
            if replay:
                places = memory.sample(BATCH)
            else:  # The newest steps of every game whose next observation is known.
                newest = np.arange(step - 1 - BATCH // GAMES, step - 1)
                places = np.repeat(newest, GAMES), np.tile(np.arange(GAMES), len(newest))
            batch = make_batch(memory, *places)
            metrics = update({name: tf.constant(value) for name, value in batch.items()})
            if step % sync == 0:
                dqn.sync_target()
        if step % (STEPS // 10) == 0:
            caught = catch.share_caught(tested, catch.Catch(64, seed=200))
            curve.append((step * GAMES, caught, float(metrics["mean_max_q"])))
            dqn.reset_metrics()
    return dqn, np.array(curve)


dqn, curve = train(seed=0)
curves = {("all three", 0): curve}
print("balls caught (%):", *(f"{100 * share:.0f}" for share in curve[:, 1]))

# %% [markdown]
# > **Predict.** The animation shows an untrained network (left) and the trained one (right). When
# > do the three Q-values of the trained network differ most?

# %% alt="Animation: two games of Catch with bars of the Q-values beside them. The untrained paddle misses the balls. The trained paddle goes below each ball and catches it."
plays = [
    catch.moments(test_player(network), catch.Catch(64, seed=5), steps=42)
    for network in (make_dqn(seed=0), dqn)
]
helpers.watch(catch.GAME, *plays)

# %% [markdown]
# **You should see** a trained network that goes below each ball. Its Q-values differ most when the
# ball is near the last row. At the top they are close together: there is still time for most
# columns.
#
# ## 4. What are the three ingredients for?
#
# Remove one at a time. The steps, the updates and the size of a batch stay the same.
#
# - **Without replay**, a batch is the newest four steps of each game. Then they are forgotten.
# - **Without target network**, the copy happens after every update, so $\theta^- = \theta$.
# - **Without exploration**, $\epsilon = 0$ from the beginning.
#
# > **Predict.** Which ingredient does this game need most?

# %%
VARIANTS = {
    "all three": {},
    "without replay": {"replay": False},
    "without target network": {"sync": 1},
    "without exploration": {"epsilon": ((0, 0.0),)},
}
lines = ["                         seed   balls caught (%)   mean best Q-value"]
for name, options in VARIANTS.items():
    for seed in SEEDS:
        if (name, seed) not in curves:
            curves[name, seed] = train(seed, **options)[1]
        caught, value = curves[name, seed][-3:, 1:].mean(axis=0)  # Of the last three tests.
        lines.append(f"{name:25s}{seed:4d} {100 * caught:14.0f} {value:18.2f}")
print("\n".join(lines))

# %% alt="Three panels of learning curves, two seeds each. With all three ingredients the share of balls rises above 90 percent. Without replay it stays between 20 and 50 percent. Without target network it goes up and down and ends near 80. Without exploration it rises late and ends at 70 to 80."
figure, axes = plt.subplots(1, 3, figsize=(8, 3.4), sharey=True)
names = list(VARIANTS)[1:]
for ax, name, colour in zip(axes, names, palette.OTHERS[3:6], strict=True):
    for seed, line in zip(SEEDS, ("-", ":"), strict=False):
        for shown, look in (("all three", palette.EXPERT), (name, colour)):
            steps, caught, _ = curves[shown, seed].T
            ax.plot(steps, 100 * caught, line, color=look)
    ax.axhline(100 * references["random play"], color=palette.RANDOM_PLAY, linestyle="--")
    ax.set(xlabel="agent steps", title=name, ylim=(0, 102), xticks=(0, 2500, 5000, 7500))
axes[0].text(8000, 55, "all three", color=palette.EXPERT, ha="right")
axes[0].text(8000, 5, "random play", color=palette.RANDOM_PLAY, ha="right")
axes[0].set_ylabel("balls caught (%)")
figure.suptitle("Catch needs all three, and replay most (two seeds: solid, dotted)")
plt.show()

# %% [markdown]
# **You should see** in the last three tests 92 to 97 % with all three, 30 to 45 % without replay,
# 70 to 85 % without target network, and 60 to 75 % without exploration.
#
# - **Without replay** the batches are not varied. A batch shows what the present policy does in 16
#   games, and one batch in three has no reward at all. The network learns the newest situations and
#   forgets the others.
# - **Without target network** the curve rises and falls back, by 20 points or more. An update that
#   raises $Q(s, a)$ also raises the values of similar states. The next state is similar, and its
#   value is in the target. So every update moves its own target. The Q-values in the table end
#   higher than with all three, but the play is worse.
# - **Without exploration** learning is slow. The network tries another action only after misses
#   have lowered the value of its favourite. One seed begins at 0 %.
#
# The curves show *that* each ingredient helps here. The reasons are our guess. Another game may
# need another ingredient most.
#
# ## 5. How were the shipped experts trained?
#
# Our experts use a faster relative of the DQN: parallel Q-learning ([PQN, Gallici et al.
# 2024](https://arxiv.org/abs/2407.04811)). It plays many games at once and has no replay memory:
#
# ```text
# repeat:
#     play 16 steps in each of 64 games       (a rollout: 1,024 steps)
#     compute the targets of all these steps
#     learn from every step twice, in random order
#     forget the rollout
# ```
#
# The targets are **lambda-returns**: they contain the rewards of several steps, and less of the
# network's own opinion than Eq. 2.
#
# > **Predict.** Our expert of Pong trained for 2.2 million steps. After how many did it win more
# > points than it lost?

# %%
from amkit.jobs.presets import EXPERT

paper, card = EXPERT["paper"], amkit.read_card(helpers.ROOT / "pretrained" / "pong.keras")
ours = card["settings"]
print("                    Mnih et al.    our expert")
print(f"steps               {paper.steps:11,} {card['steps']:13,}")
print(f"parallel games      {paper.envs:11,} {ours['envs']:13,}")
print(f"steps kept          {paper.replay_steps:11,} {ours['envs'] * ours['rollout_steps']:13,}")
uses = paper.batch_size // paper.update_period_steps
print(f"uses of each step   {uses:11,} {ours['passes']:13,}")

# %% alt="Score of Pong's expert while it trains. It stays near -20 for about four minutes, rises steeply to 10 at seven minutes, and slowly reaches 18, near the published DQN."
rows = [row for row in card["learning_curve"] if row["games"]]  # Rows in which a game ended.
minutes = np.array([row["seconds"] / 60 for row in rows])
scores = np.array([row.get("score", row.get("score_pong")) for row in rows])
published = amkit.find_game("pong").scores.dqn
plt.plot(minutes, scores, color=palette.EXPERT)
plt.axhline(published, color=palette.PUBLISHED, linestyle="--")
plt.text(0, published - 3.5, "DQN of Mnih et al. 2015", color=palette.PUBLISHED)
plt.xlabel("minutes of training, two cores")
plt.ylabel("score while training (points)")
plt.title("Parallel Q-learning learns Pong in half an hour")
plt.show()
first = np.argmax(scores > 0)
print(f"above 0 points after {minutes[first]:.0f} minutes, {rows[first]['steps']:,} steps")

# %% [markdown]
# **You should see** a flat beginning, a steep rise, and an end near the published score. How can
# this work without replay and target network?
#
# - **64 games in place of replay.** They are in different situations, so a batch is varied.
# - **Fixed targets in place of a target network.** The targets of a rollout are computed once. The
#   layer `normalization` (tutorial 1) also keeps the values stable.
#
# The price: every step is used twice, not 8 times, and then lost.
#
# ## What to remember
#
# - The target is the reward plus the discounted value of the best next action. In the last step of
#   a game it is the reward alone.
# - Values travel backwards from the rewards.
# - Replay, or many parallel games, makes batches varied. A target network holds the targets still.
#   Exploration finds what the network does not know yet.
# - To find out what an ingredient is worth, remove it, with more than one seed.
#
# ## Exercises
#
# 1. **Write it yourself**: the replay memory (assignment 2 of the
#    [coursework](coursework/README.md)) and the TD target $y$ (assignment 3). `amkit check 2` and
#    `amkit check 3` mark your files.
# 2. **Two silent mistakes** in section 2. (a) Forget that nothing follows the last step of a game.
#    (b) Take the maximum over all 18 actions of the Atari, where actions that Catch does not have
#    get the value 0. How many of the 512 targets does each mistake change?
# 3. **Random play only.** Train with `epsilon=((0, 1.0),)`. Does the network catch balls in the
#    tests? Why?
# 4. **64 games.** Set `GAMES = 64` and train without replay. A batch is then the newest step of each
#    game. What changes? Which two things changed at once?
# 5. **Test a reason.** All games begin together, so all balls are always in the same row. Is this
#    why learning without replay fails? Train without replay and with `together=False` in
#    `catch.Catch(GAMES, seed)`: the first balls then begin in different rows.
