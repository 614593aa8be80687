"""`amkit train`: what it makes, how it is stopped, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from amkit.jobs import budget
from amkit.storage import run_folders
from amkit.storage.cards import read_card


@pytest.mark.usefixtures("compiled_kernels")
def test_train_then_evaluate(amkit, tiny):
    result = amkit("train", "pong", *tiny, "--json", "--tensorboard")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["scores"][0]["game"] == "pong"
    run = Path(answer["run"])
    assert run == Path("runs/expert-pong")
    card = read_card(run / "model.keras")
    assert card["kind"] == "expert" and card["games"] == ["pong"] and card["steps"] == 256
    assert card["command"] == ("amkit train pong --preset tiny --protocol tiny --precision float32")
    assert card["learning_curve"][-1]["steps"] == 256
    files = {p.name for p in run.iterdir()}
    assert {"config.json", "metrics.csv", "model.keras", "model.json", "tensorboard"} <= files
    assert "checkpoint" not in files  # It may be gigabytes, and is needed no longer.
    assert list((run / "tensorboard").rglob("events*"))
    result = amkit("evaluate", run / "model.keras", "--protocol", "tiny", "--json")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    assert scores[0]["protocol"] == "tiny" and scores[0]["random"]["games"] == 1


def test_train_in_minutes(amkit, refused, tiny, monkeypatch):
    class Clock:
        """Five seconds pass with each look at it."""

        now = time.monotonic()

        def monotonic(self):
            self.now += 5.0
            return self.now

    monkeypatch.setattr(budget, "time", Clock())
    refused(2, "not both", "train", "pong", *tiny, "--steps", 256, "--minutes", 2)
    refused(2, "a run of pong needs --minutes 1 or more", "train", "pong", *tiny, "--minutes", 0.2)
    assert not Path("runs").exists()
    result = amkit("train", "pong", *tiny, "--minutes", 2)
    assert result.exit_code == 0, result.output
    assert "2 minutes for about" in result.stderr
    card = read_card(Path("runs/expert-pong/model.keras"))
    first, *_, last = card["budget"]["plans"]
    assert card["budget"]["minutes"] == 2 and first["at"] == 0
    assert card["settings"]["steps"] == last["steps"] < 2000 < first["steps"]
    assert last["steps"] <= card["steps"] < last["steps"] + 32
    assert card["command"].endswith(f" --precision float32 --steps {last['steps']}")
    assert "--minutes" not in card["command"]
    words = ["train", "pong", *tiny, "--resume"]
    refused(2, "has minutes 2.0", *words, "--minutes", 3)
    refused(2, "has steps None", *words, "--steps", 256)
    assert amkit(*words).exit_code == 0


@pytest.mark.usefixtures("scripted_games")
def test_train_with_replay(amkit, tiny):
    result = amkit("train", "breakout", *tiny[2:], "--preset", "tiny-dqn")
    assert result.exit_code == 0, result.output
    assert "breakout" in result.stdout


@pytest.mark.usefixtures("scripted_games")
def test_train_several_games_into_a_folder(amkit, tiny):
    Path("zoo").mkdir()
    words = ["train", "pong", "breakout", *tiny, "--into", "zoo", "--json"]
    result = amkit(*words)
    assert result.exit_code == 0, result.output
    assert "2 of 2 trainings to do" in result.stderr
    runs_ = [answer["run"] for answer in json.loads(result.stdout)]
    assert runs_ == ["runs/expert-pong", "runs/expert-breakout"]
    names = ["breakout.json", "breakout.keras", "pong.json", "pong.keras"]
    assert sorted(path.name for path in Path("zoo").iterdir()) == names
    left = Path("runs/expert-pong/checkpoint")  # By a kill just after the model was saved.
    left.mkdir()
    result = amkit(*words, "--resume")
    assert result.exit_code == 0 and result.stderr.count("already finished") == 2
    assert not left.exists()
    rows = json.loads(amkit("scores", "zoo", "--json").stdout)
    assert [row["game"] for row in rows] == ["breakout", "pong"]
    share = (rows[1]["mean"] - rows[1]["random"]) / (18.9 - rows[1]["random"])
    assert rows[1]["dqn"] == 18.9 and rows[1]["dqn_normalised"] == pytest.approx(share)
    assert "pong" in amkit("scores", "zoo").stdout
    assert "| pong " in amkit("scores", "zoo", "--markdown").stdout
    assert amkit("scores", "zoo", "--figure", "curves.svg").exit_code == 0
    assert "<svg" in Path("curves.svg").read_text()
    path = Path("zoo/pong.json")
    card = json.loads(path.read_text())
    card["scores"][0]["protocol"] = "[/no markup]"
    path.write_text(json.dumps(card))
    assert "[/no markup]" in " ".join(amkit("scores", "zoo").stdout.split())


@pytest.fixture
def requests_of(amkit, monkeypatch):
    """Game -> what `amkit train` would begin."""

    def run(*words):
        asked = {}

        def note(context, requests, on_model):
            asked.update({request.games[0]: request for request in requests})

        monkeypatch.setattr("amkit.cli.trainings.run_jobs", note)
        assert amkit(*words, "--json").exit_code == 0
        return asked

    return run


def test_all_games_are_trained_as_the_shipped_experts_were(requests_of, shipped):
    from amkit.jobs import presets

    asked = requests_of("train", "--all")
    assert len(asked) == 20
    compared = 0
    for path in shipped.glob("*.keras"):
        card = read_card(path)
        if card["kind"] != "expert":
            continue
        options = asked[card["games"][0]].options
        preset = options["preset"] or "laptop"
        steps = options["steps"] or presets.EXPERT[preset].steps
        assert (preset, steps) == (card["preset"], card["settings"]["steps"]), path
        compared += 1
    assert compared > 10
    assert asked["kangaroo"].command() == "amkit train kangaroo --preset explore"
    assert set(presets.ZOO) <= set(asked)


@pytest.mark.parametrize(
    ("option", "kangaroo", "breakout"),
    [
        (["--preset", "tiny"], ("tiny", None), ("tiny", None)),
        (["--steps", "500"], ("explore", 500), (None, 500)),
    ],
)
def test_what_is_asked_for_goes_before_the_zoos(requests_of, option, kangaroo, breakout):
    asked = requests_of("train", "--all", *option)
    for name, expected in (("kangaroo", kangaroo), ("breakout", breakout)):
        assert tuple(asked[name].options[key] for key in ("preset", "steps")) == expected


def test_a_game_that_is_named_has_the_preset_alone(requests_of):
    asked = requests_of("train", "kangaroo", "breakout")
    assert all(request.command() == f"amkit train {name}" for name, request in asked.items())


@pytest.mark.usefixtures("scripted_games")
def test_several_games_are_checked_before_the_first(amkit, refused, tiny):
    assert amkit("train", "breakout", *tiny).exit_code == 0
    words = ["train", "pong", "breakout", *tiny]
    match = "runs/expert-breakout has seed 0: leave out the option, or"
    refused(2, match, *words, "--seed", 1, "--resume")
    with run_folders.Run(Path("runs/expert-breakout")):
        refused(2, "in use by another process", *words, "--resume")
    assert [path.name for path in Path("runs").iterdir()] == ["expert-breakout"]


def test_unknown_game(refused, tiny):
    refused(2, "Nearest: pong", "train", "pongg", *tiny)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["pong", "--steps", "-5"], "--steps"),
        (["pong", "--steps", "many"], "--steps"),
        (["pong", "--seed", "-1"], "--seed"),
        (["pong", "--preset", "huge"], "preset must be one of"),
        (["pong", "--precision", "int8"], "precision: should be 'float32' or"),
        (["pong", "--protocol", "mine", "--precision", "float32"], "protocol must be one of"),
        ([], ""),
        (["pong", "--all"], "Received: both"),
        (["--steps", "10"], "Received: neither"),
        (["pong", "Pong"], "each game only once"),
        (["pong", "boxing", "--run", "mine"], "--run works with one game only"),
        (["pong", "--into", "missing"], "--into must be an existing folder"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "train", *words)


def test_a_run_in_use_or_already_there(refused, tiny, tmp_path):
    with run_folders.Run(tmp_path / "mine", {}):
        refused(2, "in use by another process", "train", "pong", *tiny, "--run", "mine", "--resume")
    before = (tmp_path / "mine" / "config.json").read_bytes()
    refused(2, "already holds a run", "train", "pong", *tiny, "--run", "mine")
    assert (tmp_path / "mine" / "config.json").read_bytes() == before


def test_a_folder_that_cannot_be_written(refused, tiny, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    refused(2, "can be written. Received: file/run", "train", "pong", *tiny, "--run", "file/run")


@pytest.mark.usefixtures("scripted_games")
def test_a_full_disk_while_training(refused, tiny, monkeypatch):
    from amkit.storage import checkpoints

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "_entry", full)
    refused(1, "the disk is full", "train", "pong", *tiny)


# --- stopped and killed --------------------------------------------------------------------------


@pytest.fixture
def long(tiny):
    return ["train", "pong", *tiny, "--steps", "100000", "--checkpoint-minutes", "0.01"]


def new_checkpoint(alive, seconds=120):
    """Waits until a training has written a checkpoint that was not there before."""
    pattern = "runs/expert-pong/checkpoint/checkpoint-*/manifest.json"
    before = set(Path().glob(pattern))
    limit = time.monotonic() + seconds
    while not set(Path().glob(pattern)) - before:
        assert alive() and time.monotonic() < limit
        time.sleep(0.05)


@pytest.fixture
def stopped(amkit, long):
    """Trains in this process, which gets a signal after a checkpoint."""

    def run(number, *words):
        def stop():
            new_checkpoint(lambda: True)
            os.kill(os.getpid(), number)

        thread = threading.Thread(target=stop)
        thread.start()
        result = amkit(*long, *words)
        thread.join()
        return result

    return run


@pytest.mark.usefixtures("scripted_games")
def test_ctrl_c_saves_and_says_how_to_go_on(stopped, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["amkit", "train", "pong"])
    result = stopped(signal.SIGINT)
    assert result.exit_code == 1, result.output
    assert "stopped, and saved. Go on with: amkit train pong" in result.stderr
    assert "--resume" in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""


# What this process does in `shrunk`.
SHRINK = "import pytest; from tests.conftest import shrink; shrink(pytest.MonkeyPatch());"


def test_kill_and_resume(stopped, long):
    process = subprocess.Popen(
        [sys.executable, "-c", f"{SHRINK} from amkit.cli import app; app()", *long, "--resume"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    new_checkpoint(lambda: process.poll() is None)
    time.sleep(np.random.default_rng().uniform(0, 1))
    process.kill()  # tests/campaigns/kills.py does it many times.
    process.wait()
    result = stopped(signal.SIGTERM, "--resume")
    assert result.exit_code == 1 and "stopped, and saved" in result.stderr, result.stderr
    assert [p.name for p in Path("runs").iterdir()] == ["expert-pong"]
    lines = Path("runs/expert-pong/metrics.csv").read_text().splitlines()
    steps = [int(line.split(",")[0]) for line in lines[1:]]
    assert steps == list(range(64, 64 * len(steps) + 1, 64))  # No epoch lost, none twice.
