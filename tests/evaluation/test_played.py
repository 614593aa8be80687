"""Experts from elsewhere are evaluated, recorded, tested and asked as they were trained."""

from itertools import islice

import numpy as np
import pytest

from amkit.evaluation import recording, scorecards, whole_games
from amkit.evaluation.protocols import PROTOCOLS, Protocol
from amkit.evaluation.whole_games import GameResult
from amkit.networks.bodies import nature_dqn
from amkit.storage import cards, models

ONE_GAME = Protocol("one", 0, 1, 0.0, "one game", max_steps=400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Experts of Breakout that stand still, one that was trained so that FIRE was pressed."""
    folder = tmp_path_factory.mktemp("played")
    network = nature_dqn(4)
    kernel, _ = network.get_layer("output").get_weights()
    network.get_layer("output").set_weights([0 * kernel, np.array([1, 0, 0, 0], np.float32)])
    elsewhere = {"fire_on_life_loss": True, "sticky_actions": 0.25, "source": "theirs"}
    for name, more in (
        ("fire", {"played": {**elsewhere, "resize": "maximum, area, grey"}}),
        ("plain", {}),
        ("amn", {"played_in": {"breakout": {"fire_on_life_loss": True}}}),
    ):
        card = {"kind": "expert", "games": ["breakout"], **more}
        models.save(network, folder / f"{name}.keras", card)
    return folder


def test_an_expert_that_expects_fire_gets_it_and_others_do_not(folder, monkeypatch):
    monkeypatch.setitem(PROTOCOLS, "one", ONE_GAME)
    lengths = {}
    for name in ("fire", "plain", "amn"):
        request = scorecards.request(folder / f"{name}.keras", None, "one", 0.0)
        (entry,) = scorecards.score(request)
        lengths[name] = entry["steps"]
    assert lengths["plain"] == 400  # It stands still for ever.
    assert lengths["fire"] == lengths["amn"] < 400


def test_who_plays_decides(folder, monkeypatch):
    """The model and the expert beside it, each by its own card; random play as ever."""
    asked = {}

    def evaluate_game(network, game, protocol, *, epsilon, fire, **options):
        asked[epsilon, network is whole_games.random_network, fire] = True
        return GameResult(game.name, [1.0], [10])

    monkeypatch.setattr(whole_games, "evaluate_game", evaluate_game)
    alone = folder / "alone"
    alone.mkdir()
    models.copy(folder / "fire.keras", alone / "fire.keras")
    request = scorecards.request(folder / "plain.keras", None, "quick", 0.05, alone)
    scorecards.score(request)
    assert asked == {
        (0.05, False, False): True,
        (1.0, True, False): True,
        (0.05, False, True): True,
    }


@pytest.mark.parametrize(
    ("name", "protocol", "said"),
    [
        ("plain", "quick", []),
        ("amn", "quick", ["FIRE is pressed"]),
        ("fire", "sticky", ["FIRE is pressed", "'maximum, area, grey' in training"]),
        (
            "fire",
            "quick",
            [
                "FIRE is pressed",
                "actions repeat with probability 0 here, and 0.25 in training",
                "observations are made by 'grey, maximum, area' here, and",
            ],
        ),
    ],
)
def test_what_is_as_in_its_training_and_what_is_not_is_said(folder, name, protocol, said):
    summary = scorecards.request(folder / f"{name}.keras", None, protocol, 0.0).summary()
    _, *parts = summary.split("; ")
    assert len(parts) == len(said)
    for part, words in zip(parts, said, strict=True):
        assert words in part


def test_a_video_of_it_has_fire_too(folder, breakout):
    network = models.load_with_card(folder / "fire.keras")[0]
    playing = {"epsilon": 0.0, "seed": 1}
    with_fire = list(islice(recording.play(network, breakout, fire=True, **playing), 60))
    actions = [moment.action for moment in with_fire]
    assert actions[:3] == [1, 2, 0] and actions.count(1) == actions.count(2) >= 2
    without = islice(recording.play(network, breakout, **playing), 60)
    assert {moment.action for moment in without} == {0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"fire_on_life_loss": "yes"},
        {"sticky_actions": 1.5},
        {"sticky_actions": "0.25"},
        {"resize": 3},
        ["fire"],
    ],
)
def test_a_card_that_says_it_wrong_is_refused(folder, tmp_path, wrong):
    path = tmp_path / "bad.keras"
    models.save(nature_dqn(4), path, {"kind": "expert", "games": ["breakout"], "played": wrong})
    with pytest.raises(cards.ModelFileError, match="bad.json: played"):
        cards.read_card(path)
