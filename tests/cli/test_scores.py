"""`amkit scores`. What it says of experts that were just trained is in test_train.py."""

import shutil
from pathlib import Path

import pytest


def test_the_page_of_shipped_models_is_written_by_a_command(amkit, shipped):
    table = amkit("scores", shipped, "--markdown").stdout.splitlines()
    rows = [line.strip() for line in table if line.strip().startswith("|")]
    assert len(rows) > 2
    page = [line.strip() for line in (shipped / "README.md").read_text().splitlines()]
    assert set(rows) <= set(page)


def test_a_figure_is_drawn_without_a_display(amkit, shipped, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    result = amkit("scores", shipped, "--figure", "curves.svg", "--json")
    assert result.exit_code == 0, result.output
    drawn = Path("curves.svg").read_text()
    assert "<svg" in drawn and "<title>Learning curves of " in drawn  # Its alternative text.
    assert result.stderr == "figure: curves.svg\n"


def test_the_table_fits_a_terminal(amkit, shipped):
    lines = amkit("scores", shipped).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("name_this_game ") for line in lines)


def test_any_encoding(in_ascii, shipped):
    assert "870,553 +/- 3,795" in in_ascii("scores", shipped)
    assert "| 870,553 +/- 3,795 |" in in_ascii("scores", shipped, "--markdown")
    in_ascii("scores", shipped, "--json")


def test_a_figure_needs_an_extra(refused, shipped, monkeypatch):
    monkeypatch.setattr("amkit.cli.console.find_spec", lambda name: None)
    match = "a figure needs amkit's extra 'plots': pip install"
    refused(2, match, "scores", shipped, "--figure", "curves.svg")


def test_a_damaged_card(refused, shipped):
    shutil.copy(shipped / "pong.keras", "pong.keras")
    Path("pong.json").write_text("{")
    refused(1, "pong.json is damaged", "scores", ".")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["missing"], "not a folder"),
        (["."], "holds no expert"),
        (["--json", "--markdown"], "not both"),
        (["--figure", "curves.pdf"], "a figure must end with .png or .svg"),
        (["--figure", "missing/curves.svg"], "a folder that can be written"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "scores", *words)
