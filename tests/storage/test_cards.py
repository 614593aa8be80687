"""Cards: every kind of bad one, those of the repository, and those of earlier versions."""

import json
from pathlib import Path

import pytest

from amkit.storage.cards import ModelFileError, at_hand, read_card
from amkit.storage.older import upgraded

ROOT = Path(__file__).parents[2]
CARD = {"kind": "expert", "games": ["pong"], "weight_hash": "0"}
MEAN = {"mean": 1.0, "standard_error": 0.1, "games": 30}
SCORE = {"game": "pong", "protocol": "paper", "epsilon": 0.05, **MEAN, "random": MEAN}
ADDED = {"algorithm", "settings"}


def written(tmp_path, content):
    (tmp_path / "pong.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return tmp_path / "pong.keras"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("{", "not valid JSON"),
        ("[" * 10**5, "not valid JSON"),
        ("[]", "no JSON object"),
        ({**CARD, "kind": "other"}, "kind: should be 'expert', 'amn', .* Received: 'other'"),
        ({**CARD, "kind": ["amn"]}, "kind: should be"),
        ({**CARD, "games": []}, "games: .* at least 1 item"),
        ({**CARD, "games": "pong"}, "games: should be a valid list"),
        ({**CARD, "games": [1]}, "games.0: should be a valid string"),
        ({"kind": "amn", "games": ["pong"]}, "weight_hash: is missing. Received: "),
        ({**CARD, "steps": "10M"}, "steps: should be a valid integer. Received: '10M'"),
        ({**CARD, "minutes": []}, "minutes: should be a valid number"),
        ({**CARD, "parameters": "1"}, "parameters: should be a valid integer"),
        ({**CARD, "background": "87"}, "background: should be a valid number"),
        ({**CARD, "expert_weights": 5}, "expert_weights: should be a valid list"),
        ({**CARD, "expert_weights": [[]]}, "expert_weights.0: should be a valid string"),
        ({**CARD, "learning_curve": None}, "learning_curve: should be a valid list"),
        ({**CARD, "learning_curve": [1]}, "learning_curve.0: should be a valid dict"),
        ({**CARD, "learning_curve": [{"loss": 1}]}, "a row must have steps"),
        ({**CARD, "learning_curve": [{"steps": 1.5}]}, "a row must have steps"),
        ({**CARD, "learning_curve": [{"steps": 1, "kl": "0"}]}, "learning_curve.0.kl: "),
        ({**CARD, "tests": [{**MEAN, "game": "pong"}]}, "tests.0.steps: is missing"),
        ({**CARD, "tests": [{"game": "pong", "steps": 1}]}, "tests.0.mean: is missing"),
        ({**CARD, "one_expert": 3}, "one_expert: should be a valid dict"),
        ({**CARD, "one_expert": {"forward_milliseconds": 1}}, "one_expert.forward_milliseconds: "),
        ({**CARD, "machine": []}, "machine: should be a valid dict"),
        ({**CARD, "transfer": {}}, "transfer.source: is missing"),
        ({**CARD, "transfer": {"source": "a", "weights": 1}}, "transfer.weights: "),
        ({**CARD, "begin": {"learnt": "pong"}}, "begin.learnt: should be a valid list"),
        ({**CARD, "settings": {"temperature": [1]}}, "settings.temperature: "),
        ({**CARD, "settings": {"temperature": 0}}, "settings.temperature: .* greater than 0"),
        ({**CARD, "settings": []}, "settings: should be a valid dict"),
        ({**CARD, "temperatures": {"pong": -1}}, "temperatures.pong: .* greater than 0"),
        ('{"kind": "amn", "games": ["a"], "weight_hash": "", "temperatures": {"a": 1e999}}', "fin"),
        ({**CARD, "forward_milliseconds": {"1": "fast"}}, "forward_milliseconds.1: "),
        ({**CARD, "scores": 3}, "scores: should be a valid list"),
        ({**CARD, "scores": [{**SCORE, "scores": ["a"]}]}, "scores.0.scores.0: "),
        ({**CARD, "scores": [{**SCORE, "epsilon": None}]}, "scores.0.epsilon: "),
        ({**CARD, "scores": [{**SCORE, "random": {"mean": 1}}]}, "scores.0.random.games: is miss"),
        ({**CARD, "scores": [{**SCORE, "expert": 3}]}, "scores.0.expert: "),
        ({**CARD, "temperatures": {"a\nb": "c\nd"}}, "temperatures.a b: "),
    ],
)
def test_bad_cards(tmp_path, content, match):
    path = written(tmp_path, content)
    with pytest.raises(ModelFileError, match=match) as caught:
        read_card(path)
    assert str(tmp_path / "pong.json") in str(caught.value) and "\n" not in str(caught.value)


def test_a_card_that_says_no_more_than_it_must_and_one_with_other_keys(tmp_path):
    assert read_card(written(tmp_path, CARD)) == CARD
    other = {**CARD, "notes": {"by": [1, None]}, "scores": [{**SCORE, "expert": MEAN, "note": 1}]}
    assert read_card(written(tmp_path, other)) == other


def test_numbers_are_those_of_the_file(tmp_path):
    """An int is no float: what is shown or hashed stays as it was."""
    card = {**CARD, "background": 87, "minutes": 3, "tests": [{**MEAN, "game": "a", "steps": 1}]}
    card["tests"][0]["mean"] = 2
    assert json.dumps(read_card(written(tmp_path, card))) == json.dumps(card)


def cards():
    files = [*ROOT.glob("pretrained/**/*.json"), *ROOT.glob("tutorials/recorded/**/*.json")]
    return [file for file in files if "weight_hash" in json.loads(file.read_text())]


def test_every_card_of_the_repository_reads_as_it_is_written():
    assert len(cards()) > 70
    for file in cards():
        document = json.loads(file.read_text())
        card = read_card(file)
        assert {key: card[key] for key in document if key != "settings"} == {
            key: value for key, value in document.items() if key != "settings"
        }
        assert card.keys() - document.keys() <= {"algorithm"}
        document["settings"].pop("total_steps", None)
        assert card["settings"].items() >= document["settings"].items()
        later = {"temperature_unit": "q_values", "total_envs": None, "total_replay_steps": None}
        later["restart_steps"] = None
        for key in card["settings"].keys() - document["settings"].keys():
            assert card["kind"] == "amn" and card["settings"][key] == later.get(key)
        assert card["algorithm"] == ("actor_mimic" if card["kind"] == "amn" else "pqn")


def test_an_older_document_names_no_algorithm():
    dqn = {"kind": "expert", "settings": {"replay_steps": 10**6}}
    assert upgraded(dqn) == {**dqn, "algorithm": "dqn"}
    pqn = {"kind": "mdqn", "settings": {"passes": 2, "rollout_steps": 32}}
    assert upgraded(pqn) == {**pqn, "algorithm": "pqn"}
    amn = {"kind": "amn", "settings": {"temperature": 1.0, "total_envs": 16, "replay_steps": 1}}
    new = upgraded(amn)
    assert new["algorithm"] == "actor_mimic" and new["settings"]["total_envs"] == 16
    assert new["settings"]["temperature_unit"] == "q_values"
    assert amn["settings"].keys() == {"temperature", "total_envs", "replay_steps"}
    assert upgraded(new) == new
    assert upgraded({**pqn, "algorithm": "qr_dqn"})["algorithm"] == "qr_dqn"


def test_a_document_of_no_training_is_left_as_it_is():
    for document in ({}, {"kind": "theory", "seed": 0}, {"kind": [], "settings": 3}):
        assert upgraded(document) == document


def test_a_model_that_is_not_there_says_where_the_shipped_ones_are():
    with pytest.raises(ValueError, match="in pretrained/ of amkit's repository: clone it.*gone"):
        at_hand(Path("gone.keras"))


def test_the_optimizer_of_an_older_dqn_becomes_settings():
    rmsprop = {"learning_rate": 2.5e-4, "rho": 0.95, "epsilon": 1e-5, "centered": True}
    optimizer = {"class_name": "RMSprop", "config": rmsprop}
    settings = {"replay_steps": 200, "optimizer": optimizer}
    new = upgraded({"kind": "expert", "settings": settings})
    expected = {"learning_rate": 2.5e-4, "rho": 0.95, "rms_epsilon": 1e-5}
    assert new["settings"] == {"replay_steps": 200, **expected} and new["algorithm"] == "dqn"
