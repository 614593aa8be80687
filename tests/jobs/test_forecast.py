"""How long a run takes: its training, its tests, and what is left of it."""

import pytest

from amkit.cli import jobs
from amkit.evaluation.protocols import PROTOCOLS
from amkit.jobs import configuration, forecast, rates
from amkit.jobs.forecast import Minutes, Pace
from amkit.storage import run_folders

PACE = Pace(step=0.001, test_round=0.01)


def config(**options):
    return configuration.expert_config("pong", precision="float32", steps=600_000, **options)


@pytest.mark.parametrize(
    ("protocol", "length", "rounds"),
    [
        ("quick", 2_000, 2_000),  # Ten games side by side.
        ("quick", 27_000, 27_000),
        ("paper", 2_000, 8_000),  # 63 games in 16 environments: four each.
        ("paper", 27_000, 27_000),  # Five games.
        ("paper-30", 27_000, 54_000),
        ("tiny", 2_000, 50),
    ],
)
def test_rounds_of_a_protocol(protocol, length, rounds):
    assert PROTOCOLS[protocol].rounds(length) == rounds


def test_tests_of_whole_games_are_part_of_the_estimate():
    assert forecast.minutes(config(), PACE) == Minutes(10, 0, 0)
    found = forecast.minutes(config(test_epochs=6), PACE)
    assert found == Minutes(10, pytest.approx(2), pytest.approx(27))
    several = {**config(test_epochs=6), "games": ["pong", "breakout"]}
    assert forecast.minutes(several, PACE).most_testing == pytest.approx(54)
    assert "2 min to 27 min of tests, for games of 2,000 to 27,000 steps" in str(found)


@pytest.mark.parametrize(
    ("done", "training", "most"),
    [(0, 10, 27), (250_000, 35 / 6, 18), (300_000, 5, 13.5), (600_064, 0, 0)],
)
def test_what_is_left_of_a_run(done, training, most):
    left = forecast.minutes(config(test_epochs=6), PACE, done)
    assert (left.training, left.most_testing) == (pytest.approx(training), pytest.approx(most))


def test_the_plan_says_how_long_tests_take(monkeypatch):
    measured = []

    def rate(*words, **options):
        measured.append(words)
        return 1000.0

    for name in ("emulation_rate", "forward_rate", "training_rate"):
        monkeypatch.setattr(rates, name, rate)
    assert "of tests" not in forecast.plan(config())
    without = len(measured)
    # Ten environments, for each of which an emulator and a network take a millisecond.
    assert "4 min to 54 min of tests" in forecast.plan(config(test_epochs=6))
    assert len(measured) == 2 * without + 2


def test_a_dqns_targets_are_priced_as_part_of_its_updates(monkeypatch):
    found = {"emulation_rate": 1000.0, "forward_rate": 100.0, "training_rate": 2000.0}
    for name, rate in found.items():
        monkeypatch.setattr(rates, name, lambda *_, rate=rate, **__: rate)
    step = forecast.pace(config(preset="paper")).step  # Eight samples a step.
    alone = 1 / 1000 + 1 / 100 + 8 / 2000
    assert 0.5 * alone < step < 1.5 * alone


def test_of_several_runs_only_what_is_left_counts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(forecast, "pace", lambda config: PACE)
    begun = [run_folders.Run(tmp_path / name, config()) for name in ("done", "half", "new")]
    (tmp_path / "done" / "model.keras").touch()
    begun[1].write_metrics([{"steps": 100_000, "loss": 1.0}, {"steps": 300_000, "loss": 0.5}])
    jobs._say_total(begun)
    said = capsys.readouterr().err
    assert "2 of 3 trainings to do, one after the other: about 15 min here in all" in said
