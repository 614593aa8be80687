"""A game on a web page that this machine serves to itself: the screen, values, and controls."""

import json
import os
import sys
import time
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from socketserver import ThreadingTCPServer
from threading import Condition, Thread
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # Python 3.11's own is not enough for pydantic.

from amkit.cli.console import line, out, say

if TYPE_CHECKING:  # It loads TensorFlow.
    from amkit.evaluation.live import Moment, Session

_LONGEST_POLL = 1.0  # Seconds after which a page that asks for news is told that there are none.
_PATIENCE = 5.0  # Seconds without a page that asks, after which the game waits for one.
_MOST_BYTES = 1024  # Of what a page asks for.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Wish(TypedDict, total=False):
    """What a page may ask for."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    paused: bool
    step: Literal[True]
    speed: Annotated[float, Field(ge=1 / 8, le=4)]
    epsilon: Annotated[float, Field(ge=0, le=1)]
    held: list[Literal["UP", "DOWN", "LEFT", "RIGHT", "FIRE"]]


_WISH = TypeAdapter(Wish)


class Page(ThreadingTCPServer):
    """A `Display` as a page on 127.0.0.1, in threads of its own; a context manager, which ends it.

    ValueError if the port, 0 for any, is not free.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int) -> None:
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise ValueError(
                f"--port must be a free port, or 0. Received: {port}, {error.strerror}"
            ) from None
        self.html = files("amkit.cli").joinpath("watch.html").read_bytes()
        self.changed = Condition()
        self.session: Session | None = None
        self.state: dict[str, Any] = {}
        self.screen = b""  # Red, green, blue and 255 of every pixel.
        self.number = 0  # Of what is shown; 0 is nothing yet.
        self.asked = -_PATIENCE  # When a page last asked.
        self._moment: Moment | None = None

    def __enter__(self) -> "Page":
        """Serves the page, and says where it is."""
        Thread(target=self.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self.server_address[1]}/"
        out.print(line(address))
        say("Ctrl-C ends the game")
        # Where there is no screen, a browser in the terminal would take that over.
        shown = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & os.environ.keys()
        if shown or sys.platform in ("darwin", "win32"):
            webbrowser.open(address)
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()

    def show(self, session: "Session", moment: "Moment") -> None:
        """Tells the pages what has changed."""
        game, (title, values, lengths) = session.play.game, session.bars(moment)
        state = {
            "game": game.title,
            "score": moment.score,
            "games": session.games[-1:],
            "number": len(session.games) + 1,
            "step": session.steps,
            "title": title,
            "actions": [
                {"name": name, "value": round(value, 4), "length": round(length, 4)}
                for name, value, length in zip(game.actions, values, lengths, strict=True)
            ],
            "chosen": moment.action,
            "paused": session.paused,
            "speed": session.speed,
            "epsilon": session.play.epsilon,
            "human": session.human,
        }
        if moment is self._moment and state == self.state:
            return
        if moment is not self._moment:
            alpha = np.full((*moment.screen.shape[:2], 1), 255, np.uint8)
            self.screen = np.concatenate([moment.screen, alpha], axis=2).tobytes()
        with self.changed:
            self.session, self.state, self._moment = session, state, moment
            self.number += 1
            self.changed.notify_all()

    def wait(self, session: "Session", seconds: float) -> None:
        """Waits so long, or until something is asked for, and while nobody looks on."""
        with self.changed:
            self.changed.wait(seconds)
        while time.monotonic() - self.asked > _PATIENCE:
            time.sleep(0.05)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that was closed before it had its answer is no error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def grant(self, wish: Wish) -> None:
        """Does what a page asks for."""
        session = self.session
        if session is None:
            return
        if "paused" in wish:
            session.pause(wish["paused"])
        if "step" in wish:
            session.one_step()
        if "speed" in wish:
            session.speed = wish["speed"]
        if "epsilon" in wish:
            session.play.epsilon = wish["epsilon"]
        if "held" in wish:
            session.hold(wish["held"])
        with self.changed:
            self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    """Answers pages of this machine, and nobody else's: a stranger's page knows its own name only.

    Such a page can have its name lead here (DNS rebinding), or post from where it is.
    """

    server: Page
    protocol_version = "HTTP/1.1"
    server_version = "amkit"
    timeout = 60  # Seconds that a connection may be silent.

    def do_GET(self) -> None:
        """The page, and what is to be seen on it."""
        url = urlsplit(self.path)
        if not self._from_here():
            self._answer(HTTPStatus.FORBIDDEN)
        elif url.path == "/":
            self._answer(HTTPStatus.OK, self.server.html, "text/html; charset=utf-8")
        elif url.path == "/moment":
            self._moment(url.query)
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """What a page asks for."""
        length = self.headers.get("Content-Length", "")
        if not self._from_here() or self.headers.get_content_type() != "application/json":
            self._answer(HTTPStatus.FORBIDDEN)
        elif self.path != "/wish" or not length.isdecimal() or int(length) > _MOST_BYTES:
            self._answer(HTTPStatus.BAD_REQUEST)
        else:
            try:
                wish = _WISH.validate_json(self.rfile.read(int(length)))
            except ValidationError:
                self._answer(HTTPStatus.BAD_REQUEST)
                return
            self.server.grant(wish)
            self._answer(HTTPStatus.NO_CONTENT)

    def _moment(self, known: str) -> None:
        """What is shown, as JSON in a header, and its pixels; waits a while if it is known."""
        page = self.server
        page.asked = time.monotonic()
        with page.changed:
            page.changed.wait_for(lambda: str(page.number) != known, _LONGEST_POLL)
            page.asked = time.monotonic()
            state, screen = {**page.state, "shown": page.number}, page.screen
        self._answer(HTTPStatus.OK, screen, "application/octet-stream", json.dumps(state))

    def _from_here(self) -> bool:
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        here = host.partition(":")[0] in ("127.0.0.1", "localhost")
        return here and origin in (None, f"http://{host}")

    def _answer(
        self, status: HTTPStatus, body: bytes = b"", kind: str = "text/plain", state: str = "{}"
    ) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", kind)
        self.send_header("X-State", state)
        if status >= HTTPStatus.BAD_REQUEST:  # What was sent may not have been read.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing of each request."""
