"""Guessing what helps: the reward ahead by its definition, R^2 on what was never learnt from."""

import json
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from amkit.cli import app
from amkit.networks.bodies import actor_mimic_network, nature_dqn
from amkit.storage import models
from amkit.storage.cards import read_card
from amkit.transfer import relate
from amkit.transfer.relate import DISCOUNT, Frames


class Features:
    """Stands in for a network: features that are a function of the frame's corner."""

    def __init__(self, function):
        self.function = function
        self.network = self  # A candidate, too.

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
    monkeypatch.setattr(relate, "make", scripted)
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
    with pytest.raises(relate.TooFewRewards, match="4 parts without rewards"):
        relate.relate(Frames(frames.observation, np.zeros((60, 8))), candidates)
    ahead = frames.reward_ahead.copy()
    ahead[:, [1, 5]] = 0  # A fold.
    with pytest.raises(relate.TooFewRewards, match="1 parts without rewards"):
        relate.relate(Frames(frames.observation, ahead), candidates)


def test_a_game_without_rewards_is_one_line(frames, tmp_path, expert_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    silent = Frames(frames.observation, np.zeros((60, 8)))
    monkeypatch.setattr(relate, "play_at_random", lambda *words, **options: silent)
    result = CliRunner().invoke(app, ["relate", "boxing", "--experts", str(expert_folder)])
    assert result.exit_code == 1 and result.stderr.count("\nerror: ") <= 1
    assert (
        isinstance(result.exception, SystemExit)
        and "random play must find rewards" in result.stderr
    )


@pytest.mark.usefixtures("scripted_games")
def test_the_command(tmp_path, expert_folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Fewer features: the regression on 1,764 takes longer than all else.
    monkeypatch.setattr(relate, "pixels", partial(relate.pixels, 12))
    words = ["relate", "boxing", "--experts", str(expert_folder), "--steps", "1024"]
    result = CliRunner().invoke(app, [*words, "--json", "--output", "guess.json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert json.loads(Path("guess.json").read_text()) == answer
    assert (answer["target"], answer["steps"], answer["frames"], answer["seed"]) == (
        "boxing", 1024, 4096, 0
    )  # fmt: skip
    rows = {row["name"]: row for row in answer["candidates"]}
    assert rows.keys() == {"pong", "breakout", "random weights", "pixels"}
    for name in ("pong", "breakout"):
        card = read_card(expert_folder / f"{name}.keras")
        assert rows[name]["weight_hash"] == card["weight_hash"]
    assert rows["pixels"]["weight_hash"] is None
    assert not any(row["knows_target"] for row in rows.values())


def test_a_candidate_that_has_learnt_the_target_is_marked(tmp_path, frames, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(relate, "play_at_random", lambda *words, **options: frames)

    def judge(frames, candidates, tell):  # What they are worth is measured by others.
        return [{"name": name, "r_squared": 0.5, "standard_error": 0.1} for name in candidates]

    monkeypatch.setattr(relate, "relate", judge)
    begun = {"source": "breakout", "learnt": ["breakout"]}
    for name, games, more in (
        ("amn", ["pong", "breakout"], {}),
        ("heir", ["pong"], {"begin": begun}),
        ("other", ["pong"], {}),
    ):
        card = {"kind": "amn", "games": games, **more}
        models.save(nature_dqn(18), Path(f"{name}.keras"), card)
    words = ["relate", "breakout"]
    for name in ("amn", "heir", "other"):
        words += ["--from", f"{name}.keras"]
    result = CliRunner().invoke(app, [*words, "--output", "guess.json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(Path("guess.json").read_text())["candidates"]
    assert [row["name"] for row in rows if row["knows_target"]] == ["amn", "heir"]
    shown = result.stdout.splitlines()
    assert [line.split()[0] for line in shown if "has learnt breakout" in line] == [
        "amn", "heir",
    ]  # fmt: skip
    assert "pixels" in result.stdout


def test_random_weights_are_of_the_layers_and_the_target_not_of_the_first_candidate(tmp_path):
    """Whoever comes first: three networks, fresh, with the background that is asked for."""
    for name, background in (("bright", 200), ("dark", 0)):
        network = actor_mimic_network(normalize_features=True, background=background)
        card = {"kind": "amn", "games": ["pong"]}
        models.save(network, tmp_path / f"{name}.keras", card)
    paths = [tmp_path / "bright.keras", tmp_path / "dark.keras"]
    rows = np.random.default_rng(0).integers(0, 256, (3, 4, 84, 84), np.uint8)
    one, other = (
        relate.candidates(p, 87)["random weights"].network(rows) for p in (paths, paths[::-1])
    )
    assert one.shape == (3, relate.DRAWS, 128)
    np.testing.assert_array_equal(one, other)
    keras.utils.set_random_seed(0)
    first = actor_mimic_network(normalize_features=True, background=87)
    features = keras.Model(first.input, first.get_layer("features").output)(rows)
    np.testing.assert_allclose(one[:, 0], features, rtol=1e-5, atol=1e-5)
    assert np.abs(one[:, 0] - one[:, 1]).max() > 0.1


def test_each_kind_of_layers_has_random_weights_of_its_own(tmp_path):
    for name, body, normalize in (("wide", "wide", True), ("plain", "nature", False)):
        network = actor_mimic_network(body, normalize_features=normalize)
        models.save(network, tmp_path / f"{name}.keras", {"kind": "amn", "games": ["pong"]})
    found = relate.candidates([tmp_path / "wide.keras", tmp_path / "plain.keras"])
    assert list(found) == [
        "wide", "plain", "random weights (nature, features not normalised)",
        "random weights (wide, features normalised)", "pixels",
    ]  # fmt: skip


def test_several_networks_count_by_their_mean(frames):
    def stacked(x):
        return np.stack([x[:, :1], x[:, 2:]], axis=1)

    singles = {"half": Features(lambda x: x[:, :1]), "nothing": Features(lambda x: x[:, 2:])}
    expected = np.mean([row["r_squared"] for row in relate.relate(frames, singles)])
    (row,) = relate.relate(frames, {"both": Features(stacked)})
    assert row["r_squared"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["boxing"], "--from or --experts"),
        (["boxxing", "--experts", "."], "boxing"),
        (["boxing", "--experts", "."], "experts of games other than the target"),
        (["boxing", "--from", "gone.keras"], "Received: gone.keras"),
        (["boxing", "--from", "plain.keras"], "layer called features"),
        (["boxing", "--from", "maps.keras"], "layer called features"),
        (["boxing", "--from", "one/pong.keras", "--output", "gone/a.json"], "can be written"),
        (["boxing", "--from", "one/pong.keras", "--from", "two/pong.keras"], "different names"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, words, match):
    monkeypatch.chdir(tmp_path)
    observation = keras.Input((4, 84, 84), dtype="uint8")
    plain = keras.Model(observation, keras.layers.Dense(3)(keras.layers.Flatten()(observation)))
    models.save(plain, tmp_path / "plain.keras", {"kind": "amn", "games": ["pong"]})
    maps = keras.layers.Conv2D(2, 8, 8, name="features", data_format="channels_first")(observation)
    maps = keras.Model(observation, keras.layers.Dense(3)(keras.layers.Flatten()(maps)))
    models.save(maps, tmp_path / "maps.keras", {"kind": "amn", "games": ["pong"]})
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        card = {"kind": "expert", "games": ["pong"]}
        models.save(nature_dqn(6), tmp_path / folder / "pong.keras", card)
    result = CliRunner().invoke(app, ["relate", *words])
    assert result.exit_code == 2, result.output
    assert match in " ".join(result.stderr.split()) and "Traceback" not in result.output
