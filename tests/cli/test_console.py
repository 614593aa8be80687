"""What is printed: strings as they are, tables in line, one line on what is done now."""

import io
import os
import sys
import time

import pytest
from rich.cells import cell_len

from amkit.cli import console
from amkit.cli.console import StatusLine, out, say, table

STRANGE = "[red]x[/red] $$ a|b :smile: [/no markup]"


@pytest.fixture
def printed(monkeypatch):
    """Makes stdout of an encoding; returns what is written to it as it is."""

    def stream(encoding):
        content = io.BytesIO()
        wrapper = io.TextIOWrapper(content, encoding=encoding)
        monkeypatch.setattr(sys, "stdout", wrapper)
        console.open_streams()

        def text():
            wrapper.flush()
            return content.getvalue().decode(encoding)

        return text

    return stream


def test_names_are_not_taken_for_markup(printed, capsys):
    text = printed("utf-8")
    out.print(table([{"name": STRANGE}], STRANGE, "{name}", title=STRANGE, caption=STRANGE))
    out.print(STRANGE)
    assert text().count(STRANGE) == 5
    say(STRANGE)
    with StatusLine(0) as status:
        status(STRANGE)
    assert capsys.readouterr().err == 2 * f"{STRANGE}\n"
    with pytest.raises(console.typer.Exit):
        console.fail(STRANGE)
    assert capsys.readouterr().err == f"error: {STRANGE}\n"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "R² 3 ± ∞ é 日 …"),
        ("latin-1", "R² 3 ± inf é ? ~"),
        ("cp1252", "R² 3 ± inf é ? …"),
        ("ascii", "R2 3 +/- inf e ? ~"),
    ],
)
def test_what_an_encoding_lacks_is_spelt(printed, encoding, expected):
    text = printed(encoding)
    given = "R² 3 ± ∞ é 日 …"
    out.print(given)
    rows = [{"game": given, "n": 1}, {"game": "x", "n": 2}]
    out.print(table(rows, "game | n", "{game} | {n}"))
    first, _, _, *rows = text().splitlines()
    assert first == expected
    assert rows[0].startswith(expected) and cell_len(rows[0]) == cell_len(rows[1])


def test_names_of_files_need_not_be_unicode(printed):
    text = printed("utf-8")
    out.print(os.fsdecode(b"caf\xe9.keras"))
    assert text() == "caf?.keras\n"


def test_a_long_name_is_wrapped_and_numbers_stay_whole(printed):
    text = printed("utf-8")
    row = {"game": 100 * "n", "score": 1234567.8}
    out.print(table([row], "game | score", "{game} | {score:,.1f}"))
    assert text().count("n") == 100 and "1,234,567.8" in text()
    assert max(map(len, text().splitlines())) <= 80


def test_lines_of_progress_are_few_where_there_is_no_terminal(capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr(console.time, "monotonic", lambda: now)
    with StatusLine() as status:
        status("first", at_once=True)
        for now in range(100):
            status.games("pong", now, 1000 * now)
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "first"
    assert lines == [f"evaluating pong: {n} whole games in {n},000 steps" for n in (30, 60, 90)]


def test_progress_on_a_terminal_is_one_line_with_a_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    monkeypatch.setattr(console, "err", console._Console(stderr=True, width=80))
    console.err.file = terminal
    monkeypatch.setattr(console.err, "_force_terminal", True)
    monkeypatch.setattr(console.err, "is_interactive", True)
    with StatusLine() as status:
        status(STRANGE, share=0.5, at_once=True)
        time.sleep(0.3)  # It is drawn 12 times a second.
    assert STRANGE in terminal.getvalue() and "━" in terminal.getvalue()
