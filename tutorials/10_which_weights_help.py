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
# # 10. Which weights help?
#
# In [tutorial 9](09_transfer.ipynb) a DQN of Gopher began with the weights of an Actor-Mimic
# network (AMN), and gained. What in these weights helps? And which source should a new game begin
# with? The [paper](https://arxiv.org/abs/1511.06342) leaves the second question to future work. We
# try a cheap answer, and check it against recorded trainings.
#
# **Time:** 20 minutes, 2 of them computing. **You need:** `pip install -e '.[tutorials]'`, and
# tutorial 9.
#
# ## 1. Does the output layer help?
#
# The AMN's output layer is a *policy*: it prefers some actions. amkit keeps it. The alternative is a
# new output layer (`head="new"`), so that only the features are transferred. A new output layer
# begins with zeros: it prefers no action, and takes the first one.
#
# We test both before the first step of learning. A test is ten games, each cut after 500 steps.
#
# > **Predict.** Which of the two is better than random play, in Breakout and in Gopher?

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without TensorFlow's own messages.

import helpers
import keras
import matplotlib.pyplot as plt
import numpy as np

import amkit
from amkit import palette
from amkit.games.atari import background
from amkit.reports import guesses, recorded
from amkit.reports.text import interval
from amkit.reports.transfers import table_2, transfers
from amkit.transfer import relate
from amkit.transfer.initialise import initialise, load_source

helpers.style()
SEED = 0  # Change this, and sections 1 to 3 change.
STEPS = helpers.steps(4_096)  # One step is one decision: 4 frames.
PRETRAINED = helpers.ROOT / "pretrained"
RECORDED = helpers.ROOT / "tutorials" / "recorded"
AMN_POLICY = PRETRAINED / "amn-policy.keras"
source = load_source(AMN_POLICY)
breakout, gopher = amkit.find_game("breakout"), amkit.find_game("gopher")

# %% alt="Points before any learning. In Breakout the AMN with its output layer has 2.7, random play 1.7, the AMN with a new output layer 0.7. In Gopher they have 64, 114 and 2."
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6))
for ax, game in zip(axes, (breakout, gopher), strict=True):
    results = {"random play": helpers.points(amkit.random_network, game, epsilon=1.0)}
    for name, head in (("AMN, new output", "new"), ("AMN, kept output", "keep")):
        network = amkit.actor_mimic_network(normalize_features=True, background=background(game))
        initialise(network, source, head=head)
        results[name] = helpers.points(network, game)
    for (name, result), alpha in zip(results.items(), (1, 0.4, 1), strict=True):
        colour = palette.RANDOM_PLAY if name == "random play" else palette.AMN
        ax.barh(name, result.mean, xerr=result.standard_error, color=colour, alpha=alpha, capsize=3)
        print(f"{game.title:10s}{name:20s}{result.mean:6.1f} ± {result.standard_error:.1f}")
    ax.invert_yaxis()
    ax.set_title(game.title)
    ax.set_xlabel("points in 500 steps")
axes[1].set_yticklabels([])
figure.suptitle("The AMN's output layer brings points before the first step")
plt.show()

# %% [markdown]
# **You should see** about these numbers: nothing is trained. With the kept output layer the AMN scores
# more than with a new one in both games. But it is not clearly better than random play: in Breakout
# the two are within two standard errors, and in Gopher it is behind.
#
# And later? We recorded [a trial](notebook/transfer_trials.md#what-targets-learn-by) in Breakout, one
# seed. These are scores during the training:
#
# | steps | 102,400 | 153,600 | 204,800 | 256,000 |
# |---|---:|---:|---:|---:|
# | output kept | 4.3 | 7.8 | 8.8 | 11.1 |
# | output new | 4.3 | 7.1 | 10.0 | 10.3 |
#
# The two are alike: in this trial the kept output layer brings nothing after 100,000 steps. For later
# gains, look at the other layers. We did not measure whether the convolutions suffice.
#
# ## 2. What else is transferred?
#
# Large weights. Tutorial 9 made random weights as large as the AMN's. Now we look at the effect
# directly. A kernel before a normalisation has no size that matters, only a *direction*. How far
# does a training turn it?
#
# ```text
# for each layer:
#     angle = arccos( (before . after) / (|before| |after|) )
# ```
#
# We train Breakout for 4,096 steps. Both networks begin with a new output layer.
#
# > **Predict.** The AMN's kernels are 2 to 7 times as large as random ones, and the steps are equally
# > long. Which kernels turn further?

# %%
before, networks = {}, {}


def remember(name):
    def begin(network):
        before[name] = network.get_weights()

    return begin


for name, begin_from in (("random weights", {}), ("AMN-policy", {"source": AMN_POLICY})):
    options = {**begin_from, "head": "new", "begin": remember(name), "seed": SEED, "tests": 0}
    networks[name], _ = helpers.learn(breakout, STEPS, **options)

# %% alt="Angles by which four kernels turn. Random weights: 1.3, 2.3, 2.1 and 3.6 degrees. AMN-policy: 0.9, 0.9, 0.8 and 0.4 degrees."
names = ["conv1", "conv2", "conv3", "hidden1"]
colours = {"random weights": palette.RANDOM_WEIGHTS, "AMN-policy": palette.AMN}
lines = [f"{'angle in degrees':18s}" + "".join(f"{name:>9s}" for name in names)]
for shift, (name, colour) in enumerate(colours.items()):
    angles = []
    for kernel in range(4):  # Weights come as kernel, bias, kernel, bias ...
        old, new = (w[2 * kernel].ravel() for w in (before[name], networks[name].get_weights()))
        cosine = old @ new / np.linalg.norm(old) / np.linalg.norm(new)
        angles.append(np.degrees(np.arccos(min(cosine, 1.0))))
    plt.bar(np.arange(4) + 0.4 * shift - 0.2, angles, 0.38, color=colour, label=name)
    lines.append(f"{name:18s}" + "".join(f"{angle:9.1f}" for angle in angles))
plt.xticks(range(4), names)
plt.ylabel("angle in degrees")
plt.title("The same training turns the AMN's kernels less")
plt.legend(loc="upper left")
plt.show()
print("\n".join(lines))

# %% [markdown]
# **You should see** that random kernels turn further in every layer. In `hidden1`, where the AMN's kernel
# is 7 times as large, the difference is largest: 2.5 to 4 degrees
# and 0.2 to 0.4.
#
# So an AMN brings two things: knowledge and smaller steps. Which one helps? A recorded
# [trial](notebook/transfer_trials.md#what-targets-learn-by) in Gopher took them apart. Its scores
# are from the training, after 204,800 steps, one seed:
#
# | weights | knowledge | small steps | score |
# |---|---|---|---:|
# | random | no | no | 196 |
# | random, as large as the AMN's | no | yes | 428 |
# | the AMN's, as small as random ones | yes | no | 193 |
# | the same, with a new output layer | yes | no | 346 |
# | the AMN's | yes | yes | **635** |
#
# Here both together gained most. Small steps alone gained about half of this. Knowledge alone gained
# nothing with the kept output layer, and a third with a new one. In Breakout the order was different:
# the AMN's weights had 8.8, and 12.1 when made small. So no rule follows. But one thing is clear: a
# comparison with ordinary random weights cannot tell knowledge from smaller steps.
#
# ## 3. Can a guess choose the source?
#
# To train from every source takes longer than to learn the game. `amkit relate` guesses in a minute.
# The idea: a Q-function is linear in the features of the last hidden layer. So good features are
# those that *predict the coming reward linearly*.
#
# ```text
# play the target at random
# G_t = r_t + 0.95 G_(t+1)                         the reward ahead, backwards in time
# for each source:
#     features = its last hidden layer, in all steps
#     learn a ridge regression from features to G in half of the environments
#     guess = R^2 in the other half                1 is perfect, 0 is no better than the mean
# ```
#
# > **Predict.** The target is Breakout. The sources are the experts of Pong, Assault (a shooter) and
# > Boxing, both AMNs of 13 games, and random weights. Which tells most? And what about two networks
# > that have seen Breakout?

# %%
tiny = {"steps": 320, "envs": 8} if STEPS < 1000 else {}
frames = relate.play_at_random(breakout, seed=SEED, **tiny)
ahead = frames.reward_ahead  # [T, N], steps and environments.


def guess(network, strength=0.01):
    """R^2 of the reward ahead in the odd environments, learnt in the even ones."""
    pictures = frames.observation.reshape(-1, 4, 84, 84)
    features = network.predict(pictures, batch_size=256, verbose=0)
    features = features.reshape(*ahead.shape, -1).astype(float)  # [T, N, D]
    (known, wanted), (new, unknown) = (
        (features[:, i::2].reshape(-1, features.shape[2]), ahead[:, i::2].ravel()) for i in (0, 1)
    )
    x = (known - known.mean(axis=0)) / known.std()
    gram = x.T @ x / len(x) + strength * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (wanted - wanted.mean()) / len(x))
    predicted = wanted.mean() + (new - known.mean(axis=0)) / known.std() @ weights
    return 1 - ((predicted - unknown) ** 2).mean() / max(unknown.var(), 1e-12)


def features_of(network):
    return keras.Model(network.input, network.get_layer("features").output)


with_random = amkit.actor_mimic_network(normalize_features=True, background=background(breakout))
candidates = {"random weights": with_random}
for name in ("pong", "assault", "boxing", "amn-policy", "amn-feature", "amn", "breakout"):
    candidates[name] = amkit.load(PRETRAINED / f"{name}.keras")
if STEPS < 1000:
    candidates = {name: candidates[name] for name in ("random weights", "amn")}

# %% alt="Guesses for Breakout. Breakout's expert has 0.85 and amn 0.62; both have seen Breakout. Assault, AMN-feature and random weights have 0.20 to 0.24, AMN-policy 0.13, Boxing and Pong almost 0."
looks = {
    "random weights": palette.RANDOM_WEIGHTS,
    "amn-policy": palette.AMN,
    "amn-feature": palette.AMN_FEATURE,
    "amn": palette.AMN,
}
told = {name: guess(features_of(network)) for name, network in candidates.items()}
for name, r_squared in sorted(told.items(), key=lambda pair: pair[1]):
    seen = name in ("amn", "breakout")
    bar = plt.barh(
        name + (" (has seen Breakout)" if seen else ""),
        r_squared,
        color="white" if seen else looks.get(name, palette.EXPERT),
        edgecolor=looks.get(name, palette.EXPERT),
    )
    plt.bar_label(bar, [f" {r_squared:.2f}"])
plt.axvline(0, color=palette.RANDOM_PLAY, linewidth=0.8)
plt.xlabel(r"guess ($R^2$ of the reward ahead in Breakout)")
plt.title("Only networks that have seen Breakout stand out")
plt.show()

# %% [markdown]
# **You should see** this:
#
# - **The leak stands out**: 0.57 to 0.62 for `amn`, 0.85 or more for Breakout's expert.
# - **Random weights tell something**: 0.08 to 0.20. Neither AMN is clearly better: the order of the bars
#   near 0.2 changes with the seed.
# - **Pong tells nothing**, although it has a ball and a paddle. Assault tells most, 0.2 to 0.25.
#
# **All values lower?** A single half of eight environments is a small test. `amkit relate` uses four
# parts and three networks of random weights.
#
# ## 4. Are the guesses right?
#
# For seven targets we wrote the guesses down with amkit's own version, which tries several
# strengths and all halves. Then we trained 22 pairs of target and source for half a million steps.
# A guess counts relative to that of random weights. So does the gain:
#
# $$\text{gain} = \frac{a - b}{|a| + |b|}$$
#
# $a$ and $b$ are the mean scores above random play, from the source and from random weights. 0 is no
# gain; 1/3 means $a = 2b$.
#
# > **Predict.** If the guess is good, where do the points lie?

# %% alt="Gain over guess for 22 pairs. Three points of Gopher lie at the upper right. Most others are near a guess of 0, with gains from -1 to 0.5. Breakout, begun as Boxing's expert, lies at the lower left."
cards = recorded.read_cards(sorted(RECORDED.glob("transfer/*.json")))
more = recorded.read_cards(sorted(RECORDED.glob("single-sources/*.json")))
runs = transfers([*cards, *more])
table = table_2(runs)
told = guesses.read_guesses(sorted(RECORDED.glob("relate/*.json")))
related = guesses.relation(runs, table, told)
kinds = {
    "amn-policy": ("AMN-policy", palette.AMN, "o"),
    "amn-feature": ("AMN-feature", palette.AMN_FEATURE, "s"),
}
figure, ax = plt.subplots(figsize=(8, 4.2))
for point in related.points:
    label, colour, marker = kinds.get(point["source"], ("one expert", palette.EXPERT, "^"))
    ax.scatter(point["guess"], point["gain"], color=colour, marker=marker, label=label)
    if abs(point["gain"]) > 0.6 and label != "AMN-feature":  # The others are too close together.
        title = amkit.find_game(point["game"]).title
        ax.annotate(title, (point["guess"], point["gain"]), (5, 6), textcoords="offset points")
ax.axhline(0, color=palette.RANDOM_PLAY, linestyle=":")
ax.axvline(0, color=palette.RANDOM_PLAY, linestyle=":")
ax.set_xlabel("guess ($R^2$, less that of random weights)")
ax.set_ylabel("gain of 500,000 steps")
ax.set_title("A better guess does not clearly mean a larger gain")
handles, labels = ax.get_legend_handles_labels()
by_label = dict(zip(labels, handles, strict=True))
ax.legend(by_label.values(), by_label, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
print(f"Spearman's rank correlation (95 %): {interval(related.correlation)}")

# %% [markdown]
# **You should see** no clear line. Spearman's correlation is 1 if both orders agree, and 0 if they
# have nothing to do with each other. Here it is 0.39, and its 95 % interval holds 0: undecided.
#
# What if we had obeyed the guesses? `amkit relate` recommends the best of AMN-policy, AMN-feature
# and random weights.

# %%
amns_alone = transfers(cards)
table = table_2(amns_alone)
differences = {(row["game"], row["source"]): row["area_difference"] for row in table}
chosen = guesses.recommended(guesses.relation(amns_alone, table, told))
lines = [f"{'':14s}{'relate chose':14s}{'its gain in points (95 %)':28s}AMN-policy's gain"]
for game, name in chosen.items():
    gains = [interval(differences[game, which], 0) for which in (name, "amn-policy")]
    lines.append(f"{game:14s}{name:14s}{gains[0] if name != 'random' else '0':28s}{gains[1]}")
print("\n".join(lines))

# %% [markdown]
# **You should see** that the guesses do no harm beyond noise. But they choose random weights in Road
# Runner and Star Gunner, and so miss two of the three games that gain. "AMN-policy everywhere" would
# have done better.
#
# Why does `relate` miss so much?
#
# - It plays at random, so it sees only the beginning of the game.
# - It judges the features as they are. Training changes them.
# - It predicts the reward of *random play*. A DQN must know how the reward changes with the action.
# - It knows nothing about the size of the kernels (section 2).
#
# **The verdict.** We do not know how to choose a source cheaply. In the four games that we tried, the
# AMN of 13 games did as well as the best single expert or better. This is a hint, from one or two
# seeds. A guess of `relate` is a hypothesis: write it down, then measure it beside random weights.
#
# ## What to remember
#
# - A kept output layer is a policy: it shows before the first step.
# - A transferred network also learns in smaller steps. A control must have them too.
# - A source that has seen the target stands out at once: 0.6 to 0.9 beside 0.2.
# - A cheap guess must be tested against real trainings. This one is undecided.
#
# ## Exercises
#
# 1. **Freeze layers yourself**: the function `learns` of assignment 7 of the
#    [coursework](coursework/README.md). `amkit check 7` marks your file.
# 2. **Another game.** Repeat section 2 with Gopher and without `head="new"`. Which network does not
#    turn at all? Why? (In Gopher, rewards are rare. A new output layer begins with zeros.)
# 3. **Pixels as features.** Give `guess` the network `relate.pixels()`. Does it tell more than random
#    weights? Try `strength=1` too.
# 4. **One game decides.** Leave Gopher out of `related.points` in section 4, and compute
#    `guesses.spearman` of the other pairs. How much does one game change the correlation? Do it once
#    for the 14 pairs of the AMNs alone.
# 5. **Another target.** `recorded/relate/gopher.json` has amkit's guesses for Gopher. Which single
#    expert would you choose? Compare its [recorded gain](transfer_guesses.md) with AMN-policy's.
