"""Recordings: in step with the emulator, and files that can be opened."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from amkit.evaluation import live, recording
from amkit.evaluation.whole_games import random_network
from amkit.networks.bodies import nature_dqn
from amkit.storage.cards import is_policy


def test_the_screen_is_what_the_network_sees(pong):
    """Two emulators in lockstep: the colour screen, made grey and small, is the newest frame."""
    from amkit.games.atari import AtariEnvironments, Screen

    environments = AtariEnvironments([pong], 1, seed=5, life_loss_terminal=False)
    screen = Screen(pong, seed=5)
    rng = np.random.default_rng(0)
    for _ in range(60):
        action = int(rng.choice(pong.action_codes))
        environments.step(np.array([action]))
        screen.step(action)
        luminance = Image.fromarray(screen.pixels).convert("L")
        small = np.asarray(luminance.resize((84, 84), Image.Resampling.BOX), float)
        assert np.abs(small - environments.observation[0, -1]).mean() < 6
    environments.close()
    screen.close()


def test_what_it_opened_is_closed_also_where_the_screen_cannot_be_opened(pong, monkeypatch):
    from amkit.games.atari import AtariEnvironments

    closed = []
    monkeypatch.setattr(AtariEnvironments, "close", lambda self: closed.append(self))
    list(recording.play(random_network, pong, steps=2))
    assert len(closed) == 1

    def fail(game, seed, fire):
        raise MemoryError

    monkeypatch.setattr(live, "Screen", fail)
    with pytest.raises(MemoryError):
        list(recording.play(random_network, pong))
    assert len(closed) == 2


@pytest.mark.parametrize("policy", [True, False])
@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_a_video_has_one_picture_per_step(pong, tmp_path, policy, ending):
    network = nature_dqn(18 if policy else 6)
    moments = list(recording.play(network, pong, seed=1, steps=7))
    assert len(moments) == 7 and moments[0].values.shape == (6,)
    path = tmp_path / f"pong{ending}"
    steps, score = recording.write(iter(moments), pong, policy, path)
    assert (steps, score) == (7, 0.0)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if ending == ".gif":
        with Image.open(path) as video:
            assert video.size == (650, 420)
            assert sum(1 for _ in ImageSequence.Iterator(video)) >= 2
    else:
        import imageio.v3 as iio

        assert iio.imread(path, plugin="pyav").shape == (7, 420, 650, 3)


@pytest.mark.parametrize(
    ("card", "policy"),
    [
        ({"kind": "amn"}, True),
        ({"kind": "amn", "settings": {"objective": "policy"}}, True),
        ({"kind": "amn", "settings": {"objective": "q_values"}}, False),
        ({"kind": "mdqn", "settings": {}}, False),
        ({"kind": "expert"}, False),
    ],
)
def test_what_imitated_policies_is_shown_as_one(card, policy):
    assert is_policy(card) is policy


def test_paths_are_checked(tmp_path):
    with pytest.raises(ValueError, match=r"must end with .gif or .mp4"):
        recording.check_path(tmp_path / "pong.avi")
    with pytest.raises(ValueError, match="folder that can be written"):
        recording.check_path(tmp_path / "missing" / "pong.gif")
    (tmp_path / "folder.gif").mkdir()
    with pytest.raises(ValueError, match="a video must be a file. Received: .*, a folder"):
        recording.check_path(tmp_path / "folder.gif")
