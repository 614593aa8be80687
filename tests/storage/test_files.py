"""Files on disk: whole or not at all."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest

from amkit.storage import files


def test_a_text_file_is_whole_or_old(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    files.write_text(path, "old")
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError(5, "broken")))
    with pytest.raises(OSError):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("scores.txt", "a table must end with .json or .csv. Received: "),
        ("missing/scores.json", "a table must be in a folder that can be written. Received: "),
        ("folder.json", "a table must be a file. Received: .*, a folder"),
    ],
)
def test_where_no_file_can_be_written(tmp_path, path, match):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ValueError, match=match):
        files.check_target(tmp_path / path, "a table", (".json", ".csv"))
    files.check_target(tmp_path / "scores.csv", "a table", (".json", ".csv"))


def test_json_has_no_nan():
    assert files.json_text({"a": [float("nan"), 1.5, (2,)]}).split() == (
        ["{", '"a":', "[", "null,", "1.5,", "[", "2", "]", "]", "}"]
    )


def test_a_data_class_is_a_json_object_of_its_fields():
    @dataclass(frozen=True)
    class Interval:
        low: float
        high: float

    text = files.json_text({"rows": [{"area": Interval(0.5, float("inf"))}]})
    assert json.loads(text) == {"rows": [{"area": {"low": 0.5, "high": None}}]}


KEYS = ("game", "mean")


@pytest.mark.parametrize(
    "content",
    [
        "",
        '[{"game": "pong", "mean": 1, "seed": 0}, {"game": "boxing", "mean": null}]',
        '{"game": "pong", "mean": 1}',
    ],
)
def test_an_earlier_result_is_replaced(tmp_path, content):
    (tmp_path / "scores.json").write_text(content)
    files.check_target(tmp_path / "scores.json", "--output", keys=KEYS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.json", '{"buy": "milk"}'),
        ("notes.json", '["milk"]'),
        ("notes.json", '[{"game": "pong"}]'),
        ("pong.keras", "PK\x03\x04"),
        ("thesis.txt", "once upon a time"),
        ("photo.png", "\x89PNG of a cat"),
        ("drawing.svg", "<svg/>"),
        ("film.gif", "not a GIF"),
        ("deep.json", "[" * 10**5),
    ],
)
def test_what_is_no_result_is_not_replaced(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match="only an earlier result of the same kind.*Received: "):
        files.check_target(tmp_path / name, "--output", keys=KEYS)


def test_no_json_is_replaced_without_a_kind(tmp_path):
    (tmp_path / "scores.json").write_text('[{"game": "pong"}]')
    with pytest.raises(ValueError, match="only an earlier result"):
        files.check_target(tmp_path / "scores.json", "--output")


@pytest.mark.parametrize("content", [None, '[{"game": "pong", "mean": 1}]'])
def test_a_models_card_is_not_replaced(tmp_path, content):
    (tmp_path / "pong.keras").touch()
    if content:
        (tmp_path / "pong.json").write_text(content)
    with pytest.raises(ValueError, match="not replace a model's card"):
        files.check_target(tmp_path / "pong.json", "--output", keys=KEYS)


def test_a_figure_that_matplotlib_drew_is_replaced(tmp_path):
    (tmp_path / "a.svg").write_text("<svg><dc:title>Matplotlib v3</dc:title></svg>")
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    files.check_target(tmp_path / "a.svg", "a figure", (".svg",))
    files.check_target(tmp_path / "a.gif", "a video", (".gif",))


def test_a_pipe_and_a_device_are_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    files.check_target(pipe, "--output", keys=KEYS)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    files.write_text(pipe, "result")
    reader.join(10)
    assert received == ["result"] and pipe.is_fifo()
    for device in map(type(pipe), ("/dev/null", "/dev/full")):
        files.check_target(device, "--output", keys=KEYS)
        assert device.is_char_device()
    files.write_text(type(pipe)("/dev/null"), "result")
    with pytest.raises(OSError):
        files.write_text(type(pipe)("/dev/full"), "result")
    assert list(tmp_path.iterdir()) == [pipe]


_TO_STDOUT = """
from pathlib import Path
from amkit.storage import files
files.check_target(Path("/dev/stdout"), "--output", keys=["a"])
print("before", flush=True)
files.write_text(Path("/dev/stdout"), "result\\n")
print("after")
"""


def test_standard_output_is_written_into_be_it_a_pipe_or_a_file(tmp_path):
    command = [sys.executable, "-c", _TO_STDOUT]
    assert subprocess.check_output(command, text=True) == "before\nresult\nafter\n"
    with open(tmp_path / "log", "w") as log:
        subprocess.run(command, stdout=log, check=True)
    assert (tmp_path / "log").read_text() == "before\nresult\nafter\n"


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "scores.json").write_text("old")
    (tmp_path / "scores.json").symlink_to(tmp_path / "disk" / "scores.json")
    files.write_text(tmp_path / "scores.json", "new")
    assert (tmp_path / "disk" / "scores.json").read_text() == "new"
    assert (tmp_path / "scores.json").is_symlink()
