"""`amkit campaign`: plans, how far they are, and two runs on a Ray of this machine."""

import importlib.util
import json
from pathlib import Path

import pytest

from amkit.cli.campaign import expand
from amkit.jobs import standing
from amkit.jobs.plans import read_plan
from amkit.storage.cards import read_card

TWO = """
[[runs]]
command = "train"
games = ["pong", "breakout"]
preset = "tiny"
protocol = "tiny"
precision = "float32"
"""
RUNS = Path("runs/two")


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(TWO)
    return path


@pytest.fixture
def expanded():
    """What a plan's text expands to."""

    def run(text):
        Path("two.toml").write_text(text)
        return expand(read_plan("two.toml"), RUNS)

    return run


def test_runs_are_those_of_the_single_commands(expanded):
    runs = expanded(TWO + "seeds = [0, 7]\n")
    assert [run.folder.name for run in runs] == [
        *("expert-pong-seed-0", "expert-breakout-seed-0"),
        *("expert-pong-seed-7", "expert-breakout-seed-7"),
    ]
    command = "amkit train pong --preset tiny --seed 7 --protocol tiny --precision float32"
    assert runs[2].request.command() == command
    assert runs[2].request.configuration().seed == 7
    assert [run.folder.name for run in expanded(TWO)] == ["expert-pong", "expert-breakout"]


@pytest.mark.usefixtures("papers_bodies")  # A shipped source has one of them.
def test_transfers_are_called_as_their_command_calls_them(expanded, shipped):
    sources = [str(shipped / "amn-policy.keras"), "none"]
    runs = expanded(f"""
        [[runs]]
        command = "transfer"
        split = "targets"
        from = {json.dumps(sources)}
        seeds = [0, 1]
    """)
    assert len(runs) == 28
    assert runs[1].folder.name.endswith("-from-none-seed-0")
    assert runs[1].request.command().count("--from") == 2  # Its layers are the AMN's.


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("pong", "pang"), "two, entry 1 (train): Unknown game"),
        (('preset = "tiny"', 'preset = "huge"'), "two, entry 1 (train): preset must be one of"),
        (('preset = "tiny"', "stepz = 3"), "No such option: --stepz"),
        (('preset = "tiny"', 'steps = "many"'), "Invalid value for '--steps'"),
        (('preset = "tiny"', "steps = 0"), "steps"),
    ],
)
def test_mistakes_in_a_plan_are_one_line_and_nothing_begins(refused, two, change, says):
    two.write_text(TWO.replace(*change))
    refused(2, says, "campaign", two, "--dry-run")
    assert not Path("runs").exists()


def test_two_runs_of_one_folder_need_a_label(refused, expanded, two):
    two.write_text(TWO + TWO)
    refused(2, "two runs called expert-pong", "campaign", two, "--dry-run")
    two.write_text(TWO + TWO + 'label = "again"\n')
    assert len(expanded(two.read_text())) == 4


def test_options_of_the_simulation_need_each_other(refused, two):
    refused(2, "need --dry-run", "campaign", two, "--nodes", 3)
    refused(2, "not both", "campaign", two, "--dry-run", "--status")
    refused(2, "has a folder with campaign.json", "campaign", two, "--status")


def test_dry_run_says_what_runs_need_and_how_long_all_take(amkit, two, monkeypatch):
    from amkit.jobs import forecast

    monkeypatch.setattr(forecast, "pace", lambda configuration: forecast.Pace(0.01, 0.01))
    result = amkit("campaign", two, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "expert-breakout      1" in result.stdout and "here, " in result.stdout
    words = ["--nodes", 2, "--cores", 1, "--node-hours-between-losses", 100, "--json"]
    said = json.loads(amkit("campaign", two, "--dry-run", *words).stdout)
    # 256 steps of 0.01 s, the evaluation's and random play's 50 rounds, and a start.
    seconds = 256 * 0.01 + 2 * 50 * 0.01
    assert said["runs"][0]["hours"] == pytest.approx(seconds / 3600)
    assert said["outcome"]["hours"] == pytest.approx((seconds + 30) / 3600)
    assert not Path("runs").exists()


@pytest.mark.usefixtures("scripted_games")
def test_a_worker_sees_runs_through_and_says_how_far_they_are(amkit, expanded, two, monkeypatch):
    from amkit.jobs import worker
    from amkit.learning.loop import Interrupted

    planned = expanded(TWO)
    assert worker.begin(planned) == [1.2, 1.2]
    campaign = {"runs": [{"name": one.folder.name} for one in planned]}
    standing.write_campaign(RUNS, campaign)
    pong, breakout = planned

    def states():
        said = json.loads(amkit("campaign", two, "--status", "--json").stdout)
        return [(row["state"], row["steps"]) for row in said]

    assert states() == [("waiting", 0), ("waiting", 0)]
    with monkeypatch.context() as patch:
        train = worker.train_and_evaluate

        def stopped_in_the_middle(run, callbacks, *arguments, **options):
            class Stop(type(callbacks[0]).__base__):
                def on_epoch_end(self, epoch, logs):
                    self.model.stop_training = True

            return train(run, [*callbacks, Stop()], *arguments, **options)

        patch.setattr(worker, "train_and_evaluate", stopped_in_the_middle)
        with pytest.raises(Interrupted):
            worker.see_through(pong, 120.0, 0.0)
        assert states()[0] == ("stopped", 64)

        def broken(*arguments, **options):
            raise ValueError("a fault\nof two lines")

        patch.setattr(worker, "train_and_evaluate", broken)
        assert worker.see_through(breakout, 120.0, 0.0) == "ValueError: a fault of two lines"
        assert states()[1][0] == "failed"
    assert worker.see_through(pong, 120.0, 0.0) is None
    assert states() == [("finished", 256), ("failed", 0)]
    assert worker.begin(planned) == [None, 1.2]  # The failed one is tried again.
    assert read_card(pong.folder / "model.keras")["learning_curve"][-1]["steps"] == 256
    shown = amkit("campaign", two, "--status").stdout
    assert "ValueError: a fault" in shown and "2 runs: 1 failed, 1 finished" in shown
    progress = breakout.folder / standing.PROGRESS
    progress.write_text(json.dumps({"checkpoints": 0, "starts": 10, "state": "training"}))
    assert "the run's process died 10 times" in worker.see_through(breakout, 120.0, 0.0)


def test_without_the_extra_one_line_says_how_to_get_it(refused, two, monkeypatch):
    monkeypatch.setattr("amkit.cli.console.find_spec", lambda name: None)
    refused(2, "pip install -e '.[cluster]'", "campaign", two)


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs ray: pip install -e '.[cluster]'"
)
def test_two_runs_on_a_ray_of_this_machine(amkit, two):
    result = amkit("campaign", two, "--json")
    assert result.exit_code == 0, result.output
    assert {row["state"] for row in json.loads(result.stdout)} == {"finished"}
    card = read_card(RUNS / "expert-pong" / "model.keras")
    assert card["machine"]["cores"] == 1  # Its own.
    assert card["command"].startswith("amkit train pong --preset tiny")
    assert "finished" in result.stderr
    assert amkit("campaign", two, "--json").exit_code == 0  # There is nothing left to do.
