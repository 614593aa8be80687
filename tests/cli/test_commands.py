"""Every command through Typer's runner, with tiny settings and bad input, and in real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from amkit.cli import app
from amkit.cli.tables import theory_table
from amkit.networks.bodies import BODIES, nature_dqn
from amkit.storage import models, run_folders
from amkit.storage.cards import read_card
from amkit.theory import study

TINY = ["--preset", "tiny", "--protocol", "tiny", "--precision", "float32"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def amkit(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(code, match, *words):
    """The command ends with one line on stderr, writes no result, and leaves no traceback."""
    result = amkit(*words)
    assert result.exit_code == code, result.output
    assert match in result.stderr.replace("\n", " "), result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) <= 1  # Typer's own usage errors are boxes.
    return result


def test_help_of_every_command():
    commands = ("games", "train", "scores", "distill", "baseline", "evaluate", "record", "bench")
    for words in ([], *([command] for command in commands)):
        result = amkit(*words, "--help")
        assert result.exit_code == 0
        assert "amkit" in result.stdout


def test_version():
    assert amkit("--version").stdout.startswith("amkit 0.")


def test_games():
    result = amkit("games", "--json")
    games = json.loads(result.stdout)
    assert len(games) == 20 and games[0].keys() >= {"name", "splits", "actions", "expert"}
    assert "space_invaders" in amkit("games").stdout


def test_a_games_actions_and_their_places(expert_folder):
    result = amkit("games", "Pong", "--experts", expert_folder)
    assert result.exit_code == 0, result.output
    cells = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    for row in (
        ["0", "NOOP", "1", "0"],
        ["2", "UP", "0", "-"],
        ["3", "RIGHT", "1", "2"],
        ["12", "LEFTFIRE", "1", "5"],
    ):
        assert row in cells
    codes = [row[0] for row in cells if len(row) == 4 and row[0].isdecimal()]
    assert codes == [str(code) for code in range(18)]
    assert "random -20.7, human 9.3, DQN 18.9" in result.stdout
    assert str(expert_folder / "pong.keras") in result.stdout
    (pong,) = json.loads(amkit("games", "pong", "--json").stdout)
    assert pong["name"] == "pong" and sum(pong["action_mask"]) == 6
    assert "UP" in amkit("games", "ms_pacman").stdout  # Without published scores.
    refused(2, "Nearest: pong", "games", "pongg")


def test_games_shows_the_experts_at_hand(expert_folder):
    games = json.loads(amkit("games", "--experts", expert_folder, "--json").stdout)
    assert {g["name"] for g in games if g["expert"]} == {"pong", "breakout"}


def test_train_then_evaluate():
    result = amkit("train", "pong", *TINY, "--json", "--tensorboard")
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


def test_train_with_replay():
    result = amkit("train", "breakout", *TINY[2:], "--preset", "tiny-dqn")
    assert result.exit_code == 0, result.output
    assert "breakout" in result.stdout


def test_train_several_games_into_a_folder():
    Path("zoo").mkdir()
    words = ["train", "pong", "breakout", *TINY, "--into", "zoo", "--json"]
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
    assert result.exit_code == 0 and result.stderr.count("finished already") == 2
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


def requests_of(monkeypatch, *words):
    """Game -> what `amkit train` would begin."""
    asked = {}

    def note(requests, **ignored):
        asked.update({request.games[0]: request for request in requests})
        return iter(())

    # `amkit.cli.train` is the command; the module of that name lies beneath it.
    monkeypatch.setattr(sys.modules["amkit.cli.train"], "run_jobs", note)
    assert amkit(*words, "--json").exit_code == 0
    return asked


def test_all_games_are_trained_as_the_shipped_experts_were(monkeypatch):
    from amkit.jobs import presets

    asked = requests_of(monkeypatch, "train", "--all")
    assert len(asked) == 20
    shipped = 0
    for path in (Path(__file__).parents[2] / "pretrained").glob("*.keras"):
        card = read_card(path)
        if card["kind"] != "expert":
            continue
        options = asked[card["games"][0]].options
        preset = options["preset"] or "laptop"
        steps = options["steps"] or presets.EXPERT[preset].steps
        assert (preset, steps) == (card["preset"], card["settings"]["steps"]), path
        shipped += 1
    assert shipped > 10
    assert asked["kangaroo"].command() == "amkit train kangaroo --preset explore"
    assert set(presets.ZOO) <= set(asked)


@pytest.mark.parametrize(
    ("option", "kangaroo", "breakout"),
    [
        (["--preset", "tiny"], ("tiny", None), ("tiny", None)),
        (["--steps", "500"], ("explore", 500), (None, 500)),
    ],
)
def test_what_is_asked_for_goes_before_the_zoos(monkeypatch, option, kangaroo, breakout):
    asked = requests_of(monkeypatch, "train", "--all", *option)
    for name, expected in (("kangaroo", kangaroo), ("breakout", breakout)):
        assert tuple(asked[name].options[key] for key in ("preset", "steps")) == expected


def test_a_game_that_is_named_has_the_preset_alone(monkeypatch):
    asked = requests_of(monkeypatch, "train", "kangaroo", "breakout")
    assert all(request.command() == f"amkit train {name}" for name, request in asked.items())


def test_the_page_of_shipped_models_is_written_by_a_command():
    shipped = Path(__file__).parents[2] / "pretrained"
    table = amkit("scores", shipped, "--markdown").stdout.splitlines()
    rows = [line.strip() for line in table if line.strip().startswith("|")]
    assert len(rows) > 2
    page = [line.strip() for line in (shipped / "README.md").read_text().splitlines()]
    assert set(rows) <= set(page)


def test_several_games_are_checked_before_the_first():
    assert amkit("train", "breakout", *TINY).exit_code == 0
    words = ["train", "pong", "breakout", *TINY]
    match = "runs/expert-breakout goes on as it began, with seed 0: leave out the option, or"
    refused(2, match, *words, "--seed", 1, "--resume")
    with run_folders.Run(Path("runs/expert-breakout")):
        refused(2, "in use by another process", *words, "--resume")
    assert [path.name for path in Path("runs").iterdir()] == ["expert-breakout"]


def test_distill_then_evaluate_the_newest(expert_folder):
    words = ["--feature-weight", "0.01", "--behaviour", "expert", "--epsilon", "0.2"]
    result = amkit("distill", "--experts", expert_folder, *TINY, *words)
    assert result.exit_code == 0, result.output
    assert "starting 8 emulators" in result.stderr
    card = read_card(Path("runs/amn-all/model.keras"))
    assert card["kind"] == "amn" and card["games"] == ["breakout", "pong"]
    assert card["settings"]["feature_weight"] == 0.01
    assert np.array(card["action_masks"]["pong"]).sum() == 6
    assert card["scores"][0]["expert"]["games"] == 1
    result = amkit(
        *("evaluate", "--protocol", "tiny", "--games", "pong", "--experts", expert_folder),
        *("--output", "scores.json"),
    )
    assert result.exit_code == 0, result.output
    assert "pong" in result.stdout and "runs/amn-all/model.keras" in result.stderr
    assert json.loads(Path("scores.json").read_text())[0]["expert"]["games"] == 1


@pytest.mark.parametrize("architecture", ["mdqn", "mcdqn"])
def test_baseline_then_evaluate(architecture, expert_folder):
    asked = ["baseline", architecture, "--games", "pong,breakout", "--test-epochs", 2, *TINY]
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


def test_a_second_run_gets_its_own_folder_and_resume_goes_on_with_the_newest(expert_folder):
    words = ["distill", "--experts", expert_folder, "--games", "pong", *TINY]
    assert amkit(*words).exit_code == 0
    assert amkit(*words, "--steps", 128).exit_code == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == ["amn-pong", "amn-pong-2"]
    refused(2, "goes on as it began, with seed 0", *words, "--resume", "--seed", 1)
    refused(2, "with kind amn", "train", "pong", "--run", "runs/amn-pong", "--resume")
    result = amkit(*words, "--resume", "--json")
    assert result.exit_code == 0 and "finished already" in result.stderr
    assert json.loads(result.stdout)["run"] == "runs/amn-pong-2"


def test_a_student_that_begins_as_an_expert(expert_folder):
    assert amkit("train", "pong", *TINY).exit_code == 0
    first = "runs/expert-pong/model.keras"
    words = ["distill", "--experts", expert_folder, *TINY]
    result = amkit(*words, "--from", first, "--json")
    assert result.exit_code == 0, result.output
    assert "from expert-pong weights" in result.stderr
    card = read_card(Path(json.loads(result.stdout)["model"]))
    weights = read_card(first)["weight_hash"]
    begun = {"source": "expert-pong", "weights": weights, "learnt": ["pong"]}
    assert card["begin"] == begun
    assert f"--from {first}" in card["command"]
    refused(2, "goes on as it began", *words, "--resume", "--from", expert_folder / "pong.keras")
    # Other layers: its features are not normalised.
    refused(2, "begins with weights of such layers", *words, "--from", expert_folder / "pong.keras")
    refused(2, "that exists. Received: missing.keras", *words, "--from", "missing.keras")


def test_bench(monkeypatch):
    # Updates alone are measured by the code that picks a precision; XLA takes minutes to compile.
    monkeypatch.setattr("amkit.jobs.rates.training_rate", lambda *settings: 1000.0)
    # Nor are tests the time for networks that a laptop takes seconds to ask.
    monkeypatch.setattr("amkit.jobs.rates.forward_rate", lambda *settings: 2000.0)
    # Nor for starting hundreds of emulators.
    for name, fewer in (("_ENVS", 4), ("_DISTILLING_ENVS", 8), ("_DISTILLING_BATCH", 16)):
        monkeypatch.setattr(f"amkit.jobs.benchmark.{name}", fewer)
    result = amkit("bench", "--seconds", 0.1, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["steps"][0]["ratio"] == 1.0 and len(answer["steps"]) == 6
    assert {row["xla"] for row in answer["updates"]} == {True, False}
    assert [row["body"] for row in answer["bodies"]] == list(BODIES)
    nature = answer["bodies"][0]
    emulation, forward = answer["steps"][0]["rate"], nature["forward"]
    alone = 1 / (1 / emulation + 0.5 / forward + 2 / 1000 + 1 / forward)
    assert nature["training"] == 1000 and nature["steps"] == pytest.approx(alone, rel=1e-6)


# --- bad input -----------------------------------------------------------------------------------


def test_unknown_game():
    refused(2, "Nearest: pong", "train", "pongg", *TINY)
    refused(2, "space_invaders", "evaluate", "--games", "space_invader")
    assert not Path("runs").exists()


def test_expert_folders(tmp_path, expert_folder):
    distill = ["distill", *TINY, "--experts"]
    refused(2, "which is no folder", *distill, tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    refused(2, "holds no expert", *distill, tmp_path / "empty")
    refused(2, "Received: seaquest", *distill, expert_folder, "--games", "seaquest")
    assert not Path("runs").exists()


def test_two_experts_of_one_game(tmp_path, expert_folder):
    for name in ("a", "b"):
        for ending in (".keras", ".json"):
            (tmp_path / (name + ending)).write_bytes((expert_folder / f"pong{ending}").read_bytes())
    refused(2, "two experts of pong", "distill", "--experts", tmp_path, *TINY)


def test_a_damaged_expert(tmp_path, expert_folder):
    content = (expert_folder / "pong.keras").read_bytes()
    (tmp_path / "pong.json").write_bytes((expert_folder / "pong.json").read_bytes())
    (tmp_path / "pong.keras").write_bytes(content[:-1000])
    refused(1, "cut or damaged", "distill", "--experts", tmp_path, *TINY)
    refused(1, "cut or damaged", "evaluate", tmp_path / "pong.keras")
    (tmp_path / "pong.keras").write_bytes((expert_folder / "breakout.keras").read_bytes())
    refused(1, "does not match", "distill", "--experts", tmp_path, *TINY)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["evaluate", "--seed", "2147483647"], "less than or equal to"),
        (["evaluate", "--epsilon", "1.5"], "epsilon lies in [0, 1]"),
        (["evaluate", "--protocol", "mine"], "protocol is one of"),
        (["evaluate"], "no Actor-Mimic network"),
        (["train", "pong", "--steps", "-5"], "--steps"),
        (["train", "pong", "--steps", "many"], "--steps"),
        (["train", "pong", "--seed", "-1"], "--seed"),
        (["evaluate", "--output", "missing/scores.json"], "can be written"),
        (["train", "pong", "--preset", "huge"], "preset is one of"),
        (["train", "pong", "--precision", "int8"], "precision is one of"),
        (["train", "pong", "--protocol", "mine", "--precision", "float32"], "protocol is one of"),
        (["train"], ""),
        (["train", "pong", "--all"], "Received: both"),
        (["train", "--steps", "10"], "Received: neither"),
        (["train", "pong", "Pong"], "each game is named once"),
        (["train", "pong", "boxing", "--run", "mine"], "--run is for one game"),
        (["train", "pong", "--into", "missing"], "--into is a folder that can be written"),
        (["scores", "missing"], "no folder"),
        (["scores", "."], "holds no expert"),
        (["scores", "--json", "--markdown"], "exclude each other"),
        (["scores", "--figure", "curves.pdf"], "a figure ends with .png or .svg"),
        (["scores", "--figure", "missing/curves.svg"], "a folder that can be written"),
        (["baseline", "xdqn"], "a baseline is mdqn or mcdqn"),
        (["baseline", "mdqn", "--games", "pong"], "two games or more"),
        (["baseline", "mdqn", "--test-epochs", "-1"], "--test-epochs"),
        (["frobnicate"], "No such command"),
        (["distill"], "--experts"),
    ],
)
def test_wrong_usage(words, match):
    result = amkit(*words)
    assert result.exit_code == 2, result.output
    assert match in " ".join(result.output.replace("│", " ").split())
    assert "Traceback" not in result.output
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--epsilon", "-0.1"], "epsilon lies in [0, 1]"),
        (["--temperature", "0"], "temperature is above 0"),
        (["--feature-weight", "-1"], "feature_weight is 0 or more"),
        (["--behaviour", "teacher"], "behaviour is one of"),
        (["--games", "pong,pong"], "each game once"),
        (["--games", ","], "comma-separated"),
        (["--split", "all"], "multitask"),
        (["--split", "multitask", "--games", "pong"], "exclude each other"),
    ],
)
def test_wrong_distillation(words, match, expert_folder):
    refused(2, match, "distill", "--experts", expert_folder, *TINY, *words)
    assert not Path("runs").exists()


def test_a_run_in_use_or_already_there(tmp_path):
    with run_folders.Run(tmp_path / "mine", {}):
        refused(2, "in use by another process", "train", "pong", *TINY, "--run", "mine", "--resume")
    before = (tmp_path / "mine" / "config.json").read_bytes()
    refused(2, "holds a run already", "train", "pong", *TINY, "--run", "mine")
    assert (tmp_path / "mine" / "config.json").read_bytes() == before


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    refused(2, "cannot be written", "train", "pong", *TINY, "--run", "file/run")


def test_a_damaged_run_or_other_experts(tmp_path, expert_folder):
    folder = tmp_path / "experts"
    shutil.copytree(expert_folder, folder)
    words = ["distill", "--experts", folder, "--games", "pong", *TINY, "--run", "mine"]
    assert amkit(*words).exit_code == 0
    (tmp_path / "mine" / "model.keras").unlink()
    config = tmp_path / "mine" / "config.json"
    whole = config.read_text()
    config.write_text(whole.replace('"epsilon"', '"epsilom"'))
    refused(1, "does not describe a run", *words, "--resume")
    config.write_text(whole[:50])
    refused(1, "damaged", *words, "--resume")
    config.write_text(whole)
    models.save(nature_dqn(6), folder / "pong.keras", {"kind": "expert", "games": ["pong"]})
    refused(1, "other experts", *words, "--resume")


def test_steps_too_few_to_learn(expert_folder):
    words = ["distill", "--experts", expert_folder, *TINY, "--steps", 60]
    refused(2, "steps is 80 or more", *words)


def test_a_full_disk_while_training(monkeypatch):
    from amkit.storage import checkpoints

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "_crc32", full)
    refused(1, "the disk is full", "train", "pong", *TINY)


# --- real processes ------------------------------------------------------------------------------


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "amkit", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


CHECKPOINTS = "runs/expert-pong/checkpoint/checkpoint-*/manifest.json"


def wait_for_a_new_checkpoint(process, seconds=120):
    """Waits until the process has written a checkpoint that was not there before."""
    before = set(Path().glob(CHECKPOINTS))
    limit = time.monotonic() + seconds
    while not set(Path().glob(CHECKPOINTS)) - before:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < limit
        time.sleep(0.05)


LONG = ["train", "pong", *TINY, "--steps", "100000", "--checkpoint-minutes", "0.01"]


def test_ctrl_c_saves_and_says_how_to_go_on():
    process = start(*LONG)
    wait_for_a_new_checkpoint(process)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1, stderr
    assert "stopped, and saved. Go on with: amkit train pong" in stderr and "--resume" in stderr
    assert "Traceback" not in stderr and stdout == ""


def test_kill_and_resume():
    rng = np.random.default_rng(0)
    for _ in range(2):
        process = start(*LONG, "--resume")
        wait_for_a_new_checkpoint(process)
        time.sleep(float(rng.uniform(0, 1)))
        process.kill()
        process.communicate()
    process = start(*LONG, "--resume")
    wait_for_a_new_checkpoint(process)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1 and "stopped, and saved" in stderr, stderr
    assert [p.name for p in Path("runs").iterdir()] == ["expert-pong"]
    lines = Path("runs/expert-pong/metrics.csv").read_text().splitlines()
    steps = [int(line.split(",")[0]) for line in lines[1:]]
    assert steps == list(range(64, 64 * len(steps) + 1, 64))  # No epoch lost, none twice.


def test_import_is_fast_and_loads_no_tensorflow():
    code = "import sys, amkit; amkit.GAMES; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, amkit.cli; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_theory_measures_and_draws(tmp_path):
    result = amkit("theory", "--run", tmp_path / "theory", "--json")
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    shown = [table.title for table in theory_table(measured)]
    assert [title.split(":")[0] for title in shown] == ["Lemma 1", "Theorem 1", "Proposition 1"]
    begun, *_, ended = zip(*measured["lemma_1"]["distances"], strict=True)
    assert min(begun) > 1 and max(ended) < 1e-6  # Wherever it begins.
    contracts = {row["operator"]: row["ratio"] < 1 for row in measured["theorem_1"]}
    assert contracts["softmax / 1"] and not contracts["greedy"]
    assert (tmp_path / "theory" / "theory.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "theory" / "results.json").read_text()) == {
        key: value for key, value in measured.items() if key != "run"
    }
    refused(2, "holds a run already: name another", "theory", "--run", tmp_path / "theory")


def test_theory_without_matplotlib_has_numbers_alone(monkeypatch):
    for name in ("lemma_1", "theorem_1"):
        monkeypatch.setattr(study, name, lambda seed, name=name: name)
    monkeypatch.setattr(study, "proposition_1", lambda: "proposition_1")
    monkeypatch.setattr("amkit.cli.extras.find_spec", lambda name: None)
    result = amkit("theory", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["theorem_1"] == "theorem_1"
    assert "extra 'plots'" in result.stderr
    assert not list(Path("runs/theory").glob("*.png"))
