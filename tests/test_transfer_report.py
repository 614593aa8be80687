"""Reports on made-up transfers: areas against plain numpy, the pages, runs that do not fit."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from amkit import pages, transfer_report
from amkit.cli import app

PART = {"standard_error": 1.0, "games": 10}


def card(game="breakout", source="random", seed=0, rise=10.0, **changes):
    tests = [{"steps": s, "game": game, "mean": 2 + rise * s / 100, **PART} for s in (50, 100)]
    score = {
        "game": game, "protocol": "quick", "epsilon": 0.05, "mean": 2 + rise, **PART,
        "random": {"mean": 2.0, **PART},
    }  # fmt: skip
    return {
        "kind": "expert", "games": [game], "seed": seed, "steps": 100,
        "weight_hash": f"{game}{source}{seed}",
        "scores": [score], "tests": tests, "settings": {"steps": 100}, "test_protocol": "quick",
        "transfer": {"source": source}, **changes,
    }  # fmt: skip


def test_table_2():
    cards = [card(), card(source="amn", rise=20.0), card(source="amn", rise=30.0, seed=1)]
    random, amn = transfer_report.table_2(transfer_report.transfers(cards))
    assert (random["source"], random["runs"]) == ("random", 1)
    assert random["area"].value == random["area"].low == 1
    assert random["steps_to_match"] == 100
    assert [point["mean"] for point in amn["points"]] == [14.5, 27]
    assert amn["points"][0]["standard_error"] == pytest.approx(2.5)  # Between the two runs.
    assert amn["area"].value == pytest.approx((12.5 + 25) / (5 + 10))
    assert amn["steps_to_match"] == 50


def test_the_interval_lets_every_test_vary_by_its_error():
    cards = [card(rise=100.0), card(source="amn", rise=100.0)]
    _, amn = transfer_report.table_2(transfer_report.transfers(cards))
    spread = np.sqrt(2) * 1.0 / np.sqrt(2) / 75  # Two means of two tests, over an area of 75.
    assert amn["area"].high - amn["area"].low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_runs_that_are_high_are_high_in_all_their_tests():
    rises = {"random": (80.0, 100.0, 120.0), "amn": (160.0, 200.0, 240.0)}
    cards = [
        card(source=source, rise=rise, seed=seed)
        for source, own in rises.items()
        for seed, rise in enumerate(own)
    ]
    random, amn = transfer_report.table_2(transfer_report.transfers(cards))
    assert (random["runs"], amn["area"].value) == (3, pytest.approx(2.0))
    rng = np.random.default_rng(1)
    # Both kinds of runs spread alike: together four degrees of freedom.
    spread = np.std(np.log([80, 100, 120]), ddof=1)
    t = rng.normal(size=100_000) / np.sqrt(rng.chisquare(4, 100_000) / 4)
    low, high = np.percentile(2 * np.exp(spread * np.sqrt(2 / 3) * t), [2.5, 97.5])
    assert amn["area"].low == pytest.approx(low, rel=0.05)
    assert amn["area"].high == pytest.approx(high, rel=0.05)


def test_no_area_above_a_chance_of_another_emulator():
    cards = [card(), card(source="amn", rise=20.0)]
    for made in cards:
        made["scores"][0]["protocol"] = "sticky"
    _, amn = transfer_report.table_2(transfer_report.transfers(cards))
    assert np.isnan(amn["area"].value)


@pytest.mark.parametrize(
    ("cards", "match"),
    [
        ([card(source="amn")], "needs --from none too"),
        ([card(), card("pong", source="amn")], "needs --from none too. Received: none of pong"),
        ([card(), card(source="amn", settings={"steps": 200})], "differ in first weights and seed"),
        ([card(tests=[])], "was not tested"),
        ([card(), card(source="amn", tests=card()["tests"][:1])], "tested at the same steps"),
        ([card(), card(), card(source="amn")], "each run once"),
        ([card(), card("pong", tests=card("pong")["tests"][:1])], "tested at the same steps"),
        ([card(), card(source="amn", precision="float32")], "different precision"),
        ([card(), card(transfer={"source": "random", "body": "wide"})], "begin alike"),
        ([card(), {"kind": "amn", "games": ["pong"]}], "of `amkit transfer` alone"),
    ],
)
def test_runs_that_cannot_be_compared(cards, match):
    with pytest.raises(ValueError, match=match):
        transfer_report.transfers(cards)


def test_no_ratio_to_random_weights_that_learnt_nothing():
    cards = [card(rise=0.0), card(source="amn", rise=20.0)]
    _, amn = transfer_report.table_2(transfer_report.transfers(cards))
    assert np.isnan(amn["area"].value)


def test_no_table_of_the_papers_without_its_games(tmp_path):
    cards = [card("pong"), card("pong", source="amn")]
    pages.write_transfer(transfer_report.transfers(cards), tmp_path)
    assert "Table 2 of the paper" not in (tmp_path / "report.md").read_text()


def test_the_command_writes_everything(tmp_path):
    folders = []
    for i, made in enumerate([card(), card(source="amn", rise=20.0), card("pong")]):
        folder = tmp_path / f"run{i}"
        folder.mkdir()
        (folder / "model.keras").write_bytes(b"")
        (folder / "model.json").write_text(json.dumps(made))
        folders.append(str(folder))
    out = tmp_path / "out"
    words = ["report", *folders, "--output", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "amn" in result.stdout and "2.00" in result.stdout
    assert {path.name for path in out.iterdir()} == {
        "index.html", "report.md", "table_2.csv", "areas.csv", "figure_7.png", "figure_7.svg",
    }  # fmt: skip
    page = (out / "report.md").read_text()
    assert "| breakout | amn | 1 | 12.0 ± 1.0 | 22.0 ± 1.0 |" in page
    assert "Table 2 of the paper, on another scale" in page
    assert "| breakout | AMN-policy | 18.4 | 102.1 | 216.0 |" in page
    areas = list(csv.DictReader((out / "areas.csv").open()))
    assert [float(row["area"]) for row in areas] == [1, 2, 1]
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert answer["curves"][1]["area"]["value"] == 2
