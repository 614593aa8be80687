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
# In [tutorial 3](03_one_game_distillation.ipynb) a student learns *what* its expert does. Feature
# regression is the second half of [Actor-Mimic](https://arxiv.org/abs/1511.06342): the student also
# learns what its expert has *seen*. Here you write this loss and measure what it changes inside a
# network. One control protects you from wrong conclusions: a network that has learned nothing.
#
# **Time:** 25 minutes, 2 of them computing. **You need:** `pip install -e '.[tutorials]'` and
# tutorial 3.
#
# ## 1. What are features?
#
# *Features* are the outputs of the last hidden layer: 512 numbers in our experts. We write $h_E(s)$
# for the features of expert $E$ in state $s$.
#
# > **Predict.** How does an expert compute its Q-values from its features? Which share of its
# > weights does this last step have?

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
from amkit.storage.cards import read_card

helpers.style()
SEED = 0  # Change this, and most numbers below change a little.
STEPS = helpers.steps(600)  # How long the experts play, in 16 games at once.

PRETRAINED = helpers.ROOT / "pretrained"
games = {name: amkit.find_game(name) for name in ("pong", "boxing")}
experts = {name: amkit.load(PRETRAINED / f"{name}.keras") for name in games}


def with_features(network):
    """The same network with two outputs: its own, and its features."""
    return keras.Model(network.input, (network.output, network.get_layer("features").output))


def outputs_and_features(network, states):
    """float32 [N, A] and [N, 512]"""
    both = with_features(network)
    parts = [both(few) for few in np.array_split(states, max(1, len(states) // 256))]
    return [np.concatenate(of) for of in zip(*parts, strict=True)]


states, frames, q_values, expert_features = {}, {}, {}, {}  # Of each game.
for name, expert in experts.items():
    states[name], frames[name] = helpers.play_with_noise(expert, games[name], STEPS, SEED)
    q_values[name], expert_features[name] = outputs_and_features(expert, states[name])
    weights, bias = expert.get_layer("output").get_weights()
    difference = np.abs(expert_features[name] @ weights + bias - q_values[name]).max()
    print(f"{name}: {len(states[name])} states, {expert_features[name].shape[1]} features; "
          f"h W + b differs from Q by {difference:.0e}; "
          f"W and b are {100 * (weights.size + bias.size) / expert.count_params():.1f} % "
          "of the weights")  # fmt: skip

ELEVEN_PLAYS = 11 * (len(states["pong"]) // 16)  # So many states have the first eleven plays.

# %% [markdown]
# **You should see** that $Q = h_E W + b$, up to rounding. This last step has less than 1 % of the
# weights. All other weights make features.
#
# The states come from 16 plays of each game. In 30 % of the steps the action is random,
# so that no two plays are alike. Below we fit on eleven plays and measure on the other five. We
# hold out whole plays, because neighbouring states are nearly copies of each other.
#
# ## 2. What is the loss?
#
# The student need not copy the features one by one. A *projection* $f_i$ predicts them from the
# student's own features $h(s)$. It is a linear layer, one for each game $i$. The loss is the
# squared error, summed over the expert's features (Eq. 5):
#
# $$\mathcal L^i_{Feature}(\theta, \theta_{f_i}) =
#   \lVert f_i(h(s;\theta);\theta_{f_i}) - h_{E_i}(s) \rVert_2^2$$
#
# The objective of Actor-Mimic adds it to the policy loss of tutorial 3, with a weight $\beta$
# (Eq. 6):
#
# $$\mathcal L^i_{ActorMimic} = \mathcal L^i_{policy} + \beta \, \mathcal L^i_{Feature}$$
#
# ```text
# for each update:
#     for each game i:
#         draw some of its states s
#         policy  = cross-entropy of expert i's policy and the student's    (Eq. 4)
#         feature = || f_i(h(s)) - h_Ei(s) ||^2                             (Eq. 5)
#     loss = mean of policy + beta * feature                                (Eq. 6)
#     move the student and all f_i down the gradient of the loss
# throw the f_i away
# ```
#
# > **Predict.** A student that answers "uniform" in Pong has a policy loss of $\log 6 = 1.8$. Let a
# > projection answer with the mean of the expert's features. Is its feature loss larger than 1.8?


# %%
def feature_regression(predicted, features):  # [B, 512], [B, 512] -> [B]
    return tf.reduce_sum((predicted - features) ** 2, axis=-1)


rng = np.random.default_rng(SEED)
a, b = rng.normal(size=(2, 8, 512)).astype(np.float32)
difference = np.abs(feature_regression(a, b) - amkit.feature_regression(a, b)).max()
print(f"our loss differs from amkit's by {difference:.0e}")
for name, target in expert_features.items():
    loss = feature_regression(target.mean(axis=0), target)
    print(f"{name}: feature loss of the mean {np.mean(loss):.1f}")

# %% [markdown]
# **You should see** no difference to amkit's loss, and a loss of about 17 in Pong and 6 in Boxing.
# In Pong this is ten times the policy loss. The paper's $\beta$ is 0.01.
#
# ## 3. What does a projection recover?
#
# amkit ships two networks that learned from 13 experts, Pong's and Boxing's among them.
# **AMN-policy** learned with $\beta = 0$. **AMN-feature** began as AMN-policy and trained on with
# $\beta = 0.01$. Their projections were thrown away. We fit new ones by least squares, with a small
# penalty on large weights (*ridge regression*).
#
# $R^2$ says how good they are: the share of the variance of the expert's features that they predict
# in the held-out plays. 1 is perfect, 0 is as good as the mean. At 1, says the paper, "all the
# information in the expert features is contained in the multitask features".
#
# We need two controls. **Random weights** is a network with the same layers that has learned
# nothing. **The other expert** has learned a lot, but about the other game.
#
# > **Predict.** Sketch the four bars for Pong.


# %% alt="Bars of R squared. Pong: random weights 0.20, the other expert 0.08, AMN-policy 0.49, AMN-feature 0.70. Boxing: 0.65, 0.18, 0.75 and 0.78."
def fit(inputs, targets, penalty=0.1):
    """Ridge regression, [N, D] to [N, K]: weights [D, K] and bias [K]."""
    centre, mean = inputs.mean(axis=0), targets.mean(axis=0)
    x = (inputs - centre).astype(float)
    products = x.T @ x
    products += (penalty * np.diag(products).mean() + 1e-9) * np.eye(len(products))
    weights = np.linalg.solve(products, x.T @ (targets - mean))
    return weights, mean - centre @ weights


def r_squared(predicted, targets):
    return 1 - ((predicted - targets) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum()


def recovered(inputs, targets, penalty=0.1):
    """Fits on eleven plays; R^2 in the other five. Leaves out states without a target (NaN)."""
    known = np.isfinite(targets).all(axis=1)
    fitting = np.arange(len(inputs)) < ELEVEN_PLAYS
    if min((known & fitting).sum(), (known & ~fitting).sum()) < 2:
        return np.nan
    weights, bias = fit(inputs[known & fitting], targets[known & fitting], penalty)
    return r_squared(inputs[known & ~fitting] @ weights + bias, targets[known & ~fitting])


amn_policy, amn_feature = (
    amkit.load(PRETRAINED / f"amn-{of}.keras") for of in ("policy", "feature")
)
keras.utils.set_random_seed(SEED)
random_networks = [keras.models.clone_model(amn_policy) for _ in range(3)]  # New weights each.
colours = {"random weights": palette.RANDOM_WEIGHTS, "the other expert": palette.OTHERS[3],
           "AMN-policy": palette.AMN, "AMN-feature": palette.AMN_FEATURE}  # fmt: skip
features, measured = {}, {}  # (game, network) -> a list of [N, 512], one for each of its networks
for name, other in (("pong", "boxing"), ("boxing", "pong")):
    networks = (random_networks, [experts[other]], [amn_policy], [amn_feature])
    for label, group in zip(colours, networks, strict=True):
        features[name, label] = [
            outputs_and_features(network, states[name])[1] for network in group
        ]
        measured[games[name].title, label] = [
            recovered(own, expert_features[name]) for own in features[name, label]
        ]
helpers.bars(measured, colours)
plt.ylabel("$R^2$ of the expert's features")
plt.title("Boxing looks better, but its random weights recover most of it")
plt.show()

# %% [markdown]
# **You should see** (two seeds):
#
# | $R^2$ | random weights | the other expert | AMN-policy | AMN-feature |
# |---|---|---|---|---|
# | Pong | 0.20 | 0.08 to 0.10 | 0.49 to 0.55 | 0.70 to 0.76 |
# | Boxing | 0.65 to 0.67 | 0.18 to 0.31 | 0.75 to 0.78 | 0.78 to 0.81 |
#
# - **Random weights recover a lot.** Random filters of the screen still show where things are. (The
#   grey line is the range of three networks.)
# - **The control changes the story.** AMN-policy's bar is higher in Boxing than in Pong. But in
#   Boxing most of the bar is there without learning. In Pong more than half of it is learned.
# - **Policy regression alone teaches features.** AMN-policy is above both controls.
# - **AMN-feature has more**: much more in Pong, a little more in Boxing.
# - **The other expert is below random weights.** Training on one game can lose what another needs.
#
# ## 4. Is it feature regression, or longer training?
#
# AMN-feature also trained longer than AMN-policy. A fair test changes $\beta$ alone. We continue
# AMN-policy three times, for 300 updates each: from the same weights, with the same states in the
# same order. Each $f_i$ begins as the projection of section 3. (To save time, nobody acts: all
# three learn from the states of section 1.)
#
# > **Predict.** What happens to $R^2$ with $\beta = 0$, 0.01 and 1? Does a student pay for better
# > features with a worse policy?

# %% alt="Bars of R squared. Pong: random weights 0.20, then 0.50, 0.52 and 0.55 for beta 0, 0.01 and 1. Boxing: 0.64, then 0.75, 0.75 and 0.76."
BETA = r"$\beta$"  # In figures.
UPDATES = 300 if STEPS >= 300 else 2  # Tests train less.
temperatures = read_card(PRETRAINED / "amn-policy.keras")["temperatures"]
student = keras.models.clone_model(amn_policy)
student_with_features = with_features(student)
projections = {name: keras.layers.Dense(512) for name in games}  # f_i
for projection in projections.values():
    projection.build((None, 512))
weights = [w for of in (student, *projections.values()) for w in of.trainable_weights]
optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-4, UPDATES))
optimizer.build(weights)


@tf.function
def update(batch, beta):
    with tf.GradientTape() as tape:
        loss = 0.0
        for name, (observations, q, target) in batch.items():
            logits, own = student_with_features(observations)
            logits = tf.gather(logits, games[name].action_codes, axis=-1)  # Legal actions.
            legal = np.ones(games[name].num_actions, bool)
            policy = amkit.policy_regression(q, logits, legal, temperatures[name])  # Eq. 4
            feature = feature_regression(projections[name](own), target)  # Eq. 5
            loss += tf.reduce_mean(policy + beta * feature) / len(games)  # Eq. 6
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))


def continue_amn_policy(beta):
    """The student becomes AMN-policy, and then learns with Eq. 6."""
    student.set_weights(amn_policy.get_weights())
    for name in games:
        own, target = features[name, "AMN-policy"][0], expert_features[name]
        projections[name].set_weights(fit(own[:ELEVEN_PLAYS], target[:ELEVEN_PLAYS]))
    for variable in optimizer.variables:  # A new Adam.
        variable.assign(keras.ops.zeros_like(variable))
    rng = np.random.default_rng(SEED)
    for _ in range(UPDATES):
        batch = {}
        for name in games:
            rows = rng.choice(ELEVEN_PLAYS, 16)
            batch[name] = [of[name][rows] for of in (states, q_values, expert_features)]
        update(batch, tf.constant(beta))


def measure(label, network):
    """R^2, and in how many held-out states network and expert choose the same action."""
    for name, game in games.items():
        outputs, own = outputs_and_features(network, states[name])
        after[game.title, label] = share = recovered(own, expert_features[name])
        chosen = outputs[ELEVEN_PLAYS:, game.action_codes].argmax(axis=1)
        same = np.mean(chosen == q_values[name][ELEVEN_PLAYS:].argmax(axis=1))
        print(
            f"{game.title:8s}{label.replace(BETA, 'beta'):15s} R^2 {share:.2f}, agreement {same:.2f}"
        )


after = {}
measure("random weights", random_networks[0])
for beta in (0.0, 0.01, 1.0):
    continue_amn_policy(beta)
    measure(f"{BETA} = {beta:g}", student)
labels = dict.fromkeys(label for _, label in after)
hues = (palette.RANDOM_WEIGHTS, palette.AMN, palette.AMN_FEATURE, palette.OTHERS[7])
helpers.bars(after, dict(zip(labels, hues, strict=True)))
plt.ylabel("$R^2$ of the expert's features")
plt.title(r"In Pong, $R^2$ rises with $\beta$; longer training alone does not help")
plt.show()

# %% [markdown]
# **You should see** this order in Pong:
#
# | $R^2$ in Pong | AMN-policy | $\beta$ = 0 | $\beta$ = 0.01 | $\beta$ = 1 |
# |---|---|---|---|---|
# | seed 0 | 0.49 | 0.50 | 0.52 | 0.55 |
# | seed 1 | 0.55 | 0.55 | 0.58 | 0.60 |
#
# Longer training alone changes almost nothing. Feature regression helps, in small steps, because
# 300 updates are few.
#
# The agreement with the expert differs by 0.01 at most, even with $\beta = 1$. So nobody pays here.
# But these students could play before.
#
# ## 5. Where is the ball?
#
# A **probe** asks the features for something that has a name. It is the same ridge regression, but
# we read the target off the screen of Pong: the ball's $x$, its
# $y$, and its *arrival*. This is the $y$ at which the ball will next reach the expert's paddle.
#
# > **Predict.** Which of the three can you read from random weights?

# %% alt="Bars of R squared for ball x, ball y and arrival. Random weights have 0.62, 0.83 and 0.78; AMN-policy, AMN-feature and the expert have 0.87 to 0.96."
x, y, arrival = helpers.ball_of_pong(frames["pong"])
targets = {"ball x": x, "ball y": y, "arrival": arrival}
features["pong", "expert"] = [expert_features["pong"]]
eight_games = amkit.load(PRETRAINED / "amn.keras")  # The network of tutorial 11.
features["pong", "AMN of 8 games"] = [outputs_and_features(eight_games, states["pong"])[1]]

probes, lines = {}, ["R^2             " + "".join(f"{target:>10s}" for target in targets)]
for label in ("random weights", "AMN-policy", "AMN-feature", "expert", "AMN of 8 games"):
    for own in features["pong", label]:
        line = f"{label:16s}"
        for target, values in targets.items():
            values = values[:, 3::4].reshape(-1, 1)  # The steps of the states.
            probes.setdefault((target, label), []).append(recovered(own, values))
            line += f"{probes[target, label][-1]:10.2f}"
        lines.append(line)
print("\n".join(lines))
del colours["the other expert"]
colours["expert"] = palette.EXPERT
helpers.bars(probes, colours)
plt.ylabel("$R^2$ of a linear probe")
plt.title("AMN-feature tells x and y better than AMN-policy")
plt.show()

# %% [markdown]
# **You should see** (two seeds):
#
# | $R^2$ | random weights | AMN-policy | AMN-feature | expert | AMN of 8 games |
# |---|---|---|---|---|---|
# | ball x | 0.54 to 0.68 | 0.87 to 0.89 | 0.93 to 0.95 | 0.92 | 0.72 to 0.74 |
# | ball y | 0.82 to 0.86 | 0.90 to 0.91 | 0.96 | 0.93 | 0.75 |
# | arrival | 0.76 to 0.82 | 0.91 to 0.95 | 0.94 | 0.92 to 0.98 | 0.85 to 0.89 |
#
# - **The ball's y is there without learning.** An $R^2$ of 0.75 sounds good, but it is worse than
#   random weights.
# - **Training helps most with x.** All trained networks are above random weights there.
# - **AMN-feature tells x and y better than AMN-policy**, and as well as the expert. For the arrival
#   the two are level.
#
# **What does [tutorial 11](11_take_it_with_you.ipynb) say?** It measures the network of the last
# column, `amn.keras`. It learned eight games with $\beta = 0$. The order is the same there: better
# than random weights for x and the arrival, worse for y. Its $R^2$ are lower: they come from other
# states and other probes. So what features know depends on the network, not only on the method. We
# do not know why this one lost y. AMN-policy learned 13 games and did not.
#
# ## 6. Does it help to play?
#
# The [ablations](ablations.md) trained new students of three games, 75,000 steps of each. Two runs
# had $\beta = 0$ and other seeds. One had $\beta = 0.01$.
#
# > **Predict.** Is the one with $\beta = 0.01$ better?

# %% alt="Scores of three runs in Breakout, Pong and Seaquest, between random play at 0 and the expert at 1. The three points of each game lie close together, with Pong's first a little lower."
runs = {f"{BETA} = 0, seed 0": ("both-act", palette.AMN),
        f"{BETA} = 0, seed 1": ("both-act-seed-1", "#9ecae1"),
        f"{BETA} = 0.01, seed 0": ("feature-weight-0.01", palette.AMN_FEATURE)}  # fmt: skip
for i, (label, (file, colour)) in enumerate(runs.items()):
    scores = read_card(helpers.ROOT / "tutorials/recorded/ablations" / f"{file}.json")["scores"]
    whole = [score["expert"]["mean"] - score["random"]["mean"] for score in scores]
    relative = [(score["mean"] - score["random"]["mean"]) / one
                for score, one in zip(scores, whole, strict=True)]  # fmt: skip
    errors = [score["standard_error"] / one for score, one in zip(scores, whole, strict=True)]
    places = np.arange(len(scores)) + (i - 1) / 5
    plt.errorbar(places, relative, errors, fmt="o", color=colour, capsize=4, label=label)
plt.xticks(range(len(scores)), [amkit.find_game(score["game"]).title for score in scores])
plt.xlim(-0.6, 2.5)
plt.axhline(0, color=palette.RANDOM_PLAY, linestyle=":")
plt.axhline(1, color=palette.EXPERT, linestyle=":")
plt.text(-0.57, 0.03, "random play", color=palette.RANDOM_PLAY)
plt.text(-0.57, 0.92, "expert", color=palette.EXPERT)
plt.ylabel("score (expert = 1, random = 0)")
plt.title("Feature regression does not change the score")
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **You should see** the same scores up to noise. In each game the orange point is within two
# standard errors of at least one blue point. In Pong the two blue points are many standard errors
# apart, and only their seeds differ. So one run cannot show a small effect.
#
# The paper saw the main benefit in *transfer* to some new games. In our
# [transfer runs](transfer.md), AMN-feature is no better than AMN-policy.
#
# ## What to remember
#
# - Feature regression asks the student to predict the expert's features through a linear
#   projection.
# - An $R^2$ means nothing alone. Compare it with random weights.
# - A probe says what can be read off linearly. It does not say that the network uses it.
# - Features closer to the expert's need not give a better score.
#
# ## Exercises
#
# 1. **Write Eq. 5 and 6 yourself**: assignment 6 of the [coursework](coursework/README.md).
#    `amkit check 6` marks your file.
# 2. **Why a projection?** Multiply the features of Pong's expert by a random rotation, the `Q` of
#    `np.linalg.qr(rng.normal(size=(512, 512)))`. What does a projection recover of them from
#    AMN-feature? What is `r_squared` without a projection, feature by feature?
# 3. **Is the value lost?** The softmax of Eq. 3 cancels the level of the Q-values, so policy
#    regression never asks for it. Probe for $\max_a Q(s, a)$ with all networks of section 3.
#    Has AMN-policy lost it?
# 4. **A weaker penalty.** Use `penalty=0.001` in section 5. How does AMN-policy now compare with
#    random weights for y? What went wrong?
