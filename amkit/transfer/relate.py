"""Which source helps a new game? A cheap guess from a few thousand agent steps of it.

A network whose features tell what reward lies ahead in the target game has something that a DQN of
that game would have to learn. So: play the target at random, and predict the discounted reward
ahead linearly from each candidate's features. What is learnt on some environments is judged on
others.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np

from amkit.evaluation.whole_games import random_network
from amkit.games.catalogue import Game
from amkit.games.environments import make
from amkit.networks.bodies import OBSERVATION_SHAPE, actor_mimic_network
from amkit.networks.seeding import initial_weights_of
from amkit.networks.twins import feature_size
from amkit.play.policy import EpsilonGreedy
from amkit.play.rollout import rollout
from amkit.storage import models
from amkit.storage.cards import games_learnt
from amkit.storage.run_folders import label
from amkit.transfer.initialise import source_of

DISCOUNT = 0.95  # A reward 14 steps ahead counts half: what random play can still tell of.
FOLDS = 4
DRAWS = 3  # Networks of random weights.
_STRENGTHS = [
    10.0**power for power in range(-5, 4)
]  # Of the ridge penalty, relative to the features' variance.


Predictor = Callable[[np.ndarray], np.ndarray]


class TooFewRewards(ValueError):
    """A game played at random met so few rewards that there is nothing to predict."""


@dataclass(frozen=True)
class Frames:
    """Steps of a game played at random, T of each of N environments.

    Attributes:
        observation: uint8 [T, N, 4, 84, 84].
        reward_ahead: float64 [T, N]. Sum of the clipped rewards to come, discounted.
    """

    observation: np.ndarray
    reward_ahead: np.ndarray


def play_at_random(game: Game, steps: int = 8192, envs: int = 16, seed: int = 0) -> Frames:
    """Plays a game at random.

    Args:
        game: the target.
        steps: int. Agent steps over all environments; those whose future was not seen are dropped.
        envs: int. N, `FOLDS` or more.
        seed: int. Of emulators and actions.
    """
    unseen = int(np.ceil(np.log(0.05) / np.log(DISCOUNT)))  # Less than 5 % of the weight is beyond.
    environments = make([game], envs, seed=seed)
    policy = EpsilonGreedy(
        random_network, environments.action_masks, np.random.default_rng(seed), epsilon=1.0
    )
    with closing(environments):
        played = list(islice(rollout(environments, policy), -(-steps // envs) + unseen))
    ahead = np.zeros(envs)
    rewards_ahead = []
    for t in reversed(played):
        ahead = np.clip(t.reward, -1, 1) + DISCOUNT * np.where(t.terminal | t.cut, 0, ahead)
        rewards_ahead.append(ahead)
    return Frames(
        np.array([t.observation for t in played[:-unseen]]),
        np.array(rewards_ahead[::-1][:-unseen]),
    )


@dataclass(frozen=True)
class Candidate:
    """What a new game's DQN could begin with.

    Attributes:
        network: Functional model, observation -> features [B, D], or [B, K, D] of K networks.
        weight_hash: of its file; the card of a target DQN names its source by it. None of what was
            made here.
        learnt: games that it has learnt, or that the one had learnt which it began as.
    """

    network: keras.Model
    weight_hash: str | None = None
    learnt: tuple[str, ...] = ()


def candidates(paths: Sequence[Path], background: float = 0) -> dict[str, Candidate]:
    """Loads networks, less their output layers, and such as learnt nothing beside them.

    Args:
        paths: `.keras` files of networks with a layer `features`, and their cards.
        background: luminance that random weights see as zero: the target's (`atari.background`), as
            if they were to learn it.

    Returns:
        name -> candidate; also "random weights", `DRAWS` networks for every kind of layers that
        transfer can begin with, and "pixels".

    Raises:
        ValueError: if two are called alike, or one has no features.
        ModelFileError: if a file is missing or damaged.
    """
    named: dict[str, Candidate] = {}
    kinds = set()
    for path in paths:
        network, card = models.load_with_card(path)
        name = label(path)
        if name in named:
            raise ValueError(f"networks have different names. Received: two called {name}")
        try:
            feature_size(network)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        body = keras.Model(network.input, network.get_layer("features").output)
        named[name] = Candidate(body, card["weight_hash"], games_learnt(card))
        try:
            source = source_of(path, network, card)
        except ValueError:  # It may have good features all the same.
            continue
        kinds.add((source.body, source.normalize_features))
    with initial_weights_of(0):
        for layers, normalize in sorted(kinds or {("nature", True)}):
            kind = f" ({layers}, features {'' if normalize else 'not '}normalised)"
            name = f"random weights{kind if len(kinds) > 1 else ''}"
            named[name] = Candidate(_random_weights(layers, normalize, background))
    return {**named, "pixels": Candidate(pixels())}


def relate(
    frames: Frames,
    candidates: Mapping[str, Candidate],
    on_progress: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Judges candidates by how well their features predict the reward ahead.

    Args:
        frames: from `play_at_random`.
        candidates: by name; several networks of one are each judged by itself.
        on_progress: called with the name of each candidate in turn.

    Returns:
        One entry per candidate, the best first: name; r_squared, share of the held-out variance
        that is explained, mean over folds of environments (and over networks); standard_error, over
        folds.

    Raises:
        TooFewRewards: if the random player met none in a fold: there is nothing to predict.
    """
    folds = np.arange(frames.reward_ahead.shape[1]) % FOLDS
    silent = sum(not frames.reward_ahead[:, folds == fold].std() for fold in range(FOLDS))
    if silent:
        raise TooFewRewards(
            f"the reward ahead, played at random, has to change in each of {FOLDS} parts of the "
            f"steps: more steps may find more rewards. Received: {silent} parts without any"
        )
    rows: list[dict[str, Any]] = []
    for name, candidate in candidates.items():
        if on_progress:
            on_progress(name)
        features = _features(candidate.network, frames.observation)
        scores = [
            np.mean([_held_out(one, frames.reward_ahead, folds, fold) for one in features])
            for fold in range(FOLDS)
        ]
        rows.append(
            {
                "name": name,
                "r_squared": float(np.mean(scores)),
                "standard_error": float(np.std(scores, ddof=1) / np.sqrt(FOLDS)),
            }
        )
    return sorted(rows, key=lambda row: -row["r_squared"])


def _random_weights(body: str, normalize_features: bool, background: float) -> keras.Model:
    """Features of several networks as they begin, [B, `DRAWS`, D]: one alone may be lucky."""
    observation = keras.Input(OBSERVATION_SHAPE, dtype="uint8")
    drawn = []
    for _ in range(DRAWS):
        network = actor_mimic_network(
            body, normalize_features=normalize_features, background=background
        )
        drawn.append(keras.Model(network.input, network.get_layer("features").output)(observation))
    return keras.Model(observation, keras.ops.stack(drawn, axis=1), name="random_weights")


def pixels(square: int = 4) -> keras.Model:
    """A candidate that learnt nothing: the four frames, means of squares of their pixels.

    Args:
        square: int. Pixels along a square's side; 4 makes 21 x 21 means of a frame.
    """
    layers = keras.layers
    observation = keras.Input(OBSERVATION_SHAPE, dtype="uint8")
    x = layers.Rescaling(1 / 255)(observation)
    x = layers.AveragePooling2D(square, data_format="channels_first")(x)
    return keras.Model(observation, layers.Flatten()(x), name="pixels")


def _features(network: keras.Model, observation: np.ndarray) -> np.ndarray:
    """float64 [K, T, N, D]."""
    steps, envs = observation.shape[:2]
    flat = network.predict(observation.reshape(steps * envs, 4, 84, 84), batch_size=256, verbose=0)
    features = flat.reshape(steps, envs, -1, flat.shape[-1]).astype(np.float64)
    return np.moveaxis(features, 2, 0)


def _held_out(features: np.ndarray, targets: np.ndarray, folds: np.ndarray, fold: int) -> float:
    """R^2 on a fold's environments; the penalty is chosen on a part of the others."""
    validation = folds == (fold + 1) % FOLDS
    held_out = folds == fold

    def flat(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return values[:, chosen].reshape(-1, *values.shape[2:])

    def learn(chosen: np.ndarray, strengths: Sequence[float]) -> list[Predictor]:
        return _ridge(flat(features, chosen), flat(targets, chosen), strengths)

    def r_squared(predict: Predictor, chosen: np.ndarray) -> float:
        wanted = flat(targets, chosen)
        error = np.mean((predict(flat(features, chosen)) - wanted) ** 2)
        return float(1 - error / np.var(wanted))

    tried = [
        r_squared(predict, validation) for predict in learn(~validation & ~held_out, _STRENGTHS)
    ]
    (best,) = learn(~held_out, [_STRENGTHS[int(np.argmax(tried))]])
    return r_squared(best, held_out)


def _ridge(inputs: np.ndarray, targets: np.ndarray, strengths: Sequence[float]) -> list[Predictor]:
    """Least squares with a penalty on the weights, in closed form: a predictor per strength."""
    center, scale = inputs.mean(axis=0), inputs.std() + 1e-12
    z, mean = (inputs - center) / scale, targets.mean()
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    along = vectors.T @ (z.T @ (targets - mean) / len(z))

    def predictor(strength: float) -> Predictor:
        weights = vectors @ (along / (values.clip(0) + strength)) / scale
        return lambda x: mean + (x - center) @ weights

    return [predictor(strength) for strength in strengths]
