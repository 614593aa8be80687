"""Policies times environments: transitions, one per step and environment. Nothing is learnt."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from amkit.games.environments import Environments, Outcome


@dataclass(frozen=True)
class Decision:
    """What was acted on, and how, in every environment, R rows."""

    observation: np.ndarray  # uint8 [R, 4, 84, 84].
    start: np.ndarray  # bool [R]. It was the first observation of a game.
    cut: np.ndarray  # bool [R]. No transition: it was the last observation of a finished game.
    action: np.ndarray  # int32 [R], ALE codes. Where environments press FIRE themselves, that.
    outputs: np.ndarray  # float32 [R, 18], the acting network's.
    guidance: Any  # What else the policy says of the observations, such as the experts' answers.


@dataclass(frozen=True)
class Transition(Decision):
    """One step of every environment, R rows: a decision and what it led to, its `Outcome`."""

    reward: np.ndarray  # float32 [R], raw.
    terminal: np.ndarray  # bool [R]. A life or the game was lost.
    game_over: np.ndarray  # bool [R]. The whole game ended.


# observation [R, 4, 84, 84] -> (action [R], outputs [R, 18]), and guidance where there is some.
Policy = Callable[[np.ndarray], tuple[Any, ...]]


def decide(environments: Environments, policy: Policy) -> Decision:
    """Observes and chooses actions; nothing is sent to the environments yet."""
    observation = environments.observation
    action, outputs, *guidance = policy(observation)
    if (forced := getattr(environments, "forced", None)) is not None:
        action = np.where(forced < 0, action, forced)
    start, cut = environments.start, environments.ended
    return Decision(observation, start, cut, action, outputs, guidance[0] if guidance else None)


def complete(decision: Decision, outcome: Outcome) -> Transition:
    """What a decision led to."""
    return Transition(**vars(decision), **vars(outcome))


def rollout(environments: Environments, policy: Policy) -> Iterator[Transition]:
    """Plays for ever: observe, act, step. Yields one transition per step of all environments."""
    while True:
        decision = decide(environments, policy)
        environments.send(decision.action)
        yield complete(decision, environments.receive())
