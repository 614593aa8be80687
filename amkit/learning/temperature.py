"""How far apart an expert's Q-values lie: the unit of temperatures."""

from contextlib import closing
from itertools import islice

import numpy as np

from amkit.games.environments import make
from amkit.games.published import EPSILON
from amkit.networks.actions import for_games
from amkit.play.policy import EpsilonGreedy
from amkit.play.rollout import rollout
from amkit.storage.cards import presses_fire
from amkit.storage.experts import Expert, ExpertError


def spread(expert: Expert, steps: int = 3200, envs: int = 8, seed: int = 0) -> float:
    """How far apart an expert's Q-values lie: from best to worst action, mean over its own play.

    Args:
        expert: it plays, with a random action now and then (`EPSILON`).
        steps: int. Agent steps over all environments.
        envs: int. Environments.
        seed: int. Of emulators and actions.

    Raises:
        ExpertError: if all its actions are worth the same.
    """
    game = expert.game
    fire_games = [game.name] if presses_fire(expert.card, game.name) else []
    with closing(make([game], envs, seed=seed, fire_games=fire_games)) as environments:
        policy = EpsilonGreedy(
            for_games(expert.network, [game]),
            environments.action_masks,
            np.random.default_rng(seed),
            EPSILON,
        )
        played = islice(rollout(environments, policy), -(-steps // envs))
        q_values = np.stack([t.outputs[:, game.action_codes] for t in played])
    mean = float(np.ptp(q_values, axis=-1).mean())
    if not 0 < mean < np.inf:
        raise ExpertError(
            f"an expert's Q-values must differ between actions. Received: {expert.path}, whose "
            f"best and worst action differ by {mean:g}"
        )
    return mean
