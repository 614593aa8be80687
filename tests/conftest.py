"""Shared test parts: a scripted environment whose state can be saved, and small experts."""

import os
from importlib.util import find_spec
from shutil import which

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:  # One thread each: workers share the cores.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's; those without work wait busily.

import numpy as np
import pytest

from amkit.games.atari import find_game
from amkit.games.environments import Environments, Outcome


def pytest_collection_modifyitems(items):
    """The longest first: what is left at the end is small, and no worker waits for the other."""
    items.sort(key=lambda item: item.path.name != "test_tutorials.py")


class ScriptedEnvironments(Environments):
    """Games whose course is a formula: lives lost, games over, the autoreset row, raw rewards.

    A game of environment n lasts `6 + n` steps and its middle step loses a life. Frames hold the
    step's number, so that stacks can be read. Rewards depend on the action.
    """

    def __init__(self, games, envs_per_game, **ignored):
        self.games = tuple(games)
        self.envs_per_game = envs_per_game
        self.action_masks = np.repeat([g.action_mask for g in self.games], envs_per_game, axis=0)
        self.rows = len(self.action_masks)
        self.age = np.zeros(self.rows, np.int64)  # Steps into the running game.
        self.clock = np.ones(self.rows, np.int64)
        self.stack = np.zeros((self.rows, 4, 84, 84), np.uint8)
        self.start = np.ones(self.rows, bool)
        self.ended = np.zeros(self.rows, bool)
        self.calls = []
        self._draw(np.ones(self.rows, bool))

    def __len__(self):
        return self.rows

    @property
    def observation(self):
        return self.stack.copy()

    def _draw(self, fresh):
        self.stack[fresh] = 0
        self.stack[:, :-1] = self.stack[:, 1:]
        self.stack[:, -1] = (self.clock % 251)[:, None, None].astype(np.uint8)
        self.stack[:, -1, 0, :40] = np.arange(self.rows)[:, None]

    def send(self, actions):
        if not self.action_masks[np.arange(self.rows), actions].all():
            raise ValueError(f"an illegal action was sent. Received: {actions}")
        self.calls.append(np.array(actions))

    def receive(self):
        actions = self.calls[-1]
        ignored = self.ended
        self.clock += 1
        self.age = np.where(ignored, 0, self.age + 1)
        length = 6 + np.arange(self.rows)
        game_over = (self.age >= length) & ~ignored
        life_lost = (self.age == length // 2) & ~ignored
        self.start, self.ended = ignored, game_over
        self._draw(ignored)
        reward = np.where(ignored, 0, (actions % 3) * 2.0 - 1).astype(np.float32)
        return Outcome(reward, life_lost | game_over, game_over)

    def restart(self, rows):
        self.age[rows] = 0
        self.stack[rows, :-1] = 0
        self.start, self.ended = self.start | rows, self.ended & ~rows

    def close(self):
        pass

    def get_state(self):
        return {
            name: getattr(self, name).copy() for name in ("age", "clock", "stack", "start", "ended")
        }

    def set_state(self, state):
        for name, value in state.items():
            setattr(self, name, value.copy())


class Still:
    """A game that nothing happens in, to be watched; each lasts `length` steps."""

    def __init__(self, game, length=1000):
        self.game, self.length, self.score, self.epsilon = game, length, 0.0, 0.05
        self.taken = []  # What was pressed in each step.

    @property
    def game_over(self):
        return len(self.taken) % self.length == 0

    def look(self):
        from amkit.evaluation.live import Moment

        screen = np.full((210, 160, 3), len(self.taken), np.uint8)
        return Moment(screen, np.arange(self.game.num_actions, dtype=np.float32), 1, self.score)

    def step(self, pressed=None):
        self.taken.append(pressed)
        return 0.0


def narrow(body):
    """The same layers with a quarter of their filters and units."""
    convolutions = tuple((filters // 4, *rest) for filters, *rest in body.convolutions)
    units = tuple(units // 4 for units in body.hidden_units)
    return body._replace(convolutions=convolutions, hidden_units=units)


def shrink(patch):
    """Narrow bodies, plain graphs for XLA's kernels, and a plan's rates that are said.

    To compile the kernels takes half of a small training's time; plans are of tests/jobs. Returns
    the bodies as they were.
    """
    import tensorflow as tf

    from amkit.jobs import forecast, rates
    from amkit.networks import bodies, xla

    papers, measured = dict(bodies.BODIES), rates.rate
    for name, body in papers.items():
        patch.setitem(bodies.BODIES, name, narrow(body))
    patch.setattr(xla, "kernel", lambda function: tf.function(function, autograph=False))
    patch.setattr(forecast, "pace", lambda configuration: forecast.Pace(1e-3, 1e-3))
    patch.setattr(rates, "rate", lambda step, seconds: measured(step, min(seconds, 0.01)))
    return papers


# Tests of these are of trainings as wholes; tests/networks is of layers and kernels.
SHRUNK = {"evaluation", "learning", "transfer", "cli", "test_tutorials.py"}


@pytest.fixture(scope="module", autouse=True)
def shrunk(request):
    """Trainings of seconds, where they are of whole commands and loops."""
    if SHRUNK.isdisjoint(request.path.parts):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        yield shrink(patch)


@pytest.fixture
def papers_bodies(shrunk, monkeypatch):
    """The bodies as users have them."""
    from amkit.networks import bodies

    for name, body in shrunk.items():
        monkeypatch.setitem(bodies.BODIES, name, body)


@pytest.fixture
def compiled_kernels(monkeypatch):
    """XLA's kernels as users have them."""
    import tensorflow as tf

    from amkit.networks import xla

    monkeypatch.setattr(
        xla, "kernel", lambda function: tf.function(function, jit_compile=True, autograph=False)
    )


@pytest.fixture(scope="session")
def scripted():
    return ScriptedEnvironments


@pytest.fixture
def scripted_games(monkeypatch):
    """Scripted games wherever a command plays: emulators take a third of a second each to start."""
    from amkit.evaluation import whole_games
    from amkit.jobs import build
    from amkit.learning import temperature
    from amkit.storage import exports
    from amkit.transfer import relate

    for module in (build, exports, relate, temperature, whole_games):
        monkeypatch.setattr(module, "make", ScriptedEnvironments)


@pytest.fixture(scope="session")
def still():
    return Still


@pytest.fixture(scope="session")
def pong():
    return find_game("pong")


@pytest.fixture(scope="session")
def breakout():
    return find_game("breakout")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium without a window, as selenium drives it; the test is skipped where there is none."""
    program, driver = which("chromium") or which("google-chrome"), which("chromedriver")
    if not (program and driver and find_spec("selenium")):
        pytest.skip("no browser: needs chromium, chromedriver and Python's selenium")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for word in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        *("window-size=1100,900", f"user-data-dir={tmp_path_factory.mktemp('browser')}"),
    ):
        options.add_argument(f"--{word}")
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as chrome:
        yield chrome


@pytest.fixture(scope="session")
def expert_folder(tmp_path_factory):
    """A folder with untrained, narrow experts of two games, one with 18 outputs."""
    from amkit.networks.bodies import Body, other_dqn
    from amkit.storage import models

    folder = tmp_path_factory.mktemp("experts")
    body = Body(((8, 8, 4), (16, 4, 2), (16, 3, 1)), (128,))
    for name, outputs in (("pong", 6), ("breakout", 18)):
        network, card = other_dqn(body, outputs), {"kind": "expert", "games": [name]}
        models.save(network, folder / f"{name}.keras", card)
    return folder
