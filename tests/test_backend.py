"""Loading TensorFlow: quietly, and where stderr is closed. Another module stands in for it here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from amkit import backend

STAND_IN = """if True:
    import os
    from types import SimpleNamespace

    def list_physical_devices():
        try:
            os.write(2, b"noise")
        except OSError:
            pass

    config = SimpleNamespace(list_physical_devices=list_physical_devices)
    list_physical_devices()
"""
LOAD = """if True:
    import os, sys
    from amkit.backend import load_tensorflow
    load_tensorflow()
    assert "tensorflow" in sys.modules and os.environ["KERAS_BACKEND"] == "tensorflow"
    print("loaded")
    if sys.stderr and not sys.stderr.closed:
        sys.stderr.write("said")
"""


@pytest.mark.parametrize(
    ("command", "before", "level", "said"),
    [
        ('"$0" -c "$1"', "", "3", "said"),
        ('"$0" -c "$1"', "", "0", "noisenoisesaid"),
        ('"$0" -c "$1" 2>&-', "", "3", ""),  # sys.stderr is None.
        ('"$0" -c "$1"', "import sys; sys.stderr.close()\n", "3", ""),
        ('"$0" -c "$1"', "import sys; sys.stderr = None\n", "3", ""),
    ],
)
def test_loading(tmp_path, command, before, level, said):
    (tmp_path / "tensorflow.py").write_text(STAND_IN)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    process = subprocess.run(
        ["sh", "-c", command, sys.executable, before + LOAD],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": level},
    )
    assert (process.returncode, process.stdout) == (0, "loaded\n"), process.stderr
    assert process.stderr == said


@pytest.mark.parametrize(
    ("machine", "asked", "expected"),
    [("x86_64", None, "1"), ("AMD64", None, "1"), ("x86_64", "0", "0"), ("arm64", None, None)],
)
def test_convolutions_are_by_onednn_on_x86_unless_something_else_is_asked(
    monkeypatch, machine, asked, expected
):
    name = "TF_ENABLE_ONEDNN_OPTS"
    monkeypatch.setenv(name, asked or "")
    if asked is None:
        monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # Not loaded for this.
    monkeypatch.setattr(backend.platform, "machine", lambda: machine)
    backend.load_tensorflow()
    assert os.environ.get(name) == expected
