"""Reports on made-up transfers: areas against plain numpy, the pages, runs that do not fit."""

import csv
import io
import json
import re

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from amkit.cli import app
from amkit.cli.relate import guess_json
from amkit.cli.report import transfer_table
from amkit.games.published import SCORES
from amkit.reports import figures, guesses, improvement, pages, transfers
from amkit.reports.text import Estimate
from amkit.transfer.relate import Candidate

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
    random, amn = transfers.table_2(transfers.transfers(cards))
    assert (random["source"], random["runs"]) == ("random", 1)
    assert random["area"].value == random["area"].low == 1
    assert random["steps_to_match"] == 100
    assert [point["mean"] for point in amn["points"]] == [14.5, 27]
    assert amn["points"][0]["standard_error"] == pytest.approx(2.5)  # Between the two runs.
    assert amn["area"].value == pytest.approx((12.5 + 25) / (5 + 10))
    assert amn["steps_to_match"] == 50


def test_the_interval_lets_every_test_vary_by_its_error():
    cards = [card(rise=100.0), card(source="amn", rise=100.0)]
    _, amn = transfers.table_2(transfers.transfers(cards))
    spread = np.sqrt(2) * 1.0 / np.sqrt(2) / 75  # Two means of two tests, over an area of 75.
    assert amn["area"].high - amn["area"].low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_runs_that_are_high_are_high_in_all_their_tests():
    rises = {"random": (80.0, 100.0, 120.0), "amn": (160.0, 200.0, 240.0)}
    cards = [
        card(source=source, rise=rise, seed=seed)
        for source, own in rises.items()
        for seed, rise in enumerate(own)
    ]
    random, amn = transfers.table_2(transfers.transfers(cards))
    assert (random["runs"], amn["area"].value) == (3, pytest.approx(2.0))
    rng = np.random.default_rng(1)
    # Both kinds of runs spread alike: together four degrees of freedom.
    spread = np.std(np.log([80, 100, 120]), ddof=1)
    t = rng.normal(size=100_000) / np.sqrt(rng.chisquare(4, 100_000) / 4)
    low, high = np.percentile(2 * np.exp(spread * np.sqrt(2 / 3) * t), [2.5, 97.5])
    assert amn["area"].low == pytest.approx(low, rel=0.05)
    assert amn["area"].high == pytest.approx(high, rel=0.05)


def scored(source, *means, error=0.0, chance_error=0.0, seed=0):
    """A card with these tests."""
    tests = [
        {"steps": 50 * (i + 1), "game": "breakout", "mean": mean, **PART, "standard_error": error}
        for i, mean in enumerate(means)
    ]
    made = card(source=source, seed=seed, tests=tests)
    made["scores"][0]["random"]["standard_error"] = chance_error
    return made


def gains(*cards):
    """The last row: of the source that is not random."""
    return transfers.table_2(transfers.transfers(cards))[-1]


def test_chance_is_measured_too():
    row = gains(
        scored("random", 52.0, 102.0, chance_error=5.0),
        scored("amn", 102.0, 202.0, chance_error=5.0),
    )
    # Only chance, 2 +- 5, is uncertain; it moves both areas: (152 - c) / (77 - c).
    low, high = ((152 - c) / (77 - c) for c in (2 - 1.96 * 5, 2 + 1.96 * 5))
    assert row["area"].value == pytest.approx(2)
    assert row["area"].low == pytest.approx(low, rel=0.02)
    assert row["area"].high == pytest.approx(high, rel=0.02)
    # A difference of scores does not know chance.
    found = row["area_difference"]
    assert (found.value, found.low, found.high) == (75, 75, 75)


def test_chance_is_in_the_interval_of_runs_that_were_repeated():
    row = gains(
        *(scored("random", 77.0, 77.0, chance_error=5.0, seed=seed) for seed in (0, 1)),
        scored("amn", 152.0, 152.0, chance_error=5.0),
    )
    assert row["area"].high == pytest.approx((152 - 11.8) / (77 - 11.8), rel=0.02)


def test_the_difference_of_areas_lets_every_test_vary():
    row = gains(scored("random", 30.0, 50.0, error=3.0), scored("amn", 60.0, 100.0, error=4.0))
    found = row["area_difference"]
    assert found.value == 40
    error = np.sqrt((3**2 + 4**2) / 2)  # Two tests each.
    assert found.low == pytest.approx(40 - 1.96 * error, rel=0.05)
    assert found.high == pytest.approx(40 + 1.96 * error, rel=0.05)


def test_the_difference_of_areas_lets_runs_vary_as_those_of_its_game_do():
    cards = [
        *(scored("random", m, m, seed=i) for i, m in enumerate((40.0, 50.0, 60.0))),
        *(scored("amn", m, m, seed=i) for i, m in enumerate((90.0, 100.0, 110.0))),
        *(card("pong", seed=i, rise=rise) for i, rise in enumerate((1.0, 1000.0))),
    ]
    found = transfers.table_2(transfers.transfers(cards))[1]["area_difference"]
    assert found.value == 50
    # Welch's interval, of equal spreads: t(4) is 2.776 at 97.5 %.
    width = 2.776 * 10 * np.sqrt(2 / 3)
    assert found.low == pytest.approx(50 - width, rel=0.07)
    assert found.high == pytest.approx(50 + width, rel=0.07)


def test_random_weights_that_learnt_nothing_have_a_difference_alone():
    random, amn = transfers.table_2(
        transfers.transfers([scored("random", 2.0, 2.0), scored("amn", 12.0, 22.0)])
    )
    assert amn["area_difference"].value == 15
    for row in (random, amn):
        assert np.isnan(row["area"].value) and np.isnan(row["steps_ratio"].value)
        assert row["steps_to_match"] is None


def test_what_is_not_clearly_above_chance_is_not_matched():
    ends = {error: scored("random", 2.0, 12.0, error=error) for error in (4.0, 6.0)}  # Chance: 2.
    amn = scored("amn", 22.0, 22.0)
    assert gains(ends[4.0], amn)["steps_to_match"] == 50
    assert gains(ends[6.0], amn)["steps_to_match"] is None


@pytest.mark.parametrize(
    ("means", "steps", "ratio"),
    [
        ((30.0, 40.0, 150.0, 160.0), 150, 0.75),
        ((100.0, 0.0, 0.0, 0.0), 50, 0.25),
        ((10.0, 20.0, 30.0, 99.0), None, np.inf),
    ],
)
def test_steps_to_match(means, steps, ratio):
    row = gains(scored("random", 10.0, 20.0, 90.0, 100.0), scored("amn", *means))
    assert row["steps_to_match"] == steps
    found = row["steps_ratio"]
    assert (found.value, found.low, found.high) == (ratio,) * 3


def test_steps_to_match_vary_with_the_tests():
    """The first test, 101 +- 1, reaches the 100 of random weights or not."""
    near = gains(scored("random", 50.0, 100.0), scored("amn", 101.0, 200.0, error=1.0))
    assert near["steps_to_match"] == 50
    found = near["steps_ratio"]
    assert (found.value, found.low, found.high) == (0.5, 0.5, 1.0)
    far = gains(scored("random", 50.0, 100.0), scored("amn", 110.0, 200.0, error=1.0))
    assert far["steps_ratio"].high == 0.5


def test_steps_to_match_vary_with_the_runs():
    """Of the two, one is at 200 at once, and the other never gets anywhere."""
    row = gains(
        scored("random", 50.0, 150.0),
        scored("amn", 200.0, 200.0),
        scored("amn", 0.0, 0.0, seed=1),
    )
    found = row["steps_ratio"]
    assert row["steps_to_match"] is None
    assert (found.value, found.low, found.high) == (np.inf, 0.5, np.inf)


def test_no_area_above_a_chance_of_another_emulator():
    cards = [card(), card(source="amn", rise=20.0)]
    for made in cards:
        made["scores"][0]["protocol"] = "sticky"
    _, amn = transfers.table_2(transfers.transfers(cards))
    assert np.isnan(amn["area"].value)
    assert amn["steps_to_match"] == 100 / 2  # What tests alone say does not need it.
    assert amn["area_difference"].value == 7.5


@pytest.mark.parametrize(
    ("cards", "match"),
    [
        ([card(source="amn")], "--from none"),
        ([], "at least one game. Received: no finished run"),
        (
            [card(source="amn"), card("pong", source="amn")],
            "at least one game. Received: none for breakout, pong",
        ),
        (
            [card(), card(source="amn", settings={"steps": 200})],
            "differ only in initialisation and seed",
        ),
        ([card(tests=[])], "was not tested"),
        ([card(), card(source="amn", tests=card()["tests"][:1])], "tested at the same steps"),
        (
            [card(), card(), card(source="amn")],
            "only once. Received: one run of breakout from random twice",
        ),
        ([card(), card("pong", tests=card("pong")["tests"][:1])], "tested at the same steps"),
        ([card(), card(source="amn", precision="float32")], "different precision"),
        ([card(), card(transfer={"source": "random", "body": "wide"})], "different transfer"),
        (
            [card(), *(card(transfer={"source": "amn", "weights": w}, seed=w) for w in (1, 2))],
            "runs of breakout from amn in one report may differ only in their seeds",
        ),
        ([card(), {"kind": "amn", "games": ["pong"]}], "no run of `amkit transfer`"),
    ],
)
def test_runs_that_cannot_be_compared(cards, match):
    with pytest.raises(ValueError, match=match):
        transfers.transfers(cards)


def test_no_ratio_to_random_weights_that_learnt_nothing():
    cards = [card(rise=0.0), card(source="amn", rise=20.0)]
    _, amn = transfers.table_2(transfers.transfers(cards))
    assert np.isnan(amn["area"].value)


def test_a_game_without_random_weights_is_left_out():
    cards = [card(), card(source="amn"), card("pong", source="amn"), card("pong", source="other")]
    recorded = transfers.transfers(cards)
    assert recorded.games == ("breakout",)
    assert recorded.sources == ("random", "amn")
    assert recorded.skipped == ("pong is left out: no run of it from random weights.",)
    assert [row["game"] for row in transfers.table_2(recorded)] == ["breakout"] * 2


def test_options_of_first_weights_are_in_their_name():
    begins = {
        "amn": {"head": "keep", "freeze": None},
        "amn, head new": {"head": "new", "freeze": None},
        "amn, freeze conv3": {"head": "keep", "freeze": "conv3"},
        "amn, head new, freeze features": {"head": "new", "freeze": "features"},
    }
    cards = [
        card(source="amn", seed=i, rise=20.0 + i, transfer={"source": "amn", **begin})
        for i, begin in enumerate(begins.values())
    ]
    recorded = transfers.transfers([card(), *cards])
    assert recorded.sources == ("random", *begins)
    assert [row["points"][1]["mean"] for row in transfers.table_2(recorded)] == [
        12, 22, 23, 24, 25,
    ]  # fmt: skip


def test_no_table_of_the_papers_without_its_games(tmp_path):
    cards = [card("pong"), card("pong", source="amn")]
    pages.write_transfers(transfers.transfers(cards), tmp_path)
    assert "Table 2 of the paper" not in (tmp_path / "report.md").read_text()


def squeezed(path):
    """A page whose tables have no padding."""
    return re.sub(" +", " ", path.read_text())


def run_folders(tmp_path, *cards):
    folders = []
    for i, made in enumerate(cards):
        folder = tmp_path / f"run{i}"
        folder.mkdir()
        (folder / "model.keras").write_bytes(b"")
        (folder / "model.json").write_text(json.dumps(made))
        folders.append(str(folder))
    return folders


def unfinished_folder(tmp_path, **config):
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_what_is_not_finished_is_left_out(tmp_path):
    folders = run_folders(tmp_path, card(), card(source="amn"), card("pong", source="amn"))
    begun = unfinished_folder(tmp_path, games=["pong"], transfer={"source": "random"})
    out = tmp_path / "out"
    words = ["report", *folders, begun, "--output", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    page = squeezed(out / "report.md")
    for note in (
        "begun is left out: it is not finished.",
        "pong is left out: no run of it from random weights.",
    ):
        assert note in result.stderr and note in page
    assert "| breakout | amn |" in page and "| pong |" not in page


@pytest.mark.parametrize(
    ("config", "match"),
    [({"transfer": {}}, "no finished run"), ({"kind": "amn"}, "needs finished runs")],
)
def test_nothing_is_left(tmp_path, config, match):
    result = CliRunner().invoke(app, ["report", unfinished_folder(tmp_path, **config)])
    assert result.exit_code == 2 and match in result.stderr


def test_the_command_writes_everything(tmp_path):
    folders = run_folders(tmp_path, card(), card(source="amn", rise=20.0), card("pong"))
    out = tmp_path / "out"
    words = ["report", *folders, "--output", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "amn" in result.stdout and "2.00" in result.stdout
    assert {path.name for path in out.iterdir()} == {
        "index.html", "report.md", "table_2.csv", "areas.csv", "overall.csv", "figure_7.png",
        "figure_7.svg",
    }  # fmt: skip
    page = squeezed(out / "report.md")
    assert "| breakout | amn | 1 | 12.0 ± 1.0 | 22.0 ± 1.0 |" in page
    assert "Table 2 of the paper, on another scale" in page
    assert "| breakout | AMN-policy | 18.4 | 102.1 | 216.0 |" in page
    areas = list(csv.DictReader((out / "areas.csv").open()))
    assert [float(row["area"]) for row in areas] == [1, 2, 1]
    assert [float(row["area_difference"]) for row in areas] == [0, 7.5, 0]
    assert [float(row["steps_ratio"]) for row in areas] == [1, 0.5, 1]
    assert "| amn | 1 | 0 |" in page  # One game, and decided.
    assert "amn has more area than random weights with probability 1.00" in " ".join(
        result.stdout.split()
    )
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert answer["curves"][1]["area"]["value"] == 2
    assert answer["overall"][1]["improvement"]["value"] == 1
    assert answer["curves"][1]["area_difference"]["value"] == 7.5
    assert answer["curves"][1]["steps_ratio"]["value"] == 0.5


def several(game, **rises):
    """A run of the game for each rise."""
    return [
        card(game, source, seed, rise)
        for source, own in rises.items()
        for seed, rise in enumerate(own)
    ]


def overall(*cards):
    recorded = transfers.transfers(cards)
    return improvement.overall(recorded, transfers.table_2(recorded))


def test_the_probability_of_improvement_is_a_mean_over_games():
    """Against pairs counted by hand: three of four in Breakout, one of two in Krull."""
    cards = [
        *several("breakout", random=(20.0, 40.0), amn=(30.0, 50.0)),
        *several("krull", random=(60.0,), amn=(100.0, 30.0)),
    ]
    random, amn = overall(*cards)
    assert np.isnan(random["improvement"].value)
    assert amn["improvement"].value == (3 / 4 + 1 / 2) / 2
    assert (amn["games"], amn["undecided"]) == (2, 0)
    # Breakout draws 30 or 50 twice, beside 20 or 40 twice; Krull 100 or 30 twice.
    rng = np.random.default_rng(1)
    shares = []
    for random, own in (((20, 40), (30, 50)), ((60,), (100, 30))):
        drawn, others = (rng.choice(x, (20_000, len(x))) for x in (own, random))
        shares.append((drawn[:, :, None] > others[:, None, :]).mean(axis=(1, 2)))
    low, high = np.percentile(np.mean(shares, axis=0), [2.5, 97.5])
    assert (amn["improvement"].low, amn["improvement"].high) == (low, high)


def test_a_game_in_which_nobody_beats_random_play_is_undecided_and_counts_one_half():
    cards = [
        *several("breakout", random=(-2.0,), amn=(-1.0,)),
        *several("krull", random=(9.0,), amn=(20.0,)),
    ]
    _, amn = overall(*cards)
    assert (amn["undecided"], amn["improvement"].value) == (1, 0.75)
    table = transfers.table_2(transfers.transfers(cards))
    assert [row["decided"] for row in table] == [False, False, True, True]
    assert "undecided" in printed(transfer_table(table))
    # Where random play's score is not known, nobody can say so.
    unlike = [{**one, "test_protocol": "sticky"} for one in cards]
    assert all(row["decided"] for row in transfers.table_2(transfers.transfers(unlike)))


def test_the_interquartile_mean_is_in_units_of_the_published_dqn():
    cards = [
        *several("breakout", random=(10.0, 20.0), amn=(30.0, 50.0)),
        *several("krull", random=(60.0,), amn=(9.0, 7.0)),
    ]
    _, amn = overall(*cards)
    scores = []
    for game, rises in (("breakout", (30, 50)), ("krull", (9, 7))):
        published = SCORES[game]
        areas = [2 + 0.75 * rise for rise in rises]
        scores += [(area - published.random) / (published.dqn - published.random) for area in areas]
    assert amn["interquartile_mean"].value == pytest.approx(np.mean(sorted(scores)[1:3]))
    _, alone = overall(card("tetris"), card("tetris", "amn"))
    assert np.isnan(alone["interquartile_mean"].value)


def test_the_targets_own_expert_is_the_ceiling():
    own = {**card(), "weight_hash": "own"}
    own["scores"] = [{**own["scores"][0], "mean": 300.0}]
    del own["transfer"]
    other = {**own, "games": ["krull"], "scores": [{**own["scores"][0], "game": "krull"}]}
    recorded = transfers.transfers([card(), card(source="amn"), card("pong"), own, other])
    assert recorded.skipped == ("The expert of krull is left out: no run of it.",)
    with pytest.raises(ValueError, match="one expert of each game"):
        transfers.transfers([card(), own, {**own, "weight_hash": "another"}])
    sticky = {**own, "scores": [{**own["scores"][0], "protocol": "sticky"}]}
    without = transfers.transfers([card(), sticky])
    assert without.experts == {} and "another emulator" in without.skipped[0]
    table = transfers.table_2(recorded)
    assert [(row["expert"], row["chance"]) for row in table] == [(300, 2), (300, 2), (None, 2)]
    (legend,) = figures.transfer_curves(table).legends
    assert [text.get_text() for text in legend.get_texts()][-2:] == [
        "its own expert",
        "random play",
    ]


def guess(path, target, **r_squared):
    """A file as `amkit relate --output` writes it; the networks' hashes are their names."""
    judged = r_squared | {"random weights": 0.1}
    rows = [{"name": name, "r_squared": value} for name, value in judged.items()]
    candidates = {name: Candidate(None, name) for name in r_squared}
    candidates["random weights"] = Candidate(None)
    path.write_text(json.dumps(guess_json(target, 8192, 0, rows, candidates)))
    return path


def begun(game, source, rise):
    return card(game, source, rise=rise, transfer={"source": source, "weights": source})


def test_what_relate_guessed_beside_what_transfer_gave(tmp_path):
    cards = [card(game, rise=20.0) for game in ("breakout", "krull")]
    cards += [begun("breakout", "a", 60.0), begun("breakout", "b", 20.0)]
    cards += [begun("krull", "a", 40.0), begun("krull", "b", 10.0), begun("krull", "c", 99.0)]
    recorded = transfers.transfers(cards)
    files = [
        guess(tmp_path / "1.json", "breakout", a=0.4, b=0.3, unused=0.9),
        guess(tmp_path / "2.json", "krull", a=0.2, b=0.05),
    ]
    told = guesses.read_guesses(files)
    written = pages.write_transfers(recorded, tmp_path / "page", guesses=told)
    related = written["relation"]
    assert len(written["curves"]) == 7
    found = {(p["game"], p["source"]): (p["guess"], p["gain"]) for p in related.points}
    assert found == {  # c was not judged. Areas are 3/4 of the rises, above a chance of 2.
        ("breakout", "a"): (pytest.approx(0.3), pytest.approx((60 - 20) / 80)),
        ("breakout", "b"): (pytest.approx(0.2), pytest.approx(0)),
        ("krull", "a"): (pytest.approx(0.1), pytest.approx((40 - 20) / 60)),
        ("krull", "b"): (pytest.approx(-0.05), pytest.approx((10 - 20) / 30)),
    }
    # Guesses in order 4 3 2 1, gains 4 2 3 1: 1 - 6 (0 + 1 + 1 + 0) / (4 (16 - 1)).
    assert related.correlation.value == pytest.approx(0.8)
    page = squeezed(tmp_path / "page" / "report.md")
    assert "Did relate tell?" in page and "0.80" in page
    assert guesses.recommended(related) == {"breakout": "a", "krull": "a"}
    assert "| breakout | a | 3.00" in page
    assert (tmp_path / "page" / "relation.svg").exists()


def test_relate_recommends_random_weights_where_no_guess_is_above_theirs():
    points = [
        {"game": "krull", "source": "a", "guess": -0.1, "gain": 0.5},
        {"game": "gopher", "source": "a", "guess": 0.1, "gain": 0.0},
        {"game": "gopher", "source": "b", "guess": 0.2, "gain": -0.5},
    ]
    related = guesses.Relation(points, Estimate(0.0, 0.0, 0.0))
    assert guesses.recommended(related) == {"krull": "random", "gopher": "b"}


def test_a_guess_of_a_game_that_the_paper_has_not(tmp_path):
    found = guesses.read_guesses([guess(tmp_path / "1.json", "ms_pacman", a=0.4)])
    assert [game for game, _ in found] == ["ms_pacman"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(1, 1), (2, 4), (3, 9)], 1),
        ([(1, 5), (2, 4), (3, 3)], -1),
        ([(1, 1), (1, 2), (2, 3), (3, 4)], np.sqrt(0.9)),  # Two share the places 1 and 2.
        ([(1, 1), (1, 2), (1, 3)], np.nan),
        ([(1, 1), (2, 2)], np.nan),
    ],
)
def test_spearman(pairs, expected):
    assert guesses.spearman(pairs) == pytest.approx(expected, nan_ok=True)


def printed(table):
    """What a terminal of any width shows."""
    text = io.StringIO()
    Console(file=text, width=1000).print(table)
    return text.getvalue()


def test_two_pairs_have_no_correlation_in_the_caption():
    cards = [card(), card(source="amn", rise=20.0)]
    table = transfers.table_2(transfers.transfers(cards))
    points = 2 * [{"game": "breakout", "source": "amn", "guess": 0.1, "gain": 0.2}]
    unknown = Estimate(np.nan, np.nan, np.nan)
    shown = printed(transfer_table(table, guesses.Relation(points, unknown)))
    assert shown.endswith("2 pairs: Spearman -\n")
    found = guesses.Relation(points, Estimate(-0.5, -0.75, 0.25))
    shown = printed(transfer_table(table, found))
    assert shown.endswith("Spearman -0.50 (-0.75 to 0.25)\n")


def test_the_table_says_what_is_gained_where_random_weights_do_not_get_above_random_play():
    low = [[card(rise=-1.0), card(source="amn", rise=20.0)], [card(), card(source="amn")]]
    shown = [
        printed(transfer_table(transfers.table_2(transfers.transfers(cards)))) for cards in low
    ]
    areas = [[line.split()[5] for line in text.splitlines()[2:4]] for text in shown]
    # Above a chance of 2, areas are 3/4 of the rises.
    assert areas == [["-", "+16"], ["1.00", "1.00"]]


def test_guesses_that_are_something_else(tmp_path):
    runs = []
    for source in ("random", "a"):
        path = tmp_path / f"{source}.json"
        path.write_text(json.dumps(begun("breakout", source, 20.0)))
        runs.append(str(path))
    wrong = tmp_path / "wrong.json"
    for content in ("{}", "[", '{"target": "breakout", "candidates": [3]}', '{"target": 1}'):
        wrong.write_text(content)
        result = CliRunner().invoke(app, ["report", *runs, "--relate", str(wrong)])
        assert result.exit_code == 2, result.output
        assert "a file that `amkit relate" in " ".join(result.stderr.split())
    result = CliRunner().invoke(app, ["report", *runs, "--relate", str(tmp_path / "none")])
    assert result.exit_code == 1 and "no file" in result.stderr
