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
# # 3. One-game distillation
#
# An expert plays Breakout well. A *student* is a network that knows nothing. In this tutorial you
# teach the student to play like the expert, without any reward. This is *policy regression*, the
# heart of Actor-Mimic ([Parisotto et al. 2015](https://arxiv.org/abs/1511.06342), section 3.1).
#
# **Time:** 25 minutes, 6 of them computing. **You need:** `pip install -e '.[tutorials]'`, and the
# Boltzmann policy of [tutorial 1](01_meet_an_expert.ipynb).
#
# Each section asks a question. Write down your prediction before you read on.
#
# ## 1. What does the student copy?
#
# The expert has one Q-value for each of Breakout's four actions. The student has 18 outputs, the
# *logits* $z_a$: one for each action of the console. So the same network can later play any game.
# The *mask* says which of the 18 actions are legal in this game.
#
# Softmax turns the numbers of both networks into policies over the legal actions. The loss is the
# cross-entropy from the expert's policy to the student's:
#
# ```text
# p_E(a) = softmax(Q(s, a) / tau)      over legal a     (Eq. 3)   the expert
# p_S(a) = softmax(z_a)                over legal a               the student
# loss   = - sum over legal a of  p_E(a) * log p_S(a)   (Eq. 4)
# ```
#
# The temperature $\tau$ divides the Q-values only. (The paper prints Eq. 4 without its minus sign.)
#
# > **Predict.** A student with all logits 0 sees a state. What is its loss, whatever the expert
# > says?

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
from amkit.evaluation import recording
from amkit.games.atari import AtariEnvironments, background
from amkit.learning import losses
from amkit.networks.actions import over_all_actions
from amkit.play.replay import ReplayMemory

helpers.style()
SEEDS = (0, 1)  # Change these, and the numbers of sections 3 to 8 change a little.
STEPS = helpers.steps(30_000)  # Agent steps of one training.
FULL = STEPS >= 10_000  # Tests play less.
ENVS, BATCH, PLAYED = (16, 64, 800) if FULL else (2, 8, 16)
TAU = 0.05

game = amkit.find_game("breakout")
expert = amkit.load_experts(helpers.ROOT / "pretrained", ["breakout"])[0].network
MASK = tf.constant(game.action_mask)  # bool [18]
print("legal actions:", ", ".join(game.actions))


def log_softmax(values, mask):
    legal = tf.where(mask, values, -1e9)  # exp(-1e9) is exactly 0. Minus infinity makes 0 * inf.
    return legal - tf.reduce_logsumexp(legal, axis=-1, keepdims=True)


def cross_entropy(q_values, logits, tau):  # [B, 18] each -> [B]
    policy = tf.exp(log_softmax(q_values / tau, MASK))  # Eq. 3
    return -tf.reduce_sum(policy * log_softmax(logits, MASK), axis=-1)  # Eq. 4


some_q, some_z = np.random.default_rng(0).normal(0, 1, (2, 256, 18)).astype(np.float32)
ours = cross_entropy(some_q, some_z, TAU)
amkits = losses.policy_regression(some_q, some_z, MASK, TAU)
print(f"our loss and amkit's differ by at most {np.abs(ours - amkits).max():.0e}")
assert np.abs(ours - amkits).max() < 1e-4
print("loss of a student with all logits 0:", cross_entropy(some_q, 0 * some_z, TAU).numpy()[:3])

# %% [markdown]
# **You should see** a loss of $\log 4 = 1.39$ in every state: all four actions are equally probable.
#
# The loss cannot fall to 0. It is the expert's own entropy plus the *KL divergence* from the
# expert's policy to the student's. Only the KL depends on the student, and it is 0 if both policies
# are equal. So from now on we look at the KL.
#
# ## 2. What is the mask for?
#
# Suppose that an expert expects to lose, so all its Q-values are negative. In a table of 18, actions
# that the game does not have are 0. A softmax cannot know that these zeros are no Q-values.
#
# > **Predict.** Which actions does this expert prefer without a mask? And what does a student
# > without a mask learn about the illegal actions?

# %%
losing = over_all_actions(np.array([[-0.5, -0.4, -0.6, -0.5]], np.float32), game.action_codes)
illegal, everything = ~game.action_mask, tf.ones_like(MASK)
target = tf.exp(log_softmax(losing / TAU, MASK))
for name, mask in (("with the mask", MASK), ("without", everything)):
    policy = tf.exp(log_softmax(losing / TAU, mask)).numpy()[0]
    logits = tf.Variable(tf.zeros((1, 18)))
    with tf.GradientTape() as tape:  # Here the expert has its mask; the student perhaps not.
        loss = -tf.reduce_sum(target * log_softmax(logits, mask))
    gradient = tape.gradient(loss, logits).numpy()[0]
    print(f"{name:14s} the expert's probability of all illegal actions {policy[illegal].sum():.3f}; "
          f"gradient of each illegal logit {gradient[illegal].max():.3f}")  # fmt: skip

# %% [markdown]
# **You should see** two ways in which things go wrong without a mask:
#
# - The *expert* puts almost all probability on actions that do not exist.
# - The *student* gets a gradient of $1 / 18 = 0.056$ at each illegal logit. So every state of
#   Breakout pushes these logits down. In another game these actions are legal, and both games share
#   the weights ([tutorial 5](05_eight_games.ipynb)).
#
# With the mask both numbers are exactly 0.
#
# ## 3. How does the student learn?
#
# Somebody plays. The expert is asked about every state, whoever plays:
#
# ```text
# for each step, in 16 environments:
#     act    the student or the expert chooses an action (a random one in 10 % of the steps)
#     ask    the expert says its Q-values for this state
#     store  the state and these Q-values go to the replay memory
#     learn  one step of Adam on 64 stored states
# ```
#
# `distil` is this loop. Its arguments are the choices of the next sections. The student has half as
# many filters as its expert, so it learns faster.
#
# > **Predict.** The student acts, and it knows nothing at first. When does the KL fall fastest?


# %%
def new_student(seed):
    keras.utils.set_random_seed(seed)
    return amkit.actor_mimic_network("small", normalize_features=True, background=background(game))


def asker(student):
    @tf.function(autograph=False)
    def ask(states):  # Both in one graph, which is faster.
        return over_all_actions(expert(states), game.action_codes), student(states)

    return lambda states: [answer.numpy() for answer in ask(states)]


def choose(values, rng, epsilon=0.1):
    greedy = np.where(game.action_mask, values, -np.inf).argmax(axis=1)
    random = rng.choice(game.action_codes, len(values))
    return np.where(rng.random(len(values)) < epsilon, random, greedy)


def whose_turn(step):
    """bool [ENVS, 1]. The student and the expert act by turns of 128 steps, half of them each."""
    return ((step + 256 * np.arange(ENVS) // ENVS) // 128 % 2 == 1)[:, None]


def kl_divergence(q_values, logits, tau=TAU):
    return cross_entropy(q_values, logits, tau) - cross_entropy(q_values, q_values / tau, tau)


def distil(seed, actor="student", tau=TAU, loss_function=cross_entropy):
    """Returns a student, and the KL of every update."""
    student, curve = new_student(seed), []
    rate = keras.optimizers.schedules.CosineDecay(1e-3, STEPS // ENVS, alpha=0.01)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(student.trainable_variables)

    @tf.function(autograph=False)
    def learn(states, q_values):
        with tf.GradientTape() as tape:
            outputs = student(states, training=True)
            loss = tf.reduce_mean(loss_function(q_values, outputs, tau))
        weights = student.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
        return tf.reduce_mean(kl_divergence(q_values, outputs, tau))

    ask = asker(student)
    rng, sampling = np.random.default_rng(seed).spawn(2)
    memory = ReplayMemory(STEPS, ENVS, sampling, extras={"q_values": ((18,), "float32")})
    with closing(AtariEnvironments([game], ENVS, seed=seed)) as environments:
        for step in range(STEPS // ENVS):
            states = environments.observation
            q_values, outputs = ask(states)
            students = {"student": True, "expert": False, "turns": whose_turn(step)}[actor]
            action = choose(np.where(students, outputs, q_values), rng)
            environments.send(action)
            memory.add(states, action=action, start=environments.start, cut=environments.ended,
                       q_values=q_values)  # fmt: skip
            if step >= STEPS // ENVS // 30:  # The first states are all alike.
                row, env = memory.sample(BATCH)
                drawn = memory.observations(row, env), memory.values("q_values", row, env)
                curve.append(float(learn(*drawn)))
            environments.receive()
    return student, curve


# %% [markdown]
# The test is 16 games on new seeds, each cut after 3,000 steps (200 seconds).

# %% alt="KL over 1,800 updates. It falls from 0.66 to 0.12 in the first 300 updates, and then stays near 0.11."
GAMES, LONGEST = (16, 3000) if FULL else (2, 10)
students, points = {}, {}  # (who, seed) -> the network, and its points.


def train(who, **options):
    for seed in SEEDS:
        students[who, seed], curve = distil(seed, **options)
        points[who, seed] = helpers.points(
            students[who, seed], game, steps=LONGEST, games=GAMES
        )  # At epsilon 0.05.
        print(f"{who}, seed {seed}: {points[who, seed].mean:5.1f} ± "
              f"{points[who, seed].standard_error:.1f} points")  # fmt: skip
    return curve


curve = train("student acts")
random_play = helpers.points(amkit.random_network, game, epsilon=1.0, steps=LONGEST, games=GAMES)
expert_points = helpers.points(expert, game, steps=LONGEST, games=GAMES)
print(f"random play {random_play.mean:.1f}, expert {expert_points.mean:.1f} ± "
      f"{expert_points.standard_error:.1f} points")  # fmt: skip
smooth = np.convolve(curve, np.ones(20) / 20, "valid")  # The mean of 20 updates.
plt.plot(np.arange(len(smooth)) + 20, smooth, color=palette.AMN)
plt.xlabel("updates")
plt.ylabel("KL on stored states (nats)")
plt.ylim(bottom=0)
plt.title("The student learns most in the first updates")
plt.show()
print(f"KL of the first 20 updates {np.mean(curve[:20]):.2f}, of the last 100 "
      f"{np.mean(curve[-100:]):.2f}")  # fmt: skip

# %% [markdown]
# **You should see** a KL that falls from 0.66 to 0.12 in 300 updates, and then stays. The states do
# not stay the same: the student gets further into its games, and the memory fills with new states.
#
# With either seed the student has 31 points, and random play has 1.6. So it hits the ball. The expert
# has 261: half an hour of play (30,000 steps) is not enough.
#
# **A KL that stays near 0.6?** A common mistake divides the student's logits by $\tau$ too.
#
# ## 4. Who should act?
#
# The expert plays better. So why not let it act, and let the student watch? This is *behavioural
# cloning*. Both ways minimise the same KL, but over different states:
#
# - If the expert acts, the student learns about the states of an expert.
# - If the student acts, it learns about the states that its own mistakes lead to.
#
# A third way: both act **by turns** of 128 steps. After the training the student plays alone. So we
# measure the KL twice, in states of the expert's play and of the student's own.
#
# > **Predict.** Who has the lowest KL in the expert's states? Who in its own states? Who has the
# > most points?

# %% alt="Bars of the KL. In the expert's states: student acts 0.26, by turns 0.22, expert acts 0.18. In its own states: student acts 0.19, by turns 0.16, expert acts 0.26."
train("by turns", actor="turns")
train("expert acts", actor="expert")


def answers(student, play):
    """The expert's Q-values and the student's outputs in the states of a play, [N, 18] each."""
    states = play.states.reshape(-1, 4, 84, 84)
    q_values = over_all_actions(expert.predict_on_batch(states), game.action_codes)
    return np.asarray(q_values), student.predict_on_batch(states)


experts_play = helpers.plays(expert, game, ENVS, PLAYED)
own_play, bars = {}, {}
for who in ("student acts", "by turns", "expert acts"):
    for seed in SEEDS:
        own_play[who, seed] = helpers.plays(students[who, seed], game, ENVS, PLAYED)
    for where in ("the expert's states", "its own states"):
        found = []
        for seed in SEEDS:
            play = experts_play if where == "the expert's states" else own_play[who, seed]
            found.append(np.mean(kl_divergence(*answers(students[who, seed], play))))
        bars[where, who] = found
        print(f"{who}: KL in {where}", *(f"{kl:.3f}" for kl in found))
colours = (palette.AMN, palette.OTHERS[3], palette.EXPERT)
helpers.bars(bars, dict(zip(("student acts", "by turns", "expert acts"), colours, strict=True)))
plt.ylabel("KL (nats)")
plt.title("Who only watched the expert is worst in its own states")
plt.show()

# %% [markdown]
# **You should see** that the order turns around:
#
# | KL (two seeds) | in the expert's states | in its own states | points |
# |---|---|---|---|
# | student acts | 0.25 to 0.26 | 0.18 to 0.20 | 31 |
# | by turns | 0.22 | 0.16 | 32 to 34 |
# | expert acts | **0.18** | 0.22 to 0.31 | 19 to 27 |
#
# The student that watched is the best where the expert plays, and the worst where it plays itself.
# A small mistake leads it to a state that the expert never visits. Nobody told it what to do there,
# so the next mistake follows. This is *covariate shift*. A student that acts makes mistakes too, but
# its expert tells it how to go on.
#
# The paper lets the student act (section 3.1). By turns is at least as good here, and is what amkit
# does. [Tutorial 8](08_why_it_works.ipynb) computes the cost of both ways exactly. The idea is older
# than Actor-Mimic: [DAgger, Ross et al. 2010](https://arxiv.org/abs/1011.0686).
#
# ## 5. Which temperature?
#
# The paper takes $\tau = 1$. At which temperature does the expert's policy say what to do?
#
# > **Predict.** The two best Q-values of our expert differ by about 0.02. What does its policy look
# > like at $\tau = 1$, and at 0.05? Which student plays better?

# %%
q_values, _ = answers(students["student acts", 0], experts_play)
second, first = np.sort(q_values[:, game.action_codes], axis=1)[:, -2:].T
print(f"median gap between the two best actions: {np.median(first - second):.3f}")
for tau in (1.0, TAU):
    best = np.exp(log_softmax(q_values / tau, MASK)).max(axis=1)
    uniform = np.mean(kl_divergence(q_values, 0 * q_values, tau))
    print(f"tau {tau:<4}: mean probability of the best action {best.mean():.2f}, "
          f"KL of a uniform student {uniform:.3f}")  # fmt: skip
train("temperature 1", tau=1.0)

# %% [markdown]
# **You should see** that at $\tau = 1$ the best action has a probability of 0.27, almost that of chance
# (0.25). A uniform student already has a KL of 0.01. So there is almost nothing to learn, and the
# gradients are small. At 0.05 the best action has 0.53.
#
# The points are 30 and 22 at $\tau = 1$, and 31 with both seeds at 0.05. So 0.05 is perhaps better:
# one seed of two shows it. KLs of two temperatures have different targets and cannot be compared.
#
# ## 6. Policies or Q-values?
#
# A student could also learn the Q-values themselves, by their squared error.
#
# > **Predict.** Does this student play better or worse than the others after as many steps?


# %% alt="Points of five kinds of students, two seeds each. By turns 32 and 34, student acts 31 and 31, expert acts 19 and 27, temperature 1 30 and 22, Q-values 18 and 17. Random play has 1.6."
def squared_error(q_values, outputs, tau):
    return losses.q_regression(q_values, outputs, MASK)


train("Q-values", loss_function=squared_error)
kinds = ["by turns", "student acts", "expert acts", "temperature 1", "Q-values"]
for row, who in enumerate(kinds):
    for seed in SEEDS:
        plt.errorbar(points[who, seed].mean, row + 0.2 * (seed - 0.5), color=palette.AMN,
                     xerr=points[who, seed].standard_error, fmt="o", capsize=3)  # fmt: skip
plt.axvline(random_play.mean, color=palette.RANDOM_PLAY, linestyle=":", label="random play")
helpers.rows_of(kinds)
plt.xlim(left=0)
plt.xlabel("points (16 games of at most 3,000 steps; dots: two seeds, bars: standard error)")
plt.title("Students of policies score more than students of Q-values")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# **You should see** 17 to 18 points for Q-values, and 31 for policies: with both seeds far apart.
# [Tutorial 6](06_policies_or_q_values.ipynb) finds the reason. Most of a Q-value says how good the
# state is. Only a small part says what to do.
#
# Two seeds are few. We call a difference real if both seeds show it, by more than their errors. Then
# policies beat Q-values. That acting beats watching is shown by the KL, and by the points with one
# seed only. The temperature is undecided.
#
# ## 7. Why do they agree so rarely?
#
# The student *agrees* with its expert where both have the same best action. A low agreement looks bad.
# But two actions may be equally good.
#
# > **Predict.** Sort the states by the gap between the expert's two best Q-values. Where does the
# > student agree more often, where the gap is small or where it is large?

# %% alt="Bars of agreement in four quarters of the states. It rises from 48 % where the gap is smallest to 77 % where it is largest; a random action has 25 %."
for seed in SEEDS:
    q_values, outputs = (
        values[:, game.action_codes]
        for values in answers(students["by turns", seed], own_play["by turns", seed])
    )
    same = q_values.argmax(axis=1) == outputs.argmax(axis=1)
    second, first = np.sort(q_values, axis=1)[:, -2:].T
    chosen = np.take_along_axis(q_values, outputs.argmax(axis=1)[:, None], axis=1)[:, 0]
    quarters = np.array_split(np.argsort(first - second), 4)  # From small gaps to large ones.
    shares = [100 * same[quarter].mean() for quarter in quarters]
    print(f"seed {seed}: same action in {100 * same.mean():.0f} % of the states; in the quarters",
          ", ".join(f"{share:.0f} %" for share in shares))  # fmt: skip
    print(f"    a different action costs {np.median((first - chosen)[~same]):.3f} points (median); "
          f"a random one {np.median(first - q_values.mean(axis=1)):.3f}")  # fmt: skip
edges = [(first - second)[quarter].max() for quarter in quarters[:3]]
labels = [f"below {edges[0]:.3f}", f"to {edges[1]:.3f}", f"to {edges[2]:.3f}", "above"]
plt.bar(labels, shares, color=palette.AMN)
plt.axhline(25, color=palette.RANDOM_PLAY, linestyle=":", label="a random action")
plt.ylim(0, 100)
plt.xlabel("gap between the expert's two best Q-values (points; a quarter of the states each)")
plt.ylabel("same action (%)")
plt.title("They disagree where the choice matters least")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# **You should see** the same action in 65 % of the states. Where the expert's two best actions are
# almost equal, it is 45 to 48 %. Where they are far apart, it is 76 to 77 %. When the student takes
# another action, this costs 0.02 points by the expert's own Q-values (median). In all states together,
# a random action costs 0.04.
#
# So a low agreement need not mean a bad player. Look at the points too.
#
# ## 8. What does it look like?
#
# > **Predict.** Both games begin in the same state. Which player loses the ball first?

# %% alt="Animation of two games of Breakout. Left the student, right its expert. Both move to the ball and hit it; beside each screen are the probabilities of the four actions."
moments = []
for network in (students["by turns", 0], lambda states: expert(states) / TAU):
    play = recording.play(network, game, epsilon=0.05, seed=1, steps=300 if FULL else 10)
    moments.append(list(play))
print("points after 20 s: student {:.0f}, expert {:.0f}".format(*(m[-1].score for m in moments)))
helpers.watch(game, *(played[:90] for played in moments), policy=True)

# %% [markdown]
# **You should see** two games that look alike: both players reach the ball, and both have 7 points
# after 20 seconds. (The animation shows the first 6.) The student fails later in the game.
#
# ## What to remember
#
# - Policy regression is supervised learning. The expert's softmax is the label.
# - The mask belongs into both softmaxes.
# - A student that only watches is worst in its own states. Let it act, at least by turns.
# - A temperature means something only beside the gaps between Q-values.
# - After as many steps, policies teach more than Q-values.
# - Agreement counts ties as mistakes. In the end, let the student play.
#
# ## Exercises
#
# 1. **Write it yourself**: the policy and its mask in assignment 4, the loss and its gradient in
#    assignment 5 of the [coursework](coursework/README.md). `amkit check 4` marks your file.
# 2. **Sharper.** Train with $\tau = 0.01$: `train("sharp", tau=0.01)`. What happens to points and
#    agreement?
# 3. **A noisy expert.** Let the expert act with 30 % random actions (`choose(..., epsilon=0.3)` in
#    `distil`). Does watching become better? Why?
# 4. **On paper.** Show that the gradient of Eq. 4 at the logits is $p_S - p_E$.
#
# [Policy Distillation (Rusu et al. 2015)](https://arxiv.org/abs/1511.06295) appeared in the same month,
# with a similar loss. There the expert acts.
