"""Every tutorial's source runs, and its notebook was made from that source."""

import json
import runpy
from pathlib import Path

import matplotlib
import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"
SOURCES = sorted(TUTORIALS.glob("[0-9]*.py"))


@pytest.mark.usefixtures("scripted_games")
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_runs(source, monkeypatch, request):
    if source.stem[:2] in ("04", "09", "10"):  # Shipped features and weights are of their width.
        request.getfixturevalue("papers_bodies")
    monkeypatch.chdir(TUTORIALS)
    monkeypatch.syspath_prepend(TUTORIALS)  # As `python` has it: `import helpers`.
    # Fewer steps would be no curve in one, and no update in the other.
    steps = "120" if source.stem[:2] == "04" else "64"
    monkeypatch.setenv("AMKIT_TUTORIAL_STEPS", steps)
    matplotlib.use("Agg")
    assert runpy.run_path(str(source))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_notebook_is_of_this_source_and_has_its_outputs(source):
    cells = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    text = source.read_text(encoding="utf-8")
    for cell in cells:
        lines = "".join(cell["source"]).splitlines()
        prefix = "# " if cell["cell_type"] == "markdown" else ""
        for line in lines:
            assert (prefix + line).rstrip() in text, f"{source.stem}: {line!r} is not in the source"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert any("image/png" in output.get("data", {}) for c in code for output in c["outputs"])
