"""The emulator behind our environments: every trap that they are built around."""

import gc
import multiprocessing
import threading
import weakref

import ale_py
import numpy as np
import pytest
from ale_py import roms
from ale_py.vector_env import AtariVectorEnv

from amkit.games import environments as contract
from amkit.games.atari import AtariEnvironments, Screen, background, find_game
from amkit.games.catalogue import GAMES, Game, UnknownGame

# The games of ale-py that know other actions than the 18 in the order of their codes.
ODD_GAMES = ["lost_luggage", "skiing"]


def play(environments, steps, seed=0):
    rng = np.random.default_rng(seed)
    codes = [np.flatnonzero(mask) for mask in environments.action_masks]
    for _ in range(steps):
        yield environments.step(np.array([rng.choice(c) for c in codes]))


@pytest.fixture
def opened(monkeypatch):
    """Weak references to all emulators that are opened: dead when their threads have ended."""
    references = []

    class Recorded(AtariVectorEnv):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            references.append(weakref.ref(self))

    monkeypatch.setattr("ale_py.vector_env.AtariVectorEnv", Recorded)
    return references


def still_open(references):
    gc.collect()
    return sum(reference() is not None for reference in references)


def test_the_contract_is_fulfilled(pong, scripted):
    environments = contract.make([pong], 1, seed=2, life_loss_terminal=False)
    assert isinstance(environments, AtariEnvironments)
    assert isinstance(environments, contract.Environments)
    assert isinstance(scripted([pong], 1), contract.Environments)
    environments.close()


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


def test_what_is_closed_is_gone(pong, opened):
    environments = AtariEnvironments([pong], 2)
    screen = Screen(pong, 0)
    assert still_open(opened) == 2
    environments.send(np.zeros(2, int))  # Also while they work.
    environments.close()
    screen.close()
    assert still_open(opened) == 0
    background.__wrapped__(pong)
    assert len(opened) == 3 and still_open(opened) == 0


def test_what_cannot_be_opened_whole_leaves_nothing_open(pong, opened):
    unreal = Game("no_such_game", "No such game", ("NOOP",))
    with pytest.raises(UnknownGame) as error:
        AtariEnvironments([pong, pong, unreal], 1)
    assert len(opened) == 2 and still_open(opened) == 0, error


def test_stopped_while_emulators_start_it_waits_for_none_that_has_not_begun(
    pong, opened, monkeypatch
):
    begun, stopped, resets = threading.Event(), threading.Event(), []
    make = AtariVectorEnv.__init__

    def stopped_at_the_fourth(self, *args, **options):
        if len(opened) == 3:
            begun.wait()
            threading.Timer(0.2, stopped.set).start()
            raise KeyboardInterrupt
        make(self, *args, **options)

    def slow_reset(self, *, seed):
        begun.set()
        resets.append(seed)
        stopped.wait()
        return [np.zeros((1, 4, 84, 84), np.uint8)]

    monkeypatch.setattr(AtariVectorEnv, "__init__", stopped_at_the_fourth)
    monkeypatch.setattr(AtariVectorEnv, "reset", slow_reset)
    with pytest.raises(KeyboardInterrupt):
        AtariEnvironments([pong] * 4, 1)
    assert len(resets) == 1
    assert len(opened) == 3 and still_open(opened) == 0


def test_every_game_of_the_emulator():
    """All but those for two players can be played, and know their actions by the ALE's codes."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    odd, refused = [], []
    for name in roms.get_all_rom_ids():
        rom = roms.get_rom_path(name)
        if ale_py.ALEInterface.isSupportedROM(rom) is None:  # Loading it would end this process.
            refused.append(name)
            continue
        emulator = ale_py.ALEInterface()
        emulator.loadROM(rom)
        legal = [action.value for action in emulator.getLegalActionSet()]
        minimal = [action.value for action in emulator.getMinimalActionSet()]
        assert set(minimal) <= set(legal) <= set(range(18)), name
        assert name not in GAMES or minimal == GAMES[name].action_codes.tolist()
        if legal != list(range(18)):
            odd.append(name)
    assert sorted(odd) == ODD_GAMES  # Those that are played below.
    assert sorted(refused) == ["combat", "joust", "maze_craze", "warlords"]
    for name in refused:
        with pytest.raises(UnknownGame, match=f"{name} with one player.*Received: '{name}'$"):
            find_game(name)
        with pytest.raises(UnknownGame, match=f"{name} with one player"):
            AtariEnvironments([Game(name, name, ("NOOP",))], 1)


def test_no_game_for_two_players_is_suggested():
    with pytest.raises(UnknownGame) as error:
        find_game("jousst")
    assert "warlords" not in str(error.value) and "joust," not in str(error.value)
    assert "`amkit games` lists games" in str(error.value) and "\n" not in str(error.value)


def play_beside_the_emulator(name, seed=3, steps=40):
    """Our environments and the emulator itself, which is told the actions' names, show the same."""
    game = find_game(name)
    codes = np.random.default_rng(0).choice(game.action_codes, steps)
    screen = Screen(game, seed)
    environments = AtariEnvironments([game], 1, seed=seed)
    ours, small = [screen.pixels], [environments.observation]
    for code in codes:
        screen.step(int(code))
        environments.step(np.array([code]))
        ours.append(screen.pixels)
        small.append(environments.observation)
    assert len({frame.tobytes() for frame in ours}) > steps / 2  # Something is going on.

    emulator = ale_py.ALEInterface()
    emulator.setInt("random_seed", seed)
    emulator.setFloat("repeat_action_probability", 0.0)
    emulator.loadROM(roms.get_rom_path(name))
    fire = [ale_py.Action.FIRE] if ale_py.Action.FIRE in emulator.getLegalActionSet() else []

    def same_after(no_ops):
        """Whether all frames are the same if the game began with so many steps of nothing."""
        emulator.reset_game()
        for action in [ale_py.Action.NOOP] * no_ops + fire:
            emulator.act(action)
        if (emulator.getScreenRGB() != ours[0]).any():
            return False
        for code, frame in zip(codes, ours[1:], strict=True):
            seen = []
            for _ in range(4):
                emulator.act(ale_py.Action(int(code)))
                seen.append(emulator.getScreenRGB())
            if (np.maximum(*seen[-2:]) != frame).any():
                return False
        return True

    assert any(map(same_after, range(31)))
    # And what a network sees is one picture for each of these screens.
    pictures = {(ours[i].tobytes(), small[i][0, -1].tobytes()) for i in range(len(ours))}
    assert len(pictures) == len({screen for screen, _ in pictures})
    screen.close()
    environments.close()


@pytest.mark.parametrize("name", ["pong", *ODD_GAMES])
def test_codes_are_the_actions_of_the_emulator(name):
    # In a process of its own: the emulator waits for ever for an action that it does not know.
    process = multiprocessing.get_context("spawn").Process(
        target=play_beside_the_emulator, args=[name]
    )
    process.start()
    process.join(120)
    process.kill()
    process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize("code", [-1, 1, 18])
def test_a_screen_is_sent_nothing_that_the_game_does_not_know(code):
    screen = Screen(find_game("skiing"), 0)
    with pytest.raises(ValueError, match=rf"skiing are the ALE codes .* Received: {code}"):
        screen.step(code)
    screen.close()


def test_a_game_with_an_action_that_the_emulator_does_not_know_is_not_opened():
    with pytest.raises(ValueError, match=r"skiing are the ALE codes .* Received: \[0, 1\]"):
        AtariEnvironments([Game("skiing", "Skiing", ("NOOP", "FIRE"))], 1)


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
