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
# **What you will learn**
#
# - how a distilled network becomes the beginning of a DQN for a game that it has never seen: which weights are copied, and
#   what becomes of the output layer;
# - how to compare learning from different first weights, and what a few seeds can say about it;
# - when transfer fails, in the paper's numbers and in ours, and which control tells knowledge from something cheaper;
# - how to guess, from a few thousand agent steps, which source might help, and how to put the guess to the test.
#
# **Time** 30 minutes, some 15 of them computing on two cores. **Needs** `pip install -e '.[plots]'` and the shipped models.
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
from amkit.backend import load_tensorflow

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
from amkit.evaluation.protocols import Protocol
from amkit.games.atari import AtariEnvironments, background
from amkit.games.catalogue import SPLITS
from amkit.games.published import TABLE_2
from amkit.jobs.build import build
from amkit.jobs.configuration import transfer_config
from amkit.jobs.rates import fastest
from amkit.reports import figures
from amkit.reports import guesses as relate_guesses
from amkit.reports import recorded as cards_of_runs
from amkit.reports import text as table_text
from amkit.reports.transfers import table_2, transfers
from amkit.transfer import relate as transfer_relate
from amkit.transfer.initialise import initialise, load_source

tf.get_logger().setLevel("ERROR")  # It warns that many networks are many graphs: so they are.
ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
RECORDED = ROOT / "tutorials" / "recorded"
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 80_000))  # Of a target. Tests play less.
FULL = STEPS >= 10_000
SEEDS = (0, 1) if FULL else (0,)
TESTS = 5 if FULL else 1  # While a target is learnt, and one before it.
PROTOCOL = Protocol("16 games", 0, 16, 0.0, "16 whole games") if FULL else amkit.PROTOCOLS["tiny"]
UNSEEN = 2**30  # A seed far from those of training.


def some(items):
    """All of them; in a test the first alone, which shows that it runs."""
    return list(items) if FULL else list(items)[:1]


precision = fastest(128, jit_compile=False)[0] if FULL else "float32"
breakout = amkit.find_game("breakout")
print("sources:", ", ".join(SPLITS["sources"]))
print("targets:", ", ".join(SPLITS["targets"]))

# %% [markdown]
# ## A source that has not seen the target
#
# amkit ships several AMNs. Which of them may a DQN of Breakout begin from? Their cards say what they were made of:

# %%
for name in ("amn", "amn-policy", "amn-feature"):
    card = amkit.read_card(ROOT / "pretrained" / f"{name}.keras")
    print(f"{name}: {', '.join(card['games'])}")
    for score in card["scores"]:
        if score["game"] == breakout.name:
            print(f"    in Breakout, before anything is learnt there: {score['mean']:.1f} points")

# %% [markdown]
# `amn` was taught Breakout. Begun from it, a DQN of Breakout would do well at once, and nothing would be learnt about
# transfer. A source that has seen the target is cheating. It is as easy to overlook as a test set among the training data,
# and the remedy is the same: say what the source was made of, and keep the target out. (What a network *began* as counts too:
# cards name that under `begin`.)
#
# The two others were made for this, from the 13 of the paper's games that are no targets: by policy regression alone (the paper's
# *AMN-policy*), and by feature regression too (*AMN-feature*, $\beta = 0.01$, tutorial 4; ours began as AMN-policy and is it with
# 200,000 steps more, where the paper's two are trained apart). To distil them takes an hour or two each, so we take them as they are:

# %%
AMN_POLICY = ROOT / "pretrained" / "amn-policy.keras"
assert breakout.name not in amkit.read_card(AMN_POLICY)["games"]
source = load_source(AMN_POLICY)
assert breakout.name not in source.games  # Nor in those of the networks that it began as.

# %% [markdown]
# ## From an AMN to a DQN
#
# The AMN has 18 logits. The target network has the same layers, and 18 Q-values. What does each layer begin with?
#
# - **Convolutions, dense layer, normalisation**: the AMN's weights.
# - **Luminance that counts as zero**: each network subtracts the background of its games from its input before the first
#   convolution, and its filters are used to that. The target's network subtracts the target's own, and the first layer's biases take
#   up the difference, so that the filters say what they would have said.
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
# paper $\tau$ is 1, and the question does not come up. This AMN's experts each had a temperature of their own, between 0.015 and 0.114; the
# target is none of them, and takes their geometric mean.
#
# Written out:

# %%
zero = background(breakout)
print(f"temperature {source.temperature:.3f}; zero is luminance {source.background:.1f} for the AMN, "
      f"{zero:g} for Breakout's DQN")  # fmt: skip
keras.utils.set_random_seed(0)
layers = {"normalize_features": True, "background": zero}
ours = amkit.actor_mimic_network(**layers)

ours.set_weights(source.network.get_weights())
output = ours.get_layer("output")
output.set_weights([source.temperature * weight for weight in output.get_weights()])
kernel, bias = ours.get_layer("conv1").get_weights()
brighter = (zero - source.background) / 255  # A constant in every pixel of every frame.
ours.get_layer("conv1").set_weights([kernel, bias + brighter * kernel.sum(axis=(0, 1, 2))])

amkits = amkit.actor_mimic_network(**layers)
initialise(amkits, source, head="keep")
for own, theirs in zip(ours.get_weights(), amkits.get_weights(), strict=True):
    assert np.allclose(own, theirs, atol=1e-6)

print(f"{'layer':16s}{'weights':>10s}{'share':>8s}")
for layer in ours.layers:
    if layer.weights:
        share = layer.count_params() / ours.count_params()
        print(f"{layer.name:16s}{layer.count_params():10,d}{share:8.1%}")

# %% [markdown]
# `transfer.initialise` gives the same weights. Hardly any of them are in the output layer.
#
# Does the equation hold? Pong is a source, so we can compare: on states of Pong, the AMN's $\tau z$ beside the Q-values of
# Pong's expert. First as they are, then each less its mean over the legal actions, which takes $c(s)$ away.

# %% alt="Two scatter plots of the AMN's outputs against the Q-values of Pong's expert: correlation 0.22 as they are, 0.72 less the mean over the actions"
pong = amkit.find_game("pong")
pong_expert = amkit.load(ROOT / "pretrained" / "pong.keras")
expert_q, ours_q, rng = [], [], np.random.default_rng(0)
with closing(AtariEnvironments([pong], 16 if FULL else 2, seed=UNSEEN)) as environments:
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
own = amkit.read_card(AMN_POLICY)["temperatures"][pong.name]
print(
    f"expected: {source.temperature / own:.2f} times the expert's, as Pong's own tau is {own:.3f}"
)

# %% [markdown]
# Dashed: equal. The level of the expert's values, what it expects of the point being played, was never asked of the AMN's logits;
# the left picture shows how much of it is there all the same. The DQN has to learn the target's own level in any case.
#
# One more thing is kept with the output layer: what the buttons mean. Output 3 is RIGHT in every game. In Pong, RIGHT moves the
# paddle up; in Breakout it moves it to the right.
#
# ## Learning Breakout, for a minute
#
# Now the target learns: from random weights and from AMN-policy, two seeds of each. The algorithm is that of amkit's
# experts, parallel Q-learning (tutorial 2), with the settings of `amkit transfer`. While epsilon is near 1, what a network prefers has
# little influence on what is played; so it falls to 0.05 within the first fifth of so short a run. All runs are equal in everything but
# the first weights, and the output layer of random weights begins at zero.
#
# There is a test before the first step, and five more on the way: 16 whole games with epsilon 0.05, the same emulator seeds for
# all. `amkit transfer` does the same, with its own numbers of steps and tests:
#
# ```bash
# amkit transfer breakout --from none --from pretrained/amn-policy.keras --seed 0,1
# ```


# %%
def prepare(game, source, seed=0, **options):
    """Returns (job, network) of a target that begins from a source's file; None is random."""
    tiny = {} if FULL else {"envs": 2, "rollout_steps": 8, "batch_size": 16}
    config = transfer_config(
        game.name,
        source,
        like=AMN_POLICY,  # The layers, where there is no source.
        seed=seed,
        steps=STEPS,
        epsilon=((0, 1.0), (STEPS // 5, 0.05)),
        precision=precision,
        jit_compile=False,
        **tiny,
        **options,
    )
    job = build(config, environments_seed=seed)
    return job, job.learner.acting


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


def outcome(curve):
    return (f"{curve[0, 1]:7.2f} before, {curve[-1, 1]:7.2f} ± {curve[-1, 2]:.2f} at the end, "
            f"{height(curve):7.2f} over the curve")  # fmt: skip


INITIALISATIONS = {"random": None, "AMN-policy": AMN_POLICY}
curves = {}  # (game, initialisation, seed) -> curve
chances = {breakout.name: chance(breakout)}
print(f"random play: {chances[breakout.name]:.2f}")
begun = time.perf_counter()
for name, path in INITIALISATIONS.items():
    for seed in SEEDS:
        curve = curves[breakout.name, name, seed] = learn(breakout, path, seed)
        print(f"{name:12s} seed {seed}: {outcome(curve)}")
print(f"{len(curves)} trainings and their tests: {(time.perf_counter() - begun) / 60:.1f} minutes")


# %% alt="Breakout over 80,000 steps: random weights and AMN-policy are within their noise of each other"
def plot_curves(ax, game, names):
    for color, name in enumerate(names):
        for seed in SEEDS:
            if (game.name, name, seed) in curves:
                steps, mean, error = curves[game.name, name, seed].T
                style = {"color": f"C{color}", "linestyle": "-:"[seed], "marker": "."}
                ax.errorbar(steps, mean, error, label=name if not seed else None, **style)
    ax.axhline(chances[game.name], color="gray", linestyle="--", linewidth=1, label="random play")
    ax.set_title(game.title)
    ax.set_xlabel("agent steps")
    ax.set_ylabel("score at epsilon 0.05")
    ax.legend()


figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
plot_curves(ax, breakout, INITIALISATIONS)
plt.show()

# %% [markdown]
# Solid: seed 0, dotted: seed 1. The bars are standard errors of one test's 16 games: how well *this* network was measured. They
# do not say how another training would go. That is what seeds are for, and there are two. What they can say:
#
# - Where the two curves of one initialisation lie on both sides of another's, nothing can be said about which is better.
# - Where both lie above both of another, that is a hint. If there were no difference at all, two curves would both lie above
#   two others, in a direction named beforehand, in one of six cases.
# - The seeds are those of *learning the target*. Each AMN was distilled once, so that another AMN-policy might do otherwise,
#   with any number of seeds here.
# - A curve that is higher here need not be higher after ten times as many steps.
#
# A fair report has more seeds of both, says how many, and names the comparison before it looks.
#
# ## Half a million steps, recorded
#
# Eighty thousand steps are a minute of learning. These took longer, so they are recorded: the cards of `amkit transfer`,
# 500,000 steps of a target, tested at ten points. `amkit report` makes a page of them; here are its figure and its numbers
# ([what they say](transfer.md)).

# %% alt="Seven games over 500,000 steps from three beginnings: the AMNs lead in Gopher, Road Runner and Star Gunner"
recorded = transfers(cards_of_runs.read_cards(sorted(RECORDED.glob("transfer/*.json"))))
table = table_2(recorded)
figures.transfer_curves(table)

# %%
print(f"{'':15s}{'initialisation':16s}{'runs':4s}  {'area, relative':21s}"
      f"{'area, difference':26s}{'steps to the same score':23s}")  # fmt: skip
for row in table:
    if row["source"] != "random":
        print(f"{row['game']:15s}{row['source']:16s}{row['runs']:4d}  "
              f"{table_text.interval(row['area']):21s}{table_text.interval(row['area_difference'], 1):26s}"
              f"{table_text.interval(row['steps_ratio'])}")  # fmt: skip

# %% [markdown]
# *Area*: the mean score over the ten tests, above random play, divided by that of random weights: how high a curve is. A dash: random weights do not get
# clearly above random play. *Difference*: less that of random weights, in points. *Steps to the same
# score*: the steps to the last score of random weights, as a share of those that random weights themselves take to it: 0.5 is twice as fast,
# ∞ is never. In brackets 95 % intervals. Those of ratios let a training vary as much as trainings of Breakout and Star Gunner do, which have two seeds. Those of
# differences let it vary as much as the game's own seeds do: where it has one, they say nothing of other seeds.
#
# ## When it fails
#
# The paper has seven targets too. Here is its Table 2: three initialisations, and for every million agent steps (the paper says frames) the mean of four
# tests; figure 7 in App. F draws the same.

# %% alt="The paper's seven games over 10 million steps from three beginnings: the AMNs lead in some, random weights in others"
figure, axes = plt.subplots(2, 4, figsize=(14, 5.5), layout="constrained")
for ax, (name, rows) in zip(axes.flat, TABLE_2.items(), strict=False):
    for initialisation, row in rows.items():
        ax.plot(range(1, 11), row, label=initialisation)
    ax.set_title(amkit.find_game(name).title)
    ax.set_xlabel("million agent steps")
axes[1, 3].axis("off")
axes[1, 3].legend(*axes[0, 0].get_legend_handles_labels(), loc="center")
plt.show()

print("AMN / random:        column 1           all 10       columns 8 to 10")
print(" " * 16 + "   policy  feature" * 3)
for name, rows in TABLE_2.items():
    parts = [
        [np.mean(row[columns]) for row in rows.values()]
        for columns in (slice(1), slice(10), slice(7, 10))
    ]
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
# ## What else is transferred?
#
# In Gopher the AMN's weights seem to help (above). Is it what they know? Something else comes with them. As a network is trained, its kernels
# grow, since nothing holds them: before a layer that is normalised, a kernel of twice the size says the same. But the optimizer's steps do not grow
# along. In a kernel of six times the size, a step of the same length changes six times less. So a transferred network also learns *more
# slowly*, as if at a smaller learning rate, and that alone may help a target whose learning is unstable, or hurt one that is not.
#
# A control takes the knowledge away and leaves the size: random weights, as large as the AMN's. ReLUs hand a factor on, so that a
# layer's bias takes the factors of all layers before it.

# %%
keras.utils.set_random_seed(1)
grown = amkit.actor_mimic_network(normalize_features=True, background=source.background)
fresh = amkit.actor_mimic_network(normalize_features=True, background=source.background)
fresh.set_weights(grown.get_weights())


def size(layer):
    """Root mean square of a layer's kernel."""
    return float(np.sqrt(np.mean(layer.get_weights()[0] ** 2)))


so_far = 1.0
for name in ("conv1", "conv2", "conv3", "hidden1"):
    layer = grown.get_layer(name)
    kernel, bias = layer.get_weights()
    factor = size(source.network.get_layer(name)) / size(layer)
    so_far *= factor
    print(f"{name:10s}fresh {size(layer):.3f}, the AMN's {size(source.network.get_layer(name)):.3f}: "
          f"{factor:.1f} times")  # fmt: skip
    layer.set_weights([factor * kernel, so_far * bias])

observation = np.random.default_rng(0).integers(0, 256, (8, 4, 84, 84), np.uint8)
say = [keras.Model(n.input, n.get_layer("features").output)(observation) for n in (fresh, grown)]
print(f"features are at most {np.abs(say[0] - say[1]).max():.4f} apart")
folder = TemporaryDirectory()
GROWN = Path(folder.name) / "grown.keras"  # Saved, so that it is a source like any other.
amkit.save(grown, GROWN, {"kind": "amn", "games": ["pong"]})  # A card has to name a game.

# %% [markdown]
# The two say the same, but for the normalisation's epsilon. What they learn, and how fast, is another matter. Gopher from three
# initialisations, one seed:

# %% alt="Gopher over 80,000 steps: AMN-policy leads; grown random weights have a part of its gain"
gopher = amkit.find_game("gopher")
chances[gopher.name] = chance(gopher)
print(f"random play: {chances[gopher.name]:.0f}")
for name, path in some({"random, grown": GROWN, **INITIALISATIONS}.items()):
    head = {"head": "new"} if path == GROWN else {}  # Random weights prefer nothing at first.
    curve = curves[gopher.name, name, 0] = learn(gopher, path, **head)
    print(f"{name:16s}{outcome(curve)}")
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
plot_curves(ax, gopher, (*INITIALISATIONS, "random, grown"))
plt.show()

# %% [markdown]
# ## Which part helps?
#
# Two switches take a transfer apart. `head="new"` gives up the output layer, so that no preference is transferred, only
# features. `freeze` names a layer: it and all before it do not learn. Frozen up to `features`, only the output layer learns,
# and the DQN is linear in what the AMN sees: are the features good enough as they are? On the command line: `--head new`,
# `--freeze features`.

# %% alt="Breakout over 80,000 steps: a network frozen up to its features learns nothing, a new head learns as well as the old one"
VARIANTS = {"frozen to features": {"freeze": "features"}, "new head": {"head": "new"}}
for name in some(VARIANTS):
    options, begun = VARIANTS[name], time.perf_counter()
    curve = curves[breakout.name, name, 0] = learn(breakout, AMN_POLICY, **options)
    network = amkit.actor_mimic_network(**layers)
    initialise(network, source, **options)
    learning = sum(int(np.prod(weight.shape)) for weight in network.trainable_variables)
    print(f"{name:20s}{learning:10,d} weights learn, {time.perf_counter() - begun:3.0f} s: "
          f"{outcome(curve)}")  # fmt: skip

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
plot_curves(ax, breakout, (*INITIALISATIONS, *VARIANTS))
plt.show()

# %% [markdown]
# Read it in this order. What does a linear output on the AMN's features reach? What does it add that all layers may
# change? And what does the kept output layer give beyond a new one? The variants
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
LOOK = {} if FULL else {"steps": 320, "envs": 8}
frames = transfer_relate.play_at_random(breakout, **LOOK)
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
# the two AMNs of 13 sources, all shipped experts (an expert of another game is a source too: one with a single game), random weights, and
# pixels. Three more have seen Breakout: `amn`, what it began as, and Breakout's own expert. They are no candidates. They show what the
# leak does to such a number.

# %%
paths = sorted((ROOT / "pretrained").glob("*.keras"))
if not FULL:
    paths = [AMN_POLICY]
candidates = transfer_relate.candidates(paths, background(breakout))
if not FULL:
    del candidates["pixels"]  # They are many.
begun = time.perf_counter()
rows = transfer_relate.relate(frames, candidates)
print(f"{len(rows)} candidates, {time.perf_counter() - begun:.0f} s")
print(f"{'features of':18s}{'amkit, R²':>12s}{'':12s}{'as above':>8s}")
for row in rows:
    name = row["name"]
    several = name == "random weights"  # Features of three networks: not what `tells` is for.
    above = "" if several else f"{tells(candidates[name].network):12.3f}"
    note = "   has seen Breakout" if "breakout" in candidates[name].learnt else ""
    print(f"{name:18s}{row['r_squared']:12.3f} ± {row['standard_error']:.3f}{above}{note}")

# %% [markdown]
# Look at how far apart the candidates are beside their errors (over the folds; these share frames, so that the errors are
# rather too small), and at where random weights and pixels stand: a source that tells no more than those has nothing to offer by this
# measure.
#
# Now the test. For targets the guess was made and written down (`amkit relate GAME --experts pretrained/ --from pretrained/amn-policy.keras
# --from pretrained/amn-feature.keras --output FILE`), and the transfers are those recorded above. Does a better guess go with a larger gain?

# %% alt="Gain of transfer against the guess of relate for seven games: no clear line"
guesses = relate_guesses.read_guesses(sorted(RECORDED.glob("relate/*.json")))
related = relate_guesses.relation(recorded, table, guesses)
figures.guesses_and_gains(related.points)

# %%
pairs, found = len(related.points), table_text.interval(related.correlation)
print(f"Spearman's correlation over {pairs} pairs: {found}")
for game, name in relate_guesses.recommended(related).items():
    (row,) = (row for row in table if (row["game"], row["source"]) == (game, name))
    print(f"{game:15s}recommended: {name:14s} area {table_text.interval(row['area'])}")

# %% [markdown]
# The vertical axis is $(a - b) / (|a| + |b|)$ of the mean scores above random play, $a$ with the AMN's weights and $b$ with random ones: 0 is no
# gain. Where both are above random play, 1/3 is twice as much. Where only $a$ is, it is 1, however large the gain (Gopher). Where neither
# is, 1/3 is half as far below (Krull, Video Pinball). Remember what the guess leaves out:
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
# - **Breakout, 80,000 steps.** Over the curve random weights have 4.72 and 4.62, AMN-policy 4.30 and 2.42: both seeds below both, which chance does in one case of
#   three, as nobody had named this direction. It is ahead before the first step (3.5 points, random play 1.6), loses that, and ends behind: 6.4 ± 0.7 and
#   3.6 ± 0.5 beside 8.1 ± 0.7 and 10.1 ± 0.7. The recorded half million steps say the same more weakly: 0.75 of the area, and an interval that holds 1.
# - **Recorded.** Road Runner and Star Gunner gain two to three times the area by either AMN, Gopher 650 points (one seed); Breakout and Krull gain nothing, and of Robotank
#   and Video Pinball it cannot be told ([why](transfer.md)). It is not the paper's list: there Video Pinball (9.6 times by AMN-policy), Star Gunner (1.8 and 3.2) and Breakout
#   (1.6) gain, and Gopher and Robotank lose. No game needs half the steps or fewer by this measure, which leaves out three games.
# - **Gopher's control.** AMN-policy has 274 over the curve, random weights 110, random weights of the AMN's size 159: size alone has a third of the gain. It is one seed, none is above
#   random play, 324, and the AMN kept its output layer besides, where the control has a new one. (In a longer training the control had a fifth of the gain after 102,000 steps
#   and half after 205,000, say [measurements](measurements.md).)
# - **Variants.** Frozen to its features the AMN ends at 2.0, not better than what it began with; so what it sees is not good enough as it is, and not to be told
#   from frozen random features (1.76 and 1.48 over the curve; random play 1.56). With a new head it has 4.59, with the kept one 4.30: kept preferences help before the first
#   step (3.5 beside 0.75); of later nothing can be said, as two seeds are further apart.
# - **The kept head** lands near the expert's scale, 0.101 from best to worst action where Pong's expert has 0.113 (not scaled 2.34), by two errors that cancel: the temperature that
#   the target takes, the mean of all games, is 1.85 times Pong's own, and the AMN's logits are half as far apart as they were taught.
# - **relate.** The leak is unmistakable: 0.85 for Breakout's own expert, 0.79 for the network that `amn` began as, and 0.63 for `amn`. Of the others Assault and Demon Attack tell most (0.28, 0.25), and Pong, the other game with a paddle,
#   next to nothing (0.04). The AMNs are at 0.19 and 0.16 beside 0.15 of random weights: within the errors.
# - **The guess against the measurement.** Spearman's correlation is 0.44, with an interval from -0.50 to 0.94: undecided. It would have begun Road Runner, Robotank and Star Gunner from random
#   weights, and missed two of the largest gains; and it would have slowed down no game beyond the noise.
# - **Exercise 1.** Without the temperature the first returns are 0.72 on average in place of 0.03, the first loss is 0.091 in place of 0.0002, and after ten rollouts the
#   returns are still 0.68, where the others have 0.12 and 0.17: inventions take time to be unlearnt.
#   **Exercise 2.** Random features, frozen, stay at random play, and so do the AMN's.
#
# Trainings took longer here than they will on an idle machine: they had one core.
#
# ## You should know
#
# - Transfer copies every layer. The output layer is kept and multiplied by the temperature, because logits are Q-values divided by
#   it, but for a number in every state that the softmax cancels; or it begins anew.
# - The source must not have seen the target. Check what it was made of before you believe a good result.
# - Say what is transferred: a policy (seen before the first step), a head start, or a better end. They need not go together.
# - Transfer can hurt. Always learn from random weights too, for as many steps, with as many seeds.
# - What helps need not be what the source knows. A control has all of it but the knowledge.
# - A standard error of test games is not one of trainings. And seeds of the target do not cover the chance in the source.
# - A guess about sources is a hypothesis: name its order first, then measure.
#
# ## Exercises
#
# 1. Forget the temperature: keep the output layer as it is. What are the first returns that the network is trained on, and what
#    does the loss look like, beside a scaled and a new output layer?
# 2. Frozen up to `features`, the AMN's features were used as they are. Were they good, or would any do? Do the same with random
#    weights.
#
# ### Solutions

# %%
# 1. The returns are bootstrapped from the network's own values. An output layer that is 20 times too large makes those 20 times
# too large, from the first rollout on, so that the network is first trained on its own inventions. The loss of the first
# rollout says how far its values are from its returns; rewards lie between -1 and 1.
ROUNDS = 10 if FULL else 2
for name in some(("kept as it is", "kept, times tau", "new")):
    head = "new" if name == "new" else "keep"
    job, acting = prepare(breakout, AMN_POLICY, head=head)
    if name == "kept as it is":
        for network in (job.learner.online, acting):
            layer = network.get_layer("output")
            layer.set_weights([weight / source.temperature for weight in layer.get_weights()])
    losses, returns = [], []
    with closing(job.environments):
        for _ in range(ROUNDS):
            job.play_and_learn()
            metrics = job.epoch_metrics()
            losses.append(f"{metrics['loss']:.4f}")
            returns.append(f"{metrics['mean_return']:.2f}")
    print(f"1. {name:16s} mean return by rollout {' '.join(returns)}\n"
          f"{'':20s}loss by rollout {' '.join(losses)}")  # fmt: skip

# %%
# 2. Both stay at random play: a linear output on features that were not made for this game, be they an AMN's or random, learns next to
# nothing in so few steps. What all layers gain together they gain by changing. (The AMN's kept its output layer, hence the better
# beginning. Frozen, the size of kernels makes no difference, so that the control from above will do for random ones.)
random_frozen = learn(breakout, GROWN, head="new", freeze="features")
for name, curve in (
    ("AMN-policy, frozen to features", curves[breakout.name, "frozen to features", 0]),
    ("random weights, frozen to features", random_frozen),
    ("random weights, all learn", curves[breakout.name, "random", 0]),
):
    print(f"2. {name:36s}{outcome(curve)}")
folder.cleanup()
