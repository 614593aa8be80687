"""`amkit theory`."""

import json
from functools import partial
from pathlib import Path

from amkit.theory import study


def test_measures_and_draws(amkit, refused, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "theorem_1", partial(study.theorem_1, pairs=2))  # Of eight.
    result = amkit("theory", "--run", tmp_path / "theory", "--json")
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)
    begun, *_, ended = zip(*measured["lemma_1"]["distances"], strict=True)
    assert min(begun) > 1 and max(ended) < 1e-6  # Wherever it begins.
    contracts = {row["operator"]: row["ratio"] < 1 for row in measured["theorem_1"]}
    assert contracts["softmax / 1"] and not contracts["greedy"]
    assert (tmp_path / "theory" / "theory.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "theory" / "results.json").read_text()) == {
        key: value for key, value in measured.items() if key != "run"
    }
    refused(2, "already holds a run: name another", "theory", "--run", tmp_path / "theory")


def few(monkeypatch):
    """Puts results of no work in place of half a minute's."""
    lemma = {"decay": 0.1, "distances": [[2.0] * 201, [1.0] * 201]}
    ratios = [
        {"operator": name, "decay": decay, "ratio": ratio}
        for name, ratio in (("softmax / 1", 0.5), ("greedy", 3000.0))
        for decay in (1, 0.1)
    ]
    names = ("student_acts", "student_bound", "expert_acts", "expert_bound")
    monkeypatch.setattr(study, "lemma_1", lambda seed: lemma)
    monkeypatch.setattr(study, "theorem_1", lambda seed: ratios)
    monkeypatch.setattr(study, "proposition_1", lambda: {name: [1.0] * 400 for name in names})


def test_tables(amkit, in_ascii, monkeypatch):
    few(monkeypatch)
    monkeypatch.setattr("amkit.cli.console.find_spec", lambda name: None)
    result = amkit("theory")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    titles = [line.split(":")[0] for line in lines if line.endswith(("point", "decay", "student"))]
    assert titles == ["Lemma 1", "Theorem 1", "Proposition 1"]
    cells = [line.split() for line in lines]
    assert ["0", "2", "1"] in cells and ["softmax", "/", "1", "0.50", "0.50"] in cells
    assert ["greedy", "3,000", "3,000"] in cells and ["400", *(4 * ["1.0"])] in cells
    in_ascii("theory")


def test_without_matplotlib_there_are_numbers_alone(amkit, monkeypatch):
    for name in ("lemma_1", "theorem_1"):
        monkeypatch.setattr(study, name, lambda seed, name=name: name)
    monkeypatch.setattr(study, "proposition_1", lambda: "proposition_1")
    monkeypatch.setattr("amkit.cli.console.find_spec", lambda name: None)
    result = amkit("theory", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["theorem_1"] == "theorem_1"
    assert "extra 'plots'" in result.stderr
    assert not list(Path("runs/theory").glob("*.png"))


def test_results_are_kept_where_the_figure_fails(amkit, monkeypatch):
    few(monkeypatch)

    def fail(results):
        raise OSError(28, "No space left on device", "theory.png")

    monkeypatch.setattr("amkit.theory.figure.theory_figure", fail)
    result = amkit("theory")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "theory.png: No space left" in result.stderr
    assert json.loads(Path("runs/theory/results.json").read_text())["lemma_1"]["decay"] == 0.1
