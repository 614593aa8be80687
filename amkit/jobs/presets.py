"""Named settings: data, no logic. `paper` is the paper; `laptop` is what gets there fastest."""

from dataclasses import replace
from typing import Any

from amkit.games.published import EPSILON
from amkit.learning.distillation import DistillSettings
from amkit.learning.dqn import DQNSettings
from amkit.learning.pqn import PQNSettings

_EXPERT_LAPTOP = PQNSettings(
    steps=1_500_000,
    envs=64,
    rollout_steps=16,
    passes=2,
    batch_size=128,
    discount=0.99,
    trace_decay=0.9,
    averaging=0.1,
    target_epsilon=EPSILON,  # What scores are measured under: risks count.
    tree_backup=True,
    epsilon=((0, 1.0), (100_000, EPSILON)),  # Down to that which scores are measured under.
    hold=((0, 10.0), (60_000, 10.0), (100_000, 1.0)),  # Enduro rewards only a longer effort.
    explorers=0,
    learning_rate=1e-3,
    adam_epsilon=1e-8,  # Gradients of sparse rewards are that small.
    clip_norm=10.0,
    epoch_steps=25_600,
)

EXPERT: dict[str, Any] = {
    # Mnih et al. 2015: 50 M agent steps, days on a laptop.
    "paper": DQNSettings(),
    "laptop": _EXPERT_LAPTOP,
    # For games that `laptop` finds no reward in, such as Kangaroo.
    "explore": replace(_EXPERT_LAPTOP, tree_backup=False, explorers=16),
    # For games that reward play from the first step on, such as Pong: no time for exploring in long
    # strides, and steps small enough to do without an average.
    "plain": replace(
        _EXPERT_LAPTOP,
        averaging=1.0,
        learning_rate=5e-4,
        epsilon=((0, 1.0), (60_000, EPSILON)),
        hold=((0, 1.0),),
    ),
    # For tests: seconds, and learns nothing.
    "tiny": replace(
        _EXPERT_LAPTOP,
        steps=256,
        envs=4,
        rollout_steps=8,
        batch_size=16,
        epsilon=((0, 1.0), (128, 0.05)),
        epoch_steps=64,
    ),
    "tiny-dqn": DQNSettings(
        steps=256,
        envs=2,
        replay_steps=200,
        replay_start_steps=64,
        batch_size=8,
        target_sync_updates=10,
        epsilon=((0, 1.0), (128, 0.1)),
        epoch_steps=64,
    ),
}

# What `amkit train --all` gives a game where nothing else is asked for, as the shipped experts had
# it: EXPERT's name, and agent steps. Games that are not here have preset `laptop` as it is.
ZOO: dict[str, dict[str, Any]] = {
    "atlantis": {"steps": 2_200_000},
    "beam_rider": {"preset": "explore"},  # 0.41 of the published DQN; 0.24 in twice the steps.
    "breakout": {"steps": 2_200_000},
    "kangaroo": {"preset": "explore"},  # `laptop` learns to score nothing there.
    "pong": {"steps": 2_200_000},
    "space_invaders": {"steps": 3_000_000},
}

BASELINE = {
    # App. C: 40 epochs of 250,000 steps for each of the games.
    "paper": DQNSettings(steps=10_000_000),
    "laptop": replace(_EXPERT_LAPTOP, steps=500_000),
    "tiny": EXPERT["tiny"],
}

TRANSFER = {
    # Table 2: 10 M steps of Mnih et al. 2015.
    "paper": DQNSettings(steps=10_000_000),
    # Too few steps to explore in long strides for.
    "laptop": replace(EXPERT["plain"], steps=500_000),
    "tiny": EXPERT["tiny"],
}

_DISTILL_LAPTOP = DistillSettings(
    steps=300_000,
    total_steps=1_400_000,  # Half an hour of two cores with its evaluation, however many games.
    envs=64,
    total_envs=256,
    replay_steps=100_000,
    replay_start_steps=5_000,
    update_period_steps=64,
    batch_size=128,
    averaging=0.02,
    objective="policy",
    temperature=0.05,  # Q-values under clipped rewards lie close: at 1, their softmax is flat.
    temperature_unit="q_values",
    feature_weight=0.0,
    epsilon=0.1,
    restart_steps=4000,  # Atlantis' games are longer than a training: its openings were forgotten.
    behaviour="both",  # The student alone never gets to where it is bad; the expert alone, neither.
    learning_rate=1e-3,
    final_learning_rate=5e-4,
    beta_1=0.9,
    beta_2=0.999,
    adam_epsilon=1e-7,
    body="nature",
    normalize_features=True,
    epoch_steps=25_600,
)

DISTILL = {
    # App. B, and the authors' learning rate and moments. 25 M agent steps a game (100 epochs).
    "paper": DistillSettings(
        steps=25_000_000,
        total_steps=None,
        envs=1,
        total_envs=None,
        replay_steps=100_000,
        replay_start_steps=10_000,
        update_period_steps=4,
        batch_size=8,
        averaging=1.0,
        objective="policy",
        temperature=1.0,
        temperature_unit="q_values",
        feature_weight=0.0,
        epsilon=0.1,
        restart_steps=None,
        behaviour="student",
        learning_rate=2.5e-4,
        final_learning_rate=2.5e-4,
        beta_1=0.95,
        beta_2=0.95,
        # 0.01 in the root of gradients summed over 8 samples of each of 8 games; ours are means.
        adam_epsilon=0.1 / 64,
        body="nature",
        normalize_features=False,
        epoch_steps=250_000,
    ),
    "laptop": _DISTILL_LAPTOP,
    "tiny": replace(
        _DISTILL_LAPTOP,
        steps=256,
        total_steps=None,
        envs=4,
        total_envs=None,
        replay_steps=200,
        replay_start_steps=64,
        update_period_steps=16,
        batch_size=8,
        restart_steps=16,
        epoch_steps=64,
    ),
}

# What else goes with a preset's name, whatever it is a preset of.
PRECISION = {"paper": "float32"}  # Others take the number format that is faster here.
XLA = {"tiny": False, "tiny-dqn": False}  # Others take what is faster here; seconds to measure.
PROTOCOL = {"paper": "paper"}  # Of the scores on the card; others take the quick one.
TEST_PROTOCOL = {
    "paper": "paper",
    "laptop": "quick",
    "explore": "quick",
    "plain": "quick",
    "tiny": "tiny",
    "tiny-dqn": "tiny",
}
