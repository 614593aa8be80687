"""Policies times environments: transitions, one per step and environment. Nothing is learnt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from amkit.games.environments import Environments


@dataclass(frozen=True)
class Decision:
    """What was acted on, and how, in every environment, R rows.

    Attributes:
        observation: uint8 [R, 4, 84, 84]. What was acted on.
        start: bool [R]. It was the first observation of a game.
        cut: bool [R]. No transition: it was the last observation of a finished game.
        action: int32 [R]. ALE codes.
        outputs: float32 [R, 18]. The acting network's, in the structure that it has them in.
    """

    observation: np.ndarray
    start: np.ndarray
    cut: np.ndarray
    action: np.ndarray
    outputs: Any


@dataclass(frozen=True)
class Transition(Decision):
    """One step of every environment, R rows: a decision and what it led to.

    Attributes:
        reward: float32 [R]. Raw.
        terminal: bool [R]. A life or the game was lost.
        game_over: bool [R]. The whole game ended.
    """

    reward: np.ndarray
    terminal: np.ndarray
    game_over: np.ndarray


def rollout(
    environments: Environments,
    policy: Callable[[np.ndarray], tuple[np.ndarray, Any]],
    meanwhile: Callable[[Decision], None] | None = None,
) -> Iterator[Transition]:
    """Plays for ever: observe, act, step.

    Args:
        environments: where to play.
        policy: observation [R, 4, 84, 84] -> (action [R], outputs [R, 18]).
        meanwhile: called with each decision while the environments carry it out, for what need not
            wait for them: neither emulators nor networks keep every core busy.

    Yields:
        `Transition`, one per step of all environments.
    """
    while True:
        observation, start, cut = environments.observation, environments.start, environments.ended
        action, outputs = policy(observation)
        decision = (observation, start, cut, action, outputs)
        environments.send(action)
        if meanwhile:
            meanwhile(Decision(*decision))
        outcome = environments.receive()
        yield Transition(*decision, outcome.reward, outcome.terminal, outcome.game_over)
