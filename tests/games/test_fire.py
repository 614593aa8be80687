"""FIRE pressed for whoever plays: when, and what Breakout is with and without it."""

import numpy as np
import pytest
from PIL import Image

from amkit.games import environments as contract
from amkit.games.atari import AtariEnvironments, Screen, find_game
from amkit.games.fire import FirePresses
from amkit.play.rollout import rollout


def noop(observation):
    return np.zeros(len(observation), np.int32), np.zeros((len(observation), 18))


def test_a_game_begins_with_fire_and_a_lost_life_with_noop_and_fire(pong, breakout):
    presses = FirePresses([pong, breakout], 2, ["breakout"])
    nothing = np.zeros(4, bool)
    third = np.array([False, False, True, False])
    taken = [presses.forced.tolist()]
    for start, lost in [(nothing, nothing)] * 2 + [(nothing, third)] + [(nothing, nothing)] * 3:
        presses.step(start, lost)
        taken.append(presses.forced.tolist())
    # Never in Pong; its third action, RIGHT, has the code 3.
    assert [row[:2] for row in taken] == [[-1, -1]] * 7
    assert [row[2:] for row in taken] == [
        *([1, 1], [3, 3], [-1, -1]),
        *([0, -1], [1, -1], [3, -1], [-1, -1]),
    ]
    assert presses.forced.dtype == np.int32
    presses.begin(third)
    assert presses.forced.tolist() == [-1, -1, 1, -1]
    presses.step(start=nothing, life_lost=third)  # A life lost meanwhile begins it anew.
    assert presses.forced.tolist() == [-1, -1, 0, -1]


def test_a_game_without_fire_and_games_of_other_first_actions():
    freeway = find_game("freeway")
    assert (FirePresses([freeway], 3, ["freeway"]).forced == -1).all()
    with pytest.raises(ValueError, match="NOOP and FIRE.* Received: backgammon, with FIRE, RIGHT"):
        AtariEnvironments([find_game("backgammon")], 1, fire_games=["backgammon"])


def test_what_is_forced_is_what_was_done(scripted, pong):
    """A decision, and so a memory or a video, has the action that the game took."""
    environments = scripted([pong], 2)
    environments.forced = np.array([-1, 3], np.int32)
    transition = next(rollout(environments, noop))
    assert transition.action.tolist() == [0, 3] and transition.action.dtype == np.int32
    np.testing.assert_array_equal(environments.calls, [[0, 3]])


def lives_lost_standing_still(breakout, fire_games, steps):
    """Lives and games lost in some steps of one Breakout by a player that never does anything."""
    environments = contract.make([breakout], 1, seed=3, fire_games=fire_games)
    lost = over = 0
    for transition, _ in zip(rollout(environments, noop), range(steps), strict=False):
        lost += int(transition.terminal[0])
        over += int(transition.game_over[0])
    environments.close()
    return lost, over


def test_breakout_goes_on_where_fire_is_pressed_and_stands_still_where_not(breakout):
    assert lives_lost_standing_still(breakout, [], 400) == (1, 0)
    lost, over = lives_lost_standing_still(breakout, ["breakout"], 400)
    assert over >= 1 and 5 * over <= lost


def test_in_breakout_fire_follows_every_lost_life_and_every_beginning(breakout):
    steps, games_over = 400, 0
    environments = AtariEnvironments([breakout], 2, seed=0, fire_games=["breakout"])
    taken = np.zeros((2, steps), int)
    expected = np.zeros((2, steps + 3), int)  # All else is the player's NOOP.
    expected[:, :2] = [1, 3]
    for transition, step in zip(rollout(environments, noop), range(steps), strict=False):
        taken[:, step] = transition.action
        expected[transition.cut, step + 1 : step + 3] = [1, 3]
        life_lost = transition.terminal & ~transition.game_over
        expected[life_lost, step + 1 : step + 4] = [0, 1, 3]
        games_over += int(transition.game_over.sum())
    environments.close()
    assert games_over >= 2
    np.testing.assert_array_equal(taken, expected[:, :steps])


def test_a_restart_begins_with_fire_and_the_player_is_heard_in_between(pong, breakout):
    environments = AtariEnvironments([pong, breakout], 2, seed=0, fire_games=["breakout"])
    assert environments.forced.tolist() == [-1, -1, 1, 1]
    for _ in range(3):
        environments.step(np.zeros(4, int))
    assert environments.forced.tolist() == [-1] * 4
    environments.restart(np.array([True, False, False, True]))
    assert environments.forced.tolist() == [-1, -1, -1, 1]
    with pytest.raises(ValueError, match="Received: 17"):  # Not forced: it is checked as ever.
        environments.step(np.array([0, 0, 17, 0]))
    environments.close()


def test_nothing_is_forced_by_default(breakout):
    environments = contract.make([breakout], 1)
    assert environments.forced is None
    environments.close()


@pytest.mark.parametrize("fire", [True, False])
def test_the_screen_is_in_step_where_it_knows_of_fire(breakout, fire):
    environments = AtariEnvironments(
        [breakout], 1, seed=4, life_loss_terminal=False, fire_games=["breakout"]
    )
    screen, furthest = Screen(breakout, 4, fire), 0.0
    for transition, _ in zip(rollout(environments, noop), range(60), strict=False):
        screen.step(int(transition.action[0]))
        luminance = Image.fromarray(screen.pixels).convert("L")
        small = np.asarray(luminance.resize((84, 84), Image.Resampling.BOX), float)
        furthest = max(furthest, abs(small - environments.observation[0, -1]).max())
    assert (furthest < 60) == fire  # Else the ball, of luminance 110, is elsewhere.
    environments.close()
    screen.close()
