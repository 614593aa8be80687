"""Configurations: options, presets, temperatures."""

import random
from functools import partial

import numpy as np
import pytest

from amkit.games.atari import find_game
from amkit.jobs import build, configuration
from amkit.learning.temperature import spread
from amkit.networks.bodies import nature_dqn
from amkit.storage import models, run_folders
from amkit.storage.experts import load_experts


def test_a_setting_that_a_preset_has_not():
    options = {"precision": "float32", "passes": 1, "envs": 2}
    with pytest.raises(ValueError, match="tiny-dqn has the settings .* Received: passes"):
        configuration.expert_config("pong", preset="tiny-dqn", **options)


@pytest.mark.usefixtures("scripted_games")
def test_a_temperature_of_each_game_is_a_share_of_its_experts_spread(tmp_path, pong, monkeypatch):
    monkeypatch.setattr(build, "spread", partial(spread, steps=16, envs=2))
    network = nature_dqn(6)
    output = network.get_layer("output")
    kernel, bias = output.get_weights()
    output.set_weights([0 * kernel, np.array([0, 0.1, -0.1, 0.2, 0, 0], np.float32)])
    models.save(network, tmp_path / "pong.keras", {"kind": "expert", "games": ["pong"]})
    (expert,) = load_experts(tmp_path)
    assert spread(expert, steps=16, envs=2) == pytest.approx(0.3)
    options = {"preset": "tiny", "precision": "float32", "temperature_unit": "spread"}
    config = configuration.distill_config(tmp_path, temperature=0.2, **options)
    job = build.build(config, 0)
    job.environments.close()
    assert job.learner.temperatures == pytest.approx([0.06])
    fixed = configuration.distill_config(tmp_path, preset="tiny", precision="float32")
    assert fixed.temperatures == {"pong": 0.05}
    output.set_weights([0 * kernel, 0 * bias])
    models.save(network, tmp_path / "pong.keras", {"kind": "expert", "games": ["pong"]})
    config = configuration.distill_config(tmp_path, temperature=0.2, **options)
    with pytest.raises(ValueError, match="differ between actions"):
        build.build(config, 0)


def test_few_minutes_are_for_a_smaller_student(monkeypatch, expert_folder):
    def preset(**asked):
        options = {"precision": "float32", "jit_compile": False, **asked}
        return configuration.distill_config(expert_folder, **options).preset

    # 200,000 samples of each of two games in 15 minutes.
    for rate, expected in ((444, "short"), (445, "laptop")):
        monkeypatch.setattr(configuration.rates, "training_rate", lambda *way, r=rate, **how: r)
        assert preset() == expected
        assert preset(minutes=16) == "laptop" and preset(minutes=14) == "short"
        assert preset(steps=10_000) == preset(body="wide") == "laptop"
        assert preset(preset="laptop") == "laptop" and preset(preset="short") == "short"
    with pytest.raises(ValueError, match="objective"):
        preset(objective="q")


TINY = {"preset": "tiny", "precision": "float32"}


def configurations(folder):
    return [
        configuration.expert_config("pong", seed=3, **TINY),
        configuration.expert_config("pong", preset="tiny-dqn", precision="float32"),
        configuration.distill_config(folder, **TINY),
        configuration.baseline_config("mcdqn", ["pong", "breakout"], **TINY),
        configuration.transfer_config("breakout", None, **TINY),
    ]


def test_a_configuration_is_the_same_after_a_run_folder(tmp_path, expert_folder):
    for i, begun in enumerate(configurations(expert_folder)):
        with run_folders.Run(tmp_path / str(i), begun.to_json()):
            pass
        with run_folders.Run(tmp_path / str(i)) as run:
            assert configuration.read_configuration(run) == begun


def test_the_algorithm_is_named(expert_folder):
    names = [one.to_json()["algorithm"] for one in configurations(expert_folder)]
    assert names == ["pqn", "dqn", "actor_mimic", "pqn", "pqn"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed: should be greater than or equal to 0. Received: -1"),
        ({"algorithm": "ppo"}, "algorithm must be one of dqn, pqn, .*. Received: 'ppo'"),
        ({"algorithm": ["pqn"]}, r"algorithm must be one of dqn, .* Received: \['pqn'\]"),
        ({"settings": 5}, "settings must be an object. Received: 5"),
        ({"settings": {"epsilon": [[100, 1.0]]}}, "epsilon: steps begin at 0 and increase"),
        ({"settings": {"epsilon": []}}, "epsilon: steps begin at 0 and increase"),
        ({"settings": {"epsilon": [[0, 5.0]]}}, "epsilon.0.1: should be less than or equal to 1"),
        ({"settings": {"hold": [[0, 0.5]]}}, "hold.0.1: should be greater than or equal to 1"),
        ({"kind": "king"}, "kind: should be 'expert', 'amn', 'mdqn' or 'mcdqn'"),
        ({"protocol": "golf"}, "protocol must be one of .* Received: 'golf'"),
        ({"games": []}, "games: "),
        ({"settings": {"steps": 0}}, "steps: should be greater than or equal to 1"),
        ({"bodies": 1}, "bodies: "),
        ({"precision": "float8"}, "precision: should be 'float32' or 'mixed_bfloat16'"),
    ],
)
def test_a_damaged_configuration_is_one_line(tmp_path, change, message):
    begun = configuration.expert_config("pong", **TINY).to_json()
    document = {**begun, **change}
    if isinstance(change.get("settings"), dict):
        document["settings"] = {**begun["settings"], **change["settings"]}
    with (
        run_folders.Run(tmp_path / "run", document) as run,
        pytest.raises(run_folders.DamagedRun, match=message) as caught,
    ):
        configuration.read_configuration(run)
    assert "\n" not in str(caught.value)


def test_what_is_built_does_not_touch_the_callers_random_states(expert_folder):
    random.seed(5), np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5), np.random.seed(5)
    job = build.build(configuration.expert_config("pong", seed=1, **TINY), 0)
    job.environments.close()
    assert (random.random(), np.random.random()) == expected


def test_a_bug_in_building_is_not_called_a_damaged_run(monkeypatch):
    def broken(*words, **options):
        raise TypeError("a bug of ours")

    monkeypatch.setattr(build, "nature_dqn", broken)
    with pytest.raises(TypeError, match="a bug of ours"):
        build.build(configuration.expert_config("pong", **TINY), 0)


def test_emulators_are_closed_if_the_training_cannot_be_made(scripted, monkeypatch):
    closed = []
    environments = scripted([find_game("pong")], 4)
    environments.close = lambda: closed.append(True)
    monkeypatch.setattr(build, "make", lambda *words, **options: environments)
    memories = {"replay_steps": 2, "preset": "tiny-dqn", "precision": "float32"}
    with pytest.raises(ValueError, match="replay memory"):
        build.build(configuration.expert_config("pong", **memories), 0)
    assert closed
