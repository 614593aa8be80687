"""`amkit watch`: half-blocks, a terminal of its own, the page's server, and the page itself."""

import json
import os
import pty
import re
import select
import signal
import struct
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from amkit.cli.browser import Page
from amkit.cli.terminal import HOLD_STEPS, MOST_BYTES, Frame, Painter, compose, press, smaller
from amkit.evaluation.live import FASTEST, Play, Session
from amkit.evaluation.whole_games import random_network

RED, BLUE = (250, 0, 10), (0, 20, 255)


@pytest.fixture
def session(still, pong):
    return Session(still(pong), policy=False, human=False)


# --- half-blocks ---------------------------------------------------------------------------------


def test_two_pixels_are_one_cell():
    frame = Frame(1, 2)
    frame.picture(np.array([[RED, RED], [BLUE, RED]], np.uint8))
    painter = Painter(true_colour=True)
    assert painter.update(frame) == (
        "\x1b[0m\x1b[2J\x1b[1;1H\x1b[38;2;250;0;10m\x1b[48;2;0;20;255m▀\x1b[48;2;250;0;10m▀"
    )
    assert painter.update(frame) == ""
    frame.text(0, 1, "q")
    assert painter.update(frame) == "\x1b[1;2H\x1b[38;2;225;225;225m\x1b[48;2;250;0;10mq"


def test_the_nearest_of_256_colours():
    frame = Frame(1, 1)
    frame.picture(np.array([[RED], [BLUE]], np.uint8))
    assert Painter(true_colour=False).update(frame).endswith("\x1b[38;5;196m\x1b[48;5;21m▀")


def test_pixels_are_means_of_the_larger_pictures():
    picture = np.zeros((210, 160, 3), np.uint8)
    picture[:, 80:] = 100
    picture[:, 79] = 50
    assert smaller(picture, 2, 2)[0, :, 0].tolist() == [1, 100]  # 50 / 80 is nearly 1.
    assert (smaller(picture, 210, 160) == picture).all()
    assert smaller(picture, 46, 49).mean() == pytest.approx(picture.mean(), abs=2)


def test_a_picture_has_so_many_bytes_and_the_next_the_rest():
    rng, painter = np.random.default_rng(0), Painter(true_colour=True)
    frame = Frame(50, 200)
    frame.picture(rng.integers(0, 256, (100, 200, 3), np.uint8))
    sizes = []
    while written := painter.update(frame):
        sizes.append(len(written.encode()))
    assert len(sizes) > 3 and max(sizes) < MOST_BYTES + 100
    assert sum(sizes) > 10_000 * 30  # Each cell was written, in two colours of its own.


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (50, 200), (12, 44), (300, 500)])
def test_it_fits(session, rows, columns):
    frame = compose(session, session.play.look(), rows, columns)
    lines = ["".join(map(chr, row)) for row in frame.characters]
    assert {len(line) for line in lines} == {columns} and len(lines) == rows
    assert "Pong: 0" in lines[0] and lines[0].startswith("▀▀▀") and "Q-values" in lines[2]
    assert sum(" LEFTFIRE" in line or ">LEFTFIRE" in line for line in lines) == 1
    assert sum(">" in line for line in lines) == 1 and "q quit" in lines[-1]


def test_too_small_a_terminal_says_so(session):
    frame = compose(session, session.play.look(), 3, 20)
    assert "".join(map(chr, frame.characters[0])) == "44 x 10 needed      "


# --- keys ----------------------------------------------------------------------------------------


def test_keys(session):
    session.play.epsilon = 1.0
    press(session, "E")
    assert session.play.epsilon == 1.0
    for key in "e+++p":
        press(session, key)
    assert (session.play.epsilon, session.speed, session.paused) == (0.95, FASTEST, True)
    for key in ("-", " ", "\x1b[C", "x", "\x1b[A", "\x1b[3~"):
        press(session, key)
    assert (session.speed, session.paused, session.over) == (FASTEST / 2, True, False)
    press(session, "q")
    assert session.over


def test_a_persons_key_holds_for_some_steps(session):
    session.human = True
    for key in ("\x1b[A", " ", "\x1b[B"):
        press(session, key)
    assert session._held == {"FIRE": HOLD_STEPS, "DOWN": HOLD_STEPS} and not session.paused


# --- a terminal ----------------------------------------------------------------------------------


class Shell:
    """A process in a terminal of its own."""

    def __init__(self, *words, rows=24, columns=80):
        root = Path(__file__).parents[2]
        environment = {"PYTHONPATH": str(root), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # Shells' background jobs ignore it.
            os.execve(sys.executable, [sys.executable, *words], {**os.environ, **environment})
        self.resize(rows, columns)
        self.written = b""

    def resize(self, rows, columns):
        import fcntl
        import termios

        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until, seconds=60):
        """What is written from now on, until this is; all of it where that is b""."""
        fresh, end = b"", time.monotonic() + seconds
        while not until or until not in fresh:
            assert time.monotonic() < end, (until, (self.written + fresh)[-500:])
            if not select.select([self.terminal], [], [], 0.1)[0]:
                continue
            try:
                fresh += (part := os.read(self.terminal, 65536))
            except OSError:  # It has ended.
                part = b""
            if not part:
                break
        self.written += fresh
        assert until in fresh, (until, self.written[-500:])
        return fresh

    def type(self, keys):
        os.write(self.terminal, keys)

    def end(self):
        """Its exit status; it has left the screen that it opened, and the cursor is to be seen."""
        self.read(b"")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        assert self.written.count(b"\x1b[?1049h") == self.written.count(b"\x1b[?1049l")
        assert self.written.rindex(b"\x1b[?25h") > self.written.rindex(b"\x1b[?25l")
        return os.waitstatus_to_exitcode(status)


def test_a_game_in_a_terminal(expert_folder):
    shell = Shell("-m", "amkit", "watch", str(expert_folder / "pong.keras"))
    shell.read(b"loading")
    shell.read("▀".encode())
    shell.type(b" ")
    shell.read(b"paused")
    shell.type(b"E")
    shell.read(b"10")  # epsilon 0.05 to 0.10: what differs.
    shell.resize(50, 200)
    assert b"\x1b[2J" in shell.read(b"paused")
    shell.type(b"n")
    shell.read(b"H")
    shell.type(b"q")
    assert shell.end() == 0
    (steps,) = re.findall(rb"pong: (\d+) steps, score 0", shell.written)
    assert int(steps) < 60


GAME = """if True:
    import sys, os, signal, termios
    from amkit.cli.terminal import Terminal
    before = termios.tcgetattr(0)
    try:
        with Terminal() as terminal:
            assert termios.tcgetattr(0) != before
            print("ready", flush=True)
            {what}
    finally:
        assert termios.tcgetattr(0) == before
        print("restored", flush=True)
"""


LISTEN = """
            from types import SimpleNamespace
            session = SimpleNamespace(over=False, human=False)
            while not session.over:
                terminal.wait(session, 0.1)
"""


@pytest.mark.parametrize(
    ("what", "number", "status"),
    [
        ("signal.pause()", signal.SIGINT, -signal.SIGINT),
        ("signal.pause()", signal.SIGTERM, 128 + signal.SIGTERM),
        ("raise MemoryError", None, 1),
        ("pass", None, 0),
    ],
)
def test_the_terminal_is_put_back(what, number, status):
    """However it ends; none of these processes loads TensorFlow."""
    shell = Shell("-c", GAME.format(what=what))
    shell.read(b"ready")
    if number:
        os.kill(shell.pid, number)
    assert shell.end() == status
    assert b"restored" in shell.written


def test_ctrl_z_gives_the_terminal_back_for_a_while():
    shell = Shell("-c", GAME.format(what=LISTEN))
    shell.read(b"ready")
    shell.type(b"\x1a")
    shell.read(b"\x1b[?1049l")
    assert os.WIFSTOPPED(os.waitpid(shell.pid, os.WUNTRACED)[1])
    os.kill(shell.pid, signal.SIGCONT)
    shell.read(b"\x1b[?1049h")
    shell.type(b"q")
    assert shell.end() == 0


def test_no_terminal_is_one_line(refused, expert_folder):
    line = "in a terminal, or add --browser"
    refused(2, line, "watch", expert_folder / "pong.keras")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["missing.keras"], "Received: missing.keras"),
        (["missing.keras", "--epsilon", "2"], "--epsilon"),
        (["missing.keras", "--port", "65536"], "--port"),
    ],
)
def test_wrong_usage(wrong, words, match):
    wrong(match, "watch", *words)


def test_a_game_must_be_named_where_there_are_several(refused, shipped):
    several = "name one game of the model: atlantis, boxing"
    refused(2, several, "watch", shipped / "amn.keras")
    refused(2, "Unknown game", "watch", shipped / "amn.keras", "poong")


# --- the page's server ---------------------------------------------------------------------------


@contextmanager
def served(session):
    """A page of a session, which is played meanwhile; yields its address."""
    with Page(0) as page:
        playing = threading.Thread(target=session.run, args=[page])
        playing.start()
        try:
            yield f"http://127.0.0.1:{page.server_address[1]}"
        finally:
            session.over, page.asked = True, np.inf
            playing.join(10)


def ask(url, wish=None, **headers):
    """Status, what is shown, and the answer's bytes."""
    data = None if wish is None else json.dumps(wish).encode()
    headers = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    try:
        request = urllib.request.Request(url, data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.headers["X-State"]), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {}, b""


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_the_page_is_told_and_what_it_asks_for(session):
    with served(session) as url:
        assert b"<canvas" in ask(url)[2]
        assert session.steps == 0  # It waits for somebody to look.
        until(lambda: ask(f"{url}/moment?0")[1].get("step", 0) > 2)
        assert ask(f"{url}/wish", {"paused": True, "epsilon": 0.5, "speed": 4})[0] == 204
        until(lambda: ask(f"{url}/moment?0")[1]["paused"])
        _, state, pixels = ask(f"{url}/moment?0")
        assert (state["game"], state["epsilon"], state["speed"]) == ("Pong", 0.5, 4)
        assert [action["name"] for action in state["actions"]] == list(session.play.game.actions)
        screen = np.frombuffer(pixels, np.uint8).reshape(210, 160, 4)
        assert (screen[..., 3] == 255).all() and (screen[..., :3] == state["step"]).all()
        assert ask(f"{url}/wish", {"step": True})[0] == 204
        news = ask(f"{url}/moment?{state['shown']}")[1]
        assert news["step"] == state["step"] + 1 and news["paused"]
        ask(f"{url}/wish", {"held": ["UP", "FIRE"]})
        until(lambda: set(session._held) == {"UP", "FIRE"})
        ask(f"{url}/wish", {"held": []})
        until(lambda: not session._held)


def test_strangers_are_refused(session):
    with served(session) as url:
        assert ask(url, Host="evil.example")[0] == 403
        assert ask(f"{url}/moment?0", Host="evil.example:80")[0] == 403
        assert ask(f"{url}/moment?0", Host="localhost:80")[0] == 200  # A port that ssh forwards.
        wish = {"paused": True}
        assert ask(f"{url}/wish", wish, Origin="http://evil.example")[0] == 403
        assert ask(f"{url}/wish", wish, Origin="null")[0] == 403
        assert ask(f"{url}/wish", wish, Content_Type="text/plain")[0] == 403
        assert ask(f"{url}/wish", wish, Host="evil.example", Origin="http://evil.example")[0] == 403
        assert not session.paused
        assert ask(f"{url}/wish", wish, Origin=url)[0] == 204


def test_wishes_are_checked(session):
    with served(session) as url:
        for wish in (
            *({"speed": 99}, {"speed": "1"}, {"epsilon": -1}, {"held": ["q"]}, {"other": 1}, 7),
            {"held": ["UP"] * 999},
        ):
            assert ask(f"{url}/wish", wish)[0] == 400


def test_a_port_that_is_taken_is_one_line(refused, shipped):
    with Page(0) as page:
        words = [shipped / "pong.keras", "--browser", "--port", page.server_address[1]]
        refused(2, "--port must be a free port, or 0. Received:", "watch", *words)


def test_a_game_that_the_network_does_not_play_opens_no_page(refused, expert_folder):
    words = [expert_folder / "pong.keras", "breakout", "--browser"]
    refused(2, "plays pong", "watch", *words)  # And no address on stdout.


def test_ctrl_c_ends_the_page(amkit, expert_folder, monkeypatch):
    def interrupt(page, session, seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(Page, "wait", interrupt)
    monkeypatch.setattr(webbrowser, "open", lambda address: None)
    result = amkit("watch", expert_folder / "pong.keras", "--browser")
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\npong: 0 steps, score 0\n", result.stdout), (
        result.stdout
    )
    assert "loading" in result.stderr and "error" not in result.stderr


# --- the page ------------------------------------------------------------------------------------


def test_the_page_in_a_browser(pong, browser):
    def shown(name):
        return browser.find_element("id", name).text

    def picture():
        return browser.execute_script("return document.getElementById('screen').toDataURL()")

    play = Play(random_network, pong, epsilon=1.0)
    session = Session(play, policy=False, human=False)
    with closing(play), served(session) as url:
        browser.get(url)
        until(lambda: shown("game") == "Pong")
        until(lambda: browser.execute_script("return state.step") > 2)
        assert shown("title").startswith("Q-values") and "LEFTFIRE" in shown("actions")
        assert shown("share") == "100 %"
        browser.find_element("id", "pause").click()
        until(lambda: shown("pause") == "Go on")
        step, before = session.steps, picture()
        browser.find_element("id", "step").click()
        until(lambda: browser.execute_script("return state.step") == step + 1)
        assert session.steps == step + 1 and picture() != before
        slide = "const e = at('epsilon'); e.value = 0.5; e.oninput({target: e})"
        browser.execute_script(slide)
        until(lambda: shown("share") == "50 %" and session.play.epsilon == 0.5)
        browser.find_element("css selector", "#speed option:last-child").click()
        until(lambda: session.speed == 4)
        browser.find_element("id", "pause").click()
        until(lambda: shown("score") not in ("-", "0"), 40)  # Pong's other player scores.
        nameless = "e => !(e.ariaLabel || e.labels?.length || e.textContent)"
        every = "[...document.querySelectorAll('canvas, input, select, button')]"
        assert browser.execute_script(f"return {every}.filter({nameless})") == []


def test_a_person_plays_on_the_page(session, browser):
    from selenium.webdriver import ActionChains, Keys

    session.human = True
    with served(session) as url:
        browser.get(url)
        until(lambda: "You play" in browser.find_element("id", "help").text)
        assert not browser.find_element("id", "epsilon").is_displayed()
        browser.find_element("id", "pause").click()  # A button that was clicked leaves the keys.
        ActionChains(browser).key_down(Keys.ARROW_UP).key_down(" ").perform()
        until(lambda: set(session._held) == {"UP", "FIRE"})
        ActionChains(browser).key_up(Keys.ARROW_UP).key_up(" ").perform()
        until(lambda: not session._held)
        assert session.paused
