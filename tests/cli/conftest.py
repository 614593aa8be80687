"""Every command through Typer's runner, in an empty folder."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from amkit.cli import app


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def shipped():
    """The folder of shipped models."""
    return Path(__file__).parents[2] / "pretrained"


@pytest.fixture(scope="session")
def tiny():
    """Options of a training of seconds."""
    return ["--preset", "tiny", "--protocol", "tiny", "--precision", "float32"]


@pytest.fixture(scope="session")
def amkit():
    """Runs a command; `charset` is that of its output."""

    def run(*words, charset="utf-8"):
        return CliRunner(charset).invoke(app, [str(word) for word in words])

    return run


@pytest.fixture(scope="session")
def in_ascii(amkit):
    """Runs a command whose output takes nothing but ASCII; returns its results."""

    def run(*words):
        result = amkit(*words, charset="ascii")
        assert result.exit_code == 0, result.output
        result.output_bytes.decode("ascii")
        assert amkit(*words, charset="latin-1").exit_code == 0
        return result.stdout

    return run


@pytest.fixture(scope="session")
def refused(amkit):
    """The command ends with one line on stderr, writes no result, and leaves no traceback."""

    def run(code, match, *words):
        result = amkit(*words)
        assert result.exit_code == code, result.output
        assert match in result.stderr.replace("\n", " "), result.stderr
        assert result.stdout == ""
        assert isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.stderr
        lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
        assert len(lines) <= 1  # Typer's own usage errors are boxes.
        return result

    return run


@pytest.fixture(scope="session")
def wrong(amkit):
    """The request is refused, by Typer or by amkit, and nothing is begun."""

    def run(match, *words):
        result = amkit(*words)
        assert result.exit_code == 2, result.output
        assert match in " ".join(result.output.replace("│", " ").split())
        assert isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        assert not Path("runs").exists()

    return run
