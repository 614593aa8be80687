"""Presets: what the data file names is there, and what it leaves out is taken from another."""

from amkit.games.catalogue import GAMES
from amkit.games.published import EPSILON
from amkit.jobs.presets import BASELINE, DISTILL, DISTILL_MINUTES, EXPERT, RUN, TRANSFER, ZOO
from amkit.learning.dqn import DQNSettings

TABLES = (EXPERT, BASELINE, TRANSFER, DISTILL)


def test_what_goes_with_a_preset_goes_with_one_that_is_there():
    names = {name for table in TABLES for name in table}
    assert names >= RUN.keys()
    assert all({"paper", "laptop", "tiny"} <= table.keys() for table in TABLES)


def test_the_zoo_is_of_games_and_presets():
    assert GAMES.keys() >= ZOO.keys()
    assert all(row.get("preset", "laptop") in EXPERT for row in ZOO.values())


def test_a_preset_like_another_changes_what_it_names_alone():
    laptop, explore = vars(EXPERT["laptop"]), vars(EXPERT["explore"])
    changed = {name for name in laptop if laptop[name] != explore[name]}
    assert changed == {"tree_backup", "explorers"}
    assert DISTILL["tiny"].total_envs is None and DISTILL["laptop"].total_envs == 256
    assert DISTILL_MINUTES == {"paper": None, "laptop": 15, "short": 15, "tiny": None}


def test_preset_paper_is_the_paper():
    assert EXPERT["paper"] == DQNSettings()
    assert BASELINE["paper"].steps == TRANSFER["paper"].steps == 10_000_000
    code = TRANSFER["paper-code"]
    assert code.target_sync_updates * code.update_period_steps == 10_000
    assert code.epsilon == ((0, 1.0), (1_000_000, 0.1))
    assert (code.replay_start_steps, code.replay_steps, code.batch_size) == (50_000, 1_000_000, 32)
    assert DISTILL["paper"].adam_epsilon == 0.1 / 64


def test_experts_learn_at_the_epsilon_that_scores_are_measured_under():
    assert EXPERT["laptop"].target_epsilon == EXPERT["laptop"].epsilon[-1][1] == EPSILON
