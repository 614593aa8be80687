"""Reports on made-up runs: numbers against plain numpy, pages, and runs that do not fit."""

import csv
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from amkit.cli import app
from amkit.networks.bodies import actor_mimic_network
from amkit.reports import figures, multitask, pages, recorded, statistics, text
from amkit.reports.text import Estimate
from amkit.storage import models

GAMES = ("pong", "breakout")


def score(game, mean, rng, games=40):
    values = rng.normal(mean, 2, games)
    values += mean - values.mean()
    part = {"games": games, "standard_error": 0.1}
    return {
        "game": game, "protocol": "paper", "epsilon": 0.05, "scores": values.tolist(), "mean": mean,
        **part, "random": {"mean": 0.0, **part}, "expert": {"mean": 20.0, **part},
    }  # fmt: skip


def card(kind="amn", seed=0, means=(18.0, 10.0), **changes):
    rng = np.random.default_rng(seed)
    entries = [score(game, mean, rng) for game, mean in zip(GAMES, means, strict=True)]
    tests = [
        {"steps": s, "game": g, "mean": s / 10 + seed, "standard_error": 1.0, "games": 10}
        for s in (100, 200)
        for g in GAMES
    ]
    return {
        "kind": kind, "games": list(GAMES), "seed": seed, "scores": entries, "tests": tests,
        "steps": 200, "minutes": 1.5, "weight_hash": f"{kind}{seed}", "test_protocol": "quick",
        **changes,
    }  # fmt: skip


def squeezed(path):
    """A page whose tables have no padding."""
    return re.sub(" +", " ", path.read_text())


def experiment(folders):
    return recorded.experiment(recorded.read_cards(folders))


def test_cards_alone_are_enough(make):
    run = make("amn")
    assert recorded.read_cards([run / "model.json"]) == recorded.read_cards([run])


@pytest.fixture
def make(tmp_path):
    """Writes a run folder whose card is given; a report reads no weights."""

    def run(name, **changes):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.keras").write_bytes(b"")
        (folder / "model.json").write_text(json.dumps(card(**changes)))
        return folder

    return run


def test_table_1(make):
    recorded = experiment([make("a"), make("b", seed=1, means=(20.0, 14.0))])
    pong, breakout = multitask.table_1(recorded)
    assert pong["amn"] == 19 and breakout["amn"] == 12
    assert pong["amn_error"] == pytest.approx(np.std([18, 20], ddof=1) / np.sqrt(2))
    assert breakout["normalised"].value == pytest.approx(0.6) == breakout["ratio"]
    assert pong["normalised"].low < 0.95 < pong["normalised"].high
    assert pong["amn_max"] == 20.5  # The tests' means at 200 steps are 20 and 21.
    assert pong["steps_to_90"] == 200
    assert pong["paper"].amn_mean == 15.275


def expert(make, name, means, **changes):
    """A run of an expert of a game, with tests of these means."""
    game = name
    tests = [
        {"steps": 100 * i, "game": game, "mean": mean, "standard_error": 1.0, "games": 10}
        for i, mean in enumerate(means, 1)
    ]
    scores = [entry for entry in card()["scores"] if entry["game"] == game]
    own = {"games": [game], "tests": tests, "scores": scores, "weight_hash": f"{game}'s"}
    return make(name, kind="expert", **{**own, **changes})


def test_best_tests_are_compared_where_the_experts_is_known(make, tmp_path):
    taught = {"expert_weights": ["pong's", "breakout's"]}
    runs = [
        make("a", **taught),
        make("b", seed=1, means=(20.0, 14.0), **taught),
        expert(make, "pong", [24.0, 25.0, 23.0]),
    ]
    recorded = experiment(runs)
    pong, breakout = multitask.table_1(recorded)
    assert (pong["expert_max"], breakout["expert_max"]) == (25, None)
    assert pong["max_ratio"] == pytest.approx(20.5 / 25)
    assert np.isnan(breakout["max_ratio"])
    pages.write_multitask(recorded, tmp_path / "out")
    page = squeezed(tmp_path / "out" / "report.md")
    # Ours, and the paper's as it prints them.
    assert "| pong | 95 % | 82 % | 78 % | 93 % |" in page
    assert "| breakout | 60 % | - | 127 % | 98 % |" in page
    assert "| pong | 20.0 (25.0) | 19.0 (20.5) | 19.6 (20.1) | 15.3 (18.8) |" in page
    assert "| breakout | 20.0 (-) | 12.0 (20.5) | 273.1 (378.0) | 347.0 (370.3) |" in page


def test_figure_6_has_means_and_best_tests(make):
    runs = [make("a", expert_weights=["pong's"]), expert(make, "pong", [25.0])]
    means, best = figures.relative_scores(multitask.table_1(experiment(runs))).axes
    heights = [[bar.get_height() for bar in ax.patches] for ax in (means, best)]
    # Ours of pong and breakout, then the paper's as it prints them.
    np.testing.assert_allclose(heights[0], [90, 50, 78.01, 127.0], rtol=5e-4)
    np.testing.assert_allclose(heights[1], [80, np.nan, 93.25, 97.98], rtol=5e-4)
    assert [[text.get_text() for text in ax.texts] for ax in (means, best)] == [[], ["?"]]


def test_baselines_scores_are_beside_the_amns(make, tmp_path):
    runs = [
        make("amn"),
        make("mdqn", kind="mdqn", means=(4.0, 1.0)),
        make("mdqn-1", kind="mdqn", seed=1, means=(6.0, 2.0)),
        make("mcdqn", kind="mcdqn", means=(-2.0, 5.0)),
    ]
    recorded = experiment(runs)
    pong, breakout = multitask.table_1(recorded)
    # Random play is at 0, the experts at 20. Errors: between two runs, or of one run's games.
    assert (pong["mdqn"], pong["mdqn_error"]) == (5, pytest.approx(1))
    assert (pong["mcdqn"], pong["mcdqn_error"]) == (-2, 0.1)
    assert [row["mdqn_normalised"] for row in (pong, breakout)] == [0.25, 0.075]
    assert [row["mcdqn_normalised"] for row in (pong, breakout)] == [-0.1, 0.25]
    pages.write_multitask(recorded, tmp_path / "out")
    page = squeezed(tmp_path / "out" / "report.md")
    line = "| pong | 20.0 ± 0.1 | 18.0 ± 0.1 (0.90) | 5.0 ± 1.0 (0.25) | -2.0 ± 0.1 (-0.10) |"
    assert "## Baselines" in page and line in page


def test_costs_have_the_bytes_of_float32(make):
    one = {"one_expert": {"parameters": 1000}}
    amn, expert = multitask.costs(experiment([make("amn", parameters=1_694_386, **one)]))
    assert (amn["bytes"], expert["bytes"]) == (6_777_544, 4000)
    assert [row["bytes"] for row in multitask.costs(experiment([make("b")]))] == [None, None]


def test_no_table_beside_the_papers_without_its_games(make, tmp_path):
    made = card()
    for row in [*made["scores"], *made["tests"]]:
        row["game"] = {"pong": "assault", "breakout": "gopher"}[row["game"]]
    pages.write_multitask(
        experiment([make("amn", **{**made, "games": ["assault", "gopher"]})]), tmp_path
    )
    page = squeezed(tmp_path / "report.md")
    assert "the paper's Table 1\n" not in page and "the paper's AMN" not in page
    assert "| assault | 90 % | - |" in page  # Ours is there.


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"weight_hash": "other"},
            "that taught its networks .amn.. Received: another expert of pong",
        ),
        ({"test_protocol": "paper"}, "tested by one protocol. Received: paper of pong, quick"),
    ],
)
def test_experts_that_do_not_belong_to_the_networks(make, changes, match):
    runs = [make("a", expert_weights=["pong's"]), expert(make, "pong", [24.0], **changes)]
    with pytest.raises(ValueError, match=match):
        experiment(runs)


def test_one_runs_error_is_that_of_its_games(make):
    pong, _ = multitask.table_1(experiment([make("a")]))
    assert pong["amn_error"] == 0.1
    # The interval: the games' error, and the expert's and random play's of 0.1 each, over 20.
    games = np.std(card()["scores"][0]["scores"]) / np.sqrt(40)
    width = 2 * 1.96 * np.sqrt(games**2 + (0.9 * 0.1) ** 2 + (0.1 * 0.1) ** 2) / 20
    assert pong["normalised"].high - pong["normalised"].low == pytest.approx(width, rel=0.1)


def test_aggregates(make):
    found = multitask.aggregates(experiment([make("a"), make("b", seed=1, means=(20.0, 14.0))]))
    assert found["geometric mean"].value == pytest.approx(np.sqrt(0.95 * 0.6))
    assert found["median"].value == pytest.approx((0.95 + 0.6) / 2)
    assert found["lowest"].value == pytest.approx(0.6)
    assert found["interquartile mean"].value == pytest.approx((0.7 + 0.9) / 2)
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high


def test_a_seed_that_is_bad_is_bad_in_all_games(make):
    means = ((20.0, 20.0), (20.0, 20.0), (2.0, 2.0))
    runs = [make(str(seed), seed=seed, means=own) for seed, own in enumerate(means)]
    draws = statistics.bootstrap(experiment(runs).amns, GAMES)
    one, other = draws.mean(axis=1).T  # Of each replicate: the mean over its runs, per game.
    assert np.corrcoef(one, other)[0, 1] > 0.95


def test_older_cards_have_what_stood_for_settings_that_came_later(make):
    older = {"temperature": 0.05}
    since = {"temperature_unit": "q_values", "total_envs": None}
    paths = [make("a", settings=older), make("b", seed=1, settings=older | since)]
    assert len(experiment(paths).amns) == 2
    newer = since | {"temperature_unit": "spread", "total_envs": 256}
    paths.append(make("c", seed=2, settings=older | newer))
    with pytest.raises(ValueError, match=r"different settings \(temperature_unit, total_envs\)"):
        experiment(paths)


def test_runs_whose_experts_were_measured_anew_share_one_level(make):
    again = card(seed=1)["scores"]
    for entry in again:
        entry["expert"]["mean"] = 24.0  # 20 in the other run.
    runs = [make("a"), make("b", seed=1, scores=again)]
    found = [multitask.aggregates(experiment(order)) for order in (runs, runs[::-1])]
    assert found[0]["geometric mean"].value == pytest.approx(np.sqrt(18 * 10) / 22)
    assert found[1]["geometric mean"].value == found[0]["geometric mean"].value
    rows = multitask.table_1(experiment(runs))
    assert [row["normalised"].value for row in rows] == pytest.approx([18 / 22, 10 / 22])
    assert [row["expert"] for row in rows] == [22, 22]
    for row in rows:
        assert row["normalised"].low < row["normalised"].value < row["normalised"].high


def test_a_run_that_is_drawn_twice_plays_twice(make):
    values = np.random.default_rng(0).normal(18, 4, 30)
    runs = [make("a"), make("b", seed=1)]
    cards = recorded.read_cards(runs)
    for one in cards:
        one["scores"] = one["scores"][:1]
        one["scores"][0] |= {"scores": values.tolist(), "mean": values.mean()}
        for part in ("expert", "random"):
            one["scores"][0][part]["standard_error"] = 0.0
    draws = statistics.bootstrap(cards, ["pong"]).mean(axis=(1, 2))
    assert draws.std() == pytest.approx(values.std() / 20 / np.sqrt(2 * 30), rel=0.1)


def test_networks_that_began_otherwise_are_no_seeds_of_one_another(make):
    taught = {"expert_weights": ["pong's", "breakout's"]}
    begun = [{"begin": {"source": "breakout", "weights": name}} for name in ("one", "other")]
    first, *others = (
        make(str(seed), seed=seed, **taught, **begin)
        for seed, begin in enumerate([{}, begun[0], begun[1], begun[1]])
    )
    teacher = expert(make, "pong", [24.0])  # Beside it, networks are not taken for ablations.
    assert len(experiment([*others[1:], teacher]).amns) == 2
    for other in (first, others[0]):
        with pytest.raises(ValueError, match="Received: different initialisation"):
            experiment([others[1], other, teacher])


def test_the_order_of_games_makes_no_difference(make):
    weights = {"pong": "a", "breakout": "b"}
    one = make("a", expert_weights=list(weights.values()))
    turned = {"games": list(reversed(GAMES)), "expert_weights": ["b", "a"], "seed": 1}
    assert len(experiment([one, make("b", **turned)]).amns) == 2


def test_no_steps_to_90_of_tests_on_another_emulator(make):
    entries = [{**entry, "protocol": "sticky"} for entry in card()["scores"]]
    pong, _ = multitask.table_1(experiment([make("a", scores=entries)]))
    assert pong["steps_to_90"] is None


def test_no_ratio_to_a_negative_score(make, tmp_path):
    entries = card()["scores"]
    for part in ("expert", "random"):
        entries[0][part] = {**entries[0][part], "mean": {"expert": -5.0, "random": -20.0}[part]}
    words = ["report", str(make("a", scores=entries)), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    written = (tmp_path / "out" / "report.md").read_text()
    assert not any("nan" in text.lower() for text in (result.stdout, written))


def test_interquartile_mean_is_the_middle_half():
    values = np.array([[9.0, 1, 2, 3], [4, 5, 6, -50]])
    assert statistics.interquartile_mean(values) == np.mean([2, 3, 4, 5])


def test_curves_are_means_over_runs_tested_at_the_same_steps(make):
    other = card(seed=3)
    other["tests"] = [row for row in other["tests"] if row["steps"] == 100]
    (point,) = recorded.curve([card(), other], "pong")
    assert point == {"steps": 100, "mean": 11.5, "standard_error": pytest.approx(1.5)}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ([{"kind": "mdqn"}], "Actor-Mimic networks"),
        ([{"kind": "expert"}], "Actor-Mimic networks"),
        ([{}, {"seed": 1, "steps": 300}], "may differ only in their seeds"),
        ([{}, {"kind": "mdqn", "games": ["pong"], "scores": card()["scores"][:1]}], "same games"),
        ([{"scores": []}], "without a score for breakout, pong"),
        ([{}, {}], "only once"),
        ([{}, {"seed": 1, "test_protocol": "paper"}], "may differ only in their seeds"),
    ],
)
def test_runs_that_make_no_experiment(make, changes, match):
    folders = [make(f"run{i}", **change) for i, change in enumerate(changes)]
    with pytest.raises(ValueError, match=match):
        experiment(folders)


def test_the_command_writes_everything(make, tmp_path):
    runs = [make("amn"), make("mdqn", kind="mdqn"), make("mcdqn", kind="mcdqn")]
    words = ["report", *map(str, runs), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "pong" in result.stdout and "geometric mean" in result.stdout
    out = tmp_path / "out"
    names = {"index.html", "report.md", "table_1.csv", "aggregates.csv", "curves.csv", "costs.csv"}
    names |= {f"figure_{n}.{ending}" for n in (1, 2, 3, 6) for ending in ("png", "svg")}
    assert {path.name for path in out.iterdir()} == names
    rows = list(csv.DictReader((out / "table_1.csv").open()))
    assert float(rows[0]["amn"]) == 18 and float(rows[0]["paper_amn_mean"]) == 15.275
    assert float(rows[0]["mdqn"]) == 18 and float(rows[0]["mcdqn_normalised"]) == 0.9
    page = (out / "index.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 4
    assert not re.search(r'(src|href)="(?!data:)', page)  # Nothing from elsewhere.
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert answer["games"][0]["normalised"]["value"] == pytest.approx(0.9)


@pytest.mark.parametrize(("weight", "number"), [(0.0, 4), (0.01, 5)])
def test_curves_of_source_games_are_figure_4_or_5(make, tmp_path, weight, number):
    made = card(settings={"feature_weight": weight})
    for row in [*made["scores"], *made["tests"]]:
        row["game"] = {"pong": "pong", "breakout": "assault"}[row["game"]]
    run = make("amn", **{**made, "games": ["pong", "assault"]})
    pages.write_multitask(experiment([run]), tmp_path / "out")
    assert (tmp_path / "out" / f"figure_{number}.svg").exists()
    assert f"Figure {number}: AMN while" in (tmp_path / "out" / "report.md").read_text()


def test_text_from_a_card_is_not_taken_for_html(tmp_path):
    markup = "<b>&amp;</b>"
    grid = pages.grid([{"a": markup}], {markup: "{a}"})
    page = pages.html(f"# {pages.plain(markup)}\n\n{grid}\n\n<script>", tmp_path)
    assert "<script>" not in page and "<b>" not in page
    assert page.count("&lt;b&gt;&amp;amp;&lt;/b&gt;") == 5  # Title, heading, label, two cells.


def test_wrong_usage(make, tmp_path):
    def refused(*words):
        result = CliRunner().invoke(app, ["report", *map(str, words)])
        assert result.exit_code == 2 and "Traceback" not in result.output
        return result.stderr

    assert "finished runs" in refused(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    run = make("amn")
    assert "must be a folder" in refused(run, "--output", tmp_path / "file")
    assert "only for reports of transfers" in refused(run, "--relate", tmp_path / "guess.json")


def test_a_single_game_has_no_standard_error(make, tmp_path):
    """JSON has no NaN: it is null on the card."""
    entries = card()["scores"]
    for entry in entries:
        entry["standard_error"] = None
    tests = [{**row, "standard_error": None} for row in card()["tests"]]
    run = make("amn", scores=entries, tests=tests)
    words = ["report", str(run), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output


def test_an_expert_no_better_than_random_is_refused(make):
    entries = card()["scores"]
    entries[0]["expert"] = entries[0]["random"]
    with pytest.raises(ValueError, match="score more than random play. Received: pong"):
        experiment([make("amn", scores=entries)])


def test_numbers_for_people():
    assert [text.number(v) for v in (None, float("nan"), 3, 1234.5, 0.25)] == [
        "-", "-", "3", "1,234", "0.2",
    ]  # fmt: skip


def test_estimates_become_columns():
    written = pages.csv_text([{"value": Estimate(1.0, 0.5, 2.0)}])
    assert written == "value,value_low,value_high\n1.0,0.5,2.0\n"


def test_a_model_without_scores_is_refused(tmp_path):
    path = tmp_path / "amn.keras"
    models.save(actor_mimic_network(), path, {"kind": "amn", "games": ["pong"]})
    with pytest.raises(ValueError, match="without a score for pong"):
        experiment([path])
