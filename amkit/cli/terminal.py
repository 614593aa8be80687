"""A game in a terminal: the screen in coloured half-blocks, and beside it the actions' values.

Only what changed is written, and not more than so many bytes a picture, so that it works over ssh.
A terminal does not tell when a key is let go: a person's arrow or FIRE holds for some steps.
"""

import os
import re
import select
import signal
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # It loads TensorFlow.
    from amkit.evaluation.live import Moment, Session

HOLD_STEPS = 6  # 0.4 s at an Atari's own speed: longer than until a key that is held repeats.
MOST_BYTES = 2**16  # Of one picture. What did not get in comes with the next.

_PANEL = 30  # Columns.
_FEWEST = (10, 44)  # Rows and columns.
_INK, _PAPER, _QUIET = (225, 225, 225), (18, 18, 22), (150, 150, 155)
_BAR, _CHOSEN = (90, 120, 180), (240, 180, 60)
_LEVELS = (48, 115, 155, 195, 235)  # Between the six levels of red, green and blue of 256 colours.
_ARROWS = dict(zip("ABCD", ("UP", "DOWN", "RIGHT", "LEFT"), strict=True))
_KEY = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|[^\x1b]")
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[0m\x1b[?25h\x1b[?1049l"


class Frame:
    """Cells of a terminal: a character each, int [rows, columns], and ink and paper, [..., 6]."""

    def __init__(self, rows: int, columns: int):
        self.characters = np.full((rows, columns), ord(" "), np.uint32)
        self.colours = np.empty((rows, columns, 6), np.uint8)
        self.colours[:] = (*_INK, *_PAPER)

    def text(self, row: int, column: int, text: str, ink: tuple[int, ...] = _INK) -> None:
        """Writes as much of a line as there is room for."""
        if 0 <= row < len(self.characters):
            text = text[: max(0, self.characters.shape[1] - column)]
            cells = slice(column, column + len(text))
            self.characters[row, cells] = [ord(character) for character in text]
            self.colours[row, cells, :3] = ink

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        """Puts pixels, [2 * rows, columns, 3], into the upper left: two to a cell."""
        rows, columns = len(pixels) // 2, pixels.shape[1]
        self.characters[:rows, :columns] = ord("▀")
        self.colours[:rows, :columns, :3] = pixels[0::2]
        self.colours[:rows, :columns, 3:] = pixels[1::2]


def smaller(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A picture, [h, w, 3], made no larger: each new pixel is the mean of its share of the old."""
    sums = pixels.astype(np.float32)
    for axis, size in enumerate((height, width)):
        edges = np.arange(size) * pixels.shape[axis] // size
        counts = np.diff(edges, append=pixels.shape[axis])
        shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
        sums = np.add.reduceat(sums, edges, axis=axis) / counts.reshape(shape)
    return np.round(sums).astype(np.uint8)


def compose(session: "Session", moment: "Moment", rows: int, columns: int) -> Frame:
    """What is seen of a moment in a terminal of a size."""
    frame = Frame(rows, columns)
    if rows < _FEWEST[0] or columns < _FEWEST[1]:
        frame.text(0, 0, f"{_FEWEST[1]} x {_FEWEST[0]} needed")
        return frame
    game = session.play.game
    height = 2 * min(rows - 1, moment.screen.shape[0] // 2)
    width = min(columns - _PANEL - 1, height * 4 // 3, moment.screen.shape[1])  # A TV is 4:3.
    frame.picture(smaller(moment.screen, height, width))

    title, values, lengths = session.bars(moment)
    left = width + 2
    room = min(columns - left - 23, 24)  # Of the longest bar.
    frame.text(0, left, f"{game.title}: {moment.score:,.0f}")
    ended = f", last {session.games[-1]:,.0f}" if session.games else ""
    frame.text(1, left, f"game {len(session.games) + 1}{ended}", _QUIET)
    frame.text(2, left, title, _QUIET)
    fit = range(rows - 5)  # Actions that there is room for.
    for i, name, value, length in zip(fit, game.actions, values, lengths, strict=False):
        ink = _CHOSEN if i == moment.action else _INK
        mark = ">" if i == moment.action else " "
        frame.text(3 + i, left, f"{mark}{name:<13}{value:8.3f}", ink)
        bar = "█" * int(length * room) + ("▌" if length * room % 1 >= 0.5 else "")
        frame.text(3 + i, left + 23, bar, _CHOSEN if i == moment.action else _BAR)
    state = "paused" if session.paused else f"speed {session.speed:g}x"
    who = "you play" if session.human else f"epsilon {session.play.epsilon:.2f}"
    frame.text(min(3 + len(game.actions), rows - 2), left, f"{state}  {who}", _QUIET)
    keys = "arrows, space: play  p pause" if session.human else "space pause  e/E epsilon"
    frame.text(rows - 1, 0, f"q quit  {keys}  n one step  +/- speed", _QUIET)
    return frame


class Painter:
    """Turns frames into what a terminal is sent: the cells that differ from what it shows."""

    def __init__(self, true_colour: bool):
        self._true_colour = true_colour
        self._shown = Frame(0, 0)
        self._row = 0  # Where the next picture begins, as the last had no room for it.

    def forget(self) -> None:
        """The terminal shows nothing of what it was sent."""
        self._shown = Frame(0, 0)

    def update(self, frame: Frame) -> str:
        """Escape sequences, of at most about `MOST_BYTES`, that make the terminal show a frame."""
        if not self._true_colour:
            frame.colours = np.searchsorted(_LEVELS, frame.colours).astype(np.uint8)
        shown, parts, size = self._shown, [], 0
        if shown.characters.shape != frame.characters.shape:
            shown = self._shown = Frame(*frame.characters.shape)
            shown.characters[:], self._row = 0, 0
            parts.append("\x1b[0m\x1b[2J")
        differs = (frame.characters != shown.characters) | (frame.colours != shown.colours).any(2)
        cells = np.argwhere(differs)
        cells = np.concatenate([cells[cells[:, 0] >= self._row], cells[cells[:, 0] < self._row]])
        self._row, place, painted = 0, None, len(cells)
        written: list[list[int]] = [[], []]  # Ink and paper of what was written last.
        at = cells[:, 0], cells[:, 1]
        characters, colours = frame.characters[at], frame.colours[at].tolist()
        contents = zip(cells.tolist(), characters, colours, strict=True)
        for i, ((row, column), character, colour) in enumerate(contents):
            if size > MOST_BYTES:
                self._row, painted = row, i
                break
            part = "" if place == (row, column) else f"\x1b[{row + 1};{column + 1}H"
            for side, kind in enumerate((38, 48)):
                if (code := colour[3 * side : 3 * side + 3]) != written[side]:
                    written[side] = code
                    part += self._colour(kind, *code)
            parts.append(part + chr(character))
            size, place = size + len(part) + 3, (row, column + 1)  # A block has three bytes.
        at = cells[:painted, 0], cells[:painted, 1]
        shown.characters[at], shown.colours[at] = frame.characters[at], frame.colours[at]
        return "".join(parts)

    def _colour(self, kind: int, red: int, green: int, blue: int) -> str:
        if self._true_colour:
            return f"\x1b[{kind};2;{red};{green};{blue}m"
        return f"\x1b[{kind};5;{16 + 36 * red + 6 * green + blue}m"


class Terminal:
    """A `Display` on stdin and stdout; a context manager, which puts the terminal back as it was.

    ValueError where they are none.
    """

    def __init__(self) -> None:
        if not (sys.stdin.isatty() and sys.stdout.isatty() and find_spec("termios")):
            raise ValueError(
                "run `amkit watch` in a terminal, or add --browser. Received: stdin or stdout that "
                "is not a terminal"
            )
        if os.environ.get("TERM", "dumb") == "dumb" or "utf" not in sys.stdout.encoding.lower():
            raise ValueError(
                "the terminal must have colours and UTF-8; or add --browser. "
                f"Received: TERM={os.environ.get('TERM')}, {sys.stdout.encoding}"
            )
        self._painter = Painter(os.environ.get("COLORTERM") in ("truecolor", "24bit"))
        self._typed = ""  # Keys that have not come in whole.
        self._suspended = False

    def __enter__(self) -> "Terminal":
        import termios

        with ExitStack() as stack:
            for number, handler in ((signal.SIGTERM, _end), (signal.SIGTSTP, self._suspend)):
                stack.callback(signal.signal, number, signal.signal(number, handler))
            stack.callback(termios.tcsetattr, 0, termios.TCSAFLUSH, termios.tcgetattr(0))
            stack.callback(self._write, _LEAVE)
            self._enter()
            self._restore = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore.close()

    def show(self, session: "Session", moment: "Moment") -> None:
        """Paints what has changed."""
        columns, rows = os.get_terminal_size(1)
        self._write(self._painter.update(compose(session, moment, rows, columns)))

    def wait(self, session: "Session", seconds: float) -> None:
        """Waits so long, or until keys are pressed, and does what they ask for."""
        if self._suspended:  # Ctrl-Z: the shell has its terminal until this goes on.
            self._suspended = False
            self._write(_LEAVE)
            os.kill(os.getpid(), signal.SIGSTOP)
            self._enter()
        if not select.select([0], [], [], seconds)[0]:
            return
        typed = os.read(0, 1024)
        if not typed:
            session.over = True
        self._typed += typed.decode(errors="ignore")
        for key in _KEY.findall(self._typed):
            press(session, key)
        rest = _KEY.sub("", self._typed)
        self._typed = rest if len(rest) < 8 else ""

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        self._suspended = True  # Not now: something may be being written.

    def _enter(self) -> None:
        import tty

        tty.setcbreak(0)
        self._write(_ENTER)
        self._painter.forget()

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def press(session: "Session", key: str) -> None:
    """Does what a key asks for."""
    arrow = _ARROWS.get(key[-1]) if key.startswith("\x1b") else None
    if session.human and (arrow or key == " "):
        session.hold([arrow or "FIRE"], HOLD_STEPS)
    elif key in " p":
        session.pause(not session.paused)
    elif key == "n" or arrow == "RIGHT":
        session.one_step()
    elif key in "+=-":
        session.accelerate(1 / 2 if key == "-" else 2)
    elif key in "eE":
        session.explore(0.05 if key == "E" else -0.05)
    elif key == "q":
        session.over = True


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
