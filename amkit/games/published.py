"""Scores that were published: of random play, people and DQN, and the paper's Tables 1 and 2."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scores:
    """Published scores of one game: raw (unclipped) reward summed over a whole game.

    They are of Mnih et al. 2015, "Human-level control through deep reinforcement learning", of
    games of 5 minutes at most. Emulator settings (sticky actions, no-op starts, time limits) move
    them: compare only scores measured under one protocol. None where nothing was published.

    Attributes:
        random: a uniformly random policy.
        human: a human tester.
        dqn: DQN.
    """

    random: float | None = None
    human: float | None = None
    dqn: float | None = None


@dataclass(frozen=True)
class PaperResult:
    """One game's column of the Actor-Mimic paper's Table 1 (scores as in `Scores`).

    Attributes:
        expert_mean: expert DQN, mean over its last 10 testing epochs.
        expert_max: expert DQN, its best testing epoch.
        amn_mean: multitask AMN, mean over testing epochs 91 to 100, two networks averaged.
        amn_max: multitask AMN, its best of 100 testing epochs, two networks averaged.
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


NOT_PUBLISHED = Scores()

# Share of random actions that scores are measured under, published ones (App. C) and ours.
EPSILON = 0.05

# fmt: off
SCORES = {
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


def normalized(score: float, random: float, expert: float) -> float:
    """(score - random) / (expert - random): 0 is random play, 1 plays as well as the expert.

    NaN where random and expert scores are equal.
    """
    return (score - random) / (expert - random) if expert != random else float("nan")
