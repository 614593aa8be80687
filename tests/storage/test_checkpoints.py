"""Checkpoints: whole or not at all, linked where unchanged, verified, kill-proof."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from amkit.storage import checkpoints


def state(step):
    rng = np.random.default_rng(step)
    return {
        "steps": step,
        "rng": rng.bit_generator.state,
        "memory": {
            "fixed@0": {"frame": np.full((4, 3), 7, np.uint8)},
            f"block@{step}": {"frame": rng.integers(0, 255, (64, 84), np.uint8)},
        },
        "weights": {"0": rng.normal(size=(3, 2)).astype(np.float32), "1": np.asarray(np.int64(3))},
        "rows": [{"loss": 0.5, "score": float("nan")}],
    }


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, dict):
            assert_same(value, other[key])
        elif isinstance(other[key], np.ndarray):
            assert value.dtype == other[key].dtype and value.shape == other[key].shape
            np.testing.assert_array_equal(value, other[key])
        elif key != "rows":
            assert value == other[key]


def test_round_trip(tmp_path):
    assert checkpoints.restore(tmp_path) is None
    assert checkpoints.count(tmp_path) == 0
    for step in (1, 2, 3):
        checkpoints.save(tmp_path, state(step))
        assert_same(checkpoints.restore(tmp_path), state(step))
    assert checkpoints.count(tmp_path) == 3
    assert [p.name for p in sorted(tmp_path.iterdir())] == [
        "checkpoint-000002",
        "checkpoint-000003",
    ]


def test_what_cannot_change_is_linked(tmp_path):
    first = checkpoints.save(tmp_path, state(5))
    inodes = {os.stat(file).st_ino for file in first.glob("*.zlib")}
    second = checkpoints.save(tmp_path, state(6))
    shared = inodes & {os.stat(file).st_ino for file in second.glob("*.zlib")}
    assert len(shared) == 1  # "fixed@0" alone has the same key in both.


@pytest.mark.parametrize("kind", ["npy", "zlib"])
def test_a_damaged_newest_falls_back(tmp_path, kind):
    checkpoints.save(tmp_path, state(1))
    newest = checkpoints.save(tmp_path, state(2))
    file = max(newest.glob(f"*.{kind}"), key=lambda p: p.stat().st_size)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.unlink()
    file.write_bytes(content)
    assert checkpoints.restore(tmp_path)["steps"] == 1


def test_all_damaged_is_said(tmp_path):
    newest = checkpoints.save(tmp_path, state(1))
    (newest / "manifest.json").write_text("{")
    with pytest.raises(checkpoints.CheckpointError, match="is damaged"):
        checkpoints.restore(tmp_path)


def test_a_changed_number_in_the_manifest_is_noticed(tmp_path):
    checkpoints.save(tmp_path, state(1))
    manifest = checkpoints.save(tmp_path, state(2)) / "manifest.json"
    text = manifest.read_text()
    assert '"steps": 2' in text
    manifest.write_text(text.replace('"steps": 2', '"steps": 9'))
    assert checkpoints.restore(tmp_path)["steps"] == 1


def test_what_cannot_be_read_now_is_kept(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, state(1))
    newest = checkpoints.save(tmp_path, state(2))

    def fails(*args, **kwargs):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(np, "load", fails)
    with pytest.raises(checkpoints.CheckpointError, match="cannot be read: Input/output error"):
        checkpoints.restore(tmp_path)
    monkeypatch.undo()
    assert newest.is_dir() and checkpoints.restore(tmp_path)["steps"] == 2


def test_a_full_disk_keeps_what_was_there(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, state(1))

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "_entry", full)
    with pytest.raises(checkpoints.CheckpointError, match="the disk is full"):
        checkpoints.save(tmp_path, state(2))
    monkeypatch.undo()
    assert checkpoints.restore(tmp_path)["steps"] == 1
    assert not list(tmp_path.glob("unfinished-*"))


_WRITER = """
import sys
import numpy as np
from pathlib import Path
from amkit.storage import checkpoints
step = 0
while True:
    step += 1
    weights = {str(i): np.full((300, 300), step) for i in range(12)}
    checkpoints.save(Path(sys.argv[1]), {"step": step, "weights": weights})
    print(step, flush=True)
"""


def test_a_kill_while_writing_never_harms(tmp_path):
    delays = np.random.default_rng(0).uniform(0.0, 0.05, 10)
    for delay in delays:
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        done = int(process.stdout.readline())
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        restored = checkpoints.restore(tmp_path)
        assert restored["step"] >= int(rest[-1] if rest else done)
        assert all((w == restored["step"]).all() for w in restored["weights"].values())


def test_a_block_is_packed_without_loss(tmp_path):
    normal = np.random.default_rng(0).normal
    blocks = {
        f"{dtype}{len(shape)}@0": (normal(size=shape) ** 3).astype(dtype)
        for shape in ((1,), (5, 3), (9, 2, 84))
        for dtype in ("bool", "int8", "float16", "float32", "int64")
    }
    checkpoints.save(tmp_path, blocks)
    assert_same(checkpoints.restore(tmp_path), blocks)


def test_frames_take_little(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (1, 4, 84, 84), np.uint8).repeat(200, axis=0)
    frames[np.arange(200), :, np.arange(200) % 84, 40:44] = 200  # Something that moves.
    folder = checkpoints.save(tmp_path, {"block@0": frames})
    assert sum(file.stat().st_size for file in folder.iterdir()) < 0.02 * frames.nbytes


def test_blocks_that_are_not_packed_are_read_and_linked(tmp_path, monkeypatch):
    """As earlier versions wrote them."""
    monkeypatch.setattr(checkpoints, "_write_block", checkpoints._write_array)
    first = checkpoints.save(tmp_path, state(5))
    assert not list(first.glob("*.zlib"))
    monkeypatch.undo()
    assert_same(checkpoints.restore(tmp_path), state(5))
    second = checkpoints.save(tmp_path, state(6))
    assert_same(checkpoints.restore(tmp_path), state(6))
    assert sum(file.stat().st_nlink == 2 for file in second.glob("*.npy")) == 1
    assert len(list(second.glob("*.zlib"))) == 1


def test_nothing_is_linked_from_a_damaged_checkpoint(tmp_path):
    """After falling back, the same key may stand for other content."""
    checkpoints.save(tmp_path, {"step": 1})
    newest = checkpoints.save(tmp_path, {"step": 2, "block@7": np.zeros(3)})
    (newest / "manifest.json").write_text("{")
    assert checkpoints.restore(tmp_path)["step"] == 1
    checkpoints.save(tmp_path, {"step": 3, "block@7": np.ones(3)})
    np.testing.assert_array_equal(checkpoints.restore(tmp_path)["block@7"], np.ones(3))


def test_few_files_are_open_at_once(tmp_path):
    """Every block of a replay memory was mapped, and macOS allows 256 open files."""
    blocks = {f"block{i:06d}@{i}": {"frame": np.full((64, 84), i, np.uint8)} for i in range(80)}
    checkpoints.save(tmp_path, {"blocks": blocks})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 6, hard)
    )
    try:
        restored = checkpoints.restore(tmp_path)["blocks"]
        column = np.zeros((80, 64, 84), np.uint8)
        for i, block in enumerate(restored.values()):
            assert len(block["frame"]) == 64
            column[i] = block["frame"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (column == np.arange(80)[:, None, None]).all()
