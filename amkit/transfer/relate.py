"""Which source helps a new game? A cheap guess from a few thousand agent steps of it.

A network whose features tell what reward lies ahead in the target game has something that a DQN of
that game would have to learn. So: play the target at random, and predict the discounted reward
ahead linearly from each candidate's features. What is learnt on some environments is judged on
others.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

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
# Of the ridge penalty, relative to the features' variance.
_STRENGTHS = np.logspace(-5, 3, 9)


class TooFewRewards(ValueError):
    """A game played at random met so few rewards that there is nothing to predict."""


class Frames(NamedTuple):
    """Steps of a game played at random, T of each of N environments."""

    observation: np.ndarray  # uint8 [T, N, 4, 84, 84].
    reward_ahead: np.ndarray  # float64 [T, N]. Sum of the clipped rewards to come, discounted.


def play_at_random(game: Game, steps: int = 8192, envs: int = 16, seed: int = 0) -> Frames:
    """Plays a game at random.

    Args:
        game: the target.
        steps: agent steps over all environments; those whose future was not seen are dropped.
        envs: N, `FOLDS` or more.
        seed: of emulators and actions.
    """
    unseen = int(np.ceil(np.log(0.05) / np.log(DISCOUNT)))  # Less than 5 % of the weight is beyond.
    environments = make([game], envs, seed=seed)
    policy = EpsilonGreedy(
        random_network, environments.action_masks, np.random.default_rng(seed), epsilon=1.0
    )
    with closing(environments):
        played = list(islice(rollout(environments, policy), -(-steps // envs) + unseen))
    ahead = [np.zeros(envs)]
    for t in reversed(played):
        following = np.where(t.terminal | t.cut, 0, ahead[-1])
        ahead.append(np.clip(t.reward, -1, 1) + DISCOUNT * following)
    return Frames(np.array([t.observation for t in played[:-unseen]]), np.array(ahead[:unseen:-1]))


class Candidate(NamedTuple):
    """What a new game's DQN could begin with."""

    network: keras.Model  # Functional, observation -> features [B, D], or [B, K, D] of K networks.
    weight_hash: str | None = None  # As cards name a source. None of what was made here.
    learnt: tuple[str, ...] = ()  # Games that it has learnt, or the network which it began as.


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
            raise ValueError(f"networks must have different names. Received: two called {name}")
        try:
            feature_size(network)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        features = _features_of(network)
        named[name] = Candidate(features, card["weight_hash"], games_learnt(card))
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
            f"random play must find rewards in each of {FOLDS} parts of its steps: try more "
            f"--steps. Received: {silent} parts without rewards"
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


def _features_of(network: keras.Model) -> keras.Model:
    return keras.Model(network.input, network.get_layer("features").output)


def _random_weights(body: str, normalize_features: bool, background: float) -> keras.Model:
    """Features of networks as they begin, [B, `DRAWS`, D]: one alone may be lucky."""
    observation = keras.Input(OBSERVATION_SHAPE, dtype="uint8")
    layers: dict[str, Any] = {"normalize_features": normalize_features, "background": background}
    drawn = [_features_of(actor_mimic_network(body, **layers))(observation) for _ in range(DRAWS)]
    return keras.Model(observation, keras.ops.stack(drawn, axis=1), name="random_weights")


def pixels(square: int = 4) -> keras.Model:
    """A candidate that learnt nothing: means of squares of so many pixels along, of four frames."""
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

    def r_squared(learnt: np.ndarray, judged: np.ndarray, strengths: np.ndarray) -> np.ndarray:
        (inputs, known), (others, wanted) = (
            (features[:, envs].reshape(-1, features.shape[-1]), targets[:, envs].ravel())
            for envs in (learnt, judged)
        )
        error = _ridge(inputs, known, strengths, others) - wanted[:, None]
        shares: np.ndarray = 1 - np.mean(error**2, axis=0) / np.var(wanted)
        return shares

    tried = r_squared(~validation & ~held_out, validation, _STRENGTHS)
    return float(r_squared(~held_out, held_out, _STRENGTHS[[tried.argmax()]])[0])


def _ridge(
    inputs: np.ndarray, targets: np.ndarray, strengths: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Least squares with a penalty, in closed form: predictions of others, one per strength."""
    center, scale = inputs.mean(axis=0), inputs.std() + 1e-12
    z, mean = (inputs - center) / scale, targets.mean()
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    along = vectors.T @ (z.T @ (targets - mean) / len(z))
    weights = vectors @ (along[:, None] / (values.clip(0)[:, None] + strengths)) / scale
    predicted: np.ndarray = mean + (others - center) @ weights
    return predicted
