"""TensorFlow, loaded quietly."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress


def load_tensorflow() -> None:
    """Imports TensorFlow, as Keras's backend, without the lines that its C++ side writes to stderr.

    They are shown where `TF_CPP_MIN_LOG_LEVEL` is 0 or 1. The library oneDNN computes convolutions
    on every x86 processor, unless `TF_ENABLE_ONEDNN_OPTS` is 0. By itself TensorFlow uses oneDNN
    only on processors with instructions for neural networks, but others gain from it too.

    >>> from amkit.backend import load_tensorflow
    >>> load_tensorflow()
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"  # Trainings are its functions, whatever is set.
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if "tensorflow" in sys.modules:
        return
    shown = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") in "01"
    with nullcontext() if shown else _silenced():
        import tensorflow as tf

        tf.config.list_physical_devices()  # The search for a GPU has much to say.


@contextmanager
def _silenced() -> Iterator[None]:
    """Sends nowhere what is written to file descriptor 2."""
    try:
        kept = os.dup(2)
    except OSError:  # It is closed: nothing is to be heard.
        yield
        return
    with suppress(AttributeError, ValueError):  # Python's own stderr may be None, or closed.
        sys.stderr.flush()
    with open(os.devnull, "wb") as silence:
        try:
            os.dup2(silence.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
