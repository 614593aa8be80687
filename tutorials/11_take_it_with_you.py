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
# You have trained a network with amkit. Now you want to use it in a project that has never heard of
# amkit. Here you load it with Keras alone, let it play in your own loop, and use it for a new task.
# Most mistakes on this way raise no error. So you also learn how to notice them.
#
# **Time:** 25 minutes, 1 of them computing. **You need:** `pip install -e '.[tutorials]'`. The
# network is `pretrained/amn.keras`, an Actor-Mimic network (AMN) for eight games.
#
# ## 1. What is in the file?
#
# A saved network is two files: `amn.keras` has the layers and the weights, and `amn.json` is its
# *card*.
#
# > **Predict.** Pong has six actions. How many outputs has a network for eight games? How does
# > another project know which outputs are Pong's?

# %%
from amkit.backend import load_tensorflow

load_tensorflow()  # Without TensorFlow's own messages.

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
import helpers
import keras
import matplotlib.pyplot as plt
import numpy as np
from ale_py.vector_env import AtariVectorEnv
from gymnasium.wrappers import FrameStackObservation, MaxAndSkipObservation, TransformObservation

import amkit
from amkit import palette

helpers.style()
SEED = 1  # Change this, and most numbers below change a little.
STEPS = helpers.steps(2500)

path = helpers.ROOT / "pretrained" / "amn.keras"
with zipfile.ZipFile(path) as archive:
    for entry in archive.infolist():
        print(f"{entry.filename:18s} {entry.file_size / 1024:7,.0f} KiB")
    layers = json.loads(archive.read("config.json"))["config"]["layers"]
print("layers:", *(layer["class_name"] for layer in layers))

card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
score = next(entry for entry in card["scores"] if entry["game"] == "pong")
codes = np.flatnonzero(card["action_masks"]["pong"])
print(f"\n{card['kind']} for {len(card['games'])} games, {card['outputs']} outputs")
print(f"score in Pong: {score['mean']:.1f} ± {score['standard_error']:.1f}")
print("mask of Pong: ", *card["action_masks"]["pong"])
print("its actions:  ", *(f"{code}={ale_py.Action(int(code)).name}" for code in codes))

# %% [markdown]
# **You should see** a zip archive with the layers as JSON and the weights as HDF5. Every layer is
# one of Keras's own. The network has 18 outputs, one for each action of the emulator. The card has
# a mask for each game: Pong's six actions are the outputs 0, 1, 3, 4, 11 and 12.
#
# ## 2. Does it need amkit, or TensorFlow?
#
# The next cell starts a new Python process in which `import amkit` fails. Keras can compute with
# several *backends*. Here it is TensorFlow, and in the new process [JAX](https://docs.jax.dev).
# Both compute the 18 outputs for 64 observations of random pixels.
#
# > **Predict.** Does the new process work? If so, how large is the largest difference between the
# > outputs: 0, 0.00001, or 0.1?

# %%
ELSEWHERE = """
import sys
sys.modules["amkit"] = None  # From here on "import amkit" fails.

import keras
import numpy as np

network = keras.saving.load_model(sys.argv[1])
np.save("outputs.npy", network.predict(np.load("observations.npy"), verbose=0))
print("TensorFlow loaded:", "tensorflow" in sys.modules)
"""


def outputs_elsewhere(backend, observations):
    with tempfile.TemporaryDirectory() as folder:  # Far from this repository.
        np.save(Path(folder) / "observations.npy", observations)
        command = [sys.executable, "-c", ELSEWHERE, path.resolve()]
        environment = {**os.environ, "KERAS_BACKEND": backend}
        process = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=True
        )
        print(f"{backend}: {process.stdout.strip()}")
        return np.load(Path(folder) / "outputs.npy")


noise = np.random.default_rng(SEED).integers(0, 256, (64, 4, 84, 84), dtype=np.uint8)
here = amkit.load(path).predict(noise, verbose=0)
print(f"outputs here: shape {here.shape}, from {here.min():.1f} to {here.max():.1f}")
there = outputs_elsewhere("jax", noise)
print(f"largest difference: {np.abs(there - here).max():.0e}")

# %% [markdown]
# **You should see** a largest difference of about 0.00001. The new process has neither amkit nor
# TensorFlow. JAX adds the same numbers in another order, and each sum is rounded.
#
# **An error about JAX?** Install it: `pip install jax`.
#
# **Only open files that you trust.** `amkit.load` checks a file before it builds anything.
#
# A phone may have no Python at all. For this case amkit writes ONNX, LiteRT or SavedModel, and
# compares the outputs before it keeps the file:
#
# ```bash
# amkit export pretrained/amn.keras --format litert --output amn.tflite
# ```
#
# ## 3. Does your loop show the right pixels?
#
# From here on we use Keras, numpy and [Gymnasium](https://arxiv.org/abs/2407.17032), and amkit only
# for the colours. The network must see what it saw in training:
#
# ```text
# for each action:
#     show the action to the emulator 4 times
#     frame = brighter pixel of the last two screens, in grey
#     shrink the frame from 210 x 160 to 84 x 84 by taking means
#     observation = the last four frames, oldest first, as bytes
# ```
#
# (Some games draw an object only in every second screen. So we take the brighter pixel of two.)


# %% alt="Four small grey screens of Pong, side by side. From frame to frame the ball moves."
def shrink(screen):
    """uint8 [210, 160] -> [84, 84]: the mean over each area."""
    # 84 divides neither 210 nor 160, but it divides 2 x 210 and 21 x 160.
    rows = screen.repeat(2, axis=0).reshape(84, 5, 160).sum(axis=1)
    areas = rows.repeat(21, axis=1).reshape(84, 84, 40).sum(axis=2)
    return np.rint(areas / 200).astype(np.uint8)


def make(name, brighter=True, sticky=0.0):
    env = gymnasium.make(
        name,
        obs_type="grayscale",
        frameskip=1 if brighter else 4,  # The wrapper below skips frames itself.
        repeat_action_probability=sticky,
        full_action_space=True,  # All 18 actions, in every game.
    )
    if brighter:
        env = MaxAndSkipObservation(env, skip=4)
    env = TransformObservation(env, shrink, gymnasium.spaces.Box(0, 255, (84, 84), np.uint8))
    return FrameStackObservation(env, 4, padding_type="zero")


gymnasium.register_envs(ale_py)
ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)  # No greeting.
pong = make("ALE/Pong-v5")
pong.reset(seed=SEED)
for _ in range(40):
    observation, *_ = pong.step(0)
helpers.four_frames(observation, "One observation: four frames show where the ball flies")

# %% [markdown]
# The shape is right. Are the pixels? Training used another environment, the emulator's own
# `AtariVectorEnv`. We send the same actions to both and compare every pixel.
#
# > **Predict.** We test three loops: ours; one without the brighter pixel; one with *sticky
# > actions*, where the emulator repeats the last action with probability 0.25 ([Machado et al.
# > 2017](https://arxiv.org/abs/1709.06009)). Which of them raises an error? Which one has the right
# > pixels?


# %%
def compare(env, steps):
    reference = AtariVectorEnv("pong", 1, full_action_space=True, noop_max=0, use_fire_reset=False)
    (theirs, _), (ours, _) = reference.reset(seed=0), env.reset(seed=0)
    rng, differences = np.random.default_rng(SEED), []
    for _ in range(steps):
        differences.append(np.abs(theirs[0].astype(int) - ours).max())
        action = rng.choice(codes)
        theirs, *_ = reference.step(np.array([action]))
        ours, *_ = env.step(int(action))
    reference.close()
    return np.array(differences)


sticky, last_screen = make("ALE/Pong-v5", sticky=0.25), make("ALE/Pong-v5", brighter=False)
loops = {"our loop": pong, "last screen only": last_screen, "sticky actions": sticky}
for name, env in loops.items():
    differences = compare(env, STEPS // 8)
    print(f"{name:18s} {100 * (differences > 0).mean():3.0f} % of the observations differ, "
          f"by at most {differences.max()} of 255")  # fmt: skip

# %% [markdown]
# **You should see** no error at all. Our loop agrees in every pixel. The two others differ in 85 to
# 100 % of the observations. And both are the *default* of the names `ALE/...-v5`.
#
# **Your own loop differs?** Usual reasons: `frameskip` and a wrapper both skip; another method to
# shrink; frames that are repeated, not black, after a reset.
#
# ## 4. Does it play?
#
# The loop masks the outputs and takes the best action, or a random one with probability 0.05.


# %%
class Step(NamedTuple):
    observation: np.ndarray  # uint8 [4, 84, 84]
    screen: np.ndarray  # uint8 [210, 160]
    reward: float
    over: bool


def play(outputs_of, env, codes, seed, steps, epsilon=0.05):
    rng = np.random.default_rng(seed)
    over = True
    for number in range(steps):
        if over:
            observation, _ = env.reset(seed=seed if number == 0 else None)
            for _ in range(rng.integers(30)):
                observation, *_ = env.step(0)  # Wait, so that no two games are the same.
        screen = env.unwrapped.ale.getScreenGrayscale()
        outputs = outputs_of(observation[None])[0]  # [18]
        best = codes[outputs[codes].argmax()]  # The mask.
        action = rng.choice(codes) if rng.random() < epsilon else best
        following, reward, terminated, truncated, _ = env.step(int(action))
        over = terminated or truncated
        yield Step(observation, screen, float(reward), over)
        observation = following


network = keras.saving.load_model(path)
outputs_of = network.predict_on_batch
game = []
for step in play(outputs_of, pong, codes, SEED, STEPS):
    game.append(step)
    if step.over:
        break
total = sum(step.reward for step in game)
print(f"score {total:.0f} after {len(game)} steps, game over: {game[-1].over}")
print(f"the card says {score['mean']:.1f} ± {score['standard_error']:.1f}")

# %% [markdown]
# **You should see** 20 points with seed 1. (The 62 games of the card scored 12 to 21.)
#
# Now we make five mistakes. Two are the defaults above: last screen only, and sticky actions. In
# the others we forget the mask, put the newest frame first, or divide the pixels by 255. (The
# network does this itself. Keras rounds your numbers to bytes: all 0.) None of the five raises an
# error.
#
# > **Predict.** Which mistakes turn victory into defeat? Which ones would you not notice?

# %% alt="Bars of points won minus points lost. No mistake, no mask, last screen only and sticky actions are between 0 and 8. Newest frame first and divided by 255 are near minus 28."
mistakes = {
    "no mistake": (outputs_of, pong, codes),
    "no mask": (outputs_of, pong, np.arange(18)),
    "newest frame first": (lambda x: outputs_of(x[:, ::-1]), pong, codes),
    "divided by 255": (lambda x: outputs_of(x / 255), pong, codes),
    "last screen only": (outputs_of, last_screen, codes),
    "sticky actions": (outputs_of, sticky, codes),
}
for name, (function, env, allowed) in mistakes.items():
    rewards = np.array([s.reward for s in play(function, env, allowed, SEED, STEPS * 2 // 5)])
    won, lost = (rewards > 0).sum(), (rewards < 0).sum()
    print(f"{name:20s} won {won:2d}, lost {lost:2d}")
    plt.barh(name, won - lost, color=palette.AMN)
plt.gca().invert_yaxis()
plt.axvline(0, color="black", linewidth=0.8)
plt.xlabel(f"points won minus points lost in {STEPS * 2 // 5:,} steps")
plt.title("Two mistakes lose every point; three are easy to overlook")
plt.show()

# %% [markdown]
# **You should see** three groups (seeds 1 to 3):
#
# - With the order reversed or the pixels divided by 255, the network loses every point, 26 to 28.
# - Without a mistake it wins 9 or 10 points and loses 0 or 1. Without the mask it still wins 7 or
#   8, but loses 3 to 7. With sticky actions it wins 7 or 8 and loses 1 to 3.
# - The last screen alone costs next to nothing here, although nearly every observation is wrong.
#
# So "it plays" is a weak test. Comparing pixels is a strong one.
#
# ## 5. Is it a good start for a new task?
#
# A trained network can be the *backbone* of another one ([Yosinski et al.
# 2014](https://arxiv.org/abs/1411.1792)). Its last hidden layer, `features`, turns an observation
# into 512 numbers, and a new, small layer learns from them. Our new task is a forecast: **at which
# height will the ball next arrive at the right paddle?** It may bounce before. We also ask an
# easier question: **at which height is the ball now?**
#
# The labels come from the screen: in the court only the ball has brightness 236.


# %%
TOP, BOTTOM, STRIP = 34, 194, 132  # Rows of the court; the column where the ball arrives.


def heights(screens):
    """The ball's height now, and where it arrives: float [T, 2], NaN if there is no label."""
    result, arrival = np.full((len(screens), 2), np.nan), np.nan
    for t in reversed(range(len(screens))):
        y, x = np.nonzero(screens[t][TOP:BOTTOM] == 236)
        if len(x) == 0:  # Between two points there is no ball.
            arrival = np.nan
        elif x.mean() >= STRIP:
            arrival = y.mean() + TOP
        else:
            result[t] = y.mean() + TOP, arrival
    return result


def collect(seed, steps):
    played = list(play(outputs_of, pong, codes, seed, steps, epsilon=0.3))
    labels = heights([step.screen for step in played])
    labelled = np.isfinite(labels).all(axis=1)
    return np.array([step.observation for step in played])[labelled], labels[labelled]


COLLECT = max(2 * STEPS, 320)
observations, labels = collect(10 * SEED, COLLECT)
held_out, held_out_labels = collect(10 * SEED + 10, COLLECT // 2)
print(f"{len(labels)} labelled observations, {len(held_out_labels)} held out from another game")

# %% [markdown]
# Neighbouring observations are almost copies. So the held-out ones come from *another game*.
#
# The new layer is linear, a *linear probe* ([Alain and Bengio
# 2016](https://arxiv.org/abs/1610.01644)). Its weights come from ridge regression, least squares
# with a penalty on large weights:
#
# ```text
# Z = inputs minus their mean, divided by their spread             [n, D]
# y = labels minus their mean                                      [n]
# w = Z^T (Z Z^T / D + lambda n I)^-1 y / D
# choose lambda on the last quarter of the labels, then fit with all of them
# ```
#
# We try two backbones: our AMN, and the expert of Pong, `pretrained/pong.keras`. Alone, their
# numbers would say nothing. So two baselines get the same probe: an **untrained network**, with the
# layers of the AMN and random weights, and the **pixels** (four frames, shrunk to 21 x 21). The
# score is $R^2$: 1 is perfect, and 0 is no better than the mean.
#
# > **Predict.** Rank the four with 100 labels: for the height now, and for the arrival. Does the
# > order change with 1,000 labels?


# %% alt="Two panels of R squared over 30 to 1,000 labels. For the height now, the pixels are best and the AMN is last. For the height of arrival, the expert of Pong is far above the others."
def fit(inputs, targets, strength):
    """Ridge regression: weights [D] and bias."""
    centre, spread, size = inputs.mean(axis=0), inputs.std(), inputs.shape[1]
    z, offset = (inputs - centre) / spread, targets.mean()
    gram = z @ z.T / size + strength * len(z) * np.eye(len(z))
    weights = z.T @ np.linalg.solve(gram, targets - offset) / (size * spread)
    return weights, offset - centre @ weights


def r_squared(predicted, targets):
    return 1 - np.mean((predicted - targets) ** 2) / np.var(targets)


def probe(inputs, targets):
    cut, scores = 3 * len(inputs) // 4, {}
    for strength in 10.0 ** np.arange(-6, 2):
        weights, bias = fit(inputs[:cut], targets[:cut], strength)
        scores[strength] = r_squared(inputs[cut:] @ weights + bias, targets[cut:])
    return fit(inputs, targets, max(scores, key=scores.get))


def pixels(observations):
    small = observations.reshape(-1, 4, 21, 4, 21, 4).mean(axis=(3, 5), dtype=np.float32)
    return small.reshape(len(observations), -1)


def features_of(network):
    features = keras.Model(network.input, network.get_layer("features").output)
    return lambda observations: features.predict(observations, batch_size=128, verbose=0)


keras.utils.set_random_seed(SEED)
expert = keras.saving.load_model(path.with_name("pong.keras"))
untrained = keras.models.clone_model(network)  # The same layers, new random weights.
sources = {
    "expert of Pong": (features_of(expert), palette.EXPERT, "o"),
    "AMN of eight games": (features_of(network), palette.AMN, "D"),
    "untrained network": (features_of(untrained), palette.RANDOM_WEIGHTS, "^"),
    "pixels": (pixels, palette.OTHERS[2], "s"),
}
counts = [count for count in (30, 100, 300, 1000) if count <= len(labels)] or [len(labels)]
rng = np.random.default_rng(SEED)
draws = {n: [np.sort(rng.choice(len(labels), n, replace=False)) for _ in range(5)] for n in counts}
tasks = ("height now", "height of arrival")
figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), sharey=True)
lines = [f"{'R², mean of 5 draws':38s}" + "".join(f"{n:7d}" for n in counts) + "  labels"]
for name, (function, colour, marker) in sources.items():
    values = function(np.concatenate([observations, held_out])).astype(float)
    inputs, new = np.split(values, [len(observations)])
    for ax, task, y, new_y in zip(axes, tasks, labels.T, held_out_labels.T, strict=True):
        fits = np.array([[probe(inputs[d], y[d]) for d in draws[n]] for n in counts], dtype=object)
        scores = np.array([[r_squared(new @ w + b, new_y) for w, b in row] for row in fits])
        mean, spread = scores.mean(axis=1), scores.std(axis=1, ddof=1)
        ax.errorbar(counts, mean, spread, color=colour, marker=marker, capsize=3, label=name)
        lines.append(f"{task:19s}{name:19s}" + "".join(f"{value:7.2f}" for value in mean))
        if (task, name) == ("height of arrival", "expert of Pong"):
            weights, bias = fits[-1, 0]  # For the next section.
for ax, task in zip(axes, tasks, strict=True):
    ax.set(xscale="log", xlabel="labels", title=task, ylim=(-0.5, 1.02))
    ax.axhline(0, color=palette.RANDOM_PLAY, linestyle=":")
axes[0].set_ylabel("$R^2$ in another game")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
figure.suptitle("With 100 labels, pixels win on the left and the expert on the right")
plt.show()
print("\n".join(lines))

# %% [markdown]
# **You should see** this (two sets of games; bars: standard deviation over five draws of labels):
#
# - **The height now**, 100 labels: pixels 0.9, expert 0.8 to 0.9, untrained network 0.6 to 0.7, AMN
#   0.3 to 0.6. The height is almost linear in the pixels, so they need no network. The AMN is worse
#   than an untrained network. (Did training help the expert? See exercise 3.)
# - **The arrival**, 100 labels: expert 0.6 to 0.8, AMN 0.1 to 0.5, the two others below 0.1. Only
#   the expert is far from zero in both sets.
# - **The arrival**, 1,000 labels: the pixels (0.4 to 0.8) catch up with the AMN (0.3 to 0.7).
#
# So do not say "the network knows the ball". Say which network, which layer, which task and how
# many labels. [Tutorial 4](04_feature_regression.ipynb) asks other networks, with other labels. Its
# numbers differ, but its control is the same.
#
# ## 6. One file for the new task
#
# The probe is a dense layer with one output. Backbone and probe are one Keras model, and one file.
#
# > **Predict.** The court is 160 pixels high. By how many pixels is a typical forecast wrong?

# %% alt="Four grey screens of Pong. At the right edge a green triangle shows where the ball arrives, and a blue one where the network expects it. In the first two screens they are close, in the last one far apart."
layer = keras.layers.Dense(1, name="arrival")
forecast = keras.Model(expert.input, layer(expert.get_layer("features").output))
layer.set_weights([weights[:, None], np.array([bias])])
with tempfile.TemporaryDirectory() as folder:
    forecast.save(Path(folder) / "arrival.keras")
    loaded = keras.saving.load_model(Path(folder) / "arrival.keras")

predicted = loaded.predict(held_out, batch_size=128, verbose=0)[:, 0].clip(TOP, BOTTOM)
truth = held_out_labels[:, 1]
errors, naive = np.abs(predicted - truth), np.abs(np.median(labels[:, 1]) - truth)
print(
    f"median error: {np.median(errors):.0f} pixels; always the same height: {np.median(naive):.0f}"
)

order = errors.argsort()
figure, axes = plt.subplots(1, 4, figsize=(8, 3))
for ax, share in zip(axes, (0.1, 0.4, 0.6, 0.9), strict=True):
    t = order[int(share * len(order))]
    ax.imshow(held_out[t, -1], cmap="gray", vmin=0, vmax=255, extent=(0, 160, 210, 0))
    ax.plot(STRIP, truth[t], ">", color=palette.EXPERT, markersize=10)
    ax.plot(STRIP, predicted[t], ">", color=palette.AMN, markersize=7)
    ax.set(xticks=[], yticks=[], xlim=(0, 160), ylim=(210, 0), title=f"wrong by {errors[t]:.0f}")
figure.suptitle("Where the ball arrives (green), and the forecast (blue)")
plt.show()

# %% [markdown]
# **You should see** a median error of about 5 pixels. A constant forecast has 34. One in ten
# forecasts is worse than the last screen.
#
# The new model *shares* its layers with `expert`: if you train it further, the expert changes too.
# Freeze these layers, or copy them with `keras.models.clone_model` and `set_weights`.
#
# ## What to remember
#
# - A saved network needs Keras and one backend. Its card says what the outputs mean.
# - Wrong pixels raise no error. Compare your loop with the one of training, pixel by pixel.
# - Judge a backbone beside an untrained network and the pixels, for the task that you want.
# - Test with states from another game.
#
# ## Exercises
#
# 1. **The mask.** Write policies and actions for a game with fewer than 18 actions: assignment 4 of
#    the [coursework](coursework/README.md). `amkit check 4` marks your file.
# 2. **Another game.** Play 1,000 steps of Breakout with the same network. What has to change? What
#    is the score?
# 3. **A fairer control.** Clone the *expert* for the untrained network. In which task is the
#    trained expert still better, with 100 labels?
# 4. **Another layer.** Take the layer `conv3` (flattened) in place of `features`, in the AMN and in
#    its untrained copy. Where does the AMN lose the ball?
# 5. **A wrong test.** Hold out every third observation of the *same* games. How good do the pixels
#    look now, with 1,000 labels? Why is this number useless?
