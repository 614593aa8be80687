"""Figures and pages whatever the labels, the environment and the extras."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from amkit.cli import app
from amkit.cli.relate import guess_json, relate_table
from amkit.cli.report import ablation_table, transfer_table
from amkit.reports import figures, pages, transfers
from amkit.reports.text import UNKNOWN
from amkit.transfer.relate import Candidate
from tests.reports.test_transfers import card

PRETRAINED = Path(__file__).parents[2] / "pretrained"
LABELS = ("$$", "$a_b$", "_best", "x|y", "*a* `b`", "[/c]", ":smile:", "<i>")

# Small results of the study, whose own take half a minute.
STUDY = """
from amkit.theory import study
ones = [1.0] * 400
study.lemma_1 = lambda seed: {"decay": 0.1, "distances": [ones]}
study.theorem_1 = lambda seed: [{"operator": "softmax", "decay": 0.1, "ratio": 0.5}]
names = ("student_acts", "student_bound", "expert_acts", "expert_bound")
study.proposition_1 = lambda: {name: ones for name in names}
"""
ONLY_PLOTS = """
import sys
sys.modules |= dict.fromkeys(("pandas", "jinja2", "tabulate", "scipy"))  # No import finds them.
"""


def named():
    """Transfers from files of all sorts of names."""
    made = [card(), *(card(source=name, rise=20.0) for name in LABELS)]
    return transfers.transfers(made)


@pytest.mark.parametrize(
    ("before", "words", "written"),
    [
        (ONLY_PLOTS, ["scores", str(PRETRAINED), "--figure", "curves.png"], "curves.png"),
        (ONLY_PLOTS + STUDY, ["theory", "--run", "theory"], "theory/theory.png"),
        ("", ["report", "random.json", "amn.json", "--output", "page"], "page/figure_7.png"),
    ],
)
def test_figures_need_no_display_whatever_the_environment_says(tmp_path, before, words, written):
    """A shell of Jupyter or Colab names a backend that need not be there."""
    for source in ("random", "amn"):
        (tmp_path / f"{source}.json").write_text(json.dumps(card(source=source)))
    code = f"{before}\nfrom amkit.cli import app\napp({words})"
    environment = os.environ | {"MPLBACKEND": "no-such-backend"}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert (tmp_path / written).read_bytes().startswith(b"\x89PNG")


def test_without_the_extra_a_report_says_how_to_install_it(tmp_path, monkeypatch):
    path = tmp_path / "random.json"
    path.write_text(json.dumps(card()))
    without_pandas = lambda name: None if name == "pandas" else find_spec(name)  # noqa: E731
    monkeypatch.setattr("amkit.cli.console.find_spec", without_pandas)
    result = CliRunner().invoke(app, ["report", str(path)])
    assert result.exit_code == 2
    line = "error: a report needs amkit's extra 'report': pip install -e '.[report]'"
    assert result.stderr.strip() == line


def test_labels_are_not_taken_for_markup_in_figures(tmp_path):
    figure = figures.transfer_curves(transfers.table_2(named()))
    figures.save(figure, tmp_path / "figure.png")
    (legend,) = figure.legends
    shown = [text.get_text().replace(r"\$", "$") for text in legend.get_texts()]
    assert shown == ["random weights", *LABELS, "random play"]
    row = {"scores": {"$$": UNKNOWN}, "geometric_mean": UNKNOWN, "variant": "from $a$"}
    figures.save(figures.variant_scores([row]), tmp_path / "variants.png")


def test_labels_are_not_taken_for_markup_on_pages(tmp_path):
    pages.write_transfers(named(), tmp_path)
    lines = (tmp_path / "report.md").read_text().splitlines()
    tests = [line for line in lines if line.startswith("| breakout")][: len(LABELS) + 1]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in tests}) == 1  # Of equal columns.
    page = (tmp_path / "index.html").read_text()
    for label in LABELS:
        text = label.replace("<", "&lt;").replace(">", "&gt;")
        assert len(re.findall(rf"<td[^>]*>{re.escape(text)}</td>", page)) == 3, label


def test_labels_are_not_taken_for_markup_in_a_terminal(capsys):
    rows = [{"name": name, "r_squared": 0.1, "standard_error": 0.1} for name in LABELS]
    row = {"runs": 1, "geometric_mean": UNKNOWN, "difference": None}
    candidates = {name: Candidate(None) for name in LABELS}
    tables = [
        transfer_table(transfers.table_2(named())),
        relate_table(guess_json("breakout", 1024, 0, rows, candidates)),
        ablation_table([{**row, "variant": name} for name in LABELS]),
    ]
    for table in tables:
        Console(width=120).print(table)
        shown = capsys.readouterr().out
        names = [name.replace("_", " ") if table is tables[2] else name for name in LABELS]
        assert all(name in shown for name in names)


def test_a_page_has_a_dark_side_and_says_what_its_pictures_show(tmp_path):
    pages.write_transfers(named(), tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert "prefers-color-scheme: dark" in page
    assert re.findall('<img src="data:image/svg[^"]*" alt="([^"]*)"', page) == [
        "Score over agent steps, a panel for each target game, a curve for each initialisation"
    ]
