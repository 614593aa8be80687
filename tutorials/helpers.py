"""What the tutorials need that is no lesson: a style of figures, animations, a smaller run."""

import os
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).parents[1]  # Of the repository: `pretrained` lies there.

UNSEEN = 2**30  # A seed of emulators, far from those of trainings.

_FRAME_MILLISECONDS = 70  # One agent step a picture is then about an Atari's own speed.


def style():
    """Figures of 800 x 320 pixels without frames; a cell may ask for another size."""
    plt.rcParams.update(
        {
            "figure.figsize": (8, 3.2),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "legend.frameon": False,
        }
    )


def steps(usual):
    """How many agent steps to play: `usual`, or what AMKIT_TUTORIAL_STEPS says (tests play less)."""
    return int(os.environ.get("AMKIT_TUTORIAL_STEPS", usual))


@dataclass
class Animation:
    """An animated GIF that Jupyter shows where it is a cell's last value."""

    content: bytes

    def __repr__(self):
        return f"an animation, {len(self.content) / 1024:.0f} KiB"

    def _repr_png_(self):
        # nbconvert shows no image/gif. Browsers go by the content, and let it move.
        return self.content


def watch(game, *plays, policy=False):
    """Plays of one game to watch side by side, each as `recording.play` yields it.

    Beside each screen are the Q-values; of a `policy`, whose outputs are logits, the probabilities.
    The shortest play ends the animation.
    """
    from PIL import Image

    from amkit.evaluation import recording

    pictures = []
    for moments in zip(*plays, strict=False):
        drawn = [np.asarray(recording.draw(moment, game, policy)) for moment in moments]
        pictures.append(Image.fromarray(np.hstack(drawn)).quantize(64))
    content = BytesIO()
    options = {"append_images": pictures[1:], "duration": _FRAME_MILLISECONDS, "loop": 0}
    pictures[0].save(content, "GIF", save_all=True, **options)
    return Animation(content.getvalue())


def four_frames(observation, title):
    """Draws one observation, uint8 [4, 84, 84]: its frames side by side, the oldest first."""
    figure, axes = plt.subplots(1, 4, figsize=(8, 2.6))
    for age, (ax, frame) in enumerate(zip(axes, observation, strict=True)):
        ax.imshow(frame, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[], title="newest" if age == 3 else f"{3 - age} before")
    figure.suptitle(title)
    plt.show()


@dataclass
class Plays:
    """What a network did in several environments of one game at once, E of them."""

    states: np.ndarray  # uint8 [E, T, 4, 84, 84]. Those that were kept.
    outputs: np.ndarray  # float32 [E, T, 18]. What the network said of them.
    points: np.ndarray  # float [E]. The sum of all rewards.


def plays(network, game, envs, steps, every=8, epsilon=0.05, seed=UNSEEN):
    """Lets a network play `envs` environments side by side; keeps one of `every` states."""
    from amkit.games.environments import make
    from amkit.networks.actions import for_games
    from amkit.play.policy import EpsilonGreedy
    from amkit.play.rollout import rollout

    values = for_games(network, [game]) if hasattr(network, "layers") else network
    points, kept = np.zeros(envs), []
    with closing(make([game], envs, seed=seed, life_loss_terminal=False)) as environments:
        rng = np.random.default_rng(seed)
        policy = EpsilonGreedy(values, environments.action_masks, rng, epsilon)
        for step, moment in enumerate(islice(rollout(environments, policy), steps), start=1):
            points += moment.reward
            if step % every == 0:
                kept.append((moment.observation.copy(), moment.outputs))
    states, outputs = (np.stack(part, axis=1) for part in zip(*kept, strict=True))
    return Plays(states, outputs, points)


def draw_layers(ax, rows, colours):
    """Draws a network from the bottom up.

    Each row is a list of boxes side by side, each box a text; a row of one box feeds all boxes above
    it, and a row of several feeds box by box. `colours` has one colour a row.
    """
    places = [(np.arange(len(row)) + 0.5) / len(row) for row in rows]
    for level, (row, xs, colour) in enumerate(zip(rows, places, colours, strict=True)):
        width = 0.84 / len(row)
        for text, x in zip(row, xs, strict=True):
            box = plt.Rectangle((x - width / 2, level), width, 0.6, facecolor=colour, alpha=0.35)
            ax.add_patch(box)
            ax.text(x, level + 0.3, text, ha="center", va="center", fontsize=9)
        if level:
            below = places[level - 1] if len(places[level - 1]) == len(xs) else [0.5] * len(xs)
            for x, foot in zip(xs, below, strict=True):
                ax.plot([foot, x], [level - 0.4, level], color="black", linewidth=0.8)
    ax.set(xlim=(0, 1), ylim=(-0.1, len(rows) - 0.3))
    ax.axis("off")


def rows_of(names):
    """The vertical axis has a row for each name, the first on top."""
    plt.yticks(range(len(names)), [name.replace("_", " ") for name in names])
    plt.gca().invert_yaxis()
    plt.grid(axis="y", alpha=0.3)


def play_with_noise(network, game, steps, seed, environments=16, epsilon=0.3, every=4):
    """Several games at once, with random actions so that no two are alike (tutorial 4).

    Returns:
        states: uint8 [environments * steps / every, 4, 84, 84]. The observations of the last of
            every four steps: all of the first game, then all of the second, and so on.
        frames: uint8 [environments, steps, 84, 84]. The newest frame of every step.
    """
    import tensorflow as tf

    from amkit.games.atari import AtariEnvironments

    best = tf.function(lambda observation: tf.argmax(network(observation), axis=-1))
    rng, states, frames = np.random.default_rng(seed), [], []
    if "AMKIT_TUTORIAL_STEPS" in os.environ:
        environments = 2  # Each takes a third of a second to start.
    with closing(AtariEnvironments([game], environments, seed=UNSEEN + seed)) as played:
        for step in range(steps):
            if step % every == every - 1:  # By then four frames of the game itself.
                states.append(played.observation.copy())
            frames.append(played.observation[:, -1].copy())
            greedy = game.action_codes[best(played.observation).numpy()]
            random = rng.choice(game.action_codes, environments)
            played.step(np.where(rng.random(environments) < epsilon, random, greedy))
    return np.concatenate(np.stack(states, axis=1)), np.stack(frames, axis=1)


def ball_of_pong(frames):
    """Where the ball is, in pixels, and where it arrives (tutorial 4).

    Args:
        frames: uint8 [environments, steps, 84, 84].

    Returns:
        x, y: float [environments, steps]. The ball's centre, NaN while there is no ball.
        arrival: float [environments, steps]. The y at which the ball next reaches the paddle on the
            right; NaN if it does not.
    """
    court = np.abs(frames[:, :, 15:77, 12:72].astype(np.int16) - 87) > 15  # 87 is the background.
    bright = court.sum(axis=(2, 3))
    bright = np.where(bright, bright, np.nan)
    x = (court.sum(axis=2) @ np.arange(12, 72)) / bright
    y = (court.sum(axis=3) @ np.arange(15, 77)) / bright

    arrival, upcoming = np.full(x.shape, np.nan), np.full(len(x), np.nan)
    for step in reversed(range(x.shape[1])):
        upcoming = np.where(x[:, step] >= 68, y[:, step], upcoming)
        upcoming[np.isnan(x[:, step])] = np.nan  # Between two points.
        arrival[:, step] = np.where(x[:, step] < 68, upcoming, np.nan)
    return x, y, arrival


def bars(values, colours):
    """Bars side by side on the current axes, with their numbers above (tutorial 4).

    Args:
        values: (group, label) -> a list of numbers. The bar is their mean, the line their range.
        colours: label -> colour, in the order of the bars.
    """
    groups = list(dict.fromkeys(group for group, _ in values))
    width = 0.85 / len(colours)
    for i, (label, colour) in enumerate(colours.items()):
        places = np.arange(len(groups)) + (i - (len(colours) - 1) / 2) * width
        lists = [np.atleast_1d(values[group, label]) for group in groups]
        means = np.array([numbers.mean() for numbers in lists])
        below = means - [numbers.min() for numbers in lists]
        above = [numbers.max() for numbers in lists] - means
        drawn = plt.bar(places, means, 0.9 * width, color=colour, label=label)
        plt.errorbar(places, means, (below, above), fmt="none", color="#c0c0c0")
        plt.bar_label(drawn, [f"{mean:.2f}" for mean in means], padding=8, fontsize="small")
    plt.xticks(range(len(groups)), groups)
    plt.margins(y=0.15)
    plt.legend(loc="upper left", bbox_to_anchor=(1, 1))


# Tutorials 9 and 10.


def points(network, game, epsilon=0.05, steps=500, games=10):
    """Ten games, each cut after 500 agent steps: a cheap test. Returns a `GameResult`."""
    import amkit

    return amkit.evaluate_game(network, game, _cut(steps, games), epsilon=epsilon, seed=UNSEEN)


def random_play(game):
    """Mean points of random play in such a test."""
    import amkit

    return points(amkit.random_network, game, epsilon=1.0).mean


def _cut(steps, games):
    from amkit.evaluation.protocols import Protocol

    return Protocol("cut", 0, games, 0.0, f"{games} games of {steps} steps", max_steps=steps)


def learn(game, steps, source=None, begin=None, seed=0, tests=2, **options):
    """Trains a DQN of `game` for so many steps, nearly as `amkit transfer` does.

    It has 16 environments in place of 64, as an emulator takes long to start, and epsilon falls
    from 1 to 0.05 within the first fifth. It begins from the file `source`, with `options` as of
    `transfer.initialise`, or from random weights. `begin(network)` may then change these.

    Returns (network, curve). The curve has rows of (agent steps, mean points, standard error), each
    from ten games of 500 steps at epsilon 0.05. The first is from before the first step. Without
    tests the curve is empty.
    """
    import amkit
    from amkit.games.environments import make
    from amkit.jobs.build import build
    from amkit.jobs.configuration import transfer_config

    protocol, envs = _cut(500, 10), 16
    if steps < 1000:  # A test of the tutorial.
        protocol, envs = _cut(10, 2), 2
        options |= {"rollout_steps": 8, "batch_size": 16}
    config = transfer_config(
        game.name,
        source,
        like=ROOT / "pretrained" / "amn-policy.keras",  # Without a source, layers like these.
        seed=seed,
        steps=steps,
        envs=envs,
        epsilon=((0, 1.0), (steps // 5, 0.05)),
        precision="float32",
        jit_compile=False,
        **options,
    )
    job = build(config, environments_seed=seed)
    network = job.learner.acting
    if begin:
        begin(job.learner.online)
        network.set_weights(job.learner.online.get_weights())
    limits = {"life_loss_terminal": False, "max_steps": protocol.max_steps}
    others = make([game], protocol.games, seed=UNSEEN, **limits)
    curve = []
    with closing(job.environments), closing(others):
        while True:
            if tests and job.steps * tests >= len(curve) * steps:
                others.restart(np.ones(protocol.games, bool))
                played = amkit.evaluate_game(network, game, protocol, environments=others)
                curve.append((job.steps, played.mean, played.standard_error))
            if job.steps >= steps:
                return network, np.array(curve)
            job.play_and_learn()
