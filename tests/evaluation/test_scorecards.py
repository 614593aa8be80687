"""Which scores are taken from cards, and which are measured."""

import json
import os

import pytest

from amkit.evaluation import scorecards, whole_games
from amkit.evaluation.protocols import PROTOCOLS
from amkit.evaluation.whole_games import GameResult
from amkit.networks.bodies import actor_mimic_network, nature_dqn
from amkit.storage import cards, models
from amkit.storage.cards import read_card

KNOWN = {"mean": 12.0, "standard_error": 0.5, "games": 61}


@pytest.fixture
def amn(tmp_path):
    """An AMN and, in `experts`, the expert that taught it, whose card has a score."""
    (tmp_path / "experts").mkdir()
    expert = tmp_path / "experts" / "pong.keras"
    score = {"game": "pong", "protocol": "paper-30", "epsilon": 0.05, "random": KNOWN, **KNOWN}
    card = {"kind": "expert", "games": ["pong"], "scores": [score]}
    models.save(nature_dqn(6), expert, card)
    taught = [read_card(expert)["weight_hash"]]
    card = {"kind": "amn", "games": ["pong"], "expert_weights": taught}
    models.save(actor_mimic_network(), tmp_path / "amn.keras", card)
    return tmp_path / "amn.keras"


@pytest.mark.parametrize(
    ("protocol", "epsilon", "played"),
    [
        ("paper-30", 0.05, 1),
        ("quick", 0.05, 1),
        ("paper", 0.05, 1),
        ("sticky", 0.05, 3),
        ("quick", 0.1, 3),
        ("tiny", 0.05, 3),
    ],
)
def test_an_experts_card_saves_measuring_it_again(amn, monkeypatch, protocol, epsilon, played):
    asked = []

    def evaluate_game(network, game, protocol, **options):
        asked.append(game.name)
        return GameResult(game.name, [1.0, 3.0], [10, 10])

    monkeypatch.setattr(whole_games, "evaluate_game", evaluate_game)
    request = scorecards.request(amn, None, protocol, epsilon, amn.parent / "experts")
    (entry,) = scorecards.score(request)
    assert len(asked) == played
    assert entry["mean"] == 2 and entry["protocol"] == protocol
    assert entry["expert"]["mean"] == entry["random"]["mean"] == (12 if played == 1 else 2)


# The listing of a folder does not hand the experts' cards out yet: `scorecards.listed`.
@pytest.mark.parametrize("named", [True, False])
def test_each_card_and_each_model_is_read_once(amn, named, monkeypatch):
    opened = []
    read = cards.read_bounded

    def read_bounded(path, *rest):
        opened.append(path.name)
        return read(path, *rest)

    monkeypatch.setattr(cards, "read_bounded", read_bounded)
    monkeypatch.setattr(scorecards.newest_amn, "__defaults__", ([amn.parent],))
    request = scorecards.request(
        amn if named else None, None, "paper", 0.05, amn.parent / "experts"
    )
    monkeypatch.setattr(whole_games, "evaluate_game", lambda *_, **__: GameResult("", [1.0], [1]))
    scorecards.score(request)
    assert sorted(name for name in opened if name.endswith(".json")) == ["amn.json", "pong.json"]


def test_without_a_model_it_says_where_there_are_some(tmp_path):
    with pytest.raises(ValueError, match="pretrained/ of amkit's repository: clone it"):
        scorecards.newest_amn([tmp_path / "runs", tmp_path / "pretrained"])


def test_an_expert_plays_games_of_its_own_actions_alone(tmp_path):
    path = tmp_path / "breakout.keras"
    models.save(nature_dqn(4), path, {"kind": "expert", "games": ["breakout"]})
    with pytest.raises(ValueError, match=r"plays breakout, and .* Received: atlantis"):
        scorecards.request(path, ["atlantis"])  # Four actions too, but others.
    path = tmp_path / "pong.keras"
    models.save(nature_dqn(6), path, {"kind": "expert", "games": ["pong"]})
    assert [game.name for game in scorecards.request(path, ["space_invaders"]).games] == [
        "space_invaders"
    ]


def test_what_a_protocol_covers():
    covered = {
        (one.name, other.name)
        for one in PROTOCOLS.values()
        for other in PROTOCOLS.values()
        if one.covers(other) and one is not other
    }
    assert covered == {("paper-30", "paper"), ("paper-30", "quick")}
    assert all(protocol.covers(protocol) for protocol in PROTOCOLS.values())


def test_the_newest_amn_but_for_one_that_is_called_so(tmp_path):
    def amn(path, kind="amn"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        path.with_suffix(".json").write_text(
            json.dumps({"kind": kind, "games": ["pong"], "weight_hash": ""})
        )
        return path

    shipped, other = tmp_path / "shipped", tmp_path / "runs"
    first, last = amn(shipped / "policy.keras"), amn(shipped / "feature.keras")
    amn(shipped / "pong.keras", "expert")
    os.utime(first, (1, 1))
    assert scorecards.newest_amn([shipped])[0] == last
    named = amn(shipped / "amn.keras")
    os.utime(named, (1, 1))
    assert scorecards.newest_amn([other, shipped])[0] == named
    mine = amn(other / "amn-all" / "model.keras")
    assert scorecards.newest_amn([other, shipped])[0] == mine
