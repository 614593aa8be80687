"""`amkit export`: what is written says the same as the model, or nothing is written."""

import json
from pathlib import Path

import numpy as np
import pytest

from amkit.storage import exports, models


def outputs(form, path, observations):
    return exports._RUNTIMES[form](path, observations)


@pytest.mark.parametrize(
    ("form", "name"), [("saved_model", "served"), ("litert", "p.tflite"), ("onnx", "p.onnx")]
)
def test_a_model_says_the_same_in_every_format(amkit, expert_folder, form, name):
    if form == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    words = ["export", expert_folder / "pong.keras", "--format", form, "--output", name]
    result = amkit(*words, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["largest_difference"] < 1e-5 and summary["observations"] == 256
    assert [path.name for path in Path().iterdir()] == [name]
    rng = np.random.default_rng(1)
    for batch in (1, 3):  # Of any size.
        observations = rng.integers(0, 256, (batch, 4, 84, 84), np.uint8)
        expected = models.load_with_card(expert_folder / "pong.keras")[0](observations)
        np.testing.assert_allclose(outputs(form, Path(name), observations), expected, atol=1e-5)
    if form == "saved_model":  # An earlier result is replaced.
        again = amkit(*words)
        assert again.exit_code == 0 and again.stdout.startswith("served: 6 outputs")
        assert len(again.stdout.splitlines()) == 1
        assert [path.name for path in Path().iterdir()] == [name]


@pytest.mark.usefixtures("scripted_games")
def test_what_differs_is_not_written(refused, expert_folder, monkeypatch):
    run = exports._run_saved_model

    def other(path, observations):
        return run(path, observations) + 0.01

    monkeypatch.setitem(exports._RUNTIMES, "saved_model", other)
    words = ["export", expert_folder / "pong.keras", "--format", "saved_model", "--output", "p"]
    refused(1, "p is not written: its outputs may differ", *words)
    monkeypatch.setitem(exports._RUNTIMES, "saved_model", lambda *_: np.full((256, 6), np.nan))
    refused(1, "p is not written: its outputs may differ", *words)
    monkeypatch.setitem(exports._RUNTIMES, "saved_model", lambda *_: np.zeros((1, 6)))
    refused(1, "outputs must have the shape (256, 6). Received: (1, 6)", *words)
    assert not list(Path().iterdir())


def test_onnx_needs_an_extra(refused, expert_folder, monkeypatch):
    monkeypatch.setattr("amkit.cli.console.find_spec", lambda name: None)
    words = ["export", expert_folder / "pong.keras", "--format", "onnx", "--output", "p.onnx"]
    refused(2, "--format onnx needs amkit's extra 'export': pip install", *words)


@pytest.mark.parametrize(
    ("form", "output", "match"),
    [
        ("torch", "p.pt", "--format must be one of onnx, litert, saved_model. Received: 'torch'"),
        ("onnx", "p.keras", "must end with .onnx"),
        ("litert", "p.onnx", "must end with .tflite"),
        ("litert", "missing/p.tflite", "can be written"),
        ("litert", "mine.tflite", "only an earlier result"),
        ("saved_model", "mine", "the folder of an earlier SavedModel"),
        ("saved_model", "mine.tflite", "the folder of an earlier SavedModel"),
        ("saved_model", "missing/p", "can be written"),
    ],
)
def test_the_target_is_checked_before_the_work(refused, expert_folder, form, output, match):
    Path("mine.tflite").write_text("mine")
    Path("mine").mkdir()
    Path("mine/saved_model.pb").write_text("mine")
    Path("mine/notes.txt").write_text("mine")
    words = ["export", expert_folder / "pong.keras", "--format", form, "--output", output]
    refused(2, match, *words)
    assert Path("mine.tflite").read_text() == Path("mine/notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["missing.keras", "--format", "litert", "--output", "p.tflite"], "Received: missing"),
        (["missing.keras", "--output", "p.tflite"], "Missing option"),
        ([], "Usage"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "export", *words)


def test_an_earlier_folder_stays_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    served, replace = tmp_path / "served", exports.os.replace
    served.mkdir()
    (served / "saved_model.pb").write_bytes(b"earlier")

    def fail(source, target):
        if "new" in str(source):
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(exports.os, "replace", fail)
    with pytest.raises(OSError, match="Input/output"), exports._whole_folder(served) as temporary:
        temporary.mkdir()
    assert (served / "saved_model.pb").read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["served"]
