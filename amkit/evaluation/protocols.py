"""Named protocols: how scores are measured.

`PROTOCOLS` is a table of them, by name:

>>> import amkit
>>> amkit.PROTOCOLS["quick"].summary, amkit.PROTOCOLS["sticky"].sticky
('10 whole games', 0.25)
>>> amkit.PROTOCOLS["paper-30"].covers(amkit.PROTOCOLS["paper"])
True
"""

import math
from dataclasses import dataclass

from amkit.games.atari import MAX_STEPS_PER_GAME


@dataclass(frozen=True)
class Protocol:
    """How scores are measured."""

    name: str
    # Agent steps a serial evaluation would play; the game running then is dropped, unless fewer
    # than `games` were finished.
    steps: int
    games: int  # Fewest whole games.
    sticky: float  # Probability that the emulator repeats the previous action.
    summary: str  # One line for people.
    max_steps: int = MAX_STEPS_PER_GAME  # After which a game is cut.

    def environments(self, most: int = 16) -> int:
        """How many are played in parallel, at most so many: more than games would be in vain."""
        return most if self.steps else min(most, self.games)

    def rounds(self, length: int) -> int:
        """Steps that the environments take, all at once, if every game lasts `length` steps."""
        length = min(length, self.max_steps)
        games = max(self.games, math.ceil(self.steps / length))
        return math.ceil(games / self.environments()) * length

    def enough(self, games: int, steps: int) -> bool:
        """Whether a serial evaluation ends, with so many games finished in so many steps."""
        return games >= self.games and steps >= self.steps

    def covers(self, other: "Protocol") -> bool:
        """Whether it plays as many of the games that another asks for, or more."""
        alike = (self.sticky, self.max_steps) == (other.sticky, other.max_steps)
        return alike and other.enough(self.games, self.steps)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("paper", 125_000, 1, 0.0, "whole games within 125,000 agent steps (App. C)"),
        Protocol("paper-30", 125_000, 30, 0.0, "as paper, and at least 30 whole games"),
        Protocol("quick", 0, 10, 0.0, "10 whole games"),
        Protocol(
            "sticky", 125_000, 1, 0.25, "as paper, actions repeat by chance (Machado et al. 2018)"
        ),
        Protocol("tiny", 0, 1, 0.0, "one game cut after 50 steps, for tests", max_steps=50),
    )
}
"""Every `Protocol`, by name."""
