"""How long a run takes: its training, its tests, and what is left of it."""

from dataclasses import replace

import pytest

from amkit.cli import jobs
from amkit.evaluation.protocols import PROTOCOLS
from amkit.jobs import configuration, forecast, rates
from amkit.jobs.forecast import Minutes, Pace
from amkit.storage import checkpoints, run_folders

PACE = Pace(step=0.001, test_round=0.01)


def config(**options):
    options = {"precision": "float32", "jit_compile": False, "steps": 600_000, **options}
    return configuration.expert_config("pong", **options)


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
    several = replace(config(test_epochs=6), games=("pong", "breakout"))
    assert forecast.minutes(several, PACE).most_testing == pytest.approx(54)
    assert "2 min to 27 min of tests, for games of 2,000 to 27,000 steps" in str(found)


@pytest.mark.parametrize(
    ("done", "training", "most"),
    [(0, 10, 27), (250_000, 35 / 6, 18), (300_000, 5, 13.5), (600_064, 0, 0)],
)
def test_what_is_left_of_a_run(done, training, most):
    left = forecast.minutes(config(test_epochs=6), PACE, done)
    assert (left.training, left.most_testing) == (pytest.approx(training), pytest.approx(most))


@pytest.fixture
def measured(monkeypatch):
    """Rates of one thousand a second, and what was measured."""
    calls = []

    def rate(name):
        def measure(*words, seconds, **options):
            calls.append((name, *words, *options.values()))
            return 1000.0

        return measure

    for name in ("emulation_rate", "forward_rate", "training_rate"):
        monkeypatch.setattr(rates, name, rate(name))
    return calls


def test_the_plan_says_how_long_tests_take(measured):
    without = config()
    assert "of tests" not in forecast.plan(without, forecast.pace(without))
    count = len(measured)
    # Ten environments, for each of which an emulator and a network take a millisecond.
    tested = config(test_epochs=6)
    assert "4 min to 54 min of tests" in forecast.plan(tested, forecast.pace(tested))
    assert len(measured) == 2 * count + 2


def test_experts_are_priced_at_their_own_body(measured, expert_folder):
    student = configuration.distill_config(
        expert_folder, body="transfer", precision="float32", jit_compile=False, steps=300_000
    )
    forecast.pace(student)
    student_acts, expert_is_asked = (call for call in measured if call[0] == "forward_rate")
    assert "transfer" in student_acts and "transfer" not in expert_is_asked


def test_the_memory_holds_what_experts_said(expert_folder):
    options = {"precision": "float32", "jit_compile": False, "replay_steps": 100_000}
    plain = configuration.distill_config(expert_folder, **options)
    features = configuration.distill_config(expert_folder, feature_weight=0.01, **options)
    steps = plain.settings.replay_steps * 2
    frames, q_values = steps * 84 * 84, steps * 18 * 4
    assert forecast.replay_gibibytes(plain) * 2**30 > frames + q_values
    more = forecast.replay_gibibytes(features) - forecast.replay_gibibytes(plain)
    assert more * 2**30 == steps * 512 * 2  # Half precision.
    assert forecast.replay_gibibytes(config()) == 0  # No memory at all.
    assert "2.6 GiB of memory, 0.3 GiB of disk" in forecast.plan(plain, Pace(1e-3, 0.0))


def test_a_plan_of_years_is_refused():
    long = config(steps=10**9)
    with pytest.raises(ValueError, match="1000 days: use fewer --steps.* Received: 1,000,000"):
        forecast.plan(long, Pace(step=1.0, test_round=0.0))


def test_a_dqns_targets_are_priced_as_part_of_its_updates(monkeypatch):
    found = {"emulation_rate": 1000.0, "forward_rate": 100.0, "training_rate": 2000.0}
    for name, rate in found.items():
        monkeypatch.setattr(rates, name, lambda *_, rate=rate, **__: rate)
    step = forecast.pace(config(preset="paper")).step  # Eight samples a step.
    alone = 1 / 1000 + 1 / 100 + 8 / 2000
    assert 0.5 * alone < step < 1.5 * alone


def test_of_several_runs_only_what_is_left_counts(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(forecast, "pace", lambda configuration: PACE)
    names = ("done", "half", "new")
    runs = [run_folders.Run(tmp_path / name, config().to_json()) for name in names]
    (tmp_path / "done" / "model.keras").touch()
    runs[1].write_metrics([{"steps": 100_000, "loss": 1.0}, {"steps": 300_000, "loss": 0.5}])
    plans = jobs._plans(runs, 0.0)
    said = capsys.readouterr().err
    assert "2 of 3 trainings to do, one after the other: about 15 min here in all" in said
    assert plans[0].endswith("done is already finished") and "600,000 agent steps" in plans[2]


def test_minutes_are_divided_before_work_starts(monkeypatch, expert_folder):
    pace = Pace(0.001, 0.0, evaluation_round=0.01, emulator=0.1)
    timed = config(steps=None, minutes=10)
    parts = forecast.split(timed, pace, spent=5.0)
    # 64 emulators; ten of each of two players, who are evaluated side by side.
    assert parts.start == pytest.approx(5 + forecast._SETUP_SECONDS + 6.4)
    # The longest of ten games lasts 1.5 times as long as they do on average.
    assert parts.evaluation == pytest.approx(0.75 * 2 * (30 + 1 + 1) + forecast._CARD_SECONDS)
    assert parts.start + parts.training + parts.evaluation == pytest.approx(600)
    assert parts.steps == int(parts.training / 0.001)
    said = forecast.plan(timed, pace, 5.0)
    assert f"10 minutes for about {parts.steps:,} agent steps per game" in said
    assert "about 26 s to start, 9 min of training and 53 s of evaluation (protocol" in said
    assert "less what it has done" in forecast.plan(timed, pace, done=100)
    assert forecast.minutes(timed, pace) == Minutes(10, 0, 0)
    with pytest.raises(ValueError, match=r"needs --minutes 2 or more here, .*Received: 0.5$"):
        forecast.plan(replace(timed, minutes=0.5), pace, 5.0)
    forecast.plan(replace(timed, minutes=2), pace, 5.0)


def test_games_under_a_student_last_as_long_as_its_experts(monkeypatch, expert_folder):
    pace = Pace(0.001, 0.0, evaluation_round=0.01, emulator=0.0)
    student = configuration.distill_config(expert_folder, precision="float32", jit_compile=False)
    assert student.minutes == 15  # Of preset laptop, where nothing else is asked.
    unknown = forecast.split(student, pace).evaluation  # Random play and experts are, too.
    scores = [
        {"protocol": "paper-30", "steps": 90_000, "games": 30},
        {"protocol": "quick", "steps": 270, "games": 10},
    ]
    cards = [{"scores": [score]} for score in scores]
    experts = [replace(expert, card=card) for expert, card in zip(
        forecast.choose_experts(expert_folder), cards, strict=True
    )]  # fmt: skip
    monkeypatch.setattr(forecast, "choose_experts", lambda folder, games: experts)
    known = forecast.split(student, pace).evaluation
    shorter = replace(student, minutes=1)
    assert forecast.split(shorter, pace).evaluation == 20 + forecast._CARD_SECONDS  # A third.
    assert unknown == pytest.approx(0.75 * 6 * (30 + 1) + forecast._CARD_SECONDS)
    # The longer of two games is played alone in the end.
    assert known == pytest.approx(45 + 1 + forecast._CARD_SECONDS)


def test_games_that_ended_in_training_say_how_long_the_evaluation_takes(monkeypatch, expert_folder):
    pace = Pace(0.001, 0.0, evaluation_round=0.01, emulator=0.0)

    def seconds(configuration, *played):
        return forecast.Evaluation(configuration, pace).seconds(played) - forecast._CARD_SECONDS

    expert = config(steps=None, minutes=60)  # And random play, whose games have 2,000 steps.
    assert seconds(expert) == seconds(expert, None) == pytest.approx(0.75 * (30 + 30 + 2))
    assert seconds(expert, 500.0) == pytest.approx(30 + 1)  # Random play's are longer.
    assert seconds(expert, 5_000.0) == pytest.approx(0.75 * (75 + 30 + 2))
    options = {"precision": "float32", "jit_compile": False, "minutes": 60}
    student = configuration.distill_config(expert_folder, **options)  # Two games.
    assert seconds(student, 5_000.0, None) == seconds(student, 500.0, 500.0) == seconds(student)
    assert seconds(student, 5_000.0, 500.0) == pytest.approx(0.75 * (75 + 7.5 + 4 * 30 + 6))


def test_experts_cards_are_read_before_a_training_and_not_during_it(monkeypatch, expert_folder):
    """Somebody else may finish a second expert of a game there meanwhile."""
    options = {"precision": "float32", "jit_compile": False, "minutes": 60}
    student = configuration.distill_config(expert_folder, **options)
    foreseen = forecast.Evaluation(student, Pace(0.001, 0.0, 0.01, 0.0))
    monkeypatch.setattr(forecast, "choose_experts", None)
    assert foreseen.seconds([500.0, 500.0]) == foreseen.seconds()


def test_what_is_saved_is_not_abandoned_for_minutes_that_are_too_few(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "pace", lambda configuration: PACE)
    saved = run_folders.Run(tmp_path / "saved", config(steps=None, minutes=0.1).to_json())
    checkpoints.save(saved.checkpoint_folder, {"progress": {}})  # Before the first metrics.
    jobs._plans([saved], 0.0)
    assert saved.begun


def test_too_few_minutes_leave_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "pace", lambda configuration: PACE)
    timed = config(steps=None, minutes=0.1).to_json()
    new, half = (run_folders.Run(tmp_path / name, timed) for name in ("new", "half"))
    half.write_metrics([{"steps": 100_000}])
    with pytest.raises(ValueError, match="Received: 0.1"):
        jobs._plans([half, new], 0.0)
    assert half.begun and not new.begun


def test_steps_and_minutes_exclude_each_other():
    with pytest.raises(ValueError, match="--steps or --minutes, not both"):
        config(minutes=10)
