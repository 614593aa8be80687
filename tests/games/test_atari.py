"""The emulator behind our environments: every trap that they are built around."""

import threading
import time

import numpy as np
import pytest

from amkit.games.atari import AtariEnvironments, background, find_game
from amkit.games.catalogue import UnknownGame


def play(environments, steps, seed=0):
    rng = np.random.default_rng(seed)
    codes = [np.flatnonzero(mask) for mask in environments.action_masks]
    for _ in range(steps):
        yield environments.step(np.array([rng.choice(c) for c in codes]))


def test_several_games_in_lockstep(pong, breakout):
    ready = []
    environments = AtariEnvironments([pong, breakout], 3, seed=1, on_ready=ready.append)
    assert len(environments) == ready[-1] == 6 and ready == sorted(ready)
    assert environments.observation.shape == (6, 4, 84, 84)
    assert environments.observation.dtype == np.uint8
    assert environments.start.all() and not environments.ended.any()
    np.testing.assert_array_equal(environments.action_masks[2], pong.action_mask)
    np.testing.assert_array_equal(environments.action_masks[3], breakout.action_mask)
    outcome = next(play(environments, 1))
    assert outcome.reward.shape == (6,) and outcome.reward.dtype == np.float32
    assert not environments.start.any()
    environments.close()


def test_background(pong, breakout):
    assert background(pong) == 87
    assert background(breakout) == 0


@pytest.mark.parametrize("action", [-1, 2, 17, 18, 99])
def test_an_illegal_action_never_reaches_the_emulator(pong, action):
    environments = AtariEnvironments([pong], 2)
    with pytest.raises(ValueError, match=rf"pong are the ALE codes .* Received: {action}"):
        environments.step(np.array([0, action]))
    environments.step(np.array([0, 11]))  # And it still goes on.
    environments.close()


@pytest.mark.parametrize("actions", [np.zeros(3, int), np.zeros(2), np.zeros((2, 1), int)])
def test_actions_of_another_form(pong, actions):
    environments = AtariEnvironments([pong], 2)
    with pytest.raises(ValueError, match="whole numbers of shape"):
        environments.step(actions)
    environments.close()


def test_a_lost_life_is_terminal_and_the_game_goes_on(breakout):
    environments = AtariEnvironments([breakout], 4, seed=3)
    lives_lost = games_over = 0
    for outcome in play(environments, 600):
        lives_lost += int((outcome.terminal & ~outcome.game_over).sum())
        games_over += int(outcome.game_over.sum())
        # After a lost life no row is skipped; after a game's end the next row starts a game.
        np.testing.assert_array_equal(environments.ended, outcome.game_over)
        assert not (environments.start & environments.ended).any()
    assert games_over >= 2
    assert 3 * games_over <= lives_lost <= 5 * games_over + 16
    environments.close()


def test_for_evaluation_only_the_whole_game_is_terminal(breakout):
    environments = AtariEnvironments([breakout], 4, seed=3, life_loss_terminal=False)
    for outcome in play(environments, 600):
        np.testing.assert_array_equal(outcome.terminal, outcome.game_over)
    environments.close()


def test_the_row_after_a_game_is_no_transition(pong):
    environments = AtariEnvironments([pong], 2, seed=0)
    ends = 0
    before = environments.ended
    for outcome in play(environments, 1400):
        np.testing.assert_array_equal(environments.start, before)
        assert (outcome.reward[before] == 0).all()
        assert not outcome.terminal[before].any()
        # A new game's stack is blank but for its newest frame.
        assert (environments.observation[environments.start, :3] == 0).all()
        ends += int(outcome.game_over.sum())
        before = environments.ended
    assert ends >= 2
    environments.close()


def test_a_restart_begins_new_games_in_its_rows_alone(pong, breakout):
    environments = AtariEnvironments([pong, breakout], 3, seed=1)
    for _ in play(environments, 20):
        pass
    before = environments.observation.copy()
    rows = np.array([False, True, False, False, False, True])
    environments.restart(rows)
    np.testing.assert_array_equal(environments.start, rows)
    assert not environments.ended.any()
    np.testing.assert_array_equal(environments.observation[~rows], before[~rows])
    assert (environments.observation[rows, :3] == 0).all()
    assert (environments.observation[rows, 3] != 0).any(axis=(1, 2)).all()
    for _ in play(environments, 2):  # And all go on.
        assert not environments.start.any()
    assert (environments.observation[:, 0] != 0).any(axis=(1, 2)).tolist() == (~rows).tolist()
    environments.close()


def test_a_game_that_ended_is_not_begun_twice(pong):
    environments = AtariEnvironments([pong], 2, seed=0)
    for _ in play(environments, 2000):
        if environments.ended.any():
            break
    assert environments.ended.any()
    environments.restart(environments.ended.copy())
    for _ in play(environments, 3):
        assert not environments.start.any()
    environments.close()


def test_raw_rewards_are_kept():
    environments = AtariEnvironments([find_game("seaquest")], 8, seed=0)
    rewards = {float(r) for outcome in play(environments, 300) for r in outcome.reward}
    assert max(rewards) >= 20
    environments.close()


def test_a_seed_repeats_the_games(pong):
    frames = []
    for seed in (5, 5, 6):
        environments = AtariEnvironments([pong], 2, seed=seed)
        for _ in play(environments, 60):
            pass
        frames.append(environments.observation)
        environments.close()
    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0] != frames[2]).any()


def test_stopped_while_emulators_start_it_waits_for_none_that_has_not_begun(pong, monkeypatch):
    begun, made = threading.Event(), []

    class Slow:
        def __init__(self, *args, **options):
            if len(made) == 3:
                begun.wait()
                raise KeyboardInterrupt
            made.append(self)

        def reset(self, seed):
            begun.set()
            resets.append(seed)
            time.sleep(0.2)

    resets = []
    monkeypatch.setattr("ale_py.vector_env.AtariVectorEnv", Slow)
    with pytest.raises(KeyboardInterrupt):
        AtariEnvironments([pong] * 4, 1)
    assert len(resets) == 1


def test_any_other_game_works_with_what_is_known_of_it():
    game = find_game("MsPacman")
    assert game.name == "ms_pacman"
    assert game.num_actions == 9 and game.scores.random is None and game.splits == ()
    environments = AtariEnvironments([game], 1)
    next(play(environments, 1))
    environments.close()


def test_an_unknown_game_suggests_the_nearest():
    with pytest.raises(UnknownGame, match="space_invaders"):
        find_game("space_invader")
