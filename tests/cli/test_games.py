"""`amkit games`."""

import json


def test_games(amkit):
    result = amkit("games", "--json")
    games = json.loads(result.stdout)
    assert len(games) == 20 and games[0].keys() >= {"name", "splits", "actions", "expert"}
    assert "space_invaders" in amkit("games").stdout


def test_a_games_actions_and_their_places(amkit, refused, expert_folder):
    result = amkit("games", "Pong", "--experts", expert_folder)
    assert result.exit_code == 0, result.output
    cells = [line.split() for line in result.stdout.splitlines()]
    for row in (
        ["0", "NOOP", "1", "0"],
        ["2", "UP", "0", "-"],
        ["3", "RIGHT", "1", "2"],
        ["12", "LEFTFIRE", "1", "5"],
    ):
        assert row in cells
    codes = [row[0] for row in cells if len(row) == 4 and row[0].isdecimal()]
    assert codes == [str(code) for code in range(18)]
    assert "random -20.7, human 9.3, DQN 18.9" in result.stdout
    assert str(expert_folder / "pong.keras") in result.stdout
    (pong,) = json.loads(amkit("games", "pong", "--json").stdout)
    assert pong["name"] == "pong" and sum(pong["action_mask"]) == 6
    assert "UP" in amkit("games", "ms_pacman").stdout  # Without published scores.
    refused(2, "Nearest: pong", "games", "pongg")


def test_the_experts_at_hand(amkit, expert_folder):
    games = json.loads(amkit("games", "--experts", expert_folder, "--json").stdout)
    assert {g["name"] for g in games if g["expert"]} == {"pong", "breakout"}


def test_any_encoding(in_ascii):
    assert "space_invaders" in in_ascii("games")
    assert "RIGHTFIRE" in in_ascii("games", "pong")
