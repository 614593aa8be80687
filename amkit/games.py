"""The paper's 20 Atari games as data: actions, splits and reference scores.

Nothing here needs an emulator, so this room is the ground floor: every other room may read it.

    >>> from amkit import games
    >>> pong = games.GAMES["pong"]
    >>> pong.actions
    ('NOOP', 'FIRE', 'RIGHT', 'LEFT', 'RIGHTFIRE', 'LEFTFIRE')
    >>> [game.title for game in games.split("multitask")][:3]
    ['Atlantis', 'Boxing', 'Breakout']
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# fmt: off
# The 18 joystick actions. An action's place in this tuple is its ALE code and its network output.
ACTIONS = (
    "NOOP", "FIRE", "UP", "RIGHT", "LEFT", "DOWN",
    "UPRIGHT", "UPLEFT", "DOWNRIGHT", "DOWNLEFT",
    "UPFIRE", "RIGHTFIRE", "LEFTFIRE", "DOWNFIRE",
    "UPRIGHTFIRE", "UPLEFTFIRE", "DOWNRIGHTFIRE", "DOWNLEFTFIRE",
)
NUM_ACTIONS = len(ACTIONS)

SPLITS: dict[str, tuple[str, ...]] = {
    # Section 5.1, Table 1.
    "multitask": (
        "atlantis", "boxing", "breakout", "crazy_climber",
        "enduro", "pong", "seaquest", "space_invaders",
    ),
    # Section 5.2, Figures 4 and 5: the games a transfer student learns from.
    "sources": (
        "assault", "atlantis", "beam_rider", "boxing", "crazy_climber", "demon_attack", "enduro",
        "fishing_derby", "kangaroo", "name_this_game", "pong", "seaquest", "space_invaders",
    ),
    # Section 5.2, Table 2: the games it is then fine-tuned on.
    "targets": (
        "breakout", "gopher", "krull", "road_runner", "robotank", "star_gunner", "video_pinball",
    ),
}
# fmt: on


@dataclass(frozen=True)
class Scores:
    """Published scores of one game: raw (unclipped) reward summed over a whole game.

    Emulator settings (sticky actions, no-op starts, time limits) move all of them: compare only
    scores measured under one protocol. Those of Mnih et al. 2015 are of games of 5 minutes at most.

    Args:
        random: float or None. A uniformly random policy.
        human: float or None. Human tester, Mnih et al. 2015, "Human-level control through deep
            reinforcement learning".
        dqn: float or None. DQN, Mnih et al. 2015.
    """

    random: float | None = None
    human: float | None = None
    dqn: float | None = None


@dataclass(frozen=True)
class PaperResult:
    """One game's column of the Actor-Mimic paper's Table 1 (scores as in `Scores`).

    Args:
        expert_mean: float. Expert DQN, mean over its last 10 testing epochs.
        expert_max: float. Expert DQN, its best testing epoch.
        amn_mean: float. Multitask AMN, mean over testing epochs 91 to 100, two networks averaged.
        amn_max: float. Multitask AMN, its best of 100 testing epochs, two networks averaged.
    """

    expert_mean: float
    expert_max: float
    amn_mean: float
    amn_max: float

    @property
    def ratio(self) -> float:
        """AMN / expert, of their means."""
        return self.amn_mean / self.expert_mean

    @property
    def max_ratio(self) -> float:
        """AMN / expert, of their best epochs."""
        return self.amn_max / self.expert_max


@dataclass(frozen=True)
class Game:
    """One Atari game.

    Args:
        name: string. The emulator's own id, in snake case, such as `"space_invaders"`.
        title: string. The name for people, such as `"Space Invaders"`.
        actions: tuple of strings from `ACTIONS`. The game's minimal actions in the emulator's
            order: the order of an expert's outputs.
        scores: `Scores`. Reference scores, `None` where nothing is known.

    Raises:
        ValueError: if `actions` is empty, repeats an action or has one that is not in `ACTIONS`.
    """

    name: str
    title: str
    actions: tuple[str, ...]
    scores: Scores = Scores()

    def __post_init__(self) -> None:
        distinct = set(self.actions)
        if not distinct or len(distinct) < len(self.actions) or not distinct.issubset(ACTIONS):
            raise ValueError(
                f"The actions of {self.name!r} must be one or more different names out of: "
                f"{', '.join(ACTIONS)}. Received: {self.actions!r}"
            )

    @property
    def num_actions(self) -> int:
        """The number of minimal actions, 1 to 18."""
        return len(self.actions)

    @property
    def action_codes(self) -> np.ndarray:
        """int64 [num_actions]. The place of each of `actions` in `ACTIONS`; a fresh array."""
        return np.array([ACTIONS.index(action) for action in self.actions], dtype=np.int64)

    @property
    def action_mask(self) -> np.ndarray:
        """bool [18]. True where the action is legal in this game; a fresh array."""
        return np.isin(ACTIONS, self.actions)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits this game is in; empty for a game the paper does not use."""
        return tuple(split_name for split_name, names in SPLITS.items() if self.name in names)


class UnknownGame(ValueError):
    """Raised for a name that is no known game."""


# fmt: off
_ALL = " ".join(ACTIONS)

# The minimal actions, as the emulator's getMinimalActionSet() lists them.
_MINIMAL_ACTIONS = {
    "assault":        "NOOP FIRE UP RIGHT LEFT RIGHTFIRE LEFTFIRE",
    "atlantis":       "NOOP FIRE RIGHTFIRE LEFTFIRE",
    "beam_rider":     "NOOP FIRE UP RIGHT LEFT UPRIGHT UPLEFT RIGHTFIRE LEFTFIRE",
    "boxing":         _ALL,
    "breakout":       "NOOP FIRE RIGHT LEFT",
    "crazy_climber":  "NOOP UP RIGHT LEFT DOWN UPRIGHT UPLEFT DOWNRIGHT DOWNLEFT",
    "demon_attack":   "NOOP FIRE RIGHT LEFT RIGHTFIRE LEFTFIRE",
    "enduro":         "NOOP FIRE RIGHT LEFT DOWN DOWNRIGHT DOWNLEFT RIGHTFIRE LEFTFIRE",
    "fishing_derby":  _ALL,
    "gopher":         "NOOP FIRE UP RIGHT LEFT UPFIRE RIGHTFIRE LEFTFIRE",
    "kangaroo":       _ALL,
    "krull":          _ALL,
    "name_this_game": "NOOP FIRE RIGHT LEFT RIGHTFIRE LEFTFIRE",
    "pong":           "NOOP FIRE RIGHT LEFT RIGHTFIRE LEFTFIRE",
    "road_runner":    _ALL,
    "robotank":       _ALL,
    "seaquest":       _ALL,
    "space_invaders": "NOOP FIRE RIGHT LEFT RIGHTFIRE LEFTFIRE",
    "star_gunner":    _ALL,
    "video_pinball":  "NOOP FIRE UP RIGHT LEFT DOWN UPFIRE RIGHTFIRE LEFTFIRE",
}

_SCORES = {
    #                         random    human       dqn
    "assault":        Scores(   222.4,   1496.4,    3359.0),
    "atlantis":       Scores( 12850.0,  29028.1,   85641.0),
    "beam_rider":     Scores(   363.9,   5774.7,    6846.0),
    "boxing":         Scores(     0.1,      4.3,      71.8),
    "breakout":       Scores(     1.7,     31.8,     401.2),
    "crazy_climber":  Scores( 10780.5,  35410.5,  114103.0),
    "demon_attack":   Scores(   152.1,   3401.3,    9711.0),
    "enduro":         Scores(     0.0,    309.6,     301.8),
    "fishing_derby":  Scores(   -91.7,      5.5,      -0.8),
    "gopher":         Scores(   257.6,   2321.0,    8520.0),
    "kangaroo":       Scores(    52.0,   3035.0,    6740.0),
    "krull":          Scores(  1598.0,   2394.6,    3805.0),
    "name_this_game": Scores(  2292.3,   4076.2,    7257.0),
    "pong":           Scores(   -20.7,      9.3,      18.9),
    "road_runner":    Scores(    11.5,   7845.0,   18257.0),
    "robotank":       Scores(     2.2,     11.9,      51.6),
    "seaquest":       Scores(    68.4,  20181.8,    5286.0),
    "space_invaders": Scores(   148.0,   1652.3,    1976.0),
    "star_gunner":    Scores(   664.0,  10250.0,   57997.0),
    "video_pinball":  Scores( 16256.9,  17297.6,   42684.0),
}

# Table 1 of the Actor-Mimic paper, by game name: the experts and the multitask AMN.
TABLE_1: dict[str, PaperResult] = {
    #                          expert_mean  expert_max   amn_mean    amn_max
    "atlantis":       PaperResult( 57279.0,   541000.0,  165065.0,  584196.0),
    "boxing":         PaperResult(   81.47,      88.02,    76.264,     81.86),
    "breakout":       PaperResult(  273.15,     377.96,    347.01,    370.32),
    "crazy_climber":  PaperResult( 96189.0,   117593.0,   57070.0,   74342.0),
    "enduro":         PaperResult(   457.6,      808.0,     499.3,    686.77),
    "pong":           PaperResult(  19.581,      20.14,    15.275,     18.78),
    "seaquest":       PaperResult(  4278.9,     6200.5,    1177.3,    1466.0),
    "space_invaders": PaperResult(  1669.2,     2109.7,    1142.4,    1349.0),
}

# Share of random actions that scores are measured under, published ones (App. C) and ours.
EPSILON = 0.05

# Table 2 of the Actor-Mimic paper, by game name: initialisation -> test score after 1, 2, ... 10
# million agent steps, each the mean of four testing epochs.
TABLE_2: dict[str, dict[str, tuple[float, ...]]] = {
    "breakout": {
        "random":      (1.182, 5.278, 29.13, 102.3, 202.8, 212.8, 252.9, 211.8, 243.5, 258.7),
        "AMN-policy":  (18.35, 102.1, 216.0, 271.1, 308.6, 286.3, 284.6, 318.8, 281.6, 311.3),
        "AMN-feature": (16.23, 119.0, 153.7, 191.8, 172.6, 233.9, 248.5, 178.8, 235.6, 225.5),
    },
    "gopher": {
        "random":      (294.0, 578.9,  1360,  1540, 1820,  1133, 633.0,  1306, 1758,  1539),
        "AMN-policy":  (715.0, 612.7,  1362, 924.8, 1029,  1186,  1081, 936.7, 1251,  1142),
        "AMN-feature": (636.2,  1110, 918.8,  1073, 1028, 810.1,  1008, 868.8, 1054, 982.4),
    },
    "krull": {
        "random":      (4302, 6193, 6576, 7030, 6754, 5294, 5949, 5557, 5366, 6005),
        "AMN-policy":  (5827, 7279, 6838, 6971, 7277, 7129, 7854, 8012, 7244, 7835),
        "AMN-feature": (5033, 7256, 7008, 7582, 7665, 8016, 8133, 6536, 7832, 6923),
    },
    "road_runner": {
        "random":      (327.5, 988.1, 16263, 27183, 26639, 29488, 33197, 27683, 25235, 31647),
        "AMN-policy":  ( 1561,  5119, 19483, 22132, 23391, 23813, 34673, 33476, 31967, 31416),
        "AMN-feature": ( 1349,  6659, 18074, 16858, 18099, 22985, 27023, 24149, 28225, 23342),
    },
    "robotank": {
        "random":      (4.830, 6.965, 9.825, 13.22, 21.07, 22.54, 31.94, 29.80, 37.12, 34.04),
        "AMN-policy":  (3.502, 4.522, 11.03, 9.215, 16.89, 17.31, 18.66, 20.58, 23.58, 23.02),
        "AMN-feature": (3.550, 6.162, 13.94, 17.58, 17.57, 20.72, 20.13, 21.13, 26.14, 23.29),
    },
    "star_gunner": {
        "random":      (221.2, 468.5, 927.6,  1084,  1508,  1626,  3286, 16017, 36273, 45322),
        "AMN-policy":  (274.3, 302.0, 978.4,  1667,  4000, 14655, 31588, 45667, 38738, 53642),
        "AMN-feature": ( 1405,  4570, 18111, 23406, 36070, 46811, 50667, 49579, 50440, 56839),
    },
    "video_pinball": {
        "random":      (2323,  8549,  6780,   5842, 10383,  11093,   8468,  5476,  9964,  11893),
        "AMN-policy":  (2583, 25821, 95949, 143729, 57114, 106873, 111074, 73523, 34908, 123337),
        "AMN-feature": (1593,  3958, 21341,  12421, 15409,  18992,  15920, 48690, 24366,  26379),
    },
}
# fmt: on

GAMES: dict[str, Game] = {
    name: Game(name, name.replace("_", " ").title(), tuple(actions.split()), _SCORES[name])
    for name, actions in _MINIMAL_ACTIONS.items()
}


def normalized(score: float, random: float, expert: float) -> float:
    """(score - random) / (expert - random): 0 is random play, 1 plays as well as the expert.

    NaN where random and expert scores are equal.
    """
    return (score - random) / (expert - random) if expert != random else float("nan")


def split(name: str) -> tuple[Game, ...]:
    """Returns the games of one split, in the paper's order.

    Args:
        name: string. `"multitask"` (8 games), `"sources"` (13) or `"targets"` (7).

    Returns:
        Tuple of `Game`.

    Raises:
        ValueError: if there is no such split.
    """
    if name not in SPLITS:
        raise ValueError(f"A split is one of: {', '.join(SPLITS)}. Received: {name!r}")
    return tuple(GAMES[game_name] for game_name in SPLITS[name])


def canonical_name(text: str) -> str:
    """Turns the usual spellings of a game's name into its snake-case ALE id.

    `"Space Invaders"`, `"SpaceInvaders"`, `"space-invaders"`, `"ALE/SpaceInvaders-v5"` and
    `"SpaceInvadersNoFrameskip-v4"` all become `"space_invaders"`. Whether there is such a game is
    not checked.

    Args:
        text: string.

    Returns:
        string.
    """
    text = re.sub(r"^ALE/", "", text.strip())
    text = re.sub(r"(-ram)?-?(NoFrameskip|Deterministic)?-v\d+$", "", text)
    text = re.sub(r"['*.]", "", text)  # Q*bert, H.E.R.O.
    text = re.sub(r"(?<=[a-z])(?=[A-Z]|\d[A-Z])", "_", text)  # BeamRider, TicTacToe3D
    text = re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])", "_", text)  # UpNDown
    return re.sub(r"[\W_]+", "_", text).strip("_").lower()


def unknown_game(name: str, valid_names: Iterable[str]) -> UnknownGame:
    """Makes the error for a name that is no game, for the caller to raise.

    Args:
        name: string. The name as received.
        valid_names: iterable of strings. The names that would have been accepted.

    Returns:
        `UnknownGame`. Its message is one line: the nearest of `valid_names`, or all of them where
        none is near.
    """
    valid_names = sorted(valid_names)
    nearest = difflib.get_close_matches(canonical_name(name), valid_names)
    hint = f"Nearest: {', '.join(nearest)}" if nearest else f"Valid: {', '.join(valid_names)}"
    return UnknownGame(f"Unknown game. {hint}. Received: {name!r}")
