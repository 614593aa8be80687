"""Files on disk: whole or not at all."""

import os

import pytest

from amkit import files


def test_a_text_file_is_whole_or_old(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    files.write_text(path, "old")
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError(5, "broken")))
    with pytest.raises(OSError):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_json_has_no_nan():
    assert files.json_text({"a": [float("nan"), 1.5, (2,)]}).split() == (
        ["{", '"a":', "[", "null,", "1.5,", "[", "2", "]", "]", "}"]
    )
