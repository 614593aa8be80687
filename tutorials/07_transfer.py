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
# # 7. Transfer
#
# **What you will learn**
#
# - how a distilled network becomes the beginning of a DQN for a game that it has never seen: which weights are copied, and
#   what becomes of the output layer;
# - how to compare learning from different first weights, and what two seeds can say about it;
# - when transfer fails, in the paper's numbers and in a run of your own;
# - how to guess, from a few thousand frames, which source might help, and how to put the guess to the test.
#
# **Time** 50 minutes, some 28 of them computing on two cores. **Needs** `pip install -e '.[plots]'` and the shipped experts.
# Tutorials 3 and 4 first.
#
# ## The idea
#
# A DQN that learns a new game begins with random weights. It has to find out what a moving thing looks like before it can
# find out what to do about it. A network that plays other games has filters and features already. The paper's section
# 3.4 takes an Actor-Mimic network (AMN), drops its softmax, and trains what is left as a DQN on the *target* game. The games
# that the AMN was distilled from are the *sources*. If source and target have something in common, learning should be
# faster. Whether it is has to be measured: it can also be slower, which is called *negative transfer*.

# %%
from amkit.cli.console import load_tensorflow

load_tensorflow()  # Without the lines of its own that it would fill the page with.

import os
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit import relate, transfer
from amkit.atari import AtariEnvironments, background
from amkit.configs import distill_config, transfer_config
from amkit.evaluation import Protocol
from amkit.games import SPLITS
from amkit.hardware import fastest_precision
from amkit.recipes import build

tf.get_logger().setLevel("ERROR")  # It warns that many networks are many graphs: so they are.
ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 80_000))  # Of a target. Tests play less.
FULL = STEPS >= 10_000
SOURCE_STEPS = STEPS * 4 // 9  # Of each source.
SEEDS = (0, 1) if FULL else (0,)
TESTS = 5 if FULL else 1  # While a target is learnt, and one before it.
PROTOCOL = Protocol("16 games", 0, 16, 0.0, "16 whole games") if FULL else amkit.PROTOCOLS["tiny"]
UNSEEN = 2**30  # A seed far from those of training.


def some(items):
    """All of them; in a test the first alone, which shows that it runs."""
    return list(items) if FULL else list(items)[:1]


precision = fastest_precision() if FULL else "float32"
breakout = amkit.find_game("breakout")
SOURCES = some(["pong", "boxing", "enduro", "space_invaders"])
assert set(SOURCES) <= set(SPLITS["sources"]) and breakout.name in SPLITS["targets"]
folder = TemporaryDirectory()  # Networks are handed on as files; this one is gone in the end.
print("sources:", ", ".join(SOURCES), "  target:", breakout.name)

# %% [markdown]
# ## A source that has not seen the target
#
# amkit ships an AMN, `pretrained/amn.keras`. Why not begin from that? Its card says why:

# %%
card = amkit.read_card(ROOT / "pretrained" / "amn.keras")
score = next(entry for entry in card["scores"] if entry["game"] == breakout.name)
print("distilled from:", ", ".join(card["games"]))
print(f"its score in Breakout, before anything is learnt there: {score['mean']:.1f}")

# %% [markdown]
# It was taught Breakout. Begun from it, a DQN of Breakout would do well at once, and nothing would be learnt about
# transfer. A source that has seen the target is cheating. It is as easy to overlook as a test set among the training data,
# and the remedy is the same: say what the source was made of, and keep the target out.
#
# So we distil our own, from four of the paper's 13 sources, and Breakout is not among them. Twice: with policy regression alone
# (the paper's *AMN-policy*), and with feature regression too (*AMN-feature*, $\beta = 0.01$, tutorial 4). All else is equal. On the
# command line, with other numbers of steps:
#
# ```bash
# amkit distill --experts pretrained/ --games pong,boxing,enduro,space_invaders --feature-weight 0.01
# ```


# %%
def distil(name, feature_weight):
    """Distils the sources into one network, and returns its file."""
    tiny = {"envs": 4, "batch_size": 8, "replay_start_steps": 16, "update_period_steps": 16}
    config = distill_config(
        ROOT / "pretrained",
        SOURCES,
        steps=SOURCE_STEPS,
        feature_weight=feature_weight,
        precision=precision,
        **({} if FULL else tiny),
    )
    job, student = build(config, environments_seed=0)
    begun = time.perf_counter()
    with closing(job.environments):
        while job.steps < job.total_steps:
            job.play_and_learn()
            if job.steps < 0.9 * job.total_steps:
                job.learner.reset_metrics()  # What is printed is the mean over the last tenth.
    metrics = job.epoch_metrics()
    seconds = time.perf_counter() - begun
    print(f"{name}: {job.updates} updates, {len(SOURCES) * job.steps / seconds:,.0f} steps/s; "
          f"KL {metrics['kl']:.3f}, agreement {metrics['agreement']:.2f}")  # fmt: skip
    path = Path(folder.name) / f"{name}.keras"
    amkit.save(student, path, config)  # In float32, with a card that says what it was made of.
    return path


betas = {"AMN-policy": 0.0, "AMN-feature": 0.01}
AMNS = {name: distil(name, betas[name]) for name in some(betas)}
for path in AMNS.values():
    assert breakout.name not in amkit.read_card(path)["games"]

# %% [markdown]
# KL and agreement with the experts are means over all four games. The paper's AMNs for transfer are larger, learn from 13 games,
# and 4 million frames of each. More is not always better there: trained for too long on the sources, its AMN transferred
# less well (section 5.2).
#
# ## From an AMN to a DQN
#
# The AMN has 18 logits. The target network has the same layers, and 18 Q-values. What does each layer begin with?
#
# - **Convolutions, dense layer, normalisation**: the AMN's weights.
# - **Luminance that counts as zero** in the first layer: the AMN's, as its filters are used to that. It is no weight, but an
#   offset of the layer `rescaling`.
# - **Output layer**: the paper removes "the final softmax layer". Whether the weights that make the logits go with it, it does
#   not say. *Keep* them, and the DQN at first prefers the actions that the AMN prefers. Or begin with a *new* layer, and only the
#   features are transferred. amkit can do both, and keeps them if it is not told otherwise.
#
# A kept layer has the wrong scale. The AMN's policy is a softmax of its logits $z$, and the experts' is one of
# $Q_E / \tau$. Where the student has learnt it exactly,
#
# $$z_a(s) = Q_E(s, a) / \tau + c(s) \qquad\text{and so}\qquad \tau z_a(s) = Q_E(s, a) + \tau c(s).$$
#
# The number $c(s)$ is the same for all actions; the softmax cancels it, so that it can be anything. Multiplied by $\tau$, the
# output layer says how much better one action is than another, on the experts' scale. It does not say how good they are. In the
# paper $\tau$ is 1, and the question does not come up. amkit's preset has 0.05: unscaled, the differences would be 20 times too
# large.
#
# Written out:

# %%
source = transfer.load_source(AMNS["AMN-policy"])
print(f"temperature {source.temperature}, zero is luminance {source.background:g}")
keras.utils.set_random_seed(0)
layers = {"normalize_features": True, "background": source.background}
ours = amkit.actor_mimic_network(**layers)

for layer, given in zip(ours.layers, source.network.layers, strict=True):
    layer.set_weights(given.get_weights())
output = ours.get_layer("output")
output.set_weights([source.temperature * weight for weight in output.get_weights()])

amkits = amkit.actor_mimic_network(**layers)
transfer.initialise(amkits, source, head="keep")
for own, theirs in zip(ours.get_weights(), amkits.get_weights(), strict=True):
    assert np.array_equal(own, theirs)

print(f"{'layer':16s}{'weights':>10s}{'share':>8s}   begins as")
for layer in ours.layers:
    if layer.weights:
        begins = "the AMN's, times tau" if layer is output else "the AMN's"
        share = layer.count_params() / ours.count_params()
        print(f"{layer.name:16s}{layer.count_params():10,d}{share:8.1%}   {begins}")

# %% [markdown]
# `transfer.initialise` gives the same weights, exactly. Hardly any of them are in the output layer.
#
# Does the equation hold? Pong is a source, so we can compare: on states of Pong, the AMN's $\tau z$ beside the Q-values of
# Pong's expert. First as they are, then each less its mean over the legal actions, which takes $c(s)$ away.

# %%
pong = amkit.find_game("pong")
pong_expert = amkit.load(ROOT / "pretrained" / "pong.keras")
expert_q, ours_q, rng = [], [], np.random.default_rng(0)
with closing(AtariEnvironments([pong], 16 if FULL else 4, seed=UNSEEN)) as environments:
    for _ in range(300 if FULL else 10):
        expert_q.append(np.array(pong_expert(environments.observation)))  # [envs, 6]
        ours_q.append(np.array(ours(environments.observation))[:, pong.action_codes])
        action = pong.action_codes[expert_q[-1].argmax(axis=1)]
        drawn = rng.choice(pong.action_codes, len(action))
        environments.step(np.where(rng.random(len(action)) < 0.1, drawn, action))
expert_q, ours_q = np.concatenate(expert_q), np.concatenate(ours_q)


def centred(q):
    return q - q.mean(axis=1, keepdims=True)


pairs = {
    "as they are": (expert_q, ours_q),
    "less the mean over the actions": (centred(expert_q), centred(ours_q)),
}
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, (name, (theirs, own)) in zip(axes, pairs.items(), strict=True):
    ax.scatter(theirs, own, s=2, alpha=0.3)
    ends = [theirs.min(), theirs.max()]
    ax.plot(ends, ends, color="gray", linestyle="--")
    correlation = np.corrcoef(theirs.ravel(), own.ravel())[0, 1]
    ax.set_title(f"{name}: correlation {correlation:.2f}")
    ax.set_xlabel(r"$Q_E$ of Pong's expert")
axes[0].set_ylabel(r"$\tau z$ of the AMN")
plt.show()
gaps = [np.ptp(q, axis=1).mean() for q in (expert_q, ours_q, ours_q / source.temperature)]
print("best less worst action, on average:")
print("expert {:.3f}, kept {:.3f}, kept and not scaled {:.2f}".format(*gaps))

# %% [markdown]
# Dashed: equal. The level of the expert's values, what it expects of the point being played, was never asked of the AMN's logits;
# the left picture shows how much of it is there all the same. The DQN has to learn the target's own level in any case.
#
# One more thing is kept with the output layer: what the buttons mean. Output 3 is RIGHT in every game. In Pong, RIGHT moves the
# paddle up; in Breakout it moves it to the right.
#
# ## Learning Breakout
#
# Now the target learns, three times: from random weights, from AMN-policy, from AMN-feature. The algorithm is that of amkit's
# experts, parallel Q-learning (tutorial 2), with the settings of `amkit transfer`, but that epsilon falls from 1 to 0.05 within the first
# fifth of so short a run. While epsilon is near 1, what a network prefers has
# little influence on what is played. All runs are equal in everything but the first weights and two things that come with
# them: the output layer of random weights begins at zero, and their first layer sees Breakout's own background as zero.
#
# There is a test before the first step, and five more on the way: 16 whole games with epsilon 0.05, the same emulator seeds for
# all. `amkit transfer` does the same, with its own numbers of steps, exploration and tests:
#
# ```bash
# amkit transfer breakout --from amn-policy.keras --from amn-feature.keras --from none --seed 0,1
# ```

# %%
print(f"zero is luminance {background(breakout)} for random weights, {source.background} for AMNs'")


def prepare(game, source, seed=0, **options):
    """Returns (job, network) of a target that begins from a source's file; None is random."""
    tiny = {} if FULL else {"envs": 4, "rollout_steps": 8, "batch_size": 16}
    config = transfer_config(
        game.name,
        source,
        like=AMNS["AMN-policy"],  # The layers, where there is no source.
        seed=seed,
        steps=STEPS,
        epsilon=((0, 1.0), (STEPS // 5, 0.05)),
        precision=precision,
        **tiny,
        **options,
    )
    return build(config, environments_seed=seed)


def learn(game, source, seed=0, **options):
    """Returns the curve of a target: rows of (agent steps, mean score, its standard error)."""
    job, network = prepare(game, source, seed, **options)
    curve = []
    with closing(job.environments):
        while True:
            if job.steps * TESTS >= len(curve) * STEPS:
                played = amkit.evaluate_game(network, game, PROTOCOL, epsilon=0.05, seed=UNSEEN)
                curve.append((job.steps, played.mean, played.standard_error))
            if job.steps >= STEPS:
                return np.array(curve)
            job.play_and_learn()


def chance(game):
    return amkit.evaluate_game(amkit.random_network, game, PROTOCOL, epsilon=1.0, seed=UNSEEN).mean


def height(curve):
    """Mean score over the tests while it learns: how high a curve is, in one number."""
    return curve[1:, 1].mean()


BEGINNINGS = {"random": None, **AMNS}
curves = {}  # (game, beginning, seed) -> curve
chances = {breakout.name: chance(breakout)}
print(f"chance: {chances[breakout.name]:.2f}")
begun = time.perf_counter()
for name, path in BEGINNINGS.items():
    for seed in SEEDS:
        curve = curves[breakout.name, name, seed] = learn(breakout, path, seed)
        print(f"{name:12s} seed {seed}: {curve[0, 1]:6.2f} before, {curve[-1, 1]:6.2f} +- "
              f"{curve[-1, 2]:.2f} at the end, {height(curve):6.2f} over the curve")  # fmt: skip
print(f"{len(curves)} trainings and their tests: {(time.perf_counter() - begun) / 60:.1f} minutes")

# %% [markdown]
# Before the first step: random weights come with an output layer of zeros, which prefers NOOP, the first of equal actions,
# everywhere. A kept output layer prefers something. Beside chance, that says what the AMN's *policy* is worth in a game that it
# has never seen. What its *features* are worth is seen later, on the curves.


# %%
def plot_curves(ax, game, names):
    for color, name in enumerate(names):
        for seed in SEEDS:
            if (game.name, name, seed) in curves:
                steps, mean, error = curves[game.name, name, seed].T
                style = {"color": f"C{color}", "linestyle": "-:"[seed], "marker": "."}
                ax.errorbar(steps, mean, error, label=name if not seed else None, **style)
    ax.axhline(chances[game.name], color="gray", linestyle="--", linewidth=1, label="chance")
    ax.set_title(game.title)
    ax.set_xlabel("agent steps")
    ax.legend()


figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
plot_curves(ax, breakout, BEGINNINGS)
ax.set_ylabel("score at epsilon 0.05")
plt.show()

for name in BEGINNINGS:
    heights = [height(curves[breakout.name, name, seed]) for seed in SEEDS]
    print(f"{name:12s} mean {np.mean(heights):6.2f}, its seeds are {np.ptp(heights):.2f} apart")

# %% [markdown]
# Solid: seed 0, dotted: seed 1. The bars are standard errors of one test's 16 games: how well *this* network was measured. They
# do not say how another training would go. That is what seeds are for, and there are two. What they can say:
#
# - Where the two curves of one beginning lie on both sides of another's, nothing can be said about which is better.
# - Where both lie above both of another, that is a hint. If there were no difference at all, two curves would both lie above
#   two others, in a direction named beforehand, in one of six cases.
# - The seeds are those of *learning the target*. Each AMN was distilled once, so that another AMN-policy might do otherwise,
#   with any number of seeds here.
# - A curve that is higher here need not be higher after ten times as many steps.
#
# A fair report has more seeds of both, says how many, and names the comparison before it looks. `amkit report` on the
# runs of `amkit transfer` makes the paper's Table 2, with the area under each curve and the steps that it saves.
#
# ## When it fails
#
# The paper has seven targets. Here is its Table 2: three beginnings, one test score per million training frames; figure 7 in App. F
# draws the same.

# %%
TABLE_2 = """
breakout       1.182  5.278  29.13  102.3  202.8  212.8  252.9  211.8  243.5  258.7
               18.35  102.1  216.0  271.1  308.6  286.3  284.6  318.8  281.6  311.3
               16.23  119.0  153.7  191.8  172.6  233.9  248.5  178.8  235.6  225.5
gopher         294.0  578.9  1360   1540   1820   1133   633.0  1306   1758   1539
               715.0  612.7  1362   924.8  1029   1186   1081   936.7  1251   1142
               636.2  1110   918.8  1073   1028   810.1  1008   868.8  1054   982.4
krull          4302   6193   6576   7030   6754   5294   5949   5557   5366   6005
               5827   7279   6838   6971   7277   7129   7854   8012   7244   7835
               5033   7256   7008   7582   7665   8016   8133   6536   7832   6923
road_runner    327.5  988.1  16263  27183  26639  29488  33197  27683  25235  31647
               1561   5119   19483  22132  23391  23813  34673  33476  31967  31416
               1349   6659   18074  16858  18099  22985  27023  24149  28225  23342
robotank       4.830  6.965  9.825  13.22  21.07  22.54  31.94  29.80  37.12  34.04
               3.502  4.522  11.03  9.215  16.89  17.31  18.66  20.58  23.58  23.02
               3.550  6.162  13.94  17.58  17.57  20.72  20.13  21.13  26.14  23.29
star_gunner    221.2  468.5  927.6  1084   1508   1626   3286   16017  36273  45322
               274.3  302.0  978.4  1667   4000   14655  31588  45667  38738  53642
               1405   4570   18111  23406  36070  46811  50667  49579  50440  56839
video_pinball  2323   8549   6780   5842   10383  11093  8468   5476   9964   11893
               2583   25821  95949  143729 57114  106873 111074 73523  34908  123337
               1593   3958   21341  12421  15409  18992  15920  48690  24366  26379
"""
words = TABLE_2.split()
table_2 = {  # game -> [3, 10]
    words[i]: np.array(words[i + 1 : i + 31], float).reshape(3, 10)
    for i in range(0, len(words), 31)
}
assert tuple(table_2) == SPLITS["targets"]

figure, axes = plt.subplots(2, 4, figsize=(14, 5.5), layout="constrained")
for ax, (name, rows) in zip(axes.flat, table_2.items(), strict=False):
    for beginning, row in zip(("random", *betas), rows, strict=True):
        ax.plot(range(1, 11), row, label=beginning)
    ax.set_title(amkit.find_game(name).title)
    ax.set_xlabel("million frames")
axes[1, 3].axis("off")
axes[1, 3].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")
plt.show()

print("AMN / random:        column 1           all 10       columns 8 to 10")
print(" " * 16 + "   policy  feature" * 3)
for name, rows in table_2.items():
    parts = [rows[:, columns].mean(axis=1) for columns in (slice(1), slice(10), slice(7, 10))]
    print(f"{name:16s}" + "".join(f"{p[1] / p[0]:9.2f}{p[2] / p[0]:9.2f}" for p in parts))

# %% [markdown]
# What the paper says of it, and what the numbers add:
#
# - **Breakout, Star Gunner, Video Pinball**: "a definite increase in learning speed". In two of the three a ball has to be kept
#   in play, as in the source Pong. Star Gunner owes most of its increase to feature regression.
# - **Breakout again**: AMN-feature is far ahead in the first two columns, and behind random weights in the last three. A head
#   start and a better end are two things.
# - **Krull, Road Runner**: help at the start, an effect "not very pronounced" later. In Krull the paper observes a local maximum
#   that every DQN gets stuck in, whatever it begins from. Yet in its numbers both AMNs lie above random weights from column 5 on.
# - **Gopher, Robotank**: no significant positive effect. Gopher's curves are ahead in the first two columns, and on average lower
#   than that of random weights. Robotank is the paper's "example of negative transfer". Its guess: this is "the only
#   first-person 3D game".
# - The caption does not speak of several trainings. Read single curves as above, and look at how far they jump from one column to
#   the next.
#
# Why can good features hurt? They have to be unlearnt. Units that fire for what matters elsewhere may be silent, or all alike, in
# the target; and a DQN's own targets are made of its first Q-values (tutorial 2), so that a confident beginning is
# something to unlearn as well.
#
# Gopher, for ourselves: the same sources, the same number of steps, one seed.

# %%
gopher = amkit.find_game("gopher")
chances[gopher.name] = chance(gopher)
print(f"chance: {chances[gopher.name]:.0f}")
for name in some(("random", "AMN-policy")):
    curve = curves[gopher.name, name, 0] = learn(gopher, BEGINNINGS[name])
    print(f"{name:12s} {curve[0, 1]:6.0f} before, {curve[-1, 1]:6.0f} +- "
          f"{curve[-1, 2]:.0f} at the end, {height(curve):6.0f} over the curve")  # fmt: skip
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
plot_curves(ax, gopher, ("random", "AMN-policy"))
plt.show()

# %% [markdown]
# ## Which part helps?
#
# Two switches take a transfer apart. `head="new"` gives up the output layer, so that no preference is transferred, only
# features. `freeze` names a layer: it and all before it do not learn. Frozen up to `features`, only the output layer learns,
# and the DQN is linear in what the AMN sees: are the features good enough as they are? Frozen up to `conv3`, only the filters
# stay. On the command line: `--head new`, `--freeze conv3`.

# %%
VARIANTS = {
    "frozen to features": {"freeze": "features"},
    "frozen to conv3": {"freeze": "conv3"},
    "new head": {"head": "new"},
}
for name in some(VARIANTS):
    options, begun = VARIANTS[name], time.perf_counter()
    curve = curves[breakout.name, name, 0] = learn(breakout, AMNS["AMN-policy"], **options)
    network = amkit.actor_mimic_network(**layers)
    transfer.initialise(network, source, **options)
    learning = sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)
    print(f"{name:20s}{learning:10,d} weights learn, {time.perf_counter() - begun:3.0f} s: "
          f"{curve[-1, 1]:6.2f} +- {curve[-1, 2]:.2f} at the end, "
          f"{height(curve):6.2f} over the curve")  # fmt: skip

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
plot_curves(ax, breakout, ("random", "AMN-policy", *VARIANTS))
plt.show()

# %% [markdown]
# Read it in this order. What does a linear output on the AMN's features reach? What does it add that the dense layer may
# change too? And the filters: all of AMN-policy, above? And what does the kept output layer give beyond a new one? The variants
# have one seed each, and are to be compared with seed 0 of the others. A frozen network also learns faster by the clock: there
# are fewer gradients to compute.
#
# ## Choosing sources
#
# The paper takes the same 13 sources for every target. The end of its section 7 asks for more: "targeted knowledge transfer
# from source tasks by identifying related source tasks for the given target task", which "can potentially help in cases of
# negative transfer". It has no experiment on that. To try all sources is no method: it takes longer than learning the target.
#
# `amkit relate` makes a cheap guess. It plays the target at random, and asks of each candidate: how well do its features tell the
# reward ahead? A Q-function is linear in its features, so features that tell the reward linearly are features that a DQN could
# use at once. For a discount of 0.95, a step's reward ahead is
#
# $$G_t = \sum_{k \ge 0} 0.95^k \, r_{t+k}.$$
#
# A ridge regression from the features to $G_t$ is learnt on half of the environments and judged on the other half. Written out,
# with a fixed strength of the ridge:

# %%
LOOK = {} if FULL else {"steps": 3200, "envs": 8}
frames = relate.play_at_random(breakout, **LOOK)
observation, ahead = frames.observation, frames.reward_ahead  # [T, N, 4, 84, 84], [T, N]
print(f"{ahead.size:,} steps in {ahead.shape[1]} environments; "
      f"reward ahead: mean {ahead.mean():.2f}, standard deviation {ahead.std():.2f}")  # fmt: skip


def tells(network, strength=0.01):
    """R^2 of the reward ahead on the odd environments, learnt on the even ones."""
    flat = network.predict(observation.reshape(-1, 4, 84, 84), batch_size=256, verbose=0)
    features = flat.reshape(*ahead.shape, -1).astype(float)  # [T, N, D]
    known, new = (features[:, i::2].reshape(-1, features.shape[2]) for i in (0, 1))
    wanted, unknown = (ahead[:, i::2].ravel() for i in (0, 1))
    centre, offset = known.mean(axis=0), wanted.mean()
    x = (known - centre) / known.std()
    gram = x.T @ x / len(x) + strength * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (wanted - offset) / len(x))
    predicted = offset + (new - centre) / known.std() @ weights
    return 1 - ((predicted - unknown) ** 2).mean() / max(unknown.var(), 1e-12)


# %% [markdown]
# amkit's does this four times, with other environments held out, and chooses the strength on a part of the rest. We ask about
# the two AMNs, all shipped experts (an expert of another game is a source too: one with a single game), random weights, and pixels.
# Two more have seen Breakout: the shipped AMN and Breakout's own expert. They are no candidates. They show what the leak does to
# such a number.

# %%
shipped = sorted((ROOT / "pretrained").glob("*.keras"))
seen = {"amn", "breakout"}
paths = {path.stem: path for path in [*AMNS.values(), *shipped]}
if not FULL:
    paths = {name: paths[name] for name in ("AMN-policy", "pong")}
candidates = relate.candidates(list(paths.values()))
if not FULL:
    del candidates["pixels"]  # They are many.
begun = time.perf_counter()
rows = relate.relate(frames, candidates)
guess = {row["name"]: row["r_squared"] for row in rows}
print(f"{len(rows)} candidates, {time.perf_counter() - begun:.0f} s")
print(f"{'features of':18s}{'amkit, R^2':>12s}{'':12s}{'as above':>8s}")
for row in rows:
    note = "   has seen Breakout" if row["name"] in seen else ""
    print(f"{row['name']:18s}{row['r_squared']:12.3f} +- {row['standard_error']:.3f}"
          f"{tells(candidates[row['name']]):12.3f}{note}")  # fmt: skip

# %% [markdown]
# Look at how far apart the candidates are beside their errors (over the folds; these share frames, so that the errors are
# rather too small), and at where random weights and pixels stand: a source that tells no more than those has nothing to offer by this
# measure.
#
# Now the test. The guess is made; of the experts we take the one that it puts first and the one that it puts last, and learn
# Breakout from each. This is targeted transfer in its simplest form: one source, chosen for the target. What the guess is worth
# shows in whether it puts the five beginnings in the order in which they turn out. (An expert has no outputs for actions that its
# game does not have. They begin at 0.)

# %%
not_asked = seen | set(AMNS) | {"amn-policy", "random weights", "pixels"}
experts = [row["name"] for row in rows if row["name"] not in not_asked]
chosen = {"first": experts[0], "last": experts[-1]}
for place in some(chosen):
    name = chosen[place]
    curve = curves[breakout.name, name, 0] = learn(breakout, paths[name])
    print(f"guessed {place}, {name}: {curve[0, 1]:.2f} before, {curve[-1, 1]:.2f} +- "
          f"{curve[-1, 2]:.2f} at the end, {height(curve):.2f} over the curve")  # fmt: skip

compared = {name: guess[name] for name in (*AMNS, *chosen.values())}
compared["random"] = guess["random weights"]
figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4), layout="constrained")
plot_curves(left, breakout, compared)
for name, told in compared.items():
    heights = [height(c) for (game, n, _), c in curves.items() if (game, n) == ("breakout", name)]
    right.plot([told] * len(heights), heights, "o-")
    right.annotate(name, (told, np.mean(heights)), xytext=(6, 0), textcoords="offset points")
right.set_xlabel(r"guess: $R^2$ of the reward ahead")
right.set_ylabel("measured: mean score over the curve")
plt.show()


def measured(name):
    return height(curves[breakout.name, name, 0])  # Seed 0 of all.


print("order by the guess:  ", " > ".join(sorted(compared, key=lambda name: -compared[name])))
print("order as it came out:", " > ".join(sorted(compared, key=lambda name: -measured(name))))

# %% [markdown]
# Five points, two of them of one seed: that can speak against a guess, but hardly for it. Two experts come out in the right
# order by chance once in two times. All five do once in 120, but an order means something only where the measured points lie
# further apart than two seeds of one beginning. Remember what the guess leaves out:
#
# - it plays at random, so that it sees the beginning of the game only, and what a random player meets;
# - it looks at features as they are, though learning changes them: a poor start may be quick to adapt;
# - it says nothing about the output layer, nor about how easily a Q-function is learnt;
# - it predicts what a random player gets; what a DQN needs is how that changes with the action.
#
# What is cheap about it: a minute, and not one step of learning.

# %% [markdown]
# ## What came out here
#
# Little, and that is the result: read it as an example of what such an experiment looks like when it is too short. (The `amn.keras` of
# this page's outputs is an earlier one. Random weights then saw another luminance as zero than the AMNs' did, and all learnt with a running
# average at twice the learning rate.)
#
# - **Breakout.** No transfer is to be seen, in either direction. Over the curve, random weights have 1.55 and 2.40, AMN-policy 1.26 and 2.41,
#   AMN-feature 1.74 and 2.12: the seeds of one beginning lie as far apart as the beginnings do. The best end is a seed of random
#   weights, 5.6 ± 0.7; chance is 1.6. Breakout's own expert had 15 points after 330,000 steps, says its card: 80,000 are too few for anything
#   to show. `amkit transfer` takes 500,000, and a comparison wants more seeds than two.
# - **Before the first step** the kept output layers score 1.1 and 2.5, beside chance's 1.6: as policies they are worth next to nothing in Breakout.
# - **The kept head** is as the equation says. On Pong's states $\tau z$ has nothing of the level of $Q_E$ (correlation 0.12), and something of its
#   differences (0.60), at half their size: these AMNs still had a KL of 0.19 and 0.24 to go.
# - **Gopher.** Both curves lie below chance (324) at every test. A network that is half trained repeats itself, where a random player meets
#   something. Random weights end higher (220 and 31), and are lower over the curve (50 and 118); with one seed that is no verdict on negative transfer.
# - **Variants** all end between 2.0 and 2.8 and cannot be told apart. Exercise 2 is the control that is easily forgotten: *random* features, frozen,
#   do as well as the AMN's, frozen (2.44 and 2.50 over the curve). So the frozen score says nothing for the AMN's features yet.
# - **relate.** The leak is unmistakable: 0.85 for Breakout's own expert and 0.52 for the shipped AMN. Of the others nobody is above random weights (0.12 ± 0.05)
#   by more than the errors, and Pong, the other game with a paddle, is near the end. In Pong, exercise 3, random weights are not
#   beaten by Breakout's expert either (0.18 ± 0.06 and 0.16 ± 0.02).
# - **The guess against the measurement.** The expert that was guessed first has 2.25 over the curve, the one guessed last 2.15. The measured order means
#   nothing, as all of it lies within the spread of two seeds, so this run neither supports the guess nor speaks against it.
# - **Exercise 1.** Without the temperature the first loss is 0.038 in place of 0.002, and the network's returns are its own inventions. Within ten rollouts
#   the losses have come together.

# %% [markdown]
# ## You should know
#
# - Transfer copies every layer. The output layer is kept and multiplied by the temperature, because logits are Q-values divided by
#   it, but for a number in every state that the softmax cancels; or it begins anew.
# - The source must not have seen the target. Check what it was made of before you believe a good result.
# - Say what is transferred: a policy (seen before the first step), a head start, or a better end. They need not go together.
# - Transfer can hurt. Always learn from random weights too, for as many steps, with as many seeds.
# - A standard error of test games is not one of trainings. And seeds of the target do not cover the chance in the source.
# - A guess about sources is a hypothesis: name its order first, then measure.
#
# ## Exercises
#
# 1. Forget the temperature: keep the output layer as it is. What are the first returns that the network is trained on, and what
#    does the loss look like, beside a scaled and a new output layer?
# 2. Frozen up to `features`, the AMN's features were used as they are. Were they good, or would any do? Do the same with random
#    weights.
# 3. Is being related mutual? If Pong helps with Breakout, ask `relate` about the other way: Pong as the target.
#
# ### Solutions

# %%
# 1. The returns are bootstrapped from the network's own values. An output layer that is 20 times too large makes those 20 times
# too large, from the first rollout on, so that the network is first trained on its own inventions. The loss of the first
# rollout says how far its values are from its returns; rewards lie between -1 and 1.
ROUNDS = 10 if FULL else 2
for name in some(("kept as it is", "kept, times tau", "new")):
    head = "new" if name == "new" else "keep"
    job, acting = prepare(breakout, AMNS["AMN-policy"], head=head)
    if name == "kept as it is":
        for network in (job.learner.online, acting):
            layer = network.get_layer("output")
            layer.set_weights([weight / source.temperature for weight in layer.get_weights()])
    losses = []
    with closing(job.environments):
        for _ in range(ROUNDS):
            job.play_and_learn()
            metrics = job.epoch_metrics()
            losses.append(f"{metrics['loss']:.4f}")
    print(f"1. {name:16s} loss by rollout {' '.join(losses)}; "
          f"mean return of the last {metrics['mean_return']:.2f}")  # fmt: skip

# %%
# 2. The same layers with random weights, frozen as well; saved, so that they are a source like any other. If they come near
# the AMN's, then a linear output on 512 features of any kind does most of the work.
keras.utils.set_random_seed(3)
untrained = Path(folder.name) / "untrained.keras"
amkit.save(amkit.actor_mimic_network(**layers), untrained, {"kind": "amn", "games": SOURCES})
random_frozen = learn(breakout, untrained, freeze="features")
for name, curve in (
    ("AMN-policy, frozen to features", curves[breakout.name, "frozen to features", 0]),
    ("random weights, frozen to features", random_frozen),
    ("random weights, all learn", curves[breakout.name, "random", 0]),
):
    print(f"2. {name:36s}{curve[-1, 1]:6.2f} +- {curve[-1, 2]:.2f} at the end, "
          f"{height(curve):6.2f} over the curve")  # fmt: skip

# %%
# 3. It need not be: what a random player meets differs from game to game, and with it what there is to tell. Compare each
# line with random weights, not with the other table.
there = relate.play_at_random(pong, **LOOK)
names = some(["breakout", "boxing", "seaquest"])
others = relate.candidates([ROOT / "pretrained" / f"{name}.keras" for name in names])
del others["pixels"]
for row in relate.relate(there, {name: others[name] for name in some(others)}):
    print(f"3. target Pong, features of {row['name']:16s} "
          f"R^2 {row['r_squared']:.3f} +- {row['standard_error']:.3f}")  # fmt: skip
folder.cleanup()
