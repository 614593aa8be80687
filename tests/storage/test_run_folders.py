"""Run folders: names, locks, damaged content."""

import subprocess
import sys

import pytest

from amkit.storage import checkpoints, run_folders


def claimed(*arguments, **options):
    with run_folders.claim(*arguments, **options) as run:
        return run.folder


def test_names_and_order(tmp_path):
    assert claimed(tmp_path, "amn-all") == tmp_path / "amn-all"
    for name in ("amn-all", "amn-all-2", "amn-all-10", "amn-all-games"):
        with run_folders.Run(tmp_path / name, {"kind": "amn"}):
            pass
    assert claimed(tmp_path, "amn-all") == tmp_path / "amn-all-11"
    assert claimed(tmp_path, "amn-all", resume=True) == tmp_path / "amn-all-10"
    assert claimed(tmp_path, "amn-all", tmp_path / "amn-all-2", True) == tmp_path / "amn-all-2"
    with pytest.raises(ValueError, match="already holds a run: add --resume, or name another"):
        run_folders.claim(tmp_path, "amn-all", tmp_path / "amn-all-2", False)
    with pytest.raises(ValueError, match="already holds a run: name another"):
        run_folders.claim(tmp_path, "amn-all", tmp_path / "amn-all-2")


def test_a_run_is_not_begun_twice_nor_used_by_two(tmp_path):
    with run_folders.Run(tmp_path / "run", {"seed": 1}) as run:
        assert run.config == {"seed": 1}
        with pytest.raises(run_folders.RunError, match="in use"):
            run_folders.Run(tmp_path / "run")
    with pytest.raises(run_folders.RunError, match="already holds a run"):
        run_folders.Run(tmp_path / "run", {"seed": 2})
    with run_folders.Run(tmp_path / "run") as run:
        assert run.config == {"seed": 1}


@pytest.mark.parametrize("content", ["{", "[]"])
@pytest.mark.parametrize("ask", [run_folders.Run, run_folders.read_config])
def test_damaged_folders(tmp_path, content, ask):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(run_folders.DamagedRun, match="damaged"):
        ask(tmp_path)


def test_a_folder_that_holds_no_run(tmp_path):
    with pytest.raises(run_folders.RunError, match="no config.json"):
        run_folders.read_config(tmp_path)
    with run_folders.Run(tmp_path) as run:
        assert not run.begun and run.config == {}


def test_metrics_may_gain_columns(tmp_path):
    with run_folders.Run(tmp_path, {}) as run:
        run.write_metrics([{"steps": 1}, {"steps": 2, "score": 0.5}])
    assert (tmp_path / "metrics.csv").read_text() == "steps,score\n1,\n2,0.5\n"


def test_a_claimed_folder_begins_later_or_is_gone_again(tmp_path):
    with run_folders.claim(tmp_path / "runs", "pong") as run:
        assert not run.begun and run.config == {}
        with run_folders.claim(tmp_path / "runs", "pong") as other:
            assert other.folder.name == "pong-2"
        run.begin({"seed": 1})
        assert run.begun and run.config == {"seed": 1}
        with pytest.raises(run_folders.RunError, match="already holds a run"):
            run.begin({"seed": 2})
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["pong"]
    with run_folders.claim(tmp_path / "a" / "b", "pong"):
        pass
    assert not (tmp_path / "a").exists()
    (tmp_path / "mine").mkdir()
    with run_folders.claim(tmp_path, "pong", tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()  # It was there before.


_START = """
import sys
from pathlib import Path
from amkit.storage import run_folders
sys.stdin.readline()
with run_folders.claim(Path(sys.argv[1]), "expert-pong") as run:
    print("chosen", flush=True)
    sys.stdin.readline()
    run.begin({"seed": int(sys.argv[2])})
assert "tensorflow" not in sys.modules
"""


def test_runs_begun_together_each_take_a_folder(tmp_path):
    """Two of three ended with "in use": a folder was chosen long before it was locked."""
    together = [
        subprocess.Popen(
            [sys.executable, "-c", _START, str(tmp_path), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(3)
    ]
    for process in together:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.stdout.readline() for process in together] == ["chosen\n"] * 3
    for process in together:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    runs = sorted(tmp_path.iterdir())
    assert [run.name for run in runs] == ["expert-pong", "expert-pong-2", "expert-pong-3"]
    assert sorted(run_folders.read_config(run)["seed"] for run in runs) == [0, 1, 2]


def test_a_run_whose_checkpoints_are_gone_does_not_begin_anew(tmp_path):
    """It started from nothing, and wrote over metrics.csv."""
    with run_folders.Run(tmp_path / "pong", {"seed": 1}) as run:
        run.check_checkpoints()  # A new one has none to lose.
        run.write_metrics([{"steps": 1024}])
        checkpoints.save(run.checkpoint_folder, {"step": 1})
        run.check_checkpoints()
        run.discard_checkpoints()
        with pytest.raises(run_folders.DamagedRun, match="1,024 agent steps, but its checkpoints"):
            run.check_checkpoints()
        run.model_path.touch()  # A finished run needs none.
        run.check_checkpoints()


def test_an_older_configuration_is_brought_up_to_date(tmp_path):
    with run_folders.Run(tmp_path, {"kind": "amn", "settings": {"temperature": 1}}) as run:
        assert run.config["algorithm"] == "actor_mimic"
        assert run.config["settings"]["restart_steps"] is None
