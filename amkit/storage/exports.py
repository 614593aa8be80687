"""Models for other runtimes, by Keras's own exporter: ONNX, LiteRT, TensorFlow's SavedModel."""

import contextlib
import io
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from amkit.games.catalogue import Game
from amkit.games.environments import make
from amkit.storage.files import check_target, whole

if TYPE_CHECKING:
    import keras

Format = Literal["onnx", "litert", "saved_model"]
FORMATS: tuple[Format, ...] = get_args(Format)
ENDINGS = {"onnx": ".onnx", "litert": ".tflite"}  # A SavedModel is a folder.
_KERAS_NAMES = {"onnx": "onnx", "litert": "litert", "saved_model": "tf_saved_model"}
TOLERANCE = 1e-4  # Relative to the largest output. What was seen is 1e-6: sums in another order.
_ENVS, _STEPS, _KEPT_EVERY = 8, 96, 3
_MARK = "saved_model.pb"  # What every folder of that format holds; and what else it may hold.
_SAVED_MODEL = {_MARK, "assets", "fingerprint.pb", "variables"}

Outputs = NDArray[np.float32]


class ExportError(ValueError):
    """What was exported says something else than the model, or cannot be read back."""


def check_path(path: Path, name: str) -> Format:
    """The format of a name; ValueError if there is none, or it cannot be written to the path.

    A SavedModel is a folder: an earlier one is replaced, and an empty one filled.
    """
    form = next((each for each in FORMATS if each == name), None)
    if form is None:
        raise ValueError(f"--format must be one of {', '.join(FORMATS)}. Received: {name!r}")
    if form != "saved_model":
        check_target(path, f"a model in the format {form}", [ENDINGS[form]])
        return form
    if path.exists() and not _is_saved_model(path):
        raise ValueError(
            "a SavedModel must be a new or empty folder, or the folder of an earlier SavedModel. "
            f"Received: {path}"
        )
    folder = path.absolute().parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ValueError(f"a SavedModel must be in a folder that can be written. Received: {path}")
    return form


def export(
    model: "keras.Model", path: Path, form: Format, observations: NDArray[np.uint8]
) -> float:
    """Writes a model in another format, once it is seen to say the same there.

    Args:
        model: Functional, in float32, observation -> outputs [B, n].
        path: where to write; has its place only when all is well. As `check_path` has it.
        form: one of `FORMATS`.
        observations: uint8 [B, 4, 84, 84], such as `observations_of` a game, to compare on.

    Returns:
        The largest difference of an output, as a share of the largest output.

    Raises:
        ExportError: if that is more than `TOLERANCE`.
    """
    expected = np.asarray(model(observations))
    with (_whole_folder if form == "saved_model" else whole)(path) as temporary:
        with _quiet():
            model.export(str(temporary), format=_KERAS_NAMES[form], verbose=False)
            outputs = _RUNTIMES[form](temporary, observations)
        if outputs.shape != expected.shape:
            raise ExportError(
                f"{path} is not written: its outputs must have the shape {expected.shape}. "
                f"Received: {outputs.shape}"
            )
        share = float(abs(outputs - expected).max() / max(abs(expected).max(), 1e-6))
        if not share <= TOLERANCE:
            raise ExportError(
                f"{path} is not written: its outputs may differ from the model's by at most "
                f"{TOLERANCE:g} of the largest output. Received: {share:.2g}"
            )
    return share


def observations_of(game: Game, seed: int = 0) -> NDArray[np.uint8]:
    """What is seen in a game at random play, uint8 [256, 4, 84, 84]."""
    rng, seen = np.random.default_rng(seed), []
    with closing(make([game], _ENVS, seed=seed)) as environments:
        for step in range(_STEPS):
            environments.send(rng.choice(game.action_codes, _ENVS))
            environments.receive()
            if step % _KEPT_EVERY == 0:
                seen.append(environments.observation)
    return np.concatenate(seen)


def _run_onnx(path: Path, observations: NDArray[np.uint8]) -> Outputs:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs: Outputs = session.run(None, {session.get_inputs()[0].name: observations})[0]
    return outputs


def _run_litert(path: Path, observations: NDArray[np.uint8]) -> Outputs:
    import tensorflow as tf

    # TensorFlow's own, as long as it has one: no package more, and no optional kernels.
    kernels = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(str(path), experimental_op_resolver_type=kernels)
    (given,), (said,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], observations.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], observations)
    interpreter.invoke()
    outputs: Outputs = interpreter.get_tensor(said["index"])
    return outputs


def _run_saved_model(path: Path, observations: NDArray[np.uint8]) -> Outputs:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # Its variables live as long as it does.
    outputs: Outputs = loaded.serve(observations).numpy()
    return outputs


_RUNTIMES: dict[Format, Callable[[Path, NDArray[np.uint8]], Outputs]] = {
    "onnx": _run_onnx,
    "litert": _run_litert,
    "saved_model": _run_saved_model,
}


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """As `files.whole`, of a folder, which need not be there."""
    path = Path(os.path.realpath(path))
    temporary, earlier = (path.with_name(f".{os.getpid()}-{n}-{path.name}") for n in ("new", "old"))
    try:
        yield temporary
        if path.exists():
            os.replace(path, earlier)
        try:
            os.replace(temporary, path)
        except BaseException:
            if earlier.exists():  # What was there stays.
                os.replace(earlier, path)
            raise
    finally:
        for folder in (temporary, earlier):
            shutil.rmtree(folder, ignore_errors=True)


def _is_saved_model(path: Path) -> bool:
    """Whether a path is a folder that holds nothing but a SavedModel, or nothing at all."""
    if not path.is_dir():
        return False
    names = {entry.name for entry in path.iterdir()}
    return not names or (_MARK in names and names <= _SAVED_MODEL)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps libraries from telling of their own plans and progress; errors are raised."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
