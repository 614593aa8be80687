"""Reads the arrays of a Keras 2 file in a process of its own: `python hdf5.py < FILE > ARRAYS`.

The HDF5 library is C, and damaged files can make it run for ever or crash. Here it has a time limit
and a memory limit, and what it does ends with its process. This file needs nothing of amkit.
"""

import io
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_SECONDS = 30  # A process begins in one; a whole network is read in less.
_MAX_BYTES = 2**30
_MAX_LAYERS = 100
_MAX_NUMBERS = 64_000_000


def arrays(content: bytes) -> tuple[str, dict[str, list[NDArray[np.float32]]]]:
    """The model_config of a file, and the arrays of every layer in order.

    Raises:
        ValueError: one line, if the file is no such file, or damaged.
    """
    command: Sequence[str] = (sys.executable, "-P", __file__)
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # Each would reserve memory.
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=_SECONDS, env=one_thread
        )
    except subprocess.TimeoutExpired:
        raise ValueError("the HDF5 library does not finish reading the file") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        said = [line.removeprefix("refused: ") for line in lines if line.startswith("refused: ")]
        raise ValueError(said[0] if said else "the HDF5 library cannot read the file")
    layers: dict[str, list[NDArray[np.float32]]] = {}
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as held:
        for layer in held["layers"].tolist():
            count = int(held[f"count {layer}"])
            layers[layer] = [held[f"{i} {layer}"] for i in range(count)]
        return str(held["config"]), layers


def _read(content: bytes) -> dict[str, Any]:
    with h5py.File(io.BytesIO(content), "r") as file:
        if "model_config" not in file.attrs:
            raise ValueError("the file holds only weights: save the whole model with model.save()")
        text = file.attrs["model_config"]
        held: dict[str, Any] = {"config": text.decode() if isinstance(text, bytes) else str(text)}
        weights = _hard(file, "model_weights")
        names = [str(name) for name in weights]
        if len(names) > _MAX_LAYERS:
            raise ValueError(f"the model may have at most {_MAX_LAYERS} layers")
        held["layers"] = np.array(names, str)
        for name in names:
            of_layer = _layer_weights(_hard(weights, name))
            held[f"count {name}"] = len(of_layer)
            held |= {f"{i} {name}": array for i, array in enumerate(of_layer)}
        return held


def _layer_weights(group: Any) -> list[NDArray[np.float32]]:
    """A layer's arrays, in order; plain ones only: packed ones unpack to what they like."""
    result = []
    for name in group.attrs.get("weight_names", ()):
        array = group
        for step in (name.decode() if isinstance(name, bytes) else str(name)).split("/"):
            array = _hard(array, step)
        plain = isinstance(array, h5py.Dataset) and array.chunks is None and not array.external
        if not plain or array.is_virtual or array.dtype.kind != "f":
            raise ValueError("the weights are not plain numbers")
        if math.prod(array.shape) > _MAX_NUMBERS:
            raise ValueError("the weights are larger than those of a network")
        result.append(array[()].astype(np.float32))
    return result


def _hard(group: Any, name: str) -> Any:
    """A member of a group, that is in this file."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError("the weights link to another file")
    return group[name]


def _main() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    try:
        held = _read(sys.stdin.buffer.read())
    except Exception as error:
        raise SystemExit(f"refused: {' '.join(str(error).split())[:200]}") from None
    stream = io.BytesIO()
    np.savez(stream, **held)
    sys.stdout.buffer.write(stream.getvalue())


if __name__ == "__main__":
    _main()
