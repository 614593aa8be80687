"""What all commands have in common, in this process and in real ones."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amkit.storage import experts

COMMANDS = (
    *("games", "train", "import", "scores", "distill", "baseline", "relate", "transfer"),
    *("evaluate", "report", "record", "export", "theory", "check", "bench", "watch"),
)


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help(amkit, in_ascii, command):
    words = [command, "--help"] if command else ["--help"]
    result = amkit(*words)
    assert result.exit_code == 0
    assert "amkit" in result.stdout
    if command:
        assert f"amkit {command}" in result.stdout.replace(f"Usage: amkit {command}", "")
        assert "Example" in result.stdout
        assert ("--json" in result.stdout) is (command != "watch")
    assert "--help" in in_ascii(*words)


def test_version(amkit):
    assert amkit("--version").stdout.startswith("amkit 0.")


def test_no_such_command(wrong):
    wrong("No such command", "frobnicate")


def test_a_number_out_of_range_is_shown(wrong):
    """Typer's own line says what is valid, and not what it received."""
    wrong("greater than or equal to 1. Received: '0'", "train", "pong", "--steps", "0")
    wrong("Received: 'many'", "train", "pong", "--steps", "many")


def fails(monkeypatch, error):
    def results(folder):
        raise error

    monkeypatch.setattr(experts, "results", results)


def test_ctrl_c_is_one_line(amkit, monkeypatch):
    fails(monkeypatch, KeyboardInterrupt())
    result = amkit("scores")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "error: stopped\n")


def test_a_full_disk_is_one_line(amkit, monkeypatch):
    fails(monkeypatch, OSError(28, "No space left on device", "runs/curves.svg"))
    result = amkit("scores")
    line = "error: runs/curves.svg: No space left on device\n"
    assert (result.exit_code, result.stderr) == (1, line)


def test_too_little_memory_is_one_line(amkit, monkeypatch):
    fails(monkeypatch, MemoryError())
    result = amkit("scores")
    assert result.exit_code == 1 and result.stderr.startswith("error: out of memory: ")


@pytest.mark.parametrize(
    "error",
    [
        KeyError("a bug"),
        ValueError("negative dimensions are not allowed"),
        # As Keras and NumPy word theirs; amkit's own errors come from amkit's own lines.
        ValueError("Computed output size would be negative. Received: shape (8, 8)"),
    ],
)
def test_a_bug_is_not_dressed_up_as_the_users(amkit, monkeypatch, error):
    """Not even while a request is checked, which turns amkit's own ValueErrors into lines."""
    fails(monkeypatch, error)
    result = amkit("scores")
    assert (result.exit_code, result.exception, result.stderr) == (1, error, "")


def test_a_bug_in_amkits_own_lines_is_none_of_the_users(amkit, monkeypatch):
    monkeypatch.setattr(experts, "choose_experts", lambda folder: np.zeros(3) + np.zeros(4))
    result = amkit("scores")
    assert result.exit_code == 1 and isinstance(result.exception, ValueError)


# --- real processes, none of which loads TensorFlow ----------------------------------------------


def start(*words, stdout=subprocess.PIPE, **variables):
    root = Path(__file__).parents[2]
    return subprocess.run(
        words,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(root), **variables},
    )


AMKIT = (sys.executable, "-m", "amkit")


def test_imports_are_few():
    """TensorFlow takes five seconds to load, NumPy a fifth of one."""
    code = "import sys, amkit; amkit.GAMES; assert 'tensorflow' not in sys.modules"
    assert start(sys.executable, "-c", code).returncode == 0
    code = f"""if True:
        import sys
        from typer.testing import CliRunner
        from amkit.cli import app
        for command in {COMMANDS}:
            assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0
        slow = {{"tensorflow", "keras", "pandas", "matplotlib", "scipy"}}
        assert not (slow | {{"numpy", "filelock"}}) & set(sys.modules)
        for words in (["games"], ["games", "pong", "--json"]):
            assert CliRunner().invoke(app, words).exit_code == 0
        open("cut.keras", "wb").write(b"PK\\3\\4 and no more")
        for command in ("evaluate", "record", "watch"):
            result = CliRunner().invoke(app, [command, "cut.keras"])
            assert result.exit_code == 1 and "cut or damaged" in result.stderr
        assert not slow & set(sys.modules), slow & set(sys.modules)
    """
    process = start(sys.executable, "-c", code)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize(
    ("encoding", "score"), [("ascii", b"870,553 +/- 3,795"), ("latin-1", b"870,553 \xb1 3,795")]
)
def test_a_pipe_of_another_encoding(shipped, encoding, score):
    process = start(*AMKIT, "scores", shipped, PYTHONIOENCODING=encoding)
    assert (process.returncode, process.stderr) == (0, b"")
    assert score in process.stdout
    assert len({len(line) for line in process.stdout.splitlines()[:16]}) == 1  # In columns.


def test_a_pipe_that_nobody_reads(shipped):
    reader, writer = os.pipe()
    os.close(reader)
    for words in (["scores", shipped], ["scores", shipped, "--json"], ["--version"]):
        process = start(*AMKIT, *words, stdout=writer)
        assert (process.returncode, process.stderr) == (0, b"")
    os.close(writer)


@pytest.mark.parametrize(
    ("closed", "written"), [("2>&-", True), (">&-", False), (">&- 2>&- <&-", False)]
)
def test_closed_streams(shipped, closed, written):
    command = f'"$0" -m amkit scores "$1" {closed}'
    process = start("sh", "-c", command, sys.executable, shipped)
    assert (process.returncode, process.stderr) == (0, b"")
    assert (b"pong" in process.stdout) is written
    refusal = start("sh", "-c", f'"$0" -m amkit scores missing {closed}', sys.executable)
    assert refusal.returncode == 2


def test_a_result_that_cannot_be_written_is_one_line(shipped):
    with open("/dev/full", "wb") as full:
        process = start(*AMKIT, "scores", shipped, stdout=full)
    assert process.returncode == 1
    assert process.stderr == b"error: the disk: No space left on device\n"


def test_a_bug_has_a_traceback():
    code = """if True:
        from amkit.storage import experts
        from amkit.cli import app
        experts.results = lambda folder: [] + 1
        app(["scores"])
    """
    process = start(sys.executable, "-c", code)
    assert process.returncode == 1
    assert process.stderr.startswith(b"Traceback") and b"TypeError" in process.stderr
