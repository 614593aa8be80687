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
# # 4. Feature regression
#
# **What you will learn**
#
# - the second half of the Actor-Mimic objective (Eq. 5, 6), written out;
# - what a linear projection of a student's features recovers of an expert's, measured on games that nobody learnt from,
#   and why a bare percentage says little;
# - how to *probe* features: is the ball in there? Its speed?
#
# **Time** 25 minutes, some 5 of them computing on two cores. **Needs** `pip install -e '.[plots]'` and the experts of Pong and
# Boxing, which come with amkit. Tutorial 3 first.
#
# ## The idea
#
# In tutorial 3 the student learnt *what* the expert does. The last layer before the outputs, `features`, holds what
# the expert has made of the screen by then: 512 numbers, of which its Q-values are an affine function. The paper's section
# 3.2 asks the student to know those too: "why it should act that way" (section 3.3). The student need not copy them. A
# *projection* $f_i$ for each game $i$ has to predict them from the student's own features:
#
# $$\mathcal L^i_{FeatureRegression}(\theta, \theta_{f_i}) = \| f_i(h_{AMN}(s;\theta);\theta_{f_i}) - h_{E_i}(s) \|_2^2 \qquad\text{(Eq. 5)}$$
#
# and both objectives are added, the second with a weight $\beta$ (Eq. 6):
#
# $$\mathcal L^i_{ActorMimic} = \mathcal L^i_{policy} + \beta \, \mathcal L^i_{FeatureRegression}.$$
#
# In the paper the $f_i$ are linear and $\beta$ is 0.01. The gradient flows through $f_i$ into the student. When learning
# is over, the projections are thrown away.

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
from amkit.games.atari import AtariEnvironments, background
from amkit.jobs.build import build
from amkit.jobs.configuration import distill_config
from amkit.jobs.rates import fastest
from amkit.networks.twins import in_precision

ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 40_000))  # Of one game. Tests play less.
FULL = STEPS >= 10_000
PROTOCOL = amkit.PROTOCOLS["quick" if FULL else "tiny"]
UNSEEN = 2**30  # A seed far from those of training.

precision = fastest(128, jit_compile=False)[0] if FULL else "float32"
pong, boxing = games = [amkit.find_game(name) for name in ("pong", "boxing")]
experts = [e.network for e in amkit.load_experts(ROOT / "pretrained", ["pong", "boxing"])]
for game, expert in zip(games, experts, strict=True):
    print(game.name, expert.get_layer("features").output.shape, "->", expert.output.shape)

# %% [markdown]
# Eq. 5 in code is short. `amkit.feature_regression` is the same function:


# %%
def feature_regression(projected, expert_features):  # Eq. 5, one number per state
    return tf.reduce_sum((projected - expert_features) ** 2, axis=-1)


rng = np.random.default_rng(0)
a, b = rng.normal(size=(2, 8, 512)).astype(np.float32)
print("differ by", np.abs(feature_regression(a, b) - amkit.feature_regression(a, b)).max())

# %% [markdown]
# ## Two students
#
# One network for Pong and Boxing, distilled twice: once with $\beta = 0$, policy regression as in tutorial 3 (but student
# and expert act in turns, as preset `laptop` has it), and once with $\beta = 0.01$. That is the paper's number; its features
# and its temperature have other scales, so that it need not mean the same. All else is equal: first weights, seeds, updates. This is
# `amkit distill --experts pretrained/ --games pong,boxing --feature-weight 0.01` in a short run, without its files.


# %%
def distil(feature_weight):
    """Returns (student in float32, its learner)."""
    tiny = {} if FULL else {"envs": 2, "batch_size": 8, "replay_start_steps": 40}
    config = distill_config(
        ROOT / "pretrained",
        ["pong", "boxing"],
        steps=STEPS,
        feature_weight=feature_weight,
        precision=precision,
        jit_compile=False,
        **tiny,
    )
    job = build(config, environments_seed=0)
    begun = time.perf_counter()
    with closing(job.environments):
        while job.steps < job.settings.steps:
            job.play_and_learn()
    seconds = time.perf_counter() - begun
    print(f"beta {feature_weight}: {job.updates} updates, {2 * job.steps / seconds:,.0f} steps/s")
    return in_precision(job.learner.acting, "float32"), job.learner


policy_only, _ = distil(0.0)
with_regression, learner = distil(0.01)

# %% [markdown]
# ## What does a projection recover?
#
# We need states that no student learnt from: new games, played by each expert with some random actions. Half of the
# environments are for fitting, the other half for measuring. (Not every second state: states of one game resemble each
# other, and a fit would be measured on what it has almost seen. Even so, this expert of Pong plays many points alike:
# what is measured here is recovered in ordinary play, not in whatever might happen.)


# %%
def some_states(expert, game, steps=1600 if FULL else 48, envs=32 if FULL else 2, every=8):
    """Returns uint8 [2, N, 4, 84, 84]: states to fit on, and to measure on."""
    rng, kept = np.random.default_rng(1), []
    greedy = tf.function(lambda observation: tf.argmax(expert(observation), axis=-1))
    with closing(AtariEnvironments([game], envs, seed=UNSEEN)) as environments:
        for step in range(steps):
            observation = environments.observation
            if step % every == every - 1:
                kept.append(observation.copy())
            action = game.action_codes[greedy(observation).numpy()]
            drawn = rng.choice(game.action_codes, envs)
            environments.step(np.where(rng.random(envs) < 0.1, drawn, action))
    halves = np.stack(kept).swapaxes(0, 1).reshape(2, -1, 4, 84, 84)
    return halves


def answers(network, states):
    """What a network says of all states, float64 [2, N, outputs]."""
    halves = [np.split(half, range(256, len(half), 256)) for half in states]
    return np.array([np.concatenate([network(few) for few in half]) for half in halves], float)


def features_of(network, states):
    """float64 [2, N, 512]"""
    return answers(keras.Model(network.input, network.get_layer("features").output), states)


states = {game.name: some_states(expert, game) for game, expert in zip(games, experts, strict=True)}
expert_features = {
    game.name: features_of(expert, states[game.name])
    for game, expert in zip(games, experts, strict=True)
}
print("states:", states["pong"].shape)

# %% [markdown]
# The best linear projection has a closed form: least squares, with a ridge against directions that hardly vary, small beside
# the variance of the features that we predict from. How
# good it is we say as $R^2$: the share of the variance of the expert's features, all 512 together, that is explained
# on the other half of the games. 0 is what predicting their mean would do; below 0 is worse than that.


# %%
def fit(inputs, targets, ridge=1e-3):
    """Least squares with a constant; returns the function that predicts."""
    centre, offset = inputs.mean(axis=0), targets.mean(axis=0)
    x = inputs - centre
    gram = x.T @ x
    gram += (ridge * np.trace(gram) / len(gram) + 1e-9) * np.eye(len(gram))
    weights = np.linalg.solve(gram, x.T @ (targets - offset))
    return lambda new: (new - centre) @ weights + offset


def r_squared(predicted, targets):
    return 1 - ((predicted - targets) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum()


def recovered(inputs, targets):
    """R^2 on the second half of what is fitted on the first; both [2, N, D]."""
    return r_squared(fit(inputs[0], targets[0])(inputs[1]), targets[1])


keras.utils.set_random_seed(1)
zero = np.mean([background(game) for game in games])  # As in the students.
untrained = amkit.actor_mimic_network(normalize_features=True, background=zero)
networks = {
    "untrained network": untrained,
    "expert of the other game": None,
    "student, beta 0": policy_only,
    "student, beta 0.01": with_regression,
}
features = {}  # (network, game) -> [2, N, 512]
print(f"{'R^2 of the expert of':26s}" + "".join(f"{game.name:>10s}" for game in games))
for name, network in networks.items():
    line = f"{name:26s}"
    for i, game in enumerate(games):
        source = network or experts[1 - i]
        features[name, game.name] = features_of(source, states[game.name])
        line += f"{recovered(features[name, game.name], expert_features[game.name]):10.3f}"
    print(line)

# %% [markdown]
# Read the first line before the others. A network that has learnt nothing lets a projection recover this much: random
# convolutions of the screen are features too, and there are 512 of them. A figure for a student means something only
# beside that one. The second line asks the same of a network that has learnt a lot, about another game.
#
# The learner has a projection of its own, trained along with the student: with the weights that learn, where we asked their
# running average, which plays. It had to follow a moving target, but it has seen more states, and not only the expert's. Is it
# better or worse than ours?

# %%
learning = in_precision(learner.student, "float32")
for i, game in enumerate(games):
    own = learner.projections[i](features_of(learning, states[game.name])[1]).numpy()
    print(
        f"{game.name}: the learner's own projection {r_squared(own, expert_features[game.name][1]):.3f}"
    )

# %% [markdown]
# ## What it cannot recover
#
# Do the expert's features need all 512 dimensions? How good could a student with only $k$ features be? For linear features the
# answer is known (Eckart and Young 1936): the best $k$ are the first principal components. We take those of the first half
# of the games, and see what they explain of the second.


# %% alt="Two curves of R squared over the number of components; the students recover 0.5 and 0.6 of Pong's expert, and 0.77 of Boxing's"
def explained(target):
    """R^2 on the second half of the first k principal components of the first half: [D]."""
    centre = target[0].mean(axis=0)
    _, _, directions = np.linalg.svd(target[0] - centre, full_matrices=False)
    along, rest = (target[1] - centre) @ directions.T, target[1] - centre
    left = (rest**2).sum() - np.cumsum((along**2).sum(axis=0))
    return 1 - left / ((target[1] - target[1].mean(axis=0)) ** 2).sum()


_, axes = plt.subplots(1, 2, figsize=(12, 3.5), sharey=True)
for ax, game in zip(axes, games, strict=True):
    target = expert_features[game.name]
    share = explained(target)
    ax.semilogx(np.arange(1, len(share) + 1), share, label="best k features there are")
    for name, colour in (("student, beta 0", "tab:orange"), ("student, beta 0.01", "tab:green")):
        level = recovered(features[name, game.name], target)
        ax.axhline(level, color=colour, linestyle="--", label=name)
        fewer = np.count_nonzero(share < level)  # `share` rises with k.
        print(
            f"{game.name:8s} {name:20s} R^2 {level:.3f}: more than the best {fewer} features hold"
        )
    ax.set_title(f"{game.name}: 90 % in {np.searchsorted(share, 0.9) + 1} components, "
                 f"99 % in {np.searchsorted(share, 0.99) + 1}")  # fmt: skip
    ax.set_xlabel("k")
axes[0].set_ylabel(r"$R^2$ of the expert's features")
axes[0].legend(loc="lower right")
plt.show()

# %% [markdown]
# Width is no limit here: each game has a projection of its own, so that the same 512 features can serve both. The curves say
# how few would do. What a linear map cannot do is bring back what the student's layers do not pass on. Policy regression
# has no use for how *high* the value is: it is the same for all actions, and the softmax of Eq. 3 cancels it. Has the
# student lost it, then? Compare with the untrained network:


# %%
for game, expert in zip(games, experts, strict=True):
    value = answers(expert, states[game.name]).max(axis=-1, keepdims=True)  # max_a Q(s, a)
    for name in networks:
        share = recovered(features[name, game.name], value)
        print(f"{game.name:8s} {name:26s} R^2 of the expert's value {share:6.3f}")

# %% [markdown]
# ## Probing: where is the ball?
#
# $R^2$ over 512 nameless numbers is hard to picture. A *probe* asks for something that we know the name of. In Pong everything is
# in the picture: the ball is the only thing between the paddles. Its position in the newest frame, and in the one
# before that, gives its speed too; our own paddle is the bright bar on the right.


# %% alt="Four screens of Pong with the ball circled and the paddle marked"
def locate(frames, columns):
    """Centre of what is not background in some columns: (x, y) each [N], NaN where nothing is."""
    court = frames[:, 15:77, columns].astype(float)  # Below the score, above the lower wall.
    bright = np.abs(court - 87) > 15  # Pong's background is 87.
    total = bright.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        x = (bright.sum(axis=1) @ np.arange(court.shape[2])) / total + columns.start
        y = (bright.sum(axis=2) @ np.arange(court.shape[1])) / total + 15
    return x, y


def things_in_pong(states):
    """name -> [2, N], NaN where there is no ball; in pixels of the 84 x 84, and per step."""
    found = {name: [] for name in ("ball x", "ball y", "ball speed x", "ball speed y", "paddle y")}
    for half in states:
        x, y = locate(half[:, 3], slice(12, 72))
        x_before, y_before = locate(half[:, 2], slice(12, 72))
        _, paddle = locate(half[:, 3], slice(73, 77))
        for name, values in zip(found, (x, y, x - x_before, y - y_before, paddle), strict=True):
            found[name].append(values)
    return {name: np.stack(values) for name, values in found.items()}


things = things_in_pong(states["pong"])
figure, axes = plt.subplots(1, 4, figsize=(12, 3.2))
with_ball = np.flatnonzero(np.isfinite(things["ball speed x"][0]))
some = rng.choice(with_ball if len(with_ball) >= 4 else len(states["pong"][0]), 4, replace=False)
for ax, i in zip(axes, some, strict=True):
    ax.imshow(states["pong"][0, i, 3], cmap="gray", vmin=0, vmax=255)
    x, y, dx, dy, paddle = (things[name][0, i] for name in things)
    if np.isfinite(x + dx):
        ax.plot(x, y, "o", markersize=12, markerfacecolor="none", color="tab:red")
        ax.annotate("", (x + 2 * dx, y + 2 * dy), (x, y), arrowprops={"arrowstyle": "->", "color": "tab:red"})  # fmt: skip
    ax.axhline(paddle, color="tab:green", linewidth=1)
    ax.axis("off")
plt.show()

# %% [markdown]
# Red: the ball and where it flies. Green: our paddle. A linear probe from 512 features to each, for every network:


# %% alt="Bars of R squared for five things to probe: features of expert and students tell the ball, those of another game's expert mostly least"
def probe(inputs, target):
    """R^2 on the second half, over the states in which the thing is there."""
    there = np.isfinite(target)
    if there.sum(axis=1).min() < 2:
        return np.nan
    predict = fit(inputs[0][there[0]], target[0][there[0]][:, None])
    return r_squared(predict(inputs[1][there[1]]), target[1][there[1]][:, None])


pong_features = {"expert": expert_features["pong"]}
pong_features |= {name: features[name, "pong"] for name in networks}
print(f"{'R^2':26s}" + "".join(f"{name:>14s}" for name in things))
probed = {}
for name, values in pong_features.items():
    probed[name] = [probe(values, target) for target in things.values()]
    print(f"{name:26s}" + "".join(f"{value:14.3f}" for value in probed[name]))

plt.figure(figsize=(12, 3))
places, width = np.arange(len(things)), 0.8 / len(probed)
for i, (name, values) in enumerate(probed.items()):
    plt.bar(places + i * width, np.maximum(values, 0), width, label=name)
plt.xticks(places + 0.4 - width / 2, list(things))
plt.ylabel(r"$R^2$ of a linear probe")
plt.legend(bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# A probe says what *can* be read off linearly, not what the network uses. A low figure says that it is not there in linear
# form; it may still be there in another. Compare each line with the untrained network's before you say that a network
# has *learnt* where the ball is.
#
# ## A picture of features
#
# 512 dimensions on paper: the first two principal components of the expert's features, each state a point, coloured by
# where the ball is. Then the students' features, each through its projection, drawn on the expert's axes. Where the
# projection recovers everything, the clouds are the same.

# %% alt="Four scatter plots of features, coloured by the ball's place: the expert's form an arc, the others a cloud"
target = expert_features["pong"][1]
centre = expert_features["pong"][0].mean(axis=0)
_, _, directions = np.linalg.svd(expert_features["pong"][0] - centre, full_matrices=False)
clouds = {"expert": target}
for name in ("untrained network", "student, beta 0", "student, beta 0.01"):
    own = features[name, "pong"]
    clouds[name] = fit(own[0], expert_features["pong"][0])(own[1])
figure, axes = plt.subplots(1, 4, figsize=(15, 3.8), sharex=True, sharey=True)
for ax, (name, cloud) in zip(axes, clouds.items(), strict=True):
    first, second = ((cloud - centre) @ directions[:2].T).T
    dots = ax.scatter(first, second, c=things["ball x"][1], s=4, cmap="viridis", plotnonfinite=True)
    ax.set_title(name)
figure.colorbar(dots, ax=axes, label="ball x, pixels")
plt.show()

# %% [markdown]
# ## Does it help to play?
#
# For its multitask results the paper sets $\beta$ to 0, as its "focus is on multitask learning and not transfer
# learning". It says that feature regression helps transfer to some games and "can slightly hurt transfer" from others; of its
# effect on play it says little. So let both students play:

# %%
for game, expert in zip(games, experts, strict=True):
    players = {"expert": expert, "beta 0": policy_only, "beta 0.01": with_regression}
    for name, network in players.items():
        result = amkit.evaluate_game(network, game, PROTOCOL, epsilon=0.05, seed=UNSEEN)
        print(f"{game.name:8s}{name:10s}{result.mean:7.1f} +- {result.standard_error:.1f}   {len(result.scores)} games")  # fmt: skip

# %% [markdown]
# In the run shown here a projection recovers 0.50 (Pong) and 0.76 (Boxing) of the expert's features from the student with $\beta = 0$,
# which was never asked for them; 0.59 and 0.78 with $\beta = 0.01$. An untrained network gives 0.35 and 0.51. So in Boxing policy regression
# alone teaches nearly all that the student with $\beta = 0.01$ has, in Pong somewhat more than half of it. The value is not lost: 0.28 and 0.78 with
# $\beta = 0$, where the untrained network has 0.11 and 0.35. The ball's height and its speed along y can be read off the students' features better than off
# the expert's, its speed along x less well; of the paddle even the untrained network tells more than the expert does. Why, a probe does not say. In
# Boxing both students play alike; in Pong the one with $\beta = 0.01$ is behind in so short a run (7.1 ± 1.9 and 15.0 ± 1.0), and with $\beta = 1$
# (exercise 3) both games are lost, as the squared distance outweighs the policy's loss. One seed, ten games each.
#
# ## You should know
#
# - Feature regression adds a second signal from the same teacher: predict the expert's last hidden layer, through a projection of its
#   own for every game, which is thrown away in the end.
# - A projection makes the question fair: the student may order, rotate and scale its features as it likes (exercise 1).
# - $R^2$ needs its baselines: an untrained network, and a network trained on something else.
# - The softmax cancels the level of the values, and policy regression does not ask for it. Whether the features have it all
#   the same has to be measured.
# - A probe finds what is linearly there. It neither shows that it is used nor that it was learnt.
#
# ## Exercises
#
# 1. Rotate the expert's features by a random orthogonal matrix, and recover them. What happens to $R^2$, and what has that to do
#    with the "issues with identifiability" of section 3.2?
# 2. Go the other way: predict the *student's* features from the expert's. What does it mean if that works less well?
# 3. Distil with $\beta = 1$. What becomes of $R^2$, and of play?
#
# ### Solutions

# %%
# 1. Nothing happens: a linear map followed by a rotation is a linear map, and a rotation keeps squared distances. So the
# objective cannot tell apart experts that differ by a rotation, and no student has to hit one of them by chance. Without a
# projection it would: the student would be asked for feature 17 in place 17.
rotation, _ = np.linalg.qr(rng.normal(size=(512, 512)))
for name in ("student, beta 0", "student, beta 0.01"):
    own, target = features[name, "pong"], expert_features["pong"]
    print(f"1. {name}: {recovered(own, target):.4f}, rotated {recovered(own, target @ rotation):.4f}; "
          f"feature by feature, with no projection, {r_squared(own[1], target[1]):.2f}")  # fmt: skip

# %%
# 2. The student also serves the other game, and may keep things that this expert does not use; feature regression does not
# punish extras. In Boxing the way back is worse. In Pong it is not: each R^2 weighs directions by the variance of what is
# predicted, and this student's larger ones are those that it shares with its expert. The two are no mirror images.
for game in games:
    for name in ("student, beta 0", "student, beta 0.01"):
        there = recovered(features[name, game.name], expert_features[game.name])
        back = recovered(expert_features[game.name], features[name, game.name])
        print(f"2. {game.name:8s}{name:20s} expert's from student's {there:.3f}, back {back:.3f}")

# %%
# 3. The squared distance is a sum over 512 features: at beta = 1 it outweighs the policy's loss by far.
strong, _ = distil(1.0)
for game in games:
    share = recovered(features_of(strong, states[game.name]), expert_features[game.name])
    result = amkit.evaluate_game(strong, game, PROTOCOL, epsilon=0.05, seed=UNSEEN)
    print(
        f"3. {game.name:8s} R^2 {share:.3f}, score {result.mean:.1f} +- {result.standard_error:.1f}"
    )
