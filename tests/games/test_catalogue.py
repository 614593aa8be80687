"""The games' data against the emulator, the paper's splits and published scores."""

import dataclasses
import math

import ale_py
import numpy as np
import pytest
from ale_py import registration, roms

from amkit.games import catalogue, published

ALL_NAMES = sorted(catalogue.GAMES)


@pytest.fixture(scope="module", autouse=True)
def quiet_emulator():
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)


# The emulator's view.


def test_actions_are_the_emulators():
    codes = {action.name: action.value for action in ale_py.Action}
    assert catalogue.NUM_ACTIONS == 18
    for code, name in enumerate(catalogue.ACTIONS):
        assert codes[name] == code


@pytest.mark.parametrize("name", ALL_NAMES)
def test_minimal_actions_are_the_emulators(name):
    ale = ale_py.ALEInterface()
    ale.loadROM(roms.get_rom_path(name))
    minimal = ale.getMinimalActionSet()

    game = catalogue.GAMES[name]
    assert game.actions == tuple(action.name for action in minimal)
    assert game.action_codes.tolist() == [action.value for action in minimal]
    assert game.num_actions == len(minimal)


def test_every_gymnasium_id_becomes_the_emulators_id():
    for rom_id in roms.get_all_rom_ids():
        assert catalogue.canonical_name(rom_id) == rom_id
        camel_case = registration.rom_id_to_name(rom_id)
        assert catalogue.canonical_name(f"ALE/{camel_case}-v5") == rom_id


# Actions and masks.


@pytest.mark.parametrize("name", ALL_NAMES)
def test_mask_and_codes_agree(name):
    game = catalogue.GAMES[name]
    assert game.action_mask.shape == (18,)
    assert game.action_mask.dtype == bool
    assert game.action_codes.dtype == np.int64
    assert np.flatnonzero(game.action_mask).tolist() == sorted(game.action_codes)


def test_arrays_handed_out_are_not_shared():
    pong = catalogue.GAMES["pong"]
    pong.action_mask[:] = True
    pong.action_codes[:] = 17
    assert pong.action_mask.sum() == 6
    assert pong.action_codes.tolist() == [0, 1, 3, 4, 11, 12]


def test_games_are_immutable_and_hashable():
    pong = catalogue.GAMES["pong"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        pong.name = "tennis"
    with pytest.raises(dataclasses.FrozenInstanceError):
        pong.scores.random = 0.0
    assert len(set(catalogue.GAMES.values())) == 20


def test_a_game_of_ones_own():
    game = catalogue.Game(name="freeway", title="Freeway", actions=("NOOP", "UP", "DOWN"))
    assert game.scores == published.Scores()
    assert game.splits == ()
    assert game.action_codes.tolist() == [0, 2, 5]


@pytest.mark.parametrize("actions", [(), ("JUMP",), ("NOOP", "NOOP")])
def test_bad_actions_are_refused(actions):
    with pytest.raises(ValueError, match="Received: "):
        catalogue.Game(name="freeway", title="Freeway", actions=actions)


# Splits.


def test_splits_are_the_papers():
    assert list(catalogue.SPLITS) == ["multitask", "sources", "targets"]
    assert [len(names) for names in catalogue.SPLITS.values()] == [8, 13, 7]
    sources, targets = set(catalogue.SPLITS["sources"]), set(catalogue.SPLITS["targets"])
    assert not sources & targets
    assert sources | targets == set(catalogue.GAMES)
    assert set(catalogue.SPLITS["multitask"]) - sources == {"breakout"}


def test_split_returns_games_in_order():
    for split_name, names in catalogue.SPLITS.items():
        assert tuple(game.name for game in catalogue.split(split_name)) == names


def test_splits_of_a_game():
    assert catalogue.GAMES["pong"].splits == ("multitask", "sources")
    assert catalogue.GAMES["breakout"].splits == ("multitask", "targets")
    assert catalogue.GAMES["krull"].splits == ("targets",)


def test_unknown_split_names_the_valid_ones():
    with pytest.raises(ValueError, match="multitask, sources, targets. Received: 'all'$"):
        catalogue.split("all")


# Scores.


def test_every_game_has_all_scores():
    for game in catalogue.GAMES.values():
        assert all(isinstance(score, float) for score in dataclasses.astuple(game.scores))
        assert game.scores.dqn > game.scores.random
        assert game.scores.human > game.scores.random


def test_well_known_scores():
    assert dataclasses.astuple(catalogue.GAMES["pong"].scores) == (-20.7, 9.3, 18.9)
    assert dataclasses.astuple(catalogue.GAMES["breakout"].scores) == (1.7, 31.8, 401.2)
    assert dataclasses.astuple(catalogue.GAMES["seaquest"].scores) == (68.4, 20181.8, 5286)
    assert dataclasses.astuple(catalogue.GAMES["fishing_derby"].scores) == (-91.7, 5.5, -0.8)


def test_table_1_reproduces_the_papers_percentages():
    assert tuple(published.TABLE_1) == catalogue.SPLITS["multitask"]
    rows = published.TABLE_1.values()
    mean_percent = [100 * row.ratio for row in rows]
    max_percent = [100 * row.max_ratio for row in rows]
    printed_mean = [288.2, 93.61, 127.0, 59.33, 109.1, 78.01, 27.51, 68.44]
    printed_max = [108.0, 93.00, 97.98, 63.22, 85.00, 93.25, 23.64, 63.94]
    np.testing.assert_allclose(mean_percent, printed_mean, rtol=5e-4)
    np.testing.assert_allclose(max_percent, printed_max, rtol=5e-4)


def test_table_2_is_the_papers():
    assert tuple(published.TABLE_2) == catalogue.SPLITS["targets"]
    rows = ("random", "AMN-policy", "AMN-feature")
    assert all(tuple(game) == rows and {*map(len, game.values())} == {10} for game in
               published.TABLE_2.values())  # fmt: skip
    sums = [[sum(game[name]) for name in rows] for game in published.TABLE_2.values()]
    # Added up from the paper's text.
    np.testing.assert_allclose(
        sums,
        [
            [1520.39, 2398.75, 1775.63],
            [11961.9, 10240.2, 9489.3],
            [59026, 72266, 71984],
            [218650.6, 227031, 186763],
            [211.35, 148.309, 170.212],
            [106733.3, 191511.7, 337898],
            [80771, 774911, 189069],
        ],
    )
    # The ends of the longest row and of the shortest numbers.
    assert published.TABLE_2["video_pinball"]["AMN-policy"][::9] == (2583, 123337)
    assert published.TABLE_2["robotank"]["random"][::9] == (4.83, 34.04)


# Names.


@pytest.mark.parametrize(
    "text",
    [
        "space_invaders",
        "Space Invaders",
        " space invaders ",
        "space-invaders",
        "SPACE_INVADERS",
        "SpaceInvaders",
        "SpaceInvaders-v0",
        "ALE/SpaceInvaders-v5",
        "ALE/SpaceInvaders-ram-v5",
        "SpaceInvadersNoFrameskip-v4",
        "SpaceInvadersDeterministic-v4",
        "SpaceInvaders-ramNoFrameskip-v4",
    ],
)
def test_canonical_name(text):
    assert catalogue.canonical_name(text) == "space_invaders"


def test_canonical_name_of_odd_titles():
    assert catalogue.canonical_name("Q*bert") == "qbert"
    assert catalogue.canonical_name("H.E.R.O.") == "hero"
    assert catalogue.canonical_name("Yars' Revenge") == "yars_revenge"
    assert catalogue.canonical_name("") == ""


@pytest.mark.parametrize("name", ALL_NAMES)
def test_a_title_is_a_valid_name(name):
    game = catalogue.GAMES[name]
    assert game.name == name
    assert catalogue.GAMES[catalogue.canonical_name(game.title)] is game


def test_unknown_game_names_the_nearest():
    error = catalogue.unknown_game("SpaceInvader", catalogue.GAMES)
    assert isinstance(error, catalogue.UnknownGame)
    assert str(error) == "Unknown game. Nearest: space_invaders. Received: 'SpaceInvader'"


def test_unknown_game_without_a_near_name_says_where_games_are_listed():
    """The ALE has more than a hundred: too many for a line."""
    error = catalogue.unknown_game("zzz\n", catalogue.GAMES)
    assert str(error) == "Unknown game. `amkit games` lists games. Received: 'zzz\\n'"


def test_normalized():
    assert published.normalized(5.0, random=1.0, expert=9.0) == 0.5
    assert math.isnan(published.normalized(5.0, random=1.0, expert=1.0))
