"""Guessing what helps: the reward ahead by its definition, R^2 on what was never learnt from."""

import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from amkit import model_files, relate
from amkit.cli import app
from amkit.networks import nature_dqn
from amkit.relate import DISCOUNT, Frames


class Features:
    """Stands in for a network: features that are a function of the frame's corner."""

    def __init__(self, function):
        self.function = function

    def predict(self, observation, **ignored):
        return self.function(observation[:, -1, 0, :3].astype(float) / 255)


@pytest.fixture
def frames():
    """The reward ahead is linear in two bytes of the frame; the third says nothing."""
    rng = np.random.default_rng(0)
    observation = np.zeros((60, 8, 4, 84, 84), np.uint8)
    observation[:, :, -1, 0, :3] = rng.integers(0, 256, (60, 8, 3))
    told = observation[:, :, -1, 0, :3] / 255
    return Frames(observation, 2 * told[..., 0] - told[..., 1] + 0.01 * rng.normal(size=(60, 8)))


def test_the_better_features_come_first(frames):
    candidates = {
        "nothing": Features(lambda x: x[:, 2:]),
        "half": Features(lambda x: x[:, :1]),
        "all": Features(lambda x: x),
    }
    rows = relate.relate(frames, candidates)
    assert [row["name"] for row in rows] == ["all", "half", "nothing"]
    assert rows[0]["r_squared"] > 0.99
    assert rows[1]["r_squared"] == pytest.approx(0.8, abs=0.05)  # 4 / (4 + 1) of the variance.
    assert rows[2]["r_squared"] < 0.05


def test_what_is_learnt_by_heart_does_not_count(frames):
    """As many features as steps, of noise: any target can be fitted, none foretold."""
    noise = np.random.default_rng(1)
    rows = relate.relate(frames, {"noise": Features(lambda x: noise.normal(size=(len(x), 300)))})
    assert rows[0]["r_squared"] < 0.1


def test_reward_ahead_is_the_discounted_sum_until_a_life_is_lost(scripted, pong, monkeypatch):
    monkeypatch.setattr(relate, "AtariEnvironments", scripted)
    found = relate.play_at_random(pong, steps=200, envs=4)
    assert found.observation.shape == (50, 4, 4, 84, 84)
    monkeypatch.undo()
    environments = scripted([pong], 4)
    policy = relate.EpsilonGreedy(
        relate.random_network, environments.action_masks, np.random.default_rng(0), epsilon=1.0
    )
    steps = list(relate.islice(relate.rollout(environments, policy), 150))
    for t in (0, 7, 31):
        for n in range(4):
            expected = 0.0
            for k, step in enumerate(steps[t:]):
                if step.cut[n]:
                    break
                expected += DISCOUNT**k * float(np.clip(step.reward[n], -1, 1))
                if step.terminal[n]:
                    break
            assert found.reward_ahead[t, n] == pytest.approx(expected)


def test_a_game_without_rewards(frames):
    candidates = {"all": Features(lambda x: x)}
    with pytest.raises(relate.TooFewRewards, match="4 parts without any"):
        relate.relate(Frames(frames.observation, np.zeros((60, 8))), candidates)
    ahead = frames.reward_ahead.copy()
    ahead[:, [1, 5]] = 0  # A fold.
    with pytest.raises(relate.TooFewRewards, match="1 parts without any"):
        relate.relate(Frames(frames.observation, ahead), candidates)


def test_a_game_without_rewards_is_one_line(frames, tmp_path, expert_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    silent = Frames(frames.observation, np.zeros((60, 8)))
    monkeypatch.setattr(relate, "play_at_random", lambda *words, **options: silent)
    result = CliRunner().invoke(app, ["relate", "boxing", "--experts", str(expert_folder)])
    assert result.exit_code == 1 and result.stderr.count("\nerror: ") <= 1
    assert isinstance(result.exception, SystemExit) and "more rewards" in result.stderr


def test_the_command(tmp_path, expert_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["relate", "boxing", "--experts", str(expert_folder), "--steps", "1024"]
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    names = {row["name"] for row in json.loads(result.stdout)["candidates"]}
    assert names == {"pong", "breakout", "random weights", "pixels"}
    assert "pixels" in CliRunner().invoke(app, words).stdout


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["boxing"], "--from or --experts"),
        (["boxxing", "--experts", "."], "boxing"),
        (["boxing", "--experts", "."], "experts of other games"),
        (["boxing", "--from", "plain.keras"], "layer called features"),
        (["boxing", "--from", "one/pong.keras", "--from", "two/pong.keras"], "different names"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, words, match):
    monkeypatch.chdir(tmp_path)
    observation = keras.Input((4, 84, 84), dtype="uint8")
    plain = keras.Model(observation, keras.layers.Dense(3)(keras.layers.Flatten()(observation)))
    model_files.save(plain, tmp_path / "plain.keras", {"kind": "amn", "games": ["pong"]})
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        card = {"kind": "expert", "games": ["pong"]}
        model_files.save(nature_dqn(6), tmp_path / folder / "pong.keras", card)
    result = CliRunner().invoke(app, ["relate", *words])
    assert result.exit_code == 2, result.output
    assert match in " ".join(result.stderr.split()) and "Traceback" not in result.output
