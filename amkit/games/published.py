"""Scores that were published: of random play, people and DQN, and the paper's Tables 1 and 2."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

# Share of random actions that scores are measured under, published ones (App. C) and ours.
EPSILON = 0.05

# The paper's games as data, with their sources.
PAPER = tomllib.loads(Path(__file__).with_name("games.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Scores:
    """Published scores of one game: raw (unclipped) reward summed over a whole game.

    They are of Mnih et al. 2015, "Human-level control through deep reinforcement learning", of
    games of 5 minutes at most. Emulator settings (sticky actions, no-op starts, time limits) move
    them: compare only scores measured under one protocol. None where nothing was published.
    """

    random: float | None = None
    human: float | None = None
    dqn: float | None = None


@dataclass(frozen=True)
class PaperResult:
    """One game's column of the Actor-Mimic paper's Table 1 (scores as in `Scores`)."""

    expert_mean: float  # Expert DQN, over its last 10 testing epochs.
    expert_max: float  # Its best testing epoch.
    amn_mean: float  # Multitask AMN, testing epochs 91 to 100, two networks averaged.
    amn_max: float  # Its best of 100 testing epochs, two networks averaged.

    @property
    def ratio(self) -> float:
        """AMN / expert, of their means."""
        return self.amn_mean / self.expert_mean

    @property
    def max_ratio(self) -> float:
        """AMN / expert, of their best epochs."""
        return self.amn_max / self.expert_max


NOT_PUBLISHED = Scores()
SCORES: dict[str, Scores] = {game: Scores(*row) for game, row in PAPER["scores"].items()}
TABLE_1 = {game: PaperResult(*row) for game, row in PAPER["table_1"].items()}
# Game -> initialisation -> test score after 1, 2, ... 10 million agent steps.
TABLE_2: dict[str, dict[str, tuple[float, ...]]] = {
    game: {source: tuple(scores) for source, scores in rows.items()}
    for game, rows in PAPER["table_2"].items()
}


def normalized(score: float, random: float, expert: float) -> float:
    """(score - random) / (expert - random): 0 is random play, 1 plays as well as the expert.

    NaN where random and expert scores are equal.
    """
    return (score - random) / (expert - random) if expert != random else float("nan")
