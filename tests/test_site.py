"""The site of the pages, notebooks and docstrings: whole, for all eyes, and at home on a phone."""

import os
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
SHOWN = ("tutorials/03_one_game_distillation", "tutorials/deviations")


class Page(HTMLParser):
    """What a page links to, what it loads, its anchors, and its pictures without a text."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.anchors, self.mute = [], [], {""}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values.get("id"), values.get("name")}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") == "stylesheet":
            self.loaded.append(values["href"])
        elif tag in ("img", "script", "iframe") and "src" in values:
            self.loaded.append(values["src"])
        if tag == "img" and not values.get("alt"):
            self.mute.append(values["src"])


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *ignored):
        pass


def test_the_site(tmp_path, request):
    if not (find_spec("material") and find_spec("mkdocstrings") and find_spec("latex2mathml")):
        pytest.skip("needs the extra 'site'")
    site = tmp_path / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", site]
    built = subprocess.run(
        [*command, "-f", ROOT / "tutorials/site/mkdocs.yml"],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    check_links_and_pictures(site, pages)
    notebooks = {path.stem for path in ROOT.glob("tutorials/[0-9]*.ipynb")}
    assert notebooks <= {path.stem for path in pages}
    check_in_a_browser(site, request.getfixturevalue("browser"))


def check_links_and_pictures(site, pages):
    for path, page in pages.items():
        assert not page.mute, f"{path}: no alternative text (# %% alt='...'): {page.mute}"
        elsewhere = [address for address in page.loaded if urlsplit(address).netloc]
        assert not elsewhere, f"{path} loads from elsewhere: {elsewhere}"
        for address in page.links + page.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_relative_to(site) and target.exists(), f"{path} links to {address}"
            if target in pages:
                anchor = unquote(parts.fragment)
                assert anchor in pages[target].anchors, f"{path} links to {address}"


def check_in_a_browser(site, browser):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            home = f"http://127.0.0.1:{server.server_port}/"
            for width in (1280, 390):
                screen = {"width": width, "height": 844, "deviceScaleFactor": 1}
                command = "Emulation.setDeviceMetricsOverride"
                browser.execute_cdp_cmd(command, {**screen, "mobile": width < 500})
                for page in SHOWN:
                    browser.get(f"{home}{page}.html")
                    wide = browser.execute_script("return document.documentElement.scrollWidth")
                    assert wide <= width, f"{page} is {wide} pixels wide on a screen of {width}"
            assert found(browser, "temperature")
            loaded = browser.execute_script(
                "return performance.getEntriesByType('resource').map(entry => entry.name)"
            )
            assert all(address.startswith((home, "data:", "blob:")) for address in loaded)
        finally:
            browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
            server.shutdown()


def found(browser, word):
    """The results of a search, as the reader's page shows them."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_script(
        "const box = document.querySelector('.md-search__input');"
        "box.focus(); box.value = arguments[0]; box.dispatchEvent(new Event('keyup'));",
        word,
    )
    results = ".md-search-result__item"
    return WebDriverWait(browser, 30).until(lambda b: b.find_elements("css selector", results))
