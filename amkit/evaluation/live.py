"""A game step by step, for whoever looks on: the screen, what the network says, who presses what.

Knows no display: `cli/terminal.py` and `cli/browser.py` are two.
"""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amkit.games.atari import FRAMES_PER_STEP, Screen
from amkit.games.catalogue import ACTIONS, Game
from amkit.games.environments import make
from amkit.games.published import EPSILON
from amkit.networks.actions import over_all_actions
from amkit.play.policy import EpsilonGreedy
from amkit.play.rollout import Decision, decide

STEPS_PER_SECOND = 60 / FRAMES_PER_STEP  # An Atari shows 60 frames a second.
DIRECTIONS = ("UP", "DOWN", "LEFT", "RIGHT")
SLOWEST, FASTEST = 1 / 8, 4.0  # Times an Atari's own speed.

_OPPOSITE = {"UP": "DOWN", "DOWN": "UP", "LEFT": "RIGHT", "RIGHT": "LEFT"}
_PICTURES_PER_SECOND = 30
_WAIT_SECONDS = 0.1  # After which a display is shown again what may have changed.


@dataclass(frozen=True)
class Moment:
    """One agent step."""

    screen: NDArray[np.uint8]  # [210, 160, 3]. What a player sees.
    values: NDArray[np.float32]  # [n]. What the network says of each action of the game.
    action: int  # Column of the action that is taken, unless a person takes another.
    score: float  # Raw, before the step.
    reward: float = 0.0  # Raw, of the step, once it is taken.


class Play:
    """A game played step by step, and the next when it is over; the play of `evaluate_game`.

    `look`, then `step`, and so on. `close` it in the end.

    Args:
        network: observation uint8 [1, 4, 84, 84] -> float [1, n] or [1, 18].
        game: what is played.
        epsilon: probability, in [0, 1], of a uniformly random action; may be changed between steps.
        seed: of emulator and exploration.
        fire: whether FIRE is pressed for it, as `games.fire` has it.
    """

    def __init__(
        self,
        network: Callable[[Any], Any],
        game: Game,
        *,
        epsilon: float = EPSILON,
        seed: int = 0,
        fire: bool = False,
    ):
        self.game = game
        self.score = 0.0  # Of the running game.
        fire_games = [game.name] if fire else []
        with ExitStack() as stack:
            opened = make([game], 1, seed=seed, life_loss_terminal=False, fire_games=fire_games)
            self._environments = stack.enter_context(closing(opened))
            self._screen = stack.enter_context(closing(Screen(game, seed, fire)))
            self._opened = stack.pop_all()
        self._policy = EpsilonGreedy(
            lambda observation: over_all_actions(network(observation), game.action_codes),
            self._environments.action_masks,
            np.random.default_rng(seed),
            epsilon,
        )
        self._decision: Decision

    def close(self) -> None:
        """Ends the emulators' threads."""
        self._opened.close()

    @property
    def epsilon(self) -> float:
        """Probability of a random action."""
        return float(self._policy.epsilon)

    @epsilon.setter
    def epsilon(self, epsilon: float) -> None:
        self._policy.epsilon = epsilon

    @property
    def game_over(self) -> bool:
        """Whether the game has ended; `look` then begins the next."""
        return bool(self._environments.ended[0])

    def look(self) -> Moment:
        """Observes, and lets the network choose; nothing is done yet."""
        if self.game_over:  # One step, which is ignored, begins the next game.
            self._take(decide(self._environments, self._policy).action)
            self.score = 0.0
        self._decision = decide(self._environments, self._policy)
        codes = self.game.action_codes
        column = codes.tolist().index(self._decision.action[0])
        return Moment(self._screen.pixels, self._decision.outputs[0, codes], column, self.score)

    def step(self, pressed: int | None = None) -> float:
        """Takes the action that was chosen, or that a person presses, an ALE code.

        Where FIRE is pressed for whoever plays, it is pressed for a person too. Returns the reward.
        """
        action = self._decision.action
        forced = getattr(self._environments, "forced", None)
        if pressed is not None and (forced is None or forced[0] < 0):
            action = np.array([pressed], np.int32)
        reward = self._take(action)
        self.score += reward
        return reward

    def _take(self, action: NDArray[np.int32]) -> float:
        self._environments.send(action)
        self._screen.step(int(action[0]))
        return float(self._environments.receive().reward[0])


def bars(moment: Moment, policy: bool) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
    """What is shown of the actions: a title, each one's value, and its bar's length in [0, 1].

    Of a `policy` the values are logits, and their softmax is shown; else they are Q-values.
    """
    values = moment.values.astype(np.float64)
    if policy:
        values = np.exp(values - values.max())
        values /= values.sum()
    lowest = 0.0 if policy else values.min()
    lengths = (values - lowest) / max(values.max() - lowest, 1e-9)
    return "policy" if policy else "Q-values", values, lengths


def pressed(game: Game, held: Iterable[str]) -> int:
    """The ALE code of a game's action that has the most of what is held, and nothing else.

    In a game without UP and DOWN they are RIGHT and LEFT, as Pong's paddle moves.

    Args:
        game: whose actions there are.
        held: some of `DIRECTIONS` and "FIRE".
    """
    keys = set(held)
    if not {"UP", "DOWN"} & set(game.actions):
        keys = {{"UP": "RIGHT", "DOWN": "LEFT"}.get(key, key) for key in keys}
    parts = {name: {key for key in (*DIRECTIONS, "FIRE") if key in name} for name in game.actions}
    possible = [name for name in game.actions if parts[name] <= keys]
    return ACTIONS.index(max(possible, key=lambda name: len(parts[name]), default=game.actions[0]))


class Display(Protocol):
    """Where a game is looked at, and asked to go otherwise."""

    def show(self, session: "Session", moment: Moment) -> None:
        """Shows a step that is about to be taken; again and again, as the session may differ."""

    def wait(self, session: "Session", seconds: float) -> None:
        """Waits so long, or until something is asked for."""


@dataclass
class Session:
    """A game that somebody watches, and what may be asked for meanwhile, by any thread."""

    play: Play
    policy: bool  # As in `bars`.
    human: bool  # Whether a person plays.
    paused: bool = False
    speed: float = 1.0  # Times an Atari's own.
    over: bool = False
    steps: int = 0  # Agent steps taken.
    games: list[float] = field(default_factory=list)  # Scores of those that ended.
    _until: int = 0  # Step up to which to go on although paused.
    _held: dict[str, float] = field(default_factory=dict)  # Key -> step at which it is let go.

    def bars(self, moment: Moment) -> tuple[str, NDArray[np.float64], NDArray[np.float64]]:
        """What is shown of the actions, as `bars` has it."""
        return bars(moment, self.policy)

    def pause(self, paused: bool) -> None:
        """Stops, or goes on."""
        self.paused, self._until = paused, 0

    def one_step(self) -> None:
        """Takes one step, and pauses."""
        self.paused, self._until = True, self.steps + 1

    def accelerate(self, factor: float) -> None:
        """Changes the speed, within its limits."""
        self.speed = min(max(self.speed * factor, SLOWEST), FASTEST)

    def explore(self, more: float) -> None:
        """Changes epsilon, within its limits."""
        self.play.epsilon = round(min(max(self.play.epsilon + more, 0.0), 1.0), 4)

    def hold(self, keys: Iterable[str], steps: float = math.inf) -> None:
        """A person's keys, of `DIRECTIONS` and "FIRE", are down for so many steps.

        Opposite directions are let go; without `steps`, which means until called again, all others.
        """
        new = dict.fromkeys(keys, self.steps + steps)
        kept = {key: end for key, end in self._held.items() if _OPPOSITE.get(key) not in new}
        self._held = kept | new if math.isfinite(steps) else new

    def run(self, display: Display) -> None:
        """Shows and takes steps, each at its time, until it is `over`."""
        shown = -math.inf
        while True:
            began = time.monotonic()
            moment = self.play.look()
            if self.paused or began - shown >= 1 / _PICTURES_PER_SECOND:
                display.show(self, moment)
                shown = began
            while True:  # It hears what is asked for also where steps are late.
                display.wait(self, max(0.0, min(self._left(began), _WAIT_SECONDS)))
                if self.over:
                    return
                if self._left(began) <= 0:
                    break
                display.show(self, moment)
            held = [key for key, end in self._held.items() if end > self.steps]
            self.play.step(pressed(self.play.game, held) if self.human else None)
            self.steps += 1
            if self.play.game_over:
                self.games.append(self.play.score)

    def _left(self, began: float) -> float:
        """Seconds until the next step is due, if this one began then; inf while paused."""
        if self.paused and self.steps >= self._until:
            return math.inf
        return began + 1 / (STEPS_PER_SECOND * self.speed) - time.monotonic()
