"""Scores of a model under a named protocol: whole games, raw rewards (App. B, C).

Parallel environments must not favour short games: taking whatever ends first would. So games are
numbered as they start, and the games that count are those that one environment, playing games 1,
2, 3, ... one after the other, would have finished within the protocol's steps. A game's number is
given before anything in it is known, so the counted games are distributed as a serial evaluation's.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amkit.evaluation.protocols import Protocol
from amkit.games.catalogue import NUM_ACTIONS, Game
from amkit.games.environments import Environments, make
from amkit.games.published import EPSILON
from amkit.networks.actions import over_all_actions
from amkit.play.policy import EpsilonGreedy
from amkit.play.rollout import rollout
from amkit.play.tally import ScoreKeeper

_SIDE_BY_SIDE = 3  # Players at a time. Two take 8 % longer on two cores; six, hardly less time.


@dataclass(frozen=True)
class GameResult:
    """A model's games of an Atari game: raw scores as the games began, and agent steps of each."""

    game: str
    scores: list[float]
    lengths: list[int]

    @property
    def mean(self) -> float:
        """Mean raw score."""
        return float(np.mean(self.scores))

    @property
    def standard_error(self) -> float:
        """Standard error of the mean; NaN for a single game."""
        if len(self.scores) < 2:
            return float("nan")
        return float(np.std(self.scores, ddof=1) / np.sqrt(len(self.scores)))

    @property
    def summary(self) -> dict[str, Any]:
        """What cards and tables have of it; `games` is their number."""
        error = self.standard_error
        return {"mean": self.mean, "standard_error": error, "games": len(self.scores)}


def random_network(observation: Any) -> NDArray[np.float32]:
    """Stands in for a network where epsilon is 1: zeros, float32 [R, 18], for R observations.

    Examples:
        >>> import amkit, numpy as np
        >>> amkit.random_network(np.zeros((2, 4, 84, 84), np.uint8)).shape
        (2, 18)
    """
    return np.zeros((observation.shape[0], NUM_ACTIONS), np.float32)


def evaluate_game(
    network: Callable[[Any], Any],
    game: Game,
    protocol: Protocol,
    *,
    epsilon: float = EPSILON,
    seed: int = 0,
    envs: int = 16,
    fire: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    environments: Environments | None = None,
) -> GameResult:
    """Plays a game under a protocol.

    Args:
        network: observation uint8 [R, 4, 84, 84] -> float [R, n] or [R, 18].
        game: what is played.
        protocol: see `PROTOCOLS`.
        epsilon: probability of a uniformly random legal action; ValueError outside [0, 1].
        seed: of emulators and exploration.
        envs: environments in parallel. Changes the time it takes, not what is measured.
        fire: whether FIRE is pressed for it, as `games.fire` has it.
        on_progress: called with (whole games counted so far, agent steps played in all).
        environments: where to play, whole games terminal; None opens the emulator's.

    Examples:
        >>> import amkit
        >>> pong, tiny = amkit.find_game("pong"), amkit.PROTOCOLS["tiny"]
        >>> amkit.evaluate_game(amkit.random_network, pong, tiny, epsilon=1.0).lengths
        [50]
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must be in [0, 1]. Received: {epsilon}")
    with ExitStack() as stack:
        if environments is None:
            environments = make(
                [game],
                protocol.environments(envs),
                seed=seed,
                life_loss_terminal=False,
                sticky=protocol.sticky,
                max_steps=protocol.max_steps,
                fire_games=[game.name] if fire else [],
            )
            stack.callback(environments.close)
        policy = EpsilonGreedy(
            lambda observation: over_all_actions(network(observation), game.action_codes),
            environments.action_masks,
            np.random.default_rng(seed),
            epsilon,
        )
        return GameResult(game.name, *_play(environments, policy, protocol, on_progress))


def _play(
    environments: Environments,
    policy: EpsilonGreedy,
    protocol: Protocol,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[list[float], list[int]]:
    """Returns (scores, agent steps) of the games that a serial evaluation would have counted."""
    rows = len(environments.action_masks)
    keeper, number = ScoreKeeper(rows), np.zeros(rows, np.int64)  # Of the game that a row plays.
    finished: dict[int, tuple[float, int]] = {}
    begun = played = games = steps = 0
    for transition in rollout(environments, policy):
        starting = np.flatnonzero(transition.start)
        number[starting] = begun + np.arange(len(starting))
        begun += len(starting)
        for row, score, length in keeper.update(transition):
            finished[int(number[row])] = score, length
        played += int(np.sum(~transition.cut))
        # Those are sure to count before which none is running.
        while games in finished and not protocol.enough(games, steps):
            steps += finished[games][1]
            games += 1
        if on_progress:
            on_progress(games, played)
        if protocol.enough(games, steps):
            break
    # The last game reached the step limit. If it went beyond, a serial evaluation would have been
    # stopped within it and dropped it, unless it was needed to have enough games.
    if 0 < protocol.steps < steps and games > protocol.games:
        games -= 1
    counted = [finished[i] for i in range(games)]
    return [score for score, _ in counted], [length for _, length in counted]


@dataclass(frozen=True)
class Player:
    """Who plays a game, as in `evaluate_game`, and a label for people."""

    network: Callable[[Any], Any]
    game: Game
    epsilon: float
    label: str
    fire: bool = False


def evaluate_games(
    players: Sequence[Player],
    protocol: Protocol,
    *,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> list[GameResult]:
    """`evaluate_game` for several players, some side by side: alone, each leaves cores idle.

    Returns one result per player, the same as one by one. `on_progress` is called with (a player's
    label, whole games counted so far, agent steps played in all), by one thread at a time; what it
    raises ends all, and is raised.
    """
    ending, reporting = threading.Event(), threading.Lock()

    def evaluate(player: Player) -> GameResult:
        def report(games: int, steps: int) -> None:
            with reporting:
                if ending.is_set():
                    raise _Ending
                if on_progress:
                    on_progress(player.label, games, steps)

        return evaluate_game(
            player.network,
            player.game,
            protocol,
            epsilon=player.epsilon,
            seed=seed,
            fire=player.fire,
            on_progress=report,
        )

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        results = [pool.submit(evaluate, player) for player in players]
        try:
            for result in as_completed(results):
                result.result()  # Raises what went wrong first.
            return [result.result() for result in results]
        finally:  # Also after Ctrl-C: leaving the pool waits for those that play.
            ending.set()
            pool.shutdown(wait=False, cancel_futures=True)


class _Ending(Exception):
    """Another player's evaluation failed, or was stopped: this one is not wanted any more."""
