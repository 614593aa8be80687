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
# # 7. Without experts: baselines and Table 1
#
# Actor-Mimic copies eight experts into one network. Somebody must train the experts first. Can one
# network learn eight games from rewards alone? The paper
# ([Parisotto et al. 2015](https://arxiv.org/abs/1511.06342), Appendix C) tries two such
# **baselines**. You train both for a minute and read longer recorded runs. Then you read the paper's
# Table 1 and find out how sure its numbers are.
#
# **Time:** 25 minutes, 3 of them computing. **You need:** `pip install -e '.[tutorials]'`, and
# tutorials [2](02_train_a_dqn.ipynb) and [5](05_eight_games.ipynb).
#
# ## 1. What do the games share?
#
# Both baselines are deep Q-networks. Their outputs are Q-values, and they learn from rewards:
#
# - **MDQN**, the multitask DQN, has the layers of the AMN. The games share all weights.
# - **MCDQN**, the multitask *convolutions* DQN, shares the convolutions only. Each game has a *head*
#   of its own: 512 features and 18 outputs.
#
# ```text
# repeat:
#     play 16 steps in every environment of every game     (epsilon-greedy, legal actions)
#     compute the return of each step from rewards and Q-values    (tutorial 2)
#     for each batch, with equally many steps of every game:
#         MDQN:  move output a of the network towards the return
#         MCDQN: move output a of this game's head towards the return
# ```
#
# > **Predict.** A DQN of one game has 1.7 million weights. How many have MDQN and MCDQN for eight
# > games? Which share of the MCDQN's weights do the games share?

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without TensorFlow's own messages.

from contextlib import closing

import helpers
import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import amkit
from amkit import palette
from amkit.evaluation.protocols import Protocol
from amkit.games.published import TABLE_1, normalized
from amkit.jobs.build import build
from amkit.jobs.configuration import baseline_config, distill_config
from amkit.networks.actions import for_game, for_games
from amkit.reports import multitask, statistics
from amkit.reports import recorded as runs

helpers.style()
SEED = 1  # Change this, and the numbers of sections 2 and 3 change.
STEPS = helpers.steps(8_000)  # Of each game. Tests play less.
ENVS = 8 if STEPS >= 1000 else 2  # Environments of each game.
EIGHT = amkit.SPLITS["multitask"]
COLOURS = {"AMN": palette.AMN, "MDQN": palette.MDQN, "MCDQN": palette.MCDQN}

# %% alt="Two networks. The MDQN is one column: screen, convolutions, 512 features, 18 outputs. The MCDQN has one block of convolutions and on top of it eight narrow columns of features and outputs."
networks = {"MDQN": amkit.actor_mimic_network(), "MCDQN": amkit.multitask_convolutions(EIGHT)}
weights = {name: network.count_params() for name, network in networks.items()}
layers = {layer.name: layer for layer in networks["MCDQN"].layers}
convolutions = sum(layers[f"conv{i}"].count_params() for i in (1, 2, 3))
for name, network in networks.items():
    print(f"{name:6s} {weights[name]:12,} weights, output {network.output.shape}")
print(f"convolutions {convolutions:,}, {convolutions / weights['MCDQN']:.1%} of the MCDQN")
print(f"eight DQNs of one game: {8 * amkit.nature_dqn(18).count_params():,}")

figure, axes = plt.subplots(1, 2, figsize=(8, 3.4))
for ax, (name, heads) in zip(axes, (("MDQN", 1), ("MCDQN", 8)), strict=True):
    rows = [["screen, 4 x 84 x 84"], [f"convolutions, {convolutions:,} weights"]]
    rows += [["512"] * heads, ["18"] * heads]
    own = palette.RANDOM_PLAY if heads == 1 else COLOURS[name]
    helpers.draw_layers(ax, rows, [palette.RANDOM_PLAY, palette.RANDOM_PLAY, own, own])
    ax.set_title(f"{name}: {weights[name]:,} weights")
figure.suptitle("Grey weights serve all games, purple ones a single game")
plt.show()

# %% [markdown]
# **You should see** that games share only 0.6 % of the MCDQN's weights. It is almost as large as
# eight separate DQNs.
#
# ## 2. Does an update for one game disturb another?
#
# Why separate heads? Where games share weights, an update for Boxing also moves the Q-values of
# Pong. We measure it: one small step of gradient descent on Boxing's states alone.
#
# > **Predict.** Count the move of Boxing's own Q-values as 100 %. How far do Pong's move in an MDQN,
# > and in an MCDQN?

# %%
PAIR = ["boxing", "pong"]
games = [amkit.find_game(name) for name in PAIR]


def baseline(architecture, seed=SEED):
    """Preset `laptop` in a short run: random actions must end long before its 100,000 steps."""
    return baseline_config(
        architecture,
        PAIR,
        seed=seed,
        precision="float32",
        jit_compile=False,
        steps=STEPS,
        envs=ENVS,
        batch_size=2 * ENVS,
        epsilon=((0, 1.0), (STEPS // 2, 0.05)),
        hold=((0, 10.0), (STEPS // 3, 10.0), (STEPS // 2, 1.0)),
    )


job = build(baseline("mdqn"), environments_seed=SEED)
for _ in range(4):  # Random play, to have some states. Section 3 goes on with this job.
    job.play_and_learn()
states = job.environments.observation  # [N, 4, 84, 84]: those of Boxing, then those of Pong.
legal = job.environments.action_masks  # [N, 18]


def disturbance(network, rate=1e-4):
    """How far Pong's Q-values move if an update raises Boxing's, as a share of Boxing's move."""
    values = for_games(network, games)
    before = values(states)
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(values(states, training=True)[:ENVS])  # Boxing's alone.
    zero = tf.UnconnectedGradients.ZERO
    gradient = tape.gradient(loss, network.trainable_variables, unconnected_gradients=zero)
    for variable, part in zip(network.trainable_variables, gradient, strict=True):
        variable.assign_sub(rate * part)
    moved = np.abs(values(states) - before)
    boxing, pong = (moved[half][legal[half]].mean() for half in np.split(np.arange(len(moved)), 2))
    return pong / boxing


lines = ["Pong's move / Boxing's move"]
for seed in range(SEED, SEED + 3):
    keras.utils.set_random_seed(seed)
    of_mdqn = disturbance(amkit.actor_mimic_network())
    of_mcdqn = disturbance(amkit.multitask_convolutions(PAIR))
    lines.append(f"weights of seed {seed}:   MDQN {of_mdqn:4.0%}    MCDQN {of_mcdqn:4.0%}")
print("\n".join(lines))

# %% [markdown]
# **You should see** 58 to 75 % in the MDQN and 10 to 26 % in the MCDQN. Separate heads keep most of
# the disturbance out. The rest comes through the convolutions. (These networks are untrained.)
# Appendix C has another reason for heads: the games' Q-values differ in scale
# ([tutorial 6](06_policies_or_q_values.ipynb)).
#
# ## 3. Who is ahead after a short run?
#
# An AMN, an MDQN and an MCDQN learn Boxing and Pong, 8,000 steps of each (9 minutes of play). Each
# network uses each step about twice for learning. Then it plays the first 400 steps of eight games.
# So do experts and random play.
#
# > **Predict.** Which of the three scores more than random play?

# %%
OPENING = Protocol("opening", 0, ENVS, 0.0, "cut", max_steps=400)


def trained(job):
    with closing(job.environments):
        while job.steps < STEPS:
            job.play_and_learn()
    return job.learner.acting


def played(network_of, epsilon=0.05):
    """A row of the table: scores in the opening of each game."""
    results = [
        amkit.evaluate_game(network_of(game), game, OPENING, epsilon=epsilon, seed=2**30)
        for game in games
    ]
    return "".join(f"{result.mean:9.1f} ± {result.standard_error:.1f}" for result in results)


distillation = distill_config(
    helpers.ROOT / "pretrained",
    PAIR,
    seed=SEED,
    precision="float32",
    jit_compile=False,
    steps=STEPS,
    envs=ENVS,
    replay_steps=STEPS,
    replay_start_steps=STEPS // 10,
    batch_size=16,
    update_period_steps=8,
)
teachers = amkit.load_experts(helpers.ROOT / "pretrained", PAIR)
experts = {expert.game.name: expert.network for expert in teachers}
students = {"AMN": trained(build(distillation, environments_seed=SEED)), "MDQN": trained(job)}
students["MCDQN"] = trained(build(baseline("mcdqn"), environments_seed=SEED))

lines = [f"{'score in 400 steps':20s}{'Boxing':>13s}{'Pong':>13s}"]
lines.append(f"{'random play':20s}" + played(lambda game: amkit.random_network, epsilon=1.0))
lines.append(f"{'experts':20s}" + played(lambda game: experts[game.name]))
for name, network in students.items():
    lines.append(f"{name:20s}" + played(lambda game, network=network: for_game(network, game)))
print("\n".join(lines))

# %% [markdown]
# **You should see** the AMN ahead in Boxing: 14 in our run (one seed), with the expert at 20 and
# random play near 0. Both baselines lose, at about -8. In Pong nobody beats random play yet.
#
# So baselines do not work? Q-learning of a *single* game needs more steps, too:

# %%
cards = {name: amkit.read_card(helpers.ROOT / "pretrained" / f"{name}.keras") for name in EIGHT}


def training_scores(card, game):
    """(step, score) while training, wherever a game ended."""
    rows = [(row["steps"], row.get(f"score_{game}")) for row in card["learning_curve"]]
    return np.array([row for row in rows if row[1] is not None])


for name in PAIR:
    score = cards[name]["scores"][0]
    half = (score["mean"] + score["random"]["mean"]) / 2
    at, scores = training_scores(cards[name], name).T
    print(f"{name}: half of the expert's score after {at[scores > half][0]:,.0f} steps")

# %% [markdown]
# ## 4. And after half a million steps?
#
# Both baselines were trained on all eight games, 500,000 steps of each, one seed. The AMN has
# 450,000 steps, and three seeds. (It began as a network of Breakout and Enduro: see
# [the results](multitask.md).) Every quarter of the run was tested with ten games.
#
# Scores become **expert-normalised**: 0 is random play, 1 is the expert.
#
# $$x = \frac{\text{score} - \text{random}}{\text{expert} - \text{random}}$$
#
# > **Predict.** In how many games does a baseline come near 1?

# %% alt="Eight panels of expert-normalised scores over 500,000 steps. The AMN reaches 1 in all games. MDQN and MCDQN reach 1 in Crazy Climber only, get to 0.2 to 0.4 in Boxing, and stay near 0 in most others."
files = sorted((helpers.ROOT / "tutorials" / "recorded" / "multitask").glob("*.json"))
recorded = runs.experiment(runs.read_cards([helpers.ROOT / "pretrained" / "amn.keras", *files]))
table = {row["game"]: row for row in multitask.table_1(recorded)}
groups = {kind.upper(): group for kind, group in recorded.networks.items()}


def normalise(score, game):
    return normalized(score, table[game]["random"], table[game]["expert"])


figure, axes = plt.subplots(2, 4, figsize=(8, 4.4), sharex=True, sharey=True)
for ax, game in zip(axes.flat, EIGHT, strict=True):
    ax.axhline(1, color=palette.EXPERT, linestyle=":", label="experts")
    for name, group in groups.items():
        points = runs.curve(group, game)
        steps = [point["steps"] / 1000 for point in points]
        scores = [normalise(point["mean"], game) for point in points]
        ax.plot(steps, scores, "o-", markersize=3, color=COLOURS[name], label=name)
    ax.set(title=game.replace("_", " "), xlim=(0, 520))
figure.supxlabel("thousand steps of each game")
figure.supylabel("expert-normalised score")
figure.suptitle("Without experts, one network learns Crazy Climber well, and little else")
figure.legend(*ax.get_legend_handles_labels(), loc="outside right center")
plt.show()

# %%
lines = [f"{'final score':18s}" + "".join(f"{name:>8s}" for name in groups)]
for game, row in table.items():
    values = [normalise(row[name.lower()], game) for name in groups]
    lines.append(f"{game:18s}" + "".join(f"{value:8.2f}" for value in values))
amount = {name: 8 * group[0]["steps"] / 1e6 for name, group in groups.items()}
lines.append("\nmillion steps:  " + ", ".join(f"{name} {x:.1f}" for name, x in amount.items()))
lines.append(f"the AMN's eight experts: {sum(card['steps'] for card in cards.values()) / 1e6:.1f}")
lines.append("minutes:  " + ", ".join(f"{name} {g[0]['minutes']}" for name, g in groups.items()))
print("\n".join(lines))

# %% [markdown]
# **You should see** Crazy Climber near 1 for both baselines at the end, Boxing at 0.3 and 0.4, and at
# most 0.3 elsewhere. The paper's baselines, too, did well only "on a small subset of the source games" (Boxing
# and Enduro), and its MCDQN "hardly improves results". Here the MCDQN is ahead in seven games, mostly
# by little. One seed each does not decide.
#
# Equal steps are not equal cost. If you have no experts yet, add their 16 million steps.
#
# ## 5. Do games help or hurt each other?
#
# Games can share features, and they pull at the same weights. So we compare with each game *alone*:
# its expert, when it had as many steps. The scores are from games played while training.
#
# > **Predict.** Name one game that suffers from company.


# %% alt="For each of eight games, three dots. Alone is far ahead in Pong, and ahead in Breakout, Seaquest and Space Invaders. MDQN and MCDQN are far ahead in Crazy Climber, and ahead in Boxing."
def late_score(card, game):
    at, scores = training_scores(card, game).T
    return normalise(scores[(at > 400_000) & (at < 513_000)].mean(), game)


baselines = {name: recorded.baselines[name.lower()][0] for name in ("MDQN", "MCDQN")}
looks = [("alone", palette.EXPERT, "o"), ("MDQN", palette.MDQN, "s"), ("MCDQN", palette.MCDQN, "D")]
for place, (name, colour, marker) in enumerate(looks):
    late = [late_score(baselines.get(name, cards[game]), game) for game in EIGHT]
    height = np.arange(8) + 0.2 * (place - 1)
    plt.plot(late, height, marker, color=colour, label=name, markersize=5)
helpers.rows_of(EIGHT)
plt.xlabel("expert-normalised score after 400,000 to 512,000 steps")
plt.title("Pong does worse in company, Crazy Climber does better")
plt.legend(loc="lower right")
plt.show()

lines = ["settings of the expert that differ from the MDQN's:"]
of_mdqn = baselines["MDQN"]["settings"]
for game, card in cards.items():
    keys = ("steps", "learning_rate", "averaging", "epsilon", "hold")
    differ = [key for key in keys if card["settings"].get(key) != of_mdqn[key]]
    lines.append(f"  {game:16s}" + ", ".join(differ))
print("\n".join(lines))

# %% [markdown]
# **You should see** Pong at 0.6 alone, and below 0.1 in company. Crazy Climber has 0.45 alone, and 1
# in company.
#
# **Is company the cause?** A fair comparison changes *one* thing. The second output shows what else
# differs:
#
# - `steps`: the learning rate falls until the end of a run. So the baselines already learn with
#   small rates, and the experts do not. This alone could lift Crazy Climber.
# - Pong's expert had a smaller learning rate and no averaging, chosen for such games.
# - Breakout is the fairest case: only `steps` differs. Alone it has 0.09, in company 0.00 and 0.01.
# - Each dot is one seed. In Boxing a knockout ends a game early, so good games count more often.
#
# So company seems to hurt Breakout, and perhaps Pong. That it helps Crazy Climber is not shown.
#
# ## 6. How good is the AMN? (Table 1)
#
# The paper's Table 1 compares AMN and experts by the ratio AMN / expert. We prefer the
# expert-normalised score.
#
# > **Predict.** A student draws every game of Pong: its score is 0. Random play has -20.7, the expert
# > 19.6. What is the ratio, and what is the expert-normalised score?

# %% alt="One row for each game, with a logarithmic axis from a quarter to 4. The AMN of amkit lies between 0.87 and 1.09 with short intervals. The paper's AMN goes from 0.26 in Seaquest to 3.4 in Atlantis."
lines = [f"{'':16s}   expert      AMN   normalised (95 %)      the paper: expert      AMN"]
ours, papers = {}, {}
for game, row in table.items():
    paper = TABLE_1[game]
    chance = amkit.find_game(game).scores.random  # Mnih et al. 2015; the paper has none.
    papers[game] = normalized(paper.amn_mean, chance, paper.expert_mean)
    ours[game] = x = row["normalised"]
    lines.append(
        f"{game:16s}{row['expert']:9,.0f}{row['amn']:9,.0f}   {x.value:.2f} ({x.low:.2f} to "
        f"{x.high:.2f}){paper.expert_mean:23,.0f}{paper.amn_mean:9,.0f}"
    )
print("\n".join(lines))

for height, (game, x) in enumerate(ours.items()):
    plt.plot([x.low, x.high], [height - 0.15] * 2, color=palette.AMN, linewidth=2)
    plt.plot(x.value, height - 0.15, "o", color=palette.AMN, label="amkit, three seeds, 95 %")
    plt.plot(papers[game], height + 0.15, "s", color=palette.PUBLISHED, label="the paper")
plt.axvline(1, color=palette.EXPERT, linestyle=":")
plt.xscale("log", base=2)
plt.xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
helpers.rows_of(EIGHT)
plt.xlabel("expert-normalised score (logarithmic)")
plt.title("The paper's AMN is between 0.26 and 3.4 times its experts, ours near 1")
handles, labels = plt.gca().get_legend_handles_labels()
plt.legend(handles[:2], labels[:2], loc="lower right")
plt.show()

# %% [markdown]
# (The draw: ratio 0 %, normalised $20.7 / 40.3 = 0.51$.)
#
# **You should see** blue dots near 1, and brown squares from 0.26 to 3.43. On the logarithmic axis
# "half" and "double" lie equally far from 1. This is no contest: a weak expert is easier to reach.
#
# **How to read an interval.** Repeat the whole measurement many times: 95 % of the intervals contain
# the true value.
#
# - Enduro's interval (0.83 to 1.01) contains 1. So we cannot say that the AMN is worse than its
#   expert. Space Invaders (0.80 to 0.96) is worse.
# - With eight intervals, errors add up. If every true value were 1, at least one of eight independent
#   intervals would miss it in $1 - 0.95^8 = 34$ % of all cases. So Seaquest, just below 1, is weak
#   evidence.
#
# ## 7. One number: how sure is it?
#
# The **geometric mean** is the mean on the logarithmic axis above:
#
# $$\bar x = \exp \frac 1 8 \sum_{i=1}^8 \log x_i$$
#
# (Zero has no logarithm. amkit counts scores below 0.01 as 0.01.) The interval is a **bootstrap**:
# draw again from what was measured ([Agarwal et al. 2021](https://arxiv.org/abs/2108.13264)).
#
# ```text
# repeat 2,000 times:
#     draw as many seeds as there are, with replacement
#     for each game:
#         draw the expert's mean and the random mean (normal, with their standard errors)
#         for each drawn seed: draw as many of its scores as it has; take the mean
#         x = mean over seeds of (score - random) / (expert - random)
#     keep the geometric mean of the eight x
# interval: the middle 95 % of what was kept
# ```
#
# > **Predict.** How much narrower is the interval with three seeds than with one? And if we knew the
# > experts' scores exactly?


# %% alt="Intervals of the geometric mean. Each of three seeds alone and all three together have intervals of about 0.07. With exact experts the interval of three seeds is clearly narrower."
def geometric_mean(x):  # [..., games]
    return np.exp(np.log(np.maximum(x, statistics.FLOOR)).mean(axis=-1))


def interval(seeds, experts_error=1.0, replicates=2000):
    """The geometric mean of these runs' cards, and its 95 % interval."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(seeds), (replicates, len(seeds)))
    values, draws = [], []
    for game in EIGHT:
        entries = [runs.score_of(card, game) for card in seeds]
        values.append(normalise(np.mean([entry["mean"] for entry in entries]), game))
        random, expert = (
            rng.normal(one["mean"], experts_error * one["standard_error"], (replicates, 1))
            for one in (entries[0]["random"], entries[0]["expert"])
        )
        scores = np.empty(chosen.shape)
        for seed, entry in enumerate(entries):
            here, games_played = chosen == seed, len(entry["scores"])
            drawn = rng.choice(entry["scores"], (here.sum(), games_played))
            scores[here] = drawn.mean(axis=1)
        draws.append(((scores - random) / (expert - random)).mean(axis=1))
    kept = geometric_mean(np.stack(draws, axis=-1))
    return geometric_mean(np.array(values)), *np.percentile(kept, [2.5, 97.5])


rows = {f"seed {card['seed']}": interval([card]) for card in recorded.amns}
rows["three seeds"] = interval(recorded.amns)
rows["three seeds, exact experts"] = interval(recorded.amns, experts_error=0)
for height, (value, low, high) in enumerate(rows.values()):
    plt.plot([low, high], [height] * 2, color=palette.AMN, linewidth=2)
    plt.plot(value, height, "o", color=palette.AMN)
    plt.text(1.03, height, f"{value:.3f} ({low:.3f} to {high:.3f})", va="center")
plt.axvline(1, color=palette.EXPERT, linestyle=":")
helpers.rows_of(rows)
plt.xlim(0.92, 1.065)
plt.xlabel("geometric mean of expert-normalised scores, 95 % interval")
plt.title("Three seeds are hardly surer than one: the error of the experts' scores stays")
plt.show()

x = multitask.aggregates(recorded)["geometric mean"]
print(f"amkit report: {x.value:.3f} ({x.low:.3f} to {x.high:.3f})")
values = np.array(list(papers.values()))
print(f"the paper: geometric {geometric_mean(values):.2f}, arithmetic {values.mean():.2f}")

# %% [markdown]
# **You should see** 0.97 (0.94 to 1.01) for three seeds, almost as wide as for one. All seeds are
# compared with the same experts, whose scores are means of few games too. With exact experts (a
# thought experiment) the interval would be little more than half as wide. So more games of the
# experts help more than a fourth seed.
#
# Say what an interval is *of*. One seed's interval is about games of *this* network, not about another
# training. Three seeds tell a little about that. (All three began as one network.)
#
# **Which mean?** The paper's scores have a geometric mean of 0.88 and an arithmetic mean of 1.13,
# which follows Atlantis.
#
# ## What to remember
#
# - MDQN shares all weights. MCDQN shares the convolutions, and grows with the number of games.
# - Without experts, one network learned one of eight games well in half a million steps.
# - Does company hurt? Train the game alone and change nothing else.
# - For factors, use a logarithmic axis and the geometric mean.
# - An interval covers what was drawn again (games, seeds, experts), and nothing else.
#
# ## Exercises
#
# 1. **Leave one out.** Compute arithmetic mean, median and geometric mean of `papers` without each
#    game in turn. Which game moves each mean most?
# 2. **The floor.** What is the geometric mean of the MDQN's final scores, with floors of 0.1, 0.01
#    and 0.001? What do you conclude?
# 3. **Three seeds.** Draw three numbers from a normal distribution, and bootstrap an interval of
#    their mean. Repeat 1,000 times. How often does it contain the true mean? Try ten numbers.
# 4. **A better experiment.** Which commands (`amkit train`, `amkit baseline`) would test whether
#    company helps Crazy Climber? What must be equal?
# 5. **Which expert first?** `table` has each expert's `expert_error`. Divide it by expert - random.
#    Which expert should play more games first?
