"""Reports on made-up distillations that differ in an option."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from amkit.cli import app
from amkit.reports import ablations, statistics

GAMES = ("boxing", "pong")


def card(means, seed=0, **changes):
    rng = np.random.default_rng(seed)
    part = {"games": 30, "standard_error": 0.1}
    scores = []
    for game, mean in zip(GAMES, means, strict=True):
        values = rng.normal(0, 1, 30)
        scores.append(
            {
                "game": game,
                "protocol": "paper",
                "epsilon": 0.05,
                "mean": mean,
                **part,
                "scores": (values - values.mean() + mean).tolist(),
                "random": {"mean": 0.0, **part},
                "expert": {"mean": 20.0, **part},
            }
        )
    settings = {"temperature": 0.05, "behaviour": "both", "steps": 200}
    return {
        "kind": "amn", "games": list(GAMES), "seed": seed, "preset": "laptop", "scores": scores,
        "steps": 200, "minutes": 1.5, "expert_weights": ["a", "b"], "test_protocol": "quick",
        "weight_hash": f"{means}{seed}{changes}", **changes,
        "settings": settings | changes.get("settings", {}),
    }  # fmt: skip


def table(*cards):
    return ablations.table(ablations.ablations(cards))


def test_variants_are_named_after_what_is_different():
    rows = table(
        card((18.0, 18.0)),
        card((10.0, 10.0), settings={"temperature": 1.0}),
        card((18.0, 14.0), seed=1),
        card((12.0, 12.0), settings={"behaviour": "student", "steps": 100}, steps=100),
    )
    names = [(row["variant"], row["runs"], row["steps"]) for row in rows]
    assert names == [
        ("temperature 0.05, behaviour both, steps 200", 2, 200),
        ("temperature 1", 1, 200),
        ("behaviour student, steps 100", 1, 100),
    ]


def test_the_first_is_not_taken_for_the_preset():
    first, other = table(
        card((10.0, 10.0), settings={"behaviour": "student"}),
        card((18.0, 18.0), settings={"behaviour": "expert"}),
    )
    assert (first["variant"], other["variant"]) == ("behaviour student", "behaviour expert")


def test_the_number_format_is_an_option_too():
    cards = [card((18.0, 18.0), precision=name) for name in ("float32", "mixed_bfloat16")]
    assert ablations.differ(cards)
    assert [row["variant"] for row in table(*cards)] == [
        "precision float32",
        "precision mixed_bfloat16",
    ]


def test_what_a_student_began_as_is_an_option_by_its_weights():
    begun = [{"source": "breakout", "weights": 64 * name} for name in "ab"]
    cards = [card((18.0, 18.0)), *(card((18.0, 18.0), begin=begin) for begin in begun)]
    assert ablations.differ(cards[1:])  # Two files of one name.
    assert [row["variant"] for row in table(*cards)] == [
        "from random",
        "from breakout (aaaaaaaa)",
        "from breakout (bbbbbbbb)",
    ]
    assert [row["variant"] for row in table(*cards[:2])] == ["from random", "from breakout"]


def test_means_and_differences():
    first, other = table(card((18.0, 8.0)), card((9.0, 4.0), settings={"temperature": 1.0}))
    assert first["difference"] is None
    assert first["geometric_mean"].value == pytest.approx(np.sqrt(0.9 * 0.4))
    difference = other["difference"]
    assert difference.value == pytest.approx(-0.3)
    assert difference.low < -0.3 < difference.high < -0.2
    assert other["scores"]["boxing"].value == pytest.approx(0.45)


def test_what_differs_in_seeds_alone_is_no_ablation():
    alike = [card((18.0, 18.0)), card((17.0, 17.0), seed=1)]
    assert not ablations.differ(alike)
    assert ablations.differ([*alike, card((18.0, 18.0), settings={"temperature": 1.0})])
    assert not ablations.differ([card((18.0, 18.0)), {**card((1.0, 1.0)), "kind": "mdqn"}])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"expert_weights": ["a", "c"]}, "different expert_weights"),
        ({"games": ["pong", "enduro"]}, "different games"),
        ({"test_protocol": "paper"}, "different test_protocol"),
    ],
)
def test_runs_that_cannot_be_compared(change, match):
    with pytest.raises(ValueError, match=match):
        table(card((18.0, 18.0)), card((9.0, 9.0), settings={"temperature": 1.0}, **change))


def test_scores_of_another_protocol_cannot_be_compared():
    other = card((9.0, 9.0), settings={"temperature": 1.0})
    for entry in other["scores"]:
        entry["protocol"] = "quick"
    with pytest.raises(ValueError, match="have one protocol"):
        table(card((18.0, 18.0)), other)


def test_the_command(tmp_path):
    cards = [card((18.0, 8.0)), card((9.0, 4.0), settings={"temperature": 1.0})]
    cards[1]["games"].reverse()  # Their order makes no difference.
    cards[1]["scores"].reverse()
    runs = [tmp_path / name for name in ("as-it-is", "tau-1")]
    for folder, found in zip(runs, cards, strict=True):
        folder.mkdir()
        (folder / "model.keras").write_bytes(b"")
        (folder / "model.json").write_text(json.dumps(found))
    words = ["report", *map(str, runs), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "temperature 1" in result.stdout and "-0.30" in result.stdout
    out = tmp_path / "out"
    names = {"index.html", "report.md", "variants.csv", "variants.png", "variants.svg"}
    assert {path.name for path in out.iterdir()} == names
    _, other = csv.DictReader((out / "variants.csv").open())
    assert float(other["boxing"]) == pytest.approx(0.45) and other["variant"] == "temperature 1"
    rows = [line.split("|") for line in (out / "report.md").read_text().splitlines()]
    means, scores = [row for row in rows if row[1:] and row[1].strip() == "temperature 1"]
    assert " 0.30 " in means[4] and "-0.30" in means[5]
    assert " 0.45 " in scores[2] and " 0.20 " in scores[3]  # Boxing, then Pong.
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert answer["variants"][0]["difference"] is None
    assert answer["variants"][1]["scores"]["pong"]["value"] == pytest.approx(0.2)


def test_a_geometric_mean_counts_random_play_as_a_hundredth():
    assert statistics.geometric_mean(np.array([[-1.0, 1.0]])) == pytest.approx(0.1)
