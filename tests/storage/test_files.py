"""Files on disk: whole or not at all."""

import json
import os
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
        ("scores.txt", "a table ends with .json or .csv. Received: "),
        ("missing/scores.json", "a table lies in a folder that can be written. Received: "),
        ("folder.json", "a table is a file. Received: .*, a folder"),
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
