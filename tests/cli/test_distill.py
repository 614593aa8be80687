"""`amkit distill`."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from amkit.games import atari
from amkit.jobs import build
from amkit.learning import temperature
from amkit.networks.bodies import nature_dqn
from amkit.storage import models
from amkit.storage.cards import read_card


@pytest.mark.usefixtures("compiled_kernels")
def test_distill_then_evaluate_the_newest(amkit, tiny, expert_folder):
    words = ["--feature-weight", "0.01", "--behaviour", "expert", "--epsilon", "0.2"]
    result = amkit("distill", "--experts", expert_folder, *tiny, *words)
    assert result.exit_code == 0, result.output
    assert "starting 8 emulators" in result.stderr
    card = read_card(Path("runs/amn-all/model.keras"))
    assert card["kind"] == "amn" and card["games"] == ["breakout", "pong"]
    assert card["settings"]["feature_weight"] == 0.01
    assert np.array(card["action_masks"]["pong"]).sum() == 6
    assert card["scores"][0]["expert"]["games"] == 1
    result = amkit(
        *("evaluate", "--protocol", "tiny", "--games", "pong", "--experts", expert_folder),
        *("--output", "scores.json"),
    )
    assert result.exit_code == 0, result.output
    assert "pong" in result.stdout and "runs/amn-all/model.keras" in result.stderr
    assert json.loads(Path("scores.json").read_text())[0]["expert"]["games"] == 1


@pytest.mark.usefixtures("scripted_games")
def test_a_second_run_gets_its_own_folder_and_resume_goes_on_with_the_newest(
    amkit, refused, tiny, expert_folder
):
    words = ["distill", "--experts", expert_folder, "--games", "pong", *tiny]
    assert amkit(*words).exit_code == 0
    assert amkit(*words, "--steps", 128).exit_code == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == ["amn-pong", "amn-pong-2"]
    refused(2, "has seed 0", *words, "--resume", "--seed", 1)
    refused(2, "has kind amn", "train", "pong", "--run", "runs/amn-pong", "--resume")
    result = amkit(*words, "--resume", "--json")
    assert result.exit_code == 0 and "already finished" in result.stderr
    assert json.loads(result.stdout)["run"] == "runs/amn-pong-2"


@pytest.mark.usefixtures("scripted_games")
def test_a_student_that_begins_as_an_expert(amkit, refused, tiny, expert_folder):
    assert amkit("train", "pong", *tiny).exit_code == 0
    first = "runs/expert-pong/model.keras"
    words = ["distill", "--experts", expert_folder, *tiny]
    result = amkit(*words, "--from", first, "--json")
    assert result.exit_code == 0, result.output
    assert "from expert-pong weights" in result.stderr
    card = read_card(Path(json.loads(result.stdout)["model"]))
    weights = read_card(first)["weight_hash"]
    begun = {"source": "expert-pong", "weights": weights, "learnt": ["pong"]}
    assert card["begin"] == begun
    assert f"--from {first}" in card["command"]
    refused(
        2,
        "a resumed run keeps its options",
        *words,
        "--resume",
        "--from",
        expert_folder / "pong.keras",
    )
    # Other layers: its features are not normalised.
    refused(2, "must have the same layers", *words, "--from", expert_folder / "pong.keras")
    refused(2, "Received: missing.keras", *words, "--from", "missing.keras")


def test_a_student_plays_as_its_expert_was_trained(
    amkit, tiny, expert_folder, scripted, pong, breakout, monkeypatch
):
    experts, opened = Path("experts"), []
    experts.mkdir()
    network = models.load_with_card(expert_folder / "breakout.keras")[0]
    played = {"fire_on_life_loss": True, "sticky_actions": 0.25, "source": "elsewhere"}
    card = {"kind": "expert", "games": ["breakout"], "played": played}
    models.save(network, experts / "breakout.keras", card)
    models.copy(expert_folder / "pong.keras", experts / "pong.keras")
    for game in (pong, breakout):
        atari.background(game)  # Looked at once, in the emulator.

    def recorded(games, envs, fire_games=(), **options):
        opened.append([game.name + " with FIRE" * (game.name in fire_games) for game in games])
        return scripted(games, envs)

    monkeypatch.setattr(atari, "AtariEnvironments", recorded)
    monkeypatch.setattr(build, "spread", partial(temperature.spread, steps=16, envs=2))
    words = ["--temperature-unit", "spread", "--test-epochs", 1]
    result = amkit("distill", "--experts", experts, *tiny, *words)
    assert result.exit_code == 0, result.output
    said = "; breakout: FIRE is pressed when a life begins, as in the network's training; actions"
    assert said in " ".join(result.stderr.split()) and "; pong" not in result.stderr
    assert ["breakout with FIRE", "pong"] in opened  # Played to learn.
    # One by one: each expert's spread, the test, and the scores of student, expert and random play.
    assert opened.count(["breakout with FIRE"]) == 4
    student = {"breakout": {"fire_on_life_loss": True, "source": "its expert"}}
    assert read_card(Path("runs/amn-all/model.keras"))["played_in"] == student
    config = json.loads(Path("runs/amn-all/config.json").read_text())
    assert config["played_in"] == {"breakout": played}


def test_expert_folders(refused, tiny, tmp_path, expert_folder):
    distill = ["distill", *tiny, "--experts"]
    refused(2, "which is not a folder", *distill, tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    refused(2, "holds no expert", *distill, tmp_path / "empty")
    refused(2, "Received: seaquest", *distill, expert_folder, "--games", "seaquest")
    assert not Path("runs").exists()


def test_two_experts_of_one_game(refused, tiny, tmp_path, expert_folder):
    for name in ("a", "b"):
        for ending in (".keras", ".json"):
            (tmp_path / (name + ending)).write_bytes((expert_folder / f"pong{ending}").read_bytes())
    refused(2, "two experts of pong", "distill", "--experts", tmp_path, *tiny)


def test_a_damaged_expert(refused, tiny, tmp_path, expert_folder):
    content = (expert_folder / "pong.keras").read_bytes()
    (tmp_path / "pong.json").write_bytes((expert_folder / "pong.json").read_bytes())
    (tmp_path / "pong.keras").write_bytes(content[:-1000])
    refused(1, "cut or damaged", "distill", "--experts", tmp_path, *tiny)
    (tmp_path / "pong.keras").write_bytes((expert_folder / "breakout.keras").read_bytes())
    refused(1, "does not match", "distill", "--experts", tmp_path, *tiny)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--epsilon", "-0.1"], "epsilon: should be greater than or equal to 0. Received: -0.1"),
        (["--temperature", "0"], "temperature: should be greater than 0. Received: 0.0"),
        (["--feature-weight", "-1"], "feature_weight: should be greater than or equal to 0"),
        (["--behaviour", "teacher"], "behaviour: should be 'student', 'expert' or 'both'"),
        (["--games", "pong,pong"], "each game only once"),
        (["--games", ","], "comma-separated"),
        (["--split", "all"], "multitask"),
        (["--split", "multitask", "--games", "pong"], "not both"),
    ],
)
def test_wrong_options(refused, tiny, words, match, expert_folder):
    refused(2, match, "distill", "--experts", expert_folder, *tiny, *words)
    assert not Path("runs").exists()


def test_experts_must_be_named(wrong):
    wrong("--experts", "distill")


@pytest.mark.usefixtures("scripted_games")
def test_a_damaged_run_or_other_experts(amkit, refused, tiny, tmp_path, expert_folder):
    folder = tmp_path / "experts"
    shutil.copytree(expert_folder, folder)
    words = ["distill", "--experts", folder, "--games", "pong", *tiny, "--run", "mine"]
    assert amkit(*words).exit_code == 0
    (tmp_path / "mine" / "model.keras").unlink()
    config = tmp_path / "mine" / "config.json"
    whole = config.read_text()
    config.write_text(whole.replace('"epsilon"', '"epsilom"'))
    refused(1, "does not describe a run", *words, "--resume")
    config.write_text(whole[:50])
    refused(1, "damaged", *words, "--resume")
    config.write_text(whole)
    models.save(nature_dqn(6), folder / "pong.keras", {"kind": "expert", "games": ["pong"]})
    refused(1, "does not hold the experts", *words, "--resume")


def test_steps_too_few_to_learn(refused, tiny, expert_folder):
    words = ["distill", "--experts", expert_folder, *tiny, "--steps", 60]
    refused(2, "steps must be 80 or more", *words)
