"""Initial weights that a seed repeats."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def initial_weights_of(seed: int) -> Iterator[None]:
    """Networks made in here begin with the weights of a seed.

    Keras draws the seeds of its initialisers from Python's generator alone: the caller's goes on
    afterwards as if nothing had been drawn, and NumPy's and TensorFlow's are not touched.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
