"""A game as something to look at: the screen and, beside it, what the network says of each action.

Needs Pillow, and imageio with PyAV for mp4: the extra `video`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amkit.evaluation.live import STEPS_PER_SECOND, Moment, Play, bars
from amkit.games.catalogue import Game
from amkit.games.published import EPSILON
from amkit.storage.files import check_target, whole

if TYPE_CHECKING:
    from PIL.Image import Image


FORMATS = (".gif", ".mp4")

_GIF_MILLISECONDS = 70  # A GIF counts hundredths of a second: 1/15 s is between two of them.
_SCALE = 2  # Pixels of the picture per pixel of the screen.
_PANEL = 330  # Of bars, values and the longest name, DOWNRIGHTFIRE.
_BACKGROUND, _TEXT, _BAR, _CHOSEN = (18, 18, 22), (225, 225, 225), (70, 90, 130), (240, 180, 60)


def play(
    network: Callable[[Any], Any],
    game: Game,
    *,
    epsilon: float = EPSILON,
    seed: int = 0,
    steps: int | None = None,
    fire: bool = False,
) -> Iterator[Moment]:
    """Plays one game, and yields each agent step.

    Args:
        network: observation uint8 [1, 4, 84, 84] -> float [1, n] or [1, 18].
        game: what is played.
        epsilon: probability, in [0, 1], of a uniformly random action.
        seed: of emulator and exploration.
        steps: agent steps after which to stop; None plays to the end.
        fire: whether FIRE is pressed for it, as `games.fire` has it.
    """
    with closing(Play(network, game, epsilon=epsilon, seed=seed, fire=fire)) as played:
        for step in count(1):
            moment = played.look()
            yield replace(moment, reward=played.step())
            if played.game_over or step == steps:
                return


def draw(moment: Moment, game: Game, policy: bool) -> "Image":
    """A picture of one moment: the screen, the score, and one bar per action.

    Of a `policy` the values are logits, and their softmax is shown; else they are Q-values.
    """
    from PIL import Image, ImageDraw, ImageFont

    title, values, lengths = bars(moment, policy)
    screen = Image.fromarray(moment.screen)
    width, height = screen.width * _SCALE, screen.height * _SCALE
    picture = Image.new("RGB", (width + _PANEL, height), _BACKGROUND)
    picture.paste(screen.resize((width, height), Image.Resampling.NEAREST), (0, 0))
    pen = ImageDraw.Draw(picture)
    left = width + 12
    pen.text((left, 8), f"{game.title}: {moment.score:,.0f}", _TEXT, ImageFont.load_default(18))
    pen.text((left, 34), title, _TEXT, ImageFont.load_default(12))
    row = min(24, (height - 60) // len(values))
    font = ImageFont.load_default(min(12, row - 6))
    for i, (name, value, length) in enumerate(zip(game.actions, values, lengths, strict=True)):
        top = 56 + i * row
        color = _CHOSEN if i == moment.action else _BAR
        pen.rectangle((left, top, left + 2 + 150 * length, top + row - 4), color)
        pen.text((left + 158, top), f"{value:6.2f}  {name}", _TEXT, font)
    return picture


def check_path(path: Path) -> None:
    """ValueError if a video cannot be written there."""
    check_target(path, "a video", FORMATS)
    if path.suffix == ".mp4" and not (find_spec("imageio") and find_spec("av")):
        raise ValueError(
            f".mp4 needs amkit's extra 'video': pip install -e '.[video]'. Received: {path}"
        )


def write(moments: Iterable[Moment], game: Game, policy: bool, path: Path) -> tuple[int, float]:
    """Writes a game as a video at an Atari's own speed, whole or not at all; `policy` as in `draw`.

    Returns (agent steps, score after the last of them) of the moments, one at least.
    """
    check_path(path)
    steps, score = 0, 0.0

    def pictures() -> "Iterator[Image]":
        nonlocal steps, score
        for moment in moments:
            steps, score = steps + 1, moment.score + moment.reward
            yield draw(moment, game, policy)

    with whole(path) as temporary:
        (_write_gif if path.suffix == ".gif" else _write_mp4)(pictures(), temporary)
    return steps, score


def clip(screens: Iterable[NDArray[np.uint8]]) -> bytes:
    """Screens, [h, w, 3], at an Atari's own speed and over again: an animated WebP, lossless."""
    from PIL import Image

    first, *others = map(Image.fromarray, screens)
    content = BytesIO()
    milliseconds = round(1000 / STEPS_PER_SECOND)
    options = {"append_images": others, "duration": milliseconds, "loop": 0, "lossless": True}
    first.save(content, "WEBP", save_all=True, **options)
    return content.getvalue()


def _write_gif(pictures: "Iterator[Image]", path: Path) -> None:
    few_colors = (picture.quantize(64) for picture in pictures)
    first = next(few_colors)
    first.save(path, save_all=True, append_images=few_colors, duration=_GIF_MILLISECONDS, loop=0)


def _write_mp4(pictures: "Iterator[Image]", path: Path) -> None:
    import imageio.v3 as iio

    with iio.imopen(path, "w", plugin="pyav") as video:
        video.init_video_stream("libx264", fps=STEPS_PER_SECOND)
        for picture in pictures:
            video.write_frame(np.asarray(picture))
