"""`amkit baseline`."""

import json
from pathlib import Path

import pytest

from amkit.storage.cards import read_card


@pytest.mark.usefixtures("scripted_games")
@pytest.mark.parametrize("architecture", ["mdqn", "mcdqn"])
def test_baseline_then_evaluate(amkit, refused, tiny, architecture):
    asked = ["baseline", architecture, "--games", "pong,breakout", "--test-epochs", 2, *tiny]
    answer = json.loads(amkit(*asked, "--json").stdout)
    assert {score["game"] for score in answer["scores"]} == {"pong", "breakout"}
    card = read_card(Path(answer["model"]))
    assert card["kind"] == architecture and card["outputs"] == (
        18 if architecture == "mdqn" else 36
    )
    assert card["command"].startswith(f"amkit baseline {architecture} --games pong,breakout")
    assert [(row["steps"], row["game"]) for row in card["tests"]] == [
        (128, "pong"), (128, "breakout"), (256, "pong"), (256, "breakout"),
    ]  # fmt: skip
    result = amkit(
        "evaluate", answer["model"], "--games", "breakout", "--protocol", "tiny", "--json"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["game"] == "breakout"
    wrong = ["evaluate", answer["model"], "--games", "tennis" if architecture == "mcdqn" else "x"]
    refused(2, "Received: ", *wrong)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["xdqn"], "a baseline must be one of mdqn, mcdqn"),
        (["mdqn", "--games", "pong"], "a baseline must learn 2 to 20 games"),
        (["mdqn", "--test-epochs", "-1"], "--test-epochs"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "baseline", *words)
