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
# **What you will learn**
#
# - how to give amkit a game of your own: no emulator is needed;
# - the update of a DQN in a few lines, checked against amkit's;
# - the whole training loop: act, step, store, sample, update, synchronise;
# - what replay, target network and exploration are for, by leaving each out;
# - how preset `laptop` trains an expert for Pong without replay, and what it has in place of a target network.
#
# **Time** 25 minutes, of which the computer takes 10. **Needs** `pip install -e '.[plots]'`, and `pretrained/pong.json`,
# which comes with amkit.
#
# ## A game of your own
#
# Atari takes too long for what follows: four kinds of training, with two seeds each. So here is a smaller game, *Catch*. A
# ball falls from a random column, drifts sideways and bounces off the walls. The paddle at the bottom moves left, right or
# not at all. A ball that is caught is worth 1, a missed one -1. A game has five balls.

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without the lines of its own that it would fill the page with.

import os
import time
from itertools import islice
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit.evaluation.protocols import Protocol
from amkit.games.catalogue import ACTIONS, Game
from amkit.games.environments import Outcome
from amkit.jobs.presets import EXPERT
from amkit.learning import returns
from amkit.learning.job import compile_learner
from amkit.play.policy import EpsilonGreedy, Piecewise
from amkit.play.replay import ReplayMemory
from amkit.play.rollout import rollout
from amkit.play.tally import ScoreKeeper

ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 2500))  # Of each environment; tests play less.
SEEDS = (0, 1) if STEPS >= 1000 else (0,)

catch = Game("catch", "Catch", ("NOOP", "RIGHT", "LEFT"))
codes = dict(zip(catch.actions, catch.action_codes.tolist(), strict=True))
print("actions:", codes)

# %% [markdown]
# An action has the same code in every game: its place among the ALE's 18. What amkit asks of environments is the protocol
# `amkit.games.environments.Environments`:
#
# - `observation`, uint8 [R, 4, 84, 84]: the last four frames of each of R games, played in parallel;
# - `start`, bool [R]: this is the first observation of a game;
# - `ended`, bool [R]: this is the last observation of a finished game, and the next action will be ignored. The ALE's
#   environments have such a step; Catch begins the next game at once, so that it is never true;
# - `action_masks`, bool [R, 18]: which actions are legal;
# - `send`, which begins a step, and `receive`, which ends it and returns an `Outcome`.


# %% alt="Six screens of Catch: a white ball falls while the paddle moves to the right"
BALLS, TOP, BOTTOM = (
    5 if STEPS >= 1000 else 2,
    6,
    80,
)  # Balls of a game; where one begins and lands.
PADDLE, BALL = 6, 2  # Half widths.
MOVE = np.zeros(len(ACTIONS), int)  # By code, in pixels a step.
MOVE[ACTIONS.index("RIGHT")], MOVE[ACTIONS.index("LEFT")] = 4, -4


class Catch:
    """R games in parallel, as `amkit.games.environments.Environments` asks for them."""

    def __init__(self, num_envs, seed=0):
        self.rng = np.random.default_rng(seed)
        self.action_masks = np.repeat([catch.action_mask], num_envs, axis=0)
        self.observation = np.zeros((num_envs, 4, 84, 84), np.uint8)
        self.start = np.ones(num_envs, bool)
        self.ended = np.zeros(num_envs, bool)
        self.paddle, self.balls, self.x, self.y, self.drift, self.fall = np.zeros(
            (6, num_envs), int
        )
        self._serve(self.start)
        self._see()

    def _serve(self, landed):
        """A new ball where the last one landed; a new game where it was the last."""
        self.paddle[self.start], self.balls[self.start] = 42, BALLS
        count = landed.sum()
        self.x[landed], self.y[landed] = self.rng.integers(BALL, 84 - BALL, count), TOP
        self.drift[landed] = self.rng.integers(-2, 3, count)
        self.fall[landed] = self.rng.integers(3, 6, count)

    def _see(self):
        """Draws a frame and puts it last in the stack; before a game's first frame all is zero."""

        def box(x, y, half_width, half_height):
            pixel = np.arange(84)
            columns = abs(pixel - x[:, None]) <= half_width
            rows = abs(pixel - y[:, None]) <= half_height
            return rows[:, :, None] & columns[:, None, :]

        bottom, top = np.full_like(self.y, 82), np.zeros_like(self.y)
        balls_left = box(top, top, 3 * self.balls[:, None], 1)
        seen = box(self.x, self.y, BALL, BALL) | box(self.paddle, bottom, PADDLE, 1) | balls_left
        stack = np.where(self.start[:, None, None, None], 0, self.observation[:, 1:])
        # A new array: whoever kept the last observation still has that.
        self.observation = np.concatenate([stack, np.uint8(255) * seen[:, None]], axis=1)

    def send(self, actions):
        self.actions = actions

    def receive(self):
        self.paddle = np.clip(self.paddle + MOVE[self.actions], PADDLE, 83 - PADDLE)
        self.x, self.y = self.x + self.drift, self.y + self.fall
        beyond = (self.x < BALL) | (self.x > 83 - BALL)
        self.x = np.clip(self.x, BALL, 83 - BALL)
        self.drift = np.where(beyond, -self.drift, self.drift)
        landed = self.y >= BOTTOM
        caught = landed & (abs(self.x - self.paddle) <= PADDLE + BALL)
        self.balls = self.balls - landed
        over = self.balls == 0
        self.start = over
        self._serve(landed)
        self._see()
        # No lives: only the end of the game is terminal.
        return Outcome((1.0 * caught - (landed & ~caught)).astype(np.float32), over, over)


environments = Catch(4, seed=5)
figure, axes = plt.subplots(1, 6, figsize=(12, 2.3), layout="constrained")
for ax in axes:
    for _ in range(3):
        environments.send(np.full(4, ACTIONS.index("RIGHT")))
        environments.receive()
    ax.imshow(environments.observation[0, -1], cmap="gray")
    ax.axis("off")
figure.suptitle("Catch, every third step: RIGHT all the time. Top left: the balls that are left.")
plt.show()

# %% [markdown]
# What can be had in this game? Two players who learn nothing say. One plays at random. The other is told where the ball
# will land, and goes there. Of both: the score of a game, and the discounted reward that lies ahead, on average over the
# steps. A value is an expectation of the latter, so that there is something to hold the network's values against.

# %%
ENVS = 32 if STEPS >= 1000 else 4  # Tests play in fewer.
DISCOUNT = 0.97  # Per step; a ball takes 15 to 25 steps.


def at_random(environments):
    return environments.rng.choice(catch.action_codes, len(environments.start))


def knowing(environments):
    place = environments.x + environments.drift * -((environments.y - BOTTOM) // environments.fall)
    width = 83 - 2 * BALL
    place = BALL + width - abs((place - BALL) % (2 * width) - width)  # Bounces off the walls.
    distance = place - environments.paddle
    right, left = ACTIONS.index("RIGHT"), ACTIONS.index("LEFT")
    return np.select([distance > 2, distance < -2], [right, left], ACTIONS.index("NOOP"))


PLAYED, HORIZON = min(STEPS, 400), 100  # Steps; those of which rewards ahead are cut off.


def play(player):
    """Returns (score of a game, discounted reward ahead of a step), means over 32 environments."""
    environments, keeper, scores = Catch(ENVS, seed=100), ScoreKeeper(ENVS), []
    played = rollout(environments, lambda observation: (player(environments), None))
    transitions = list(islice(played, PLAYED))
    for transition in transitions:
        scores += [score for _, score, _ in keeper.update(transition)]
    ahead, values = np.zeros(ENVS), []
    for transition in reversed(transitions):
        ahead = transition.reward + DISCOUNT * np.where(transition.terminal, 0, ahead)
        values.append(ahead)
    return np.mean(scores), np.mean(values[HORIZON:])


chance, chance_value = play(at_random)
best, best_value = play(knowing)
print(f"at random: score {chance:.2f}, reward ahead {chance_value:.2f}")
print(f"knowing:   score {best:.2f}, reward ahead {best_value:.2f}")

# %% [markdown]
# ## The update
#
# A DQN is a network $Q(s, a; \theta)$ with one output per action, and a copy of it with older weights $\theta^-$, the
# *target network*. It takes a step that was played, $(s, a, r, s')$, and moves $Q(s, a)$ towards what the step says it
# should be (Eq. 2):
#
# $$y = r + \gamma \max_{a'} Q(s', a'; \theta^-), \qquad
#   \mathcal L(\theta) = \left( y - Q(s, a; \theta) \right)^2,$$
#
# $y = r$ where the step ended the game. Mnih et al. clip the error in the gradient at -1 and 1: then it is the Huber loss, half
# the square inside and linear outside. To have steps to learn from, the player at random fills a `ReplayMemory`. It keeps each frame once and stacks four when it
# is asked for observations.

# %%
CAPACITY = 50_000  # Steps that the memory holds: 350 MB of frames.


def make_dqn(seed, normalize=False):
    keras.utils.set_random_seed(seed)
    network = amkit.nature_dqn(catch.num_actions, normalize_features=normalize)
    dqn = amkit.DQN(network, [catch])  # With its target network.
    compile_learner(dqn, keras.optimizers.Adam(5e-4), jit_compile=False)
    return dqn


def store(memory, transition):
    memory.add(
        transition.observation,
        action=transition.action,
        reward=np.clip(transition.reward, -1, 1),
        terminal=transition.terminal,
        start=transition.start,
        cut=transition.cut,
    )


def make_batch(memory, row, env):
    """What `train_step` takes, of the steps at (row, env) of a memory."""
    reward, discount, next_row = memory.what_followed(row, env, DISCOUNT)
    return {
        "observation": memory.observations(row, env),
        "action": memory.values("action", row, env),
        "reward": reward,
        "discount": discount,  # 0 where the game ended.
        "next_observation": memory.observations(next_row, env),
        "action_mask": np.repeat([catch.action_mask], len(row), axis=0),
    }


environments = Catch(ENVS, seed=0)
memory = ReplayMemory(CAPACITY, ENVS, np.random.default_rng(0))
for transition in islice(rollout(environments, lambda _: (at_random(environments), None)), 150):
    store(memory, transition)
batch = make_batch(memory, *memory.sample(512))
print(f"{len(memory)} steps; of a batch of 512, {np.count_nonzero(batch['reward'])} have a reward,")
print(f"{np.count_nonzero(batch['discount'] == 0)} ended a game")

# %% [markdown]
# Written out, and beside it what amkit computes. The target network gets other weights first: as long as it equals the
# online network, one could be mistaken for the other without being noticed.

# %%
dqn = make_dqn(seed=0)
dqn.target.set_weights(make_dqn(seed=1).online.get_weights())

q = dqn.online(batch["observation"]).numpy()  # [B, 3], in the order of catch.actions
next_q = dqn.target(batch["next_observation"]).numpy()
taken = np.argmax(batch["action"][:, None] == catch.action_codes, axis=1)  # From code to output.
y = batch["reward"] + batch["discount"] * next_q.max(axis=1)
error = y - q[np.arange(len(q)), taken]
size = np.abs(error)
loss = np.where(size < 1, error**2 / 2, size - 1 / 2).mean()

theirs = returns.td_error(
    dqn(batch["observation"]),  # [B, 18]: each output at the place of its action's code
    batch["action"],
    returns.td_target(batch["reward"], batch["discount"], next_q.max(axis=1)),
)
metrics = dqn.train_step({name: tf.constant(value) for name, value in batch.items()})
print(f"errors: greatest difference {np.abs(error - theirs).max():.1e}")
print(f"loss: {loss:.6f} here, {metrics['loss']:.6f} in train_step")
assert np.abs(error - theirs).max() < 1e-5 and abs(loss - float(metrics["loss"])) < 1e-5

# %% [markdown]
# ## The loop
#
# Around the update a DQN has three ingredients, and each has a switch here:
#
# - **Replay.** An update takes 32 steps drawn from everything that the memory holds. Without it, it takes the newest step
#   of each of the 32 environments: each step is learnt from once, then forgotten.
# - **Target network.** It is synchronised every 100 updates. Without it, after every update, so that $\theta^- = \theta$.
# - **Exploration.** Epsilon falls from 1 to 0.05 over the first third. Without it, it is 0 from the beginning.
#
# All else is the same: one update for a step of all environments, so that as many samples are learnt from as steps are
# played. Ten times in a training the network is tested on one game in each of 32 other environments, with epsilon 0.05.
# Whoever plays there gets the same balls.

# %%
SYNC = 100  # Updates from one copy into the target network to the next.
WARM_UP = 50  # Steps of each environment before the first update.
PROTOCOL = Protocol("catch", 0, ENVS, 0.0, "one game in each environment")


def test(network):
    games = Catch(ENVS, seed=200)
    return amkit.evaluate_game(network, catch, PROTOCOL, epsilon=0.05, environments=games)


def newest_of_all(row):
    """(row, env) of the steps in the memory's newest row: one of each environment."""
    return np.full(ENVS, row), np.arange(ENVS)


def train(
    replay=True,
    target=True,
    exploration=True,
    steps=STEPS,
    seed=0,
    newest=newest_of_all,
    normalize=False,
):
    """Returns the network and its curve: rows of (agent steps, score, its error, mean value)."""
    acting, sampling = np.random.default_rng(seed).spawn(2)
    environments = Catch(ENVS, seed)
    dqn = make_dqn(seed, normalize)
    policy = EpsilonGreedy(dqn, environments.action_masks, acting)
    epsilon = Piecewise([(0, 1.0), (steps // 3, 0.05)])
    memory = ReplayMemory(CAPACITY, ENVS, sampling)
    update = tf.function(dqn.train_step, autograph=False)
    curve = []
    played = rollout(environments, policy)
    for step in range(1, steps + 1):
        # Act epsilon-greedily, step, store.
        policy.epsilon = epsilon(step) if exploration else 0.0
        store(memory, next(played))
        if step <= WARM_UP:
            continue
        # Sample. What followed the very last row is not known yet.
        row, env = memory.sample(ENVS) if replay else newest(memory.rows_added - 2)
        batch = make_batch(memory, row, env)
        # Update, synchronise.
        metrics = update({name: tf.constant(value) for name, value in batch.items()})
        if not target or step % SYNC == 0:
            dqn.sync_target()
        if step % max(steps // 10, 100) == 0:
            score, value = test(dqn.online), float(metrics["mean_max_q"])
            curve.append((step * ENVS, score.mean, score.standard_error, value))
            dqn.reset_metrics()
    return dqn.online, np.array(curve)


VARIANTS = {
    "all three": {},
    "no replay": {"replay": False},
    "no target network": {"target": False},
    "no exploration": {"exploration": False},
}
curves, networks = {}, {}
for name, switches in VARIANTS.items():
    for seed in SEEDS:
        begun = time.monotonic()
        networks[name, seed], curve = train(**switches, seed=seed)
        curves[name, seed] = curve
        print(
            f"{name:18s} seed {seed}: score {curve[len(curve) // 2 - 1, 1]:5.2f} half-way, "
            f"{curve[-1, 1]:5.2f} ± {curve[-1, 2]:.2f} at the end; {time.monotonic() - begun:.0f} s"
        )

# %% alt="Two charts over agent steps: scores rise to the best possible with all three remedies and stay low without a target network, whose Q-values blow up"
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
for color, name in enumerate(VARIANTS):
    for seed in SEEDS:
        steps, scores, _, values = curves[name, seed].T
        style = {"color": f"C{color}", "linestyle": "-:"[seed], "marker": "."}
        left.plot(steps, scores, label=name if seed == 0 else None, **style)
        right.plot(steps, values, **style)
for ax, high, low in ((left, best, chance), (right, best_value, chance_value)):
    ax.axhline(high, color="gray", linestyle="--", linewidth=1, label="knowing; at random")
    ax.axhline(low, color="gray", linestyle="--", linewidth=1)
    ax.set_xlabel("agent steps")
left.set_ylabel("score at epsilon 0.05")
right.set_ylabel(r"mean of $\max_a Q(s', a; \theta^-)$")
figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
plt.show()

# %% [markdown]
# Solid: seed 0, dotted: seed 1. The errors above are those of one test of 32 games. Half-way, two trainings that differ in
# nothing but the seed can be further apart than that.
#
# A value is a promise. The final networks play once more: what do they say at each step, on average, and how much
# discounted reward then comes?


# %%
def says_and_gets(network):
    says = []
    policy = EpsilonGreedy(
        lambda observation: amkit.over_all_actions(network(observation), catch.action_codes),
        Catch(ENVS).action_masks,
        np.random.default_rng(0),
        epsilon=0.05,
    )

    def player(environments):
        action, q, _ = policy(environments.observation)
        says.append(q[:, catch.action_codes].max(axis=1))
        return action

    _, gets = play(player)
    return np.mean(says[:-HORIZON]), gets


for (name, seed), network in networks.items():
    says, gets = says_and_gets(network)
    print(f"{name:18s} seed {seed}: says {says:5.2f}, gets {gets:5.2f}")

# %% [markdown]
# What these eight trainings say, no more:
#
# - **All three** ends close to the player who knows. The network still promises less than it gets. Each copy into the target
#   network carries values one step further back from the reward (more where the network takes neighbouring frames for the
#   same). A ball takes 15 to 25 steps, and there were only 25 copies.
# - **No target network** is what does harm here, with both seeds. One learns later and ends lower; the other has learnt nothing in
#   the end, and plays worse than at random. In the first half their values jump to 2 and to nearly 8, and back: an update that
#   raises $Q(s, a)$ also raises the values of the next state, which looks much the same to the network, and thereby its own target.
#   In the end the one that plays promises more than twice what it gets. The maximum adds to that: it picks whatever action is
#   overrated. A target that stands still interrupts the loop.
# - **No replay** hardly matters: it ends a little lower, with both seeds. Are the newest steps of 32 environments varied
#   enough? Exercise 2 says that this is not all. Besides, the balls fall where they fall, however the paddle moves: what is
#   played now resembles all that was ever played, and there is little to forget. In Pong or Breakout, what one sees depends on
#   how one plays. And the memory was not used for its other purpose: here a step is learnt from once on average, in Mnih et
#   al. eight times. The newest steps cannot give that.
# - **No exploration** hardly matters either. The first values lie near 0 while a player who knows nothing gets -0.6: the
#   network begins as an optimist. Each missed ball lowers the value of what was done, then another action looks better, and
#   so everything is tried. In a game whose reward is only found by a long detour, nothing would be missed and nothing
#   tried.
#
# The explanations fit the numbers; the numbers do not prove them. And it is one small game. That it gets along without replay
# and without exploration does not say that Atari does.
#
# ## From here to Atari
#
# `amkit train pong --preset paper` is this loop with other numbers, those of Mnih et al. 2015, and the ALE's emulators in
# place of Catch. Before it starts it says how long it will take: days on a laptop. Preset `laptop` is another algorithm,
# parallel Q-learning (after PQN, Gallici et al. 2024). The card of Pong's expert has the settings that it was trained with.

# %%
paper = EXPERT["paper"]
card = amkit.read_card(ROOT / "pretrained" / "pong.keras")
laptop = card["settings"]
gigabytes = paper.replay_steps * 84 * 84 / 1e9
samples = paper.batch_size // paper.update_period_steps
rollout_steps = laptop["envs"] * laptop["rollout_steps"]
updates = laptop["passes"] * rollout_steps // laptop["batch_size"]
print(
    f"paper:  {paper.steps:,} agent steps, {paper.envs} environment\n"
    f"        replay of {paper.replay_steps:,} steps ({gigabytes:.1f} GB), {samples} samples a step\n"
    f"        target network: a copy every {paper.target_sync_updates:,} updates\n"
    f"laptop: {laptop['steps']:,} agent steps, {laptop['envs']} environments\n"
    f"        rollouts of {laptop['rollout_steps']} steps each, {rollout_steps:,} in all, "
    f"{laptop['passes']} samples a step\n"
    f"        returns computed once for {updates} updates, lambda {laptop['trace_decay']}"
)
print(
    f"averaging: {laptop.get('averaging', 1)} then, {EXPERT['laptop'].averaging} in the preset now"
)

# %% [markdown]
# Why can it do without replay and target network?
#
# - **Replay.** 64 environments are in 64 different places. A rollout of all of them, shuffled, makes varied batches. The
#   price: a step is learnt from in a few passes, and then it is gone.
# - **Target network.** It has substitutes. The targets of a rollout are computed once, from the values that the network had
#   while it acted; they stand still during the updates on that rollout. They are $\lambda$-returns,
#
#   $$G_t = r_t + \gamma \left( V_{t+1} + c_{t+1} (G_{t+1} - Q_{t+1}) \right), \qquad c_t = \lambda \pi(a_t|s_t),$$
#
#   where $Q_t = Q(s_t, a_t)$ and $V_t = \sum_a \pi(a|s_t) Q(s_t, a)$, with $\pi$ the policy that is epsilon-greedy at 0.05: a
#   return hardly goes on behind an action that $\pi$ would hardly have taken. So they have as many as a rollout's rewards in them, and less of the network's own opinion than in Eq. 2, where all but one reward is
#   opinion. And the 512 features are layer-normalised, so that they cannot grow with the weights before them; Gallici et al.
#   analyse why that keeps learning from one's own values stable.
# - Where `averaging` is below 1, the network that acts, and whose values the targets are made of, is a running average of
#   the one that learns. That is a target network again: one that moves a little after each rollout, in place of all the way
#   after 10,000 updates.
#
# What comes of it is on the card of Pong's expert.

# %% alt="Pong's expert over 31 minutes: the score climbs from -21 to 18 and reaches the published DQN"
rows = [row for row in card["learning_curve"] if row["games"]]  # Those in which a game ended.
minutes = np.array([row["seconds"] / 60 for row in rows])
steps = np.array([row["steps"] for row in rows])
scores = np.array([row.get("score", row.get("score_pong")) for row in rows])
plt.figure(figsize=(9, 3.2), layout="constrained")
plt.plot(minutes, scores)
published = amkit.find_game("pong").scores.dqn
plt.axhline(published, color="gray", linestyle="--")
plt.text(0, published - 4, "DQN of Mnih et al. 2015", color="gray")
plt.xlabel("minutes")
plt.ylabel("score while training")
plt.show()
print(f"{card['command']}: {card['steps']:,} agent steps, {card['minutes']} minutes")
for threshold in (-15, 0, 15):
    first = np.argmax(scores > threshold)
    print(
        f"above {threshold:3d} after {minutes[first]:4.1f} minutes, {steps[first]:9,} agent steps"
    )

# %% [markdown]
# ## You should know
#
# - A game is whatever has an observation uint8 [R, 4, 84, 84], `start`, `ended`, `action_masks`, `send` and `receive`.
# - The target of an update is made by the network itself. A target network keeps it from running after its own changes.
# - `mean_max_q` in the metrics is worth a look: values that jump, or that promise more than can be had, are a warning.
# - What an ingredient is worth depends on the game, the number of environments and the updates per step. Leave it out
#   and look.
# - Test with the same epsilon for all: a training score has the noise of exploration in it.
# - Two seeds show that a result can be repeated at all, not how large it is.
#
# ## Exercises
#
# 1. Two mistakes that raise no error: forget that nothing follows a terminal step; take the maximum over all 18 outputs
#    in place of the legal ones. How many targets of `batch` does each change, and by how much?
# 2. Is it thanks to the 32 environments that it learns without replay? Give an update the last 32 steps of *one* of them, of
#    each in turn, so that a step is still learnt from once. Beside the score, measure what batches are like: the spread of the
#    ball's height and the paddle's place within a batch, and their correlation with the batch before.
# 3. Leave out both replay and target network, and normalise the features. That is a step towards preset `laptop`.
#
# ### Solutions

# %%
# 1. The first is rare, but it always errs the same way: the end of a game gets the value of the next game's beginning. The
# second spoils every target at which all legal values are below 0, since an output that is not there counts as 0: the
# network never learns how bad it can get.
network = networks["all three", 0]
q = network(batch["next_observation"]).numpy()
right = batch["reward"] + batch["discount"] * q.max(axis=1)
for mistake, wrong in (
    ("terminal forgotten", batch["reward"] + DISCOUNT * q.max(axis=1)),
    ("mask forgotten", batch["reward"] + batch["discount"] * q.max(axis=1).clip(0)),
):
    change = (wrong - right)[wrong != right]
    print(
        f"1. {mistake:18s} changes {len(change):3d} of {len(right)} targets, by {change.mean():.2f}"
    )


# %%
# 2. Not only: learning from one environment at a time ends as high as with the memory, if later, on this one seed. Its batches are
# the least varied, in the paddle's place; those of all environments are near copies of the batch before. Neither does much
# harm in this game.
def newest_of_one(row):
    return row - np.arange(ENVS), np.full(ENVS, row % ENVS)


def places(row, env):
    """Float [2, B]: rows of the balls and columns of the paddles, read off the newest frames."""
    frames = memory.observations(row, env)[:, -1] > 0
    pixel = np.arange(84)
    ball, paddle = frames[:, 3:81].any(axis=2), frames[:, 83]
    return ball @ pixel[3:81] / ball.sum(axis=1), paddle @ pixel / paddle.sum(axis=1)


kinds = {
    "memory": lambda row: memory.sample(ENVS),
    "newest of all": newest_of_all,
    "newest of one": newest_of_one,
}
for name, kind in kinds.items():
    seen = np.array([places(*kind(row)) for row in range(WARM_UP, 149)])
    for what, values in zip(("ball", "paddle"), seen.swapaxes(0, 1), strict=True):
        spread = values.std(axis=1).mean()
        correlation = np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]
        print(f"2. {name:13s} {what:6s}: spread {spread:4.1f}, correlation {correlation:5.2f}")
_, curve = train(replay=False, newest=newest_of_one)
print("2. scores:", *(f"{score:.2f}" for score in curve[:, 1]))

# %%
# 3. It learns, a little later than with all three and not quite as high, far above no target network alone; and it promises only
# a little too much. One seed, and two changes in one: with normalised features, outputs also begin at zero.
network, curve = train(replay=False, target=False, normalize=True)
print("3. scores:", *(f"{score:.2f}" for score in curve[:, 1]))
print("3. says {:.2f}, gets {:.2f}".format(*says_and_gets(network)))
