"""The page of a report: in a browser, with recordings, and in a folder that is its own."""

import json
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from amkit.cli import app
from amkit.evaluation import recording
from amkit.networks.bodies import actor_mimic_network
from amkit.reports import pages, recorded
from amkit.storage import models
from tests.reports.test_multitask import card


@pytest.fixture
def page(tmp_path):
    """A report of two games and baselines, with a recording of each game."""
    cards = [card(), card("mdqn", means=(4.0, 1.0)), card("mcdqn", means=(-2.0, 5.0))]
    screens = [np.full((210, 160, 3), 40 * i, np.uint8) for i in range(4)]
    names = {"pong": "Pong", "breakout": "Breakout"}
    clips = [
        pages.Clip(name, title, 'a"b/<amn>.keras', 1234.0, recording.clip(screens))
        for name, title in names.items()
    ]
    pages.write_multitask(recorded.experiment(cards), tmp_path / "out", clips=lambda: clips)
    return tmp_path / "out" / "index.html"


# Cells on two lines; number cells not on the right; pictures that are not there or say nothing.
FAULTS = """
const style = element => getComputedStyle(element);
const tall = cell => cell.getBoundingClientRect().height > 2.4 * parseFloat(style(cell).fontSize);
const number = cell => /^[-\\d]/.test(cell.textContent) && cell.cellIndex;
return {
  wide: document.documentElement.scrollWidth > innerWidth,
  wrapped: [...document.querySelectorAll('td, th')].filter(tall).length,
  left: [...document.querySelectorAll('td')].filter(number).filter(
    cell => style(cell).textAlign !== 'right').length,
  ragged: style(document.querySelector('td')).fontVariantNumeric !== 'tabular-nums',
  broken: [...document.images].filter(image => !image.naturalWidth || !image.alt).length,
  loaded: performance.getEntriesByType('resource').filter(
    entry => !entry.name.startsWith('data:')).length,
}
"""
SCROLLING = (
    "return [...document.querySelectorAll('.table')].filter(t => t.scrollWidth > t.clientWidth)"
)


def look(browser, **features):
    """How a browser is set that looks at a page."""
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


def test_a_report_in_a_browser(page, browser):
    from selenium.webdriver.support.ui import WebDriverWait

    for width in (1100, 500):
        browser.set_window_size(width, 900)
        browser.get(page.as_uri())
        assert not any(browser.execute_script(FAULTS).values()), browser.execute_script(FAULTS)
    narrow = browser.execute_script(SCROLLING)
    assert narrow and {table.aria_role for table in narrow} == {"region"}
    assert all(table.accessible_name for table in narrow)
    clips = browser.find_elements("css selector", ".clip")
    assert [clip.text for clip in clips] == ["Pong: score 1,234", "Breakout: score 1,234"]
    assert 'a"b/<amn>.keras' in browser.find_element("tag name", "body").text

    colour = "return getComputedStyle(document.body).backgroundColor"
    paper, source = [], "return document.querySelector('.clip img').currentSrc"
    for scheme in ("light", "dark"):
        look(browser, prefers_color_scheme=scheme)
        paper.append(browser.execute_script(colour))
    assert paper == ["rgb(255, 255, 255)", "rgb(23, 25, 27)"]
    moving = browser.execute_script(source)
    look(browser, prefers_reduced_motion="reduce")
    WebDriverWait(browser, 10).until(lambda browser: browser.execute_script(source) != moving)
    look(browser)


def test_a_recording_is_exact_and_silent():
    rng = np.random.default_rng(0)
    screens = rng.integers(0, 256, (5, 210, 160, 3), np.uint8)
    with Image.open(BytesIO(recording.clip(screens))) as clip:
        assert (clip.format, clip.n_frames, clip.info["loop"]) == ("WEBP", 5, 0)
        for i, screen in enumerate(screens):
            clip.seek(i)
            assert (np.asarray(clip.convert("RGB")) == screen).all()


def report(*words):
    result = CliRunner().invoke(app, ["report", *map(str, words)])
    assert isinstance(result.exception, SystemExit | None), result.output
    return result


def test_a_network_at_hand_plays(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["amkit.cli.report"], "_LEAD_SECONDS", 0)
    path = tmp_path / "run" / "amn.keras"
    path.parent.mkdir()
    models.save(actor_mimic_network(), path, card())
    result = report(path, "--output", tmp_path / "out", "--play", "0.2")
    assert result.exit_code == 0 and "playing pong, breakout for the page" in result.stderr
    for name in ("pong", "breakout"):
        with Image.open(tmp_path / "out" / f"play_{name}.webp") as clip:
            assert clip.size == (160, 210)
    text = (tmp_path / "out" / "report.md").read_text()
    assert '(play_pong.webp "Pong: score 0")' in text and "run/amn.keras" in text
    html = (tmp_path / "out" / "index.html").read_text()
    assert html.count('<img src="data:image/webp;base64,') == 2
    path.write_bytes(b"PK\3\4 and no more")  # The report is of the card: it is made nonetheless.
    result = report(path, "--output", tmp_path / "out")
    assert result.exit_code == 0 and "not played: " in result.stderr
    assert "See it play" not in (tmp_path / "out" / "report.md").read_text()
    assert sys.modules["amkit.cli.report"].clips([path], 0) == []  # Nor is it looked at.


def test_nothing_is_replaced_but_an_earlier_report(tmp_path):
    run, out = tmp_path / "amn.json", tmp_path / "out"
    run.write_text(json.dumps(card()))
    assert report(run, "--output", out).exit_code == 0
    assert report(run, "--output", out).exit_code == 0
    (out / "index.html").write_text("mine")
    result = report(run, "--output", out)
    assert result.exit_code == 2 and "only an earlier report" in result.stderr
    assert (out / "index.html").read_text() == "mine"
