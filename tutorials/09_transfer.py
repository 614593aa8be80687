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
# # 9. Transfer
#
# A DQN that learns a new game begins with random weights. It must first learn what a moving thing
# looks like. An Actor-Mimic network (AMN) that plays other games already has such filters. Does a
# new game learn faster if it begins with them? Section 3.4 of the
# [paper](https://arxiv.org/abs/1511.06342) proposes this. You do it, and test whether a gain is
# knowledge.
#
# **Time:** 20 minutes, 3 of them computing. **You need:** `pip install -e '.[tutorials]'`. Do
# [tutorial 3](03_one_game_distillation.ipynb) first.
#
# The new game is the **target**. The games that the AMN learnt are the **sources**.
#
# ## 1. Which AMN may we use?
#
# amkit ships several AMNs. Their cards name the games that they learnt, and their scores.
#
# > **Predict.** We want to learn Breakout. Two of the three AMNs below never saw it. What would go
# > wrong with the third?

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
from amkit.games.atari import background
from amkit.games.published import TABLE_2
from amkit.reports import recorded
from amkit.reports.text import interval
from amkit.reports.transfers import table_2, transfers
from amkit.transfer.initialise import initialise, load_source

helpers.style()
SEED = 0  # Change this, and the curves of section 3 change.
STEPS = helpers.steps(12_288)  # One step is one decision: 4 frames.
RECORDED = helpers.ROOT / "tutorials" / "recorded"

for name in ("amn", "amn-policy", "amn-feature"):
    card = amkit.read_card(helpers.ROOT / "pretrained" / f"{name}.keras")
    print(f"{name} learnt {len(card['games'])} games: {', '.join(card['games'])}")
    for score in card["scores"]:
        if score["game"] == "breakout":
            print(f"  score in Breakout: {score['mean']:.0f}")

# %% [markdown]
# **You should see** that `amn` learnt Breakout. It scores 221 there before our experiment begins. A
# DQN that begins with it would look like a great success of transfer. But this source has *seen the
# target*. The mistake is the same as a test set inside the training data: check the source's games
# first.
#
# The other two learnt the paper's 13 source games, which include no target:
#
# - `amn-policy`: by policy regression (tutorial 3).
# - `amn-feature`: the same network, trained on with feature regression too
#   ([tutorial 4](04_feature_regression.ipynb)).
#
# ## 2. How does an AMN become a DQN?
#
# The AMN has 18 logits $z$. The DQN has the same layers and 18 Q-values. Each layer is copied, with
# two corrections:
#
# ```text
# copy all weights
# output layer:   weights = tau * weights
# first layer:    bias = bias + brighter * (sum of each filter)
# ```
#
# - **The output layer.** The AMN copied the softmax of $Q_E / \tau$. A perfect copy has
#   $z_a = Q_E(s, a) / \tau + c(s)$. The unknown number $c(s)$ is the same for all actions. So in
#   $\tau z$, *differences* between actions have the scale of Q-values. (amkit's 13 experts each had
#   their own $\tau$. We take the geometric mean.)
# - **The first layer.** Each network subtracts the background of its games from its input. The
#   AMN's background is not Gopher's. The new biases undo the difference.
#
# The paper removes "the final softmax layer". amkit keeps the output layer, as the authors' own
# code does. `head="new"` begins a new one instead.
#
# > **Predict.** Which layer has most of the weights? Which share has the output layer?

# %%
source = load_source(helpers.ROOT / "pretrained" / "amn-policy.keras")
gopher = amkit.find_game("gopher")
assert gopher.name not in source.games  # Our target, from section 3 on.
layers = {"normalize_features": True, "background": background(gopher)}

ours = amkit.actor_mimic_network(**layers)
ours.set_weights(source.network.get_weights())
output = ours.get_layer("output")
output.set_weights([source.temperature * weight for weight in output.get_weights()])
kernel, bias = ours.get_layer("conv1").get_weights()
brighter = (background(gopher) - source.background) / 255
ours.get_layer("conv1").set_weights([kernel, bias + brighter * kernel.sum(axis=(0, 1, 2))])

amkits = amkit.actor_mimic_network(**layers)
initialise(amkits, source)
for own, theirs in zip(ours.get_weights(), amkits.get_weights(), strict=True):
    assert np.allclose(own, theirs, atol=1e-6)
print(f"the same weights as amkit's; tau is {source.temperature:.3f}")
for layer in ours.layers:
    if layer.weights:
        share = layer.count_params() / ours.count_params()
        print(f"{layer.name:15s}{layer.count_params():10,d} weights {share:6.1%}")

# %% [markdown]
# **You should see** that 95 % of the weights are in `hidden1`, and 0.5 % in the output layer.
#
# ## 3. Does it help in the first minute?
#
# The target is Gopher: a farmer defends three carrots against a gopher. We learn it for 12,288
# steps (14 minutes of play), with the Q-learning of `amkit transfer`. Everything is equal except the
# first weights:
#
# - **random weights**, the usual beginning;
# - **AMN-policy**;
# - **random weights of the AMN's size**, a control.
#
# Why the control? Training makes kernels larger. A layer normalisation follows them, so a kernel of
# twice the size gives the same features. But Adam's steps do not grow: a step of the same length
# turns a larger kernel less. So an AMN also learns *in smaller steps*. This alone may help. The
# control has the AMN's sizes and none of its knowledge.
#
# ```text
# factor so far = 1
# for each layer before the normalisation:
#     factor = size of the AMN's kernel / size of the random kernel
#     kernel = factor * kernel
#     factor so far = factor so far * factor
#     bias = factor so far * bias       (a ReLU of 3 x is 3 times the ReLU of x)
# ```


# %%
def size(layer):
    """Root mean square of a kernel."""
    return float(np.sqrt(np.mean(layer.get_weights()[0] ** 2)))


def grow(network):
    """Makes random weights as large as the AMN's. The features stay as they are."""
    so_far = 1.0
    for name in ("conv1", "conv2", "conv3", "hidden1"):
        layer = network.get_layer(name)
        kernel, bias = layer.get_weights()
        factor = size(source.network.get_layer(name)) / size(layer)
        so_far *= factor
        layer.set_weights([factor * kernel, so_far * bias])


fresh = amkit.actor_mimic_network(**layers)
grown = keras.models.clone_model(fresh)
grown.set_weights(fresh.get_weights())
grow(grown)
for name in ("conv1", "conv2", "conv3", "hidden1"):
    ratio = size(grown.get_layer(name)) / size(fresh.get_layer(name))
    print(f"{name:8s} {ratio:.1f} times as large")
screens = np.random.default_rng(SEED).integers(0, 256, (8, 4, 84, 84), np.uint8)
features = [keras.Model(n.input, n.get_layer("features").output)(screens) for n in (fresh, grown)]
print(f"largest difference of the features: {np.abs(features[0] - features[1]).max():.4f}")

# %% [markdown]
# There are three tests: before the first step, half-way, and at the end. A test is ten games, each
# cut after 500 steps (33 seconds).
#
# > **Predict.** Sketch the three curves. Which beginning is ahead before the first step? Where does
# > the control end?

# %%
AMN_POLICY = helpers.ROOT / "pretrained" / "amn-policy.keras"
beginnings = {
    "AMN-policy": {"source": AMN_POLICY},
    "random, AMN's size": {"begin": grow},
    "random weights": {},
}
if STEPS < 1000:  # A test of this tutorial.
    beginnings = {"AMN-policy": beginnings["AMN-policy"]}
networks, curves = {}, {}
for name, options in beginnings.items():
    networks[name], curves[name] = helpers.learn(gopher, STEPS, seed=SEED, **options)

# %% alt="Points in Gopher before, half-way and after 12,288 steps. AMN-policy begins at 60 and falls to 10. Random weights stay near 0. The control rises to 114, the level of random play."
CONTROL = palette.OTHERS[2]
random_play = helpers.random_play(gopher)
lines = ["                      before     half-way   at the end"]
colours = {"AMN-policy": palette.AMN, "random weights": palette.RANDOM_WEIGHTS}
for name, curve in curves.items():
    colour = colours.get(name, CONTROL)
    plt.errorbar(*curve.T, color=colour, marker="o", markersize=3, capsize=2, label=name)
    points = (f"{mean:5.0f} ± {error:2.0f}" for _, mean, error in curve)
    lines.append(f"{name:20s}" + " ".join(points))
plt.axhline(random_play, color=palette.RANDOM_PLAY, linestyle=":", label="random play")
plt.xlabel("agent steps of Gopher")
plt.ylabel("points in 500 steps")
plt.title("After a minute the control leads, although it knows nothing")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
print("\n".join(lines), f"\nrandom play: {random_play:.0f}")

# %% [markdown]
# **You should see** that AMN-policy begins with 60 points: it brings a policy. The others begin with 0.
# At the end the control leads with 110 to 160 points. AMN-policy has 10 to 80, and random weights
# have 4 to 70: no clear difference. Nobody is clearly above random play.
#
# Before you believe a curve, watch the players.
#
# > **Predict.** What does the control do that AMN-policy does not?

# %% alt="Animation of two games. On the left AMN-policy's farmer stays where he is, and the gopher digs. On the right the control's farmer stands at the left, strikes the ground again and again, and fills a hole now and then."
plays = {
    name: list(recording.play(network, gopher, seed=SEED, steps=min(STEPS, 260)))
    for name, network in networks.items()
}
for name, moments in plays.items():
    counts = np.bincount([moment.action for moment in moments])
    print(
        f"{name:20s}{counts.max() / len(moments):4.0%} of the steps: {gopher.actions[counts.argmax()]}"
    )
helpers.watch(gopher, *(moments[-90:] for moments in list(plays.values())[:2]))

# %% [markdown]
# **You should see** (seed 0) that each network repeats one action in 60 to 90 % of its steps. AMN-policy
# presses UP, and its farmer hardly moves. The control strikes on the left (LEFTFIRE), and fills a
# hole now and then. So its lead is luck in *which* action it repeats. A minute is too short to learn
# Gopher.
#
# ## 4. Does it help for longer?
#
# We recorded half a million steps of each of the paper's seven targets
# (`amkit transfer`). Breakout, Star Gunner and Video Pinball have two seeds, the others one.
#
# > **Predict.** In how many of seven games do the AMNs help?

# %% alt="Seven panels of scores over 500,000 steps. In Gopher, Road Runner and Star Gunner both AMNs are above random weights. In Breakout, Krull and Video Pinball the curves cross or lie together. In Robotank the AMNs end higher, but random weights jump."
cards = recorded.read_cards(sorted(RECORDED.glob("transfer/*.json")))
runs = transfers(cards)
chance = {game: recorded.chance(runs.runs[game, "random"][0], game)[0] for game in runs.games}
table = table_2(runs)
looks = {
    "random": ("random weights", palette.RANDOM_WEIGHTS),
    "amn-policy": ("AMN-policy", palette.AMN),
    "amn-feature": ("AMN-feature", palette.AMN_FEATURE),
}
figure, axes = plt.subplots(2, 4, figsize=(8, 4.8))
for ax, game in zip(axes.flat, runs.games, strict=False):
    for row in table:
        if row["game"] == game:
            label, colour = looks[row["source"]]
            steps, means = zip(*((p["steps"], p["mean"]) for p in row["points"]), strict=True)
            ax.plot(np.array(steps) / 1000, means, color=colour, label=label)
    ax.plot([0, 500], [chance[game]] * 2, ":", color=palette.RANDOM_PLAY, label="random play")
    ax.set_title(amkit.find_game(game).title)
    if ax.get_ylim()[1] > 10_000:
        ax.yaxis.set_major_formatter(lambda score, _: f"{score / 1000:g} k")
axes[1, 3].axis("off")
axes[1, 3].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")
figure.supxlabel("thousand agent steps")
figure.supylabel("score (mean of 10 games)")
figure.suptitle("The AMNs lead in Gopher, Road Runner and Star Gunner")
plt.show()

# %% [markdown]
# How large is a gain? The **area** is the mean score of the ten tests. The *ratio* compares areas
# above random play, AMN to random weights: 1 means no gain. A dash: random weights are not clearly
# above random play, so there is no ratio. The *difference* of the areas is in points.

# %%
lines = [f"{'':14s}{'':12s} seeds  {'ratio (95 %)':22s}{'difference (95 %)':25s}  paper's ratio"]
for row in table:
    if row["source"] != "random":
        published = TABLE_2[row["game"]]
        key = {name.lower(): name for name in published}[row["source"]]
        paper = np.mean(published[key]) / np.mean(published["random"])
        lines.append(f"{row['game']:14s}{row['source']:12s}{row['runs']:5d}   "
                     f"{interval(row['area']):22s}{interval(row['area_difference'], 0):25s}"
                     f"{paper:12.2f}")  # fmt: skip
print("\n".join(lines))

# %% [markdown]
# **You should see** these numbers exactly: they are recorded.
#
# - **Three games gain.** In Road Runner and Star Gunner the intervals of the ratios exclude 1. Gopher
#   has no ratio, but gains about 650 points. With one seed, an interval says nothing about other
#   seeds.
# - **Breakout and Krull do not gain.** The intervals of AMN-policy hold "no gain", and AMN-feature is
#   behind in Krull.
# - **Robotank and Video Pinball are undecided.** In Video Pinball all curves end below random play.
# - **The paper's list is another one.** It names Breakout, Star Gunner and Video Pinball. Its runs
#   are twenty times as long, with another learner. Which difference decides was not measured.
#
# Is Gopher's gain knowledge, or smaller steps? A [recorded
# trial](notebook/transfer_trials.md#what-targets-learn-by) had the control too. Its scores are from
# the training, one seed:
#
# | steps | 102,400 | 153,600 | 204,800 |
# |---|---:|---:|---:|
# | random weights | 382 | 243 | 196 |
# | random, AMN's size | 398 | 389 | 428 |
# | AMN-policy | 469 | 669 | 635 |
#
# The control has about half of the gain after 204,800 steps. So about half of it need not be
# knowledge.
#
# ## 5. When does transfer fail?
#
# In the paper, Robotank learns more *slowly* from an AMN (ratio 0.70). This is **negative
# transfer**. The paper's guess: no source is a first-person 3D game. Ours does not repeat it, but we
# found a clearer case. We began Breakout with the expert of a single game, Boxing.
#
# > **Predict.** Boxing has two players seen from above, and no ball. Where will the curve be?

# %% alt="Breakout over 500,000 steps. Random weights rise to 33 points and AMN-policy to 24. The curve that began with Boxing's expert stays below 4 points, near random play."
(boxing,) = recorded.read_cards([RECORDED / "single-sources" / "breakout-from-boxing-seed-0.json"])
beside = {
    "random weights": (runs.runs["breakout", "random"], palette.RANDOM_WEIGHTS),
    "AMN-policy": (runs.runs["breakout", "amn-policy"], palette.AMN),
    "Boxing's expert": ([boxing], palette.EXPERT),
}
for name, (seeds, colour) in beside.items():
    for number, card in enumerate(seeds):
        points = recorded.curve([card], "breakout")
        steps, means = zip(*((p["steps"] / 1000, p["mean"]) for p in points), strict=True)
        plt.plot(steps, means, color=colour, label=None if number else name)
plt.axhline(chance["breakout"], color=palette.RANDOM_PLAY, linestyle=":", label="random play")
plt.xlabel("thousand agent steps of Breakout")
plt.ylabel("score (mean of 10 games)")
plt.title("Boxing's expert is worse than random weights in Breakout")
plt.legend(loc="upper left")
plt.show()

# %% [markdown]
# **You should see** that the green line stays near random play. It is one seed, but the gap is large.
# (Black and blue have two lines each: one for each seed.)
#
# Why can trained weights hurt? Units that are useful in the source may be 0 in every state of the
# target. Such units get no gradient, so they learn nothing. And a DQN learns from its own first
# Q-values: wrong but confident values are a bad teacher. These are possible reasons. We did not test
# which one is true here.
#
# [Tutorial 10](10_which_weights_help.ipynb) asks which weights help, and how to choose a source.
#
# ## What to remember
#
# - Transfer copies all layers, and multiplies the output layer by $\tau$.
# - The source must not have seen the target. Check its card.
# - Always train from random weights too: transfer can hurt.
# - A gain need not be knowledge. A control has everything except the knowledge.
# - Watch the players before you believe a curve.
# - Errors of tests are not errors of trainings. Only more seeds show the latter.
#
# ## Exercises
#
# 1. **Write the transfer yourself**, with both heads: assignment 7 of the
#    [coursework](coursework/README.md). `amkit check 7` marks your file.
# 2. **A hidden leak.** AMNs may begin as other networks too. Read the key `begin` on the cards of the
#    three AMNs in section 1. Why must a fair test check the games named there?
# 3. **Seed by seed.** Three games have two seeds. Print the area of each run
#    (`runs.runs[game, source]`). Where do both seeds of AMN-policy lie on one side of both seeds of
#    random weights? How often does this happen by chance?
# 4. **Steps in place of scores.** Each row of `table` has `steps_ratio`: the steps until a curve
#    reaches the last score of random weights, relative to random weights. Which games does the AMN
#    learn in half the steps?
# 5. **Another seed.** Set `SEED = 1` and run section 3 again. Which sentences after "You should see"
#    are still true? What would you report from two seeds?
