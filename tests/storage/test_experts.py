"""Experts on disk: found by their cards, each file read once."""

from pathlib import Path

import pytest

from amkit.storage import cards, experts, keras_files, models


def test_a_card_is_read_once_and_a_network_once(expert_folder, monkeypatch):
    """A card was read again when its network was loaded."""
    opened = []
    read = cards.read_bounded

    def counting(path, *arguments):
        opened.append(Path(path).name)
        return read(path, *arguments)

    for module in (cards, keras_files):
        monkeypatch.setattr(module, "read_bounded", counting)
    built = []
    build = keras_files.build
    monkeypatch.setattr(keras_files, "build", lambda file: built.append(file.path) or build(file))
    (pong,) = experts.load_experts(expert_folder, ["pong"])
    assert sorted(opened) == ["breakout.json", "pong.json", "pong.keras"]
    assert built == [expert_folder / "pong.keras"]
    assert pong.card["weight_hash"] == models.weight_hash(pong.network)
    assert pong.feature_size == 128


def test_listing_reads_cards_alone(expert_folder):
    listed = experts.find_experts(expert_folder)
    assert list(listed) == ["breakout", "pong"]
    pong = listed["pong"]
    assert (pong.game.name, pong.path.name) == ("pong", "pong.keras")
    assert pong.card["games"] == ["pong"]
    assert pong.load().network.output.shape == (None, 6)


@pytest.mark.parametrize("ask", [experts.find_experts, experts.load_experts, experts.results])
def test_a_folder_that_is_not_there_says_where_the_shipped_ones_are(tmp_path, ask):
    with pytest.raises(experts.ExpertError, match="in pretrained/ of amkit's repository: clone it"):
        ask(tmp_path / "pretrained")
