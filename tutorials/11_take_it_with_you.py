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
# # 11. Take it with you
#
# **What you will learn**
#
# - how another project loads a saved network with Keras alone, and what the card beside it says;
# - that the same file runs on another backend, JAX, and how much the outputs change;
# - how to build a plain Gymnasium loop that shows the network exactly what it was trained on;
# - how to use its features for a new task, and which baselines to beat before you believe in them.
#
# **Time** 25 minutes. **Needs** `pip install -e '.[plots]'` and `pretrained/pong.keras`, which comes with amkit; for
# the section on JAX also `pip install jax`.
#
# ## The file
#
# The tutorial takes a distilled network, `pretrained/amn.keras`, if there is one, and else the expert for Pong. Both
# are used in the same way. An Actor-Mimic network (AMN) has 18 outputs, one per action of the ALE; an expert has one
# per action of its game.

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without the lines of its own that it would fill the page with.

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import ale_py
import gymnasium
import keras
import matplotlib.pyplot as plt
import numpy as np
from ale_py.vector_env import AtariVectorEnv
from gymnasium.wrappers import FrameStackObservation, MaxAndSkipObservation, TransformObservation

import amkit

ROOT = Path.cwd() if Path("pretrained").is_dir() else Path.cwd().parent
STEPS = int(os.environ.get("AMKIT_TUTORIAL_STEPS", 2500))  # Tests play less.

candidates = [ROOT / "pretrained" / name for name in ("amn.keras", "pong.keras")]
path = next(candidate for candidate in candidates if candidate.exists())
with zipfile.ZipFile(path) as archive:
    print(f"{path.name}: {', '.join(archive.namelist())}")

# %% [markdown]
# A `.keras` file is a zip archive: the layers as JSON, the weights as HDF5. The layers are stock ones, so that no program
# has to come with them. The card beside the file is plain JSON too. It says what the outputs mean.

# %%
card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
print(
    f"{card['kind']} for {', '.join(card['games'])}, {card['outputs']} outputs, by: {card['command']}"
)
print("versions:", ", ".join(f"{name} {number}" for name, number in card["versions"].items()))
codes = np.flatnonzero(card["action_masks"]["pong"])  # The game's actions, as codes of the ALE.
names = [ale_py.Action(int(code)).name for code in codes]
print(
    "Pong's actions:", ", ".join(f"{code} {name}" for code, name in zip(codes, names, strict=True))
)
score = next(entry for entry in card["scores"] if entry["game"] == "pong")
print(
    f"Pong's score: {score['mean']:.1f} +- {score['standard_error']:.1f}, epsilon {score['epsilon']}"
)

# %% [markdown]
# ## Keras alone
#
# Now the other project. It is a fresh Python process that cannot import amkit. It loads the file, computes the outputs
# for some observations, and saves them. Random bytes will do as observations: if two programs compute the same function,
# they agree on those too.

# %%
ELSEWHERE = """
import sys
sys.modules["amkit"] = None  # From here on "import amkit" fails in this process.

import keras
import numpy as np

network = keras.saving.load_model(sys.argv[1])
outputs = network.predict(np.load(sys.argv[2]), verbose=0)
np.save(sys.argv[3], outputs)

imported = {name: bool(sys.modules.get(name)) for name in ("amkit", "tensorflow")}
print("backend:", keras.backend.backend(), "- imported:", imported)
"""


def outputs_elsewhere(backend, observations):
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "observations.npy", Path(folder) / "outputs.npy"
        np.save(given, observations)
        process = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, path.resolve(), given, found],
            env={**os.environ, "KERAS_BACKEND": backend},
            cwd=folder,  # Away from this repository.
            capture_output=True,
            text=True,
        )
        if process.returncode:
            raise RuntimeError(process.stderr)
        print(process.stdout.strip())
        return np.load(found)


def compare(outputs, reference):
    print(
        f"outputs {outputs.dtype} {outputs.shape}, from {outputs.min():.2f} to {outputs.max():.2f}"
    )
    print(f"greatest difference: {np.abs(outputs - reference).max():.1e}")


observations = np.random.default_rng(0).integers(0, 256, (64, 4, 84, 84), dtype=np.uint8)
here = amkit.load(path).predict(observations, verbose=0)
keras_alone = outputs_elsewhere("tensorflow", observations)
compare(keras_alone, here)

# %% [markdown]
# `amkit.load` checks a file before it builds anything, and every command compares the weights with the card. `load_model` knows of no
# card. Use it for files that you made or trust.
#
# ## Another backend
#
# The network is made of stock layers, so that nothing in it belongs to TensorFlow. The backend is chosen by an
# environment variable before Keras is imported.

# %%
if importlib.util.find_spec("jax"):
    compare(outputs_elsewhere("jax", observations), keras_alone)
else:
    print("JAX is not installed, nothing to compare: pip install jax")

# %% [markdown]
# The outputs are not the same bit by bit. The backends add the same numbers in another order, and float32 rounds each
# sum. Differences of this size do not change how the network plays, except where two actions are equally good anyway.
#
# ## A plain Gymnasium loop
#
# From here on nothing is amkit's. A network only plays well if it sees what it saw in training: the last four frames,
# oldest first, uint8 [4, 84, 84]. Each frame is the luminance of the brighter of two consecutive screens, pixel by pixel
# (an Atari draws some objects only in every second one), shrunk from 210 x 160. An action is kept for four screens.
#
# `gymnasium.wrappers.AtariPreprocessing` does this, but it needs OpenCV. It takes little more to do without.


# %%
def shrink(screen):
    """uint8 [210, 160] to uint8 [84, 84]: the mean over each area, as OpenCV's INTER_AREA."""
    # 84 does not divide 210 and 160; it divides 2 x 210 and 21 x 160. Sums of integers are exact.
    rows = screen.repeat(2, axis=0).reshape(84, 5, 160).sum(axis=1)
    areas = rows.repeat(21, axis=1).reshape(84, 84, 40).sum(axis=2)
    return np.rint(areas / 200).astype(np.uint8)


def make(name, maximum=True, sticky=0.0):
    env = gymnasium.make(
        name,
        obs_type="grayscale",
        frameskip=1 if maximum else 4,  # The wrapper below skips, and has to see every screen.
        repeat_action_probability=sticky,
        full_action_space=True,  # Actions are the ALE's codes, in every game.
    )
    if maximum:
        env = MaxAndSkipObservation(env, skip=4)
    env = TransformObservation(env, shrink, gymnasium.spaces.Box(0, 255, (84, 84), np.uint8))
    return FrameStackObservation(env, 4)


gymnasium.register_envs(ale_py)
ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)  # Without its greeting.
pong = make("ALE/Pong-v5")
print("the loop shows   ", pong.observation_space.shape, pong.observation_space.dtype)

network = keras.saving.load_model(path)
print("the network takes", network.input.shape[1:], network.input.dtype)

# %% [markdown]
# The shape fits. That does not yet mean that the pixels do. The ALE's own vector environment, in which the network was
# trained, takes the same actions; the two are compared frame by frame.

# %%
trained_in = AtariVectorEnv("pong", 1, full_action_space=True, noop_max=0, use_fire_reset=False)
(theirs, _), (ours, _) = trained_in.reset(seed=0), pong.reset(seed=0)
at_start = [int((theirs[0, i] != ours[i]).any()) for i in range(4)]
rng = np.random.default_rng(0)
differences = []
for _ in range(STEPS // 5):
    action = rng.choice(codes)
    theirs, *_ = trained_in.step(np.array([action]))
    ours, *_ = pong.step(int(action))
    differences.append(np.abs(theirs[0].astype(int) - ours).max())
trained_in.close()
print("frames that differ after the reset (1: yes), oldest first:", at_start)
print(f"greatest difference of a pixel after the third step, of 255: {max(differences[3:])}")

# %% [markdown]
# Where this can go wrong without any error:
#
# | setting | here, and in training where nothing else is said | otherwise |
# |---|---|---|
# | `repeat_action_probability` | 0.0 | the `v5` ids have 0.25: the emulator repeats the last action by chance |
# | `frameskip` of `gymnasium.make` | 1, as a wrapper skips | the `v5` ids skip 4 already; with the wrapper it would be 16 |
# | maximum of the last two screens | `MaxAndSkipObservation` | the `v5` ids' own skipping shows the last screen only: some objects flicker |
# | bytes or floats | bytes; the network divides by 255 itself | `AtariPreprocessing(scale_obs=True)` has floats up to 1, of which Keras makes bytes: all 0 |
# | end of an episode | the whole game | `AtariPreprocessing(terminal_on_life_loss=True)` ends it with a life; it is off by default |
# | after a reset | 0 to 29 no-ops, here of four screens each, in training of one | `AtariPreprocessing` plays 1 to 30 by default; `gymnasium.make` none |
# | frames before the first | repeated, `padding_type="reset"`; in training black | it matters for three steps |
# | FIRE after a reset | not pressed; in training pressed once | Breakout does not start without (exercise 2) |
#
# Now the loop itself.


# %%
class Step(NamedTuple):
    observation: np.ndarray  # uint8 [4, 84, 84]
    screen: np.ndarray  # uint8 [210, 160], what the newest frame was made of
    values: np.ndarray  # float32, one per action of the game
    reward: float
    over: bool


def play(outputs_of, env, codes, epsilon, seed, steps):
    rng = np.random.default_rng(seed)
    over = True
    for number in range(steps):
        if over:
            observation, _ = env.reset(seed=seed if number == 0 else None)
            for _ in range(rng.integers(30)):
                observation, *_ = env.step(0)  # NOOP, so that no two games begin alike.
        screen = env.unwrapped.ale.getScreenGrayscale()
        values = outputs_of(observation[None])[0]
        if len(values) == 18:  # An AMN: only the game's own actions count.
            values = values[codes]
        action = rng.choice(codes) if rng.random() < epsilon else codes[values.argmax()]
        following, reward, terminated, truncated, _ = env.step(int(action))
        over = terminated or truncated
        yield Step(observation, screen, values, float(reward), over)
        observation = following


game = []
for step in play(network.predict_on_batch, pong, codes, epsilon=0.05, seed=1, steps=STEPS):
    game.append(step)
    if step.over:
        break
rewards = np.array([step.reward for step in game])
values = np.array([step.values for step in game])
end = "the game is over" if game[-1].over else "the game goes on"
print(f"{len(game)} steps, score {rewards.sum():.0f}, {end}")

# %% [markdown]
# What the network sees in the step in which its actions differ most:

# %% alt="First four pictures of Pong and the logits above the worst action; then logits and score over a game that ends with 20 points ahead"
decisive = int(np.ptp(values, axis=1).argmax())
kind = "Q-value" if card["kind"] == "expert" else "logit"
figure, axes = plt.subplots(1, 5, figsize=(14, 3), layout="constrained")
for i, ax in enumerate(axes[:4]):
    ax.imshow(game[decisive].observation[i], cmap="gray", vmin=0, vmax=255)
    ax.set_title(f"step {decisive}, frame {i - 3}" if i < 3 else f"step {decisive}, newest")
    ax.axis("off")
axes[4].bar(names, values[decisive] - values[decisive].min())
axes[4].tick_params(axis="x", rotation=90)
axes[4].set_title(f"{kind} above the worst")
plt.show()

figure, (upper, lower) = plt.subplots(2, 1, figsize=(12, 5), sharex=True)
upper.fill_between(range(len(game)), values.min(axis=1), values.max(axis=1), alpha=0.3)
upper.plot(values.max(axis=1), linewidth=0.8)
upper.set_ylabel(f"{kind}s, worst to best")
lower.step(range(len(game)), rewards.cumsum(), where="post")
lower.axhline(score["mean"], linestyle="--", color="gray", label="mean score on the card")
lower.set_ylabel("score so far")
lower.set_xlabel("step")
lower.legend()
plt.show()

# %% [markdown]
# ## A backbone for a new task
#
# Another project may not want to play Pong at all. It may want a *backbone*: a function from screens to numbers that are
# easier to learn from than pixels. That is the layer `features`.

# %%
features = keras.Model(network.input, network.get_layer("features").output)
print("features:", features.output.shape)

# %% [markdown]
# The new task: look at an observation and say
#
# - where the ball is, its *x* and its *y*;
# - where it *arrives*: the *y* at which it next comes up to the network's paddle, on the right. It may still bounce off
#   the walls and the other paddle before.
#
# The labels are read off the full screen. In the playing field only the ball has luminance 236. Where it arrives is known
# afterwards.

# %%
TOP, BOTTOM = 34, 194  # Rows of the playing field.
BALL, STRIP = 236, 132  # Luminance of the ball; columns from here on are close to the paddle.


def ball_position(screen):
    y, x = np.nonzero(screen[TOP:BOTTOM] == BALL)
    return (x.mean(), y.mean() + TOP) if len(x) else (np.nan, np.nan)


def arrivals(positions):
    """Float [T]: the y at which the ball next gets into the strip; NaN if it does not."""
    result, upcoming = np.full(len(positions), np.nan), np.nan
    for t in range(len(positions) - 1, -1, -1):
        x, y = positions[t]
        if np.isnan(x):  # Between two points there is no ball.
            upcoming = np.nan
        elif x >= STRIP:
            upcoming = y
        else:
            result[t] = upcoming
    return result


def collect(seed, steps):
    observations, positions = [], []
    for step in play(network.predict_on_batch, pong, codes, epsilon=0.3, seed=seed, steps=steps):
        observations.append(step.observation)
        positions.append(ball_position(step.screen))
    return np.array(observations), np.column_stack([positions, arrivals(positions)])


seen, labels = collect(seed=10, steps=2 * STEPS)
held_out, held_out_labels = collect(seed=20, steps=STEPS)
TARGETS = ("x", "y", "arrival")
for name, column, other in zip(TARGETS, labels.T, held_out_labels.T, strict=True):
    print(f"{name}: {np.isfinite(column).sum()} labels, {np.isfinite(other).sum()} held out")
known = {observation.tobytes() for observation in seen}
repeated = np.mean([observation.tobytes() in known for observation in held_out])
print(f"held-out observations that are also among those to learn from: {100 * repeated:.1f} %")

# %% [markdown]
# Two neighbouring frames are almost the same. If they were shuffled and then split, the test would ask for what had been
# learnt by heart. So the held-out observations are of other games, with another seed. Pong has no chance of its own, and
# a good player wins the same rally again and again; hence epsilon 0.3 here, and the last line above.
#
# The features stay as they are. What is learnt is one linear function of them, a *linear probe*, by least squares with a
# penalty on its weights (ridge regression), which has a closed form:
#
# $$w = (Z^T Z + \lambda n I)^{-1} Z^T y,$$
#
# with $Z$ [n, D] the inputs of $n$ labelled observations, centred and divided by the standard deviation of them all, and $y$ the
# centred labels. $\lambda$ is chosen on the last quarter of the labels, in time, never on what is held out. A number for the features
# alone would say nothing. Two baselines get the same probe:
#
# - a network with the same layers and *random* weights: is it the training that matters, or only the architecture?
# - the *pixels*, four frames of 21 x 21: is a network needed at all?


# %% alt="Held-out R squared over the number of labels for three tasks: pixels lead with many labels, trained features in two tasks with few"
STRENGTHS = 10.0 ** np.arange(-6, 2)


def ridge(inputs, targets, strengths):
    """One (kernel, bias) for every strength."""
    center, scale = inputs.mean(axis=0), inputs.std()
    z, y = (inputs - center) / scale, targets - targets.mean()
    wide = z.shape[1] > len(z)  # Then the same w is z.T (z z.T + ...)^-1 y, a smaller problem.
    products = z @ z.T if wide else z.T @ z
    for strength in strengths:
        regular = products + strength * len(z) * np.eye(len(products))
        w = z.T @ np.linalg.solve(regular, y) if wide else np.linalg.solve(regular, z.T @ y)
        yield w / scale, targets.mean() - center @ w / scale


def r_squared(predicted, targets):
    return 1 - np.mean((predicted - targets) ** 2) / np.var(targets)


def probe(inputs, targets):
    """Ridge regression; its strength is chosen on the last quarter."""
    cut = 3 * len(inputs) // 4
    results = [
        r_squared(inputs[cut:] @ kernel + bias, targets[cut:])
        for kernel, bias in ridge(inputs[:cut], targets[:cut], STRENGTHS)
    ]
    return next(ridge(inputs, targets, [STRENGTHS[int(np.argmax(results))]]))


def pixels(observations):
    small = observations.reshape(-1, 4, 21, 4, 21, 4).mean(axis=(3, 5), dtype=np.float32)
    return small.reshape(len(observations), -1)


keras.utils.set_random_seed(0)
untrained = keras.models.clone_model(network)  # The layers, with new random weights.
untrained_features = keras.Model(untrained.input, untrained.get_layer("features").output)
INPUTS = {
    "trained features": lambda x: features.predict(x, batch_size=128, verbose=0),
    "random features": lambda x: untrained_features.predict(x, batch_size=128, verbose=0),
    "pixels": pixels,
}
learn_from = {name: function(seen).astype(float) for name, function in INPUTS.items()}
test_on = {name: function(held_out).astype(float) for name, function in INPUTS.items()}


def curve(name, labels, held_out_labels, counts):
    """Held-out R^2 for every number of labels, and the probe of the last one."""
    there, asked = np.flatnonzero(np.isfinite(labels)), np.isfinite(held_out_labels)
    scores = []
    for count in counts:
        chosen = there[np.linspace(0, len(there) - 1, min(count, len(there))).astype(int)]
        kernel, bias = probe(learn_from[name][chosen], labels[chosen])
        predicted = test_on[name][asked] @ kernel + bias
        scores.append(r_squared(predicted, held_out_labels[asked]))
    return scores, (kernel, bias)


COUNTS = [count for count in (50, 100, 300, 1000) if count < STEPS]
COUNTS.append(len(seen))  # All that there are.
probes = {}
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), sharey=True)
print(
    "held-out R^2            labels:" + "".join(f"{count:>7}" for count in COUNTS[:-1]) + "    all"
)
for ax, target, column, other in zip(axes, TARGETS, labels.T, held_out_labels.T, strict=True):
    at = [min(count, np.isfinite(column).sum()) for count in COUNTS]
    for name in INPUTS:
        scores, probes[name, target] = curve(name, column, other, COUNTS)
        ax.semilogx(at, scores, marker="o", label=name)
        print(f"{target:8s} {name:22s}" + "".join(f"{value:7.2f}" for value in scores))
    ax.set_title(target)
    ax.set_xlabel("labels to learn from")
    ax.set_ylim(-0.3, 1.05)
    ax.grid(alpha=0.3)
axes[0].set_ylabel("held-out $R^2$")
axes[0].legend()
plt.show()

# %% [markdown]
# What the table says:
#
# - **Where the ball is** is almost a linear function of the pixels: it is the only bright spot of the field. With enough
#   labels the pixels win; for *y* they do so at once. The network was never asked for the position itself, and tells *y*
#   less well than random features do. The features reported alone, at 0.5 and 0.6, would have looked good here.
# - **Where it arrives** is what a player needs. It takes the ball's direction and its bounces. Here training shows: the
#   trained features tell it from fifty labels on, where the other two tell little or nothing. From a thousand on the pixels are
#   level with them; random features never are. These 512 features serve eight games. Put `pretrained/pong.keras` in place
#   of the AMN and see what an expert's, which serve one, tell.
# - **Random features** are not nothing. The architecture alone keeps much of where things are.
#
# All of it is one set to learn from, one held-out set and one draw of random weights: differences of a few hundredths say
# nothing.
#
# ## One file for the new task
#
# A probe is a dense layer. With its weights filled in, features and probe are one Keras model, and one file.

# %% alt="Five screens of Pong with the ball's labelled and predicted place"
head = keras.layers.Dense(len(TARGETS), name="ball")
ball = keras.Model(features.input, head(features.output))
kernels, biases = zip(*(probes["trained features", target] for target in TARGETS), strict=True)
head.set_weights([np.column_stack(kernels), np.array(biases)])
with tempfile.TemporaryDirectory() as folder:
    ball.save(Path(folder) / "ball.keras")
    loaded = keras.saving.load_model(Path(folder) / "ball.keras")
predicted = loaded.predict(held_out, batch_size=128, verbose=0)
for target, column, other in zip(TARGETS, predicted.T, held_out_labels.T, strict=True):
    errors = np.abs(column - other)[np.isfinite(other)]
    print(f"{target:8s} median error {np.median(errors):4.1f} pixels of the screen")

asked = np.flatnonzero(np.isfinite(held_out_labels).all(axis=1))
figure, axes = plt.subplots(1, 5, figsize=(14, 3), layout="constrained")
for ax, t in zip(axes, asked[np.linspace(0, len(asked) - 1, 7).astype(int)[1:-1]], strict=True):
    ax.imshow(held_out[t, -1], cmap="gray", vmin=0, vmax=255)
    for (x, y, arrival), color, label in (
        (held_out_labels[t], "lime", "label"),
        (predicted[t], "red", "features"),
    ):
        across, down = 84 / 160, 84 / 210  # From the screen to the frame.
        ax.plot(
            x * across, y * down, "o", color=color, fillstyle="none", markersize=11, label=label
        )
        ax.plot(STRIP * across, arrival * down, ">", color=color, markersize=7, alpha=0.7)
    ax.set_title(f"held out, step {t}")
    ax.axis("off")
axes[0].legend(loc="lower left", fontsize=8)
plt.show()

# %% [markdown]
# Circles: the ball now. Triangles: where it arrives. From here `ball.compile` and `ball.fit` would train on. The layers
# are *shared* with `network`: what `fit` changes, it changes there too. `features.trainable = False` freezes them;
# `keras.models.clone_model` and `set_weights` make a copy.
#
# ## You should know
#
# - A saved network needs Keras and a backend, nothing else. The card says what its outputs mean: read the masks.
# - Backends agree up to the rounding of float32.
# - A loop that shows other pixels raises no error. Compare yours with the one that the network was trained in.
# - Of a backbone's worth only baselines tell: random weights, and the pixels.
# - Split by time or by game. Neighbouring frames are nearly copies.
#
# ## Exercises
#
# 1. Make four mistakes that raise no error: sticky actions, the newest frame first, observations divided by 255, no
#    maximum over two screens. What does each cost?
# 2. Play Breakout in the same loop. What has to change?
# 3. Do the features know where the *other* player's paddle is? Its luminance is 148; it is on the left. Compare with the
#    same baselines.
#
# ### Solutions


# %%
# 1. Newest frame first and divided by 255 show it what it has never seen: it loses point after point. (Keras makes bytes
# of what was divided by 255, so that every pixel is 0.) Sticky actions cost it some of its lead. The missing maximum costs
# it next to nothing here: it is there for games whose objects flicker.
def points(outputs_of, env):
    rewards = np.array([s.reward for s in play(outputs_of, env, codes, 0.05, 1, STEPS // 2)])
    return f"won {(rewards > 0).sum():3d}, lost {(rewards < 0).sum():3d}"


right = network.predict_on_batch
print("1. as it should be    ", points(right, pong))
print("   sticky actions     ", points(right, make("ALE/Pong-v5", sticky=0.25)))
print("   newest frame first ", points(lambda x: right(x[:, ::-1]), pong))
print("   divided by 255     ", points(lambda x: right(x / 255), pong))
print("   no maximum         ", points(right, make("ALE/Pong-v5", maximum=False)))

# %%
# 2. The name, the mask and the file, unless it is an AMN for both games. Breakout's ball is served by FIRE, which an
# expert has to press itself after a lost life; epsilon helps if it does not.
breakout_path = path if "breakout" in card["games"] else ROOT / "pretrained" / "breakout.keras"
breakout_card = json.loads(breakout_path.with_suffix(".json").read_text(encoding="utf-8"))
breakout_codes = np.flatnonzero(breakout_card["action_masks"]["breakout"])
breakout = keras.saving.load_model(breakout_path).predict_on_batch
total, lives = 0, []
env = make("ALE/Breakout-v5")
for step in play(breakout, env, breakout_codes, 0.05, 1, STEPS // 2):
    total += step.reward
    lives.append(env.unwrapped.ale.lives())
    if step.over:
        break
print(
    f"2. {breakout_path.name}: score {total:.0f} after {len(lives)} steps, {lives[-1]} lives left"
)


# %%
# 3. Training let go of it: the trained features tell it less well than random ones do. The pixels win again, as a paddle's
# height is linear in them too.
def opponent(screen):
    y, _ = np.nonzero(screen[TOP:BOTTOM, :80] == 148)
    return y.mean() + TOP if len(y) else np.nan


runs = ((10, 2 * STEPS), (20, STEPS))  # The same games as above.
paddle, held_out_paddle = (
    np.array([opponent(s.screen) for s in play(right, pong, codes, 0.3, seed, steps)])
    for seed, steps in runs
)
print("3. held-out R^2, labels:  " + "".join(f"{count:>7}" for count in COUNTS[:-1]) + "    all")
for name in INPUTS:
    scores, _ = curve(name, paddle, held_out_paddle, COUNTS)
    print(f"   {name:22s} " + "".join(f"{value:7.2f}" for value in scores))
