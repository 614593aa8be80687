"""Experts made elsewhere: each format's outputs, cards, and files that are no experts or hostile.

The fixtures were written by the libraries themselves, `make_fixtures.py`.
"""

import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest

from amkit.games.atari import find_game
from amkit.storage import importers, models
from amkit.storage.cards import ModelFileError, read_card
from amkit.storage.importers import pickles, torch_files
from tests.storage.importers.formula import FILES, FIXTURES, expected, observations
from tests.storage.importers.mutations import behind_checksums, damaged

PONG = find_game("pong")
CHECKSUMS = [name for name in FILES if name.endswith((".zip", ".gz", "cleanrl.cleanrl_model"))]


def rejected(path, match, game=PONG, seconds=15):
    """The file is refused in one line that names it, quickly, before Keras is needed."""
    began = time.perf_counter()
    with pytest.raises(ModelFileError, match=match) as caught:
        importers.read(path, game)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 400
    assert time.perf_counter() - began < seconds


@pytest.fixture
def written(tmp_path):
    """Writes bytes to a file, and returns its path."""

    def write(content, name="file"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def content(name):
    return (FIXTURES / name).read_bytes()


def repacked(name, change):
    """A zip archive again, after its members were changed."""
    with zipfile.ZipFile(FIXTURES / name) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    change(members)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for one, value in members.items():
            archive.writestr(one, value)
    return stream.getvalue()


def torch_zip(pickled, **storages):
    """What torch.save would write of a pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, value in storages.items():
            archive.writestr(f"archive/data/{key}", value)
    return stream.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_an_imported_network_says_what_the_library_said(name, tmp_path):
    path, card = importers.write(importers.read(FIXTURES / name, PONG), tmp_path / "experts")
    assert path == tmp_path / "experts" / "pong.keras"
    network, read = models.load_with_card(path)
    np.testing.assert_allclose(
        network(observations()), expected(name, observations()), atol=2e-5, rtol=1e-5
    )
    assert network.get_layer("features").output.shape == (None, 4)
    assert read == card and card["kind"] == "expert" and card["games"] == ["pong"]
    assert card["imported"]["sha256"] == hashlib.sha256(content(name)).hexdigest()
    assert card["imported"]["file"] == name and card["imported"]["unknown"]


@pytest.mark.parametrize(
    ("name", "format_", "fire", "sticky", "resize"),
    [
        ("sb3_dqn.zip", "Stable-Baselines3", True, 0.0, "maximum, grey, area"),
        ("sb3_qrdqn.zip", "Stable-Baselines3", True, 0.0, "maximum, grey, area"),
        ("cleanrl.cleanrl_model", "CleanRL", True, 0.0, "maximum, area, grey"),
        ("cleanrl_jax.cleanrl_model", "CleanRL, JAX", True, 0.0, "maximum, area, grey"),
        ("atari_agents.gz", "atari-agents", False, None, "grey, area, maximum"),
        ("dopamine.msgpack", "Dopamine", False, 0.25, "grey, maximum, area"),
        ("torch7.t7", "Torch7", False, 0.0, "maximum, grey, bilinear"),
        ("keras2_last.h5", "Keras 2", False, None, None),
    ],
)
def test_how_it_was_played_is_known(name, format_, fire, sticky, resize):
    parts = importers.read(FIXTURES / name, PONG).parts
    assert parts.format == format_
    assert parts.played["fire_on_life_loss"] is fire
    assert parts.played["sticky_actions"] == sticky
    assert parts.played.get("resize") == resize
    assert parts.played["source"]


def test_without_fire_nothing_is_pressed():
    boxing = find_game("ms_pacman")
    assert "FIRE" not in boxing.actions
    assert not importers.cleanrl.played(boxing)["fire_on_life_loss"]


@pytest.mark.parametrize(("folder", "sticky"), [("DQN_modern", 0.25), ("DQN_classic_adam", 0.0)])
def test_the_folder_says_the_protocol_of_atari_agents(tmp_path, folder, sticky):
    path = tmp_path / folder / "Pong" / "0" / "model_50000000.gz"
    path.parent.mkdir(parents=True)
    shutil.copy(FIXTURES / "atari_agents.gz", path)
    assert importers.read(path, PONG).parts.played["sticky_actions"] == sticky


def test_what_the_file_says_of_the_training_is_on_the_card():
    qr_dqn = importers.read(FIXTURES / "sb3_qrdqn.zip", PONG).parts
    assert qr_dqn.algorithm == "QR-DQN, the mean of its 3 quantiles"
    assert qr_dqn.steps == 1234
    assert importers.read(FIXTURES / "dopamine_ckpt.199", PONG).parts.steps == 1234


def test_an_import_replaces_only_an_import(tmp_path):
    expert = importers.read(FIXTURES / "cleanrl.cleanrl_model", PONG)
    path, _ = importers.write(expert, tmp_path)
    importers.write(expert, tmp_path)
    card = json.loads(path.with_suffix(".json").read_text())
    del card["imported"]
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match="replace only an earlier import.*Received"):
        importers.write(expert, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="--output must be a folder. Received"):
        importers.write(expert, tmp_path / "file")


def test_a_card_says_how_games_were_played_or_is_refused(tmp_path):
    path, _ = importers.write(importers.read(FIXTURES / "torch7.t7", PONG), tmp_path)
    card = json.loads(path.with_suffix(".json").read_text())
    card["played"]["fire_on_life_loss"] = "perhaps"
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ModelFileError, match="played.fire_on_life_loss"):
        read_card(path)


@pytest.mark.parametrize("name", FILES)
def test_the_expert_of_another_game(name):
    rejected(FIXTURES / name, "4 outputs|actions. Received|outputs", find_game("breakout"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_cut_file(name, share, written):
    whole = content(name)
    rejected(written(whole[: int(share * len(whole))]), "cut|damaged|does not describe|formats are")


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (b"", "an empty file"),
        (b"hello", "one of the formats .*begins with b'hello'"),
        (b"\x1f\x8b" + b"x" * 40, "damaged"),
        (gzip.compress(b"hello", mtime=0), "begins with"),
        (gzip.compress(gzip.compress(b"hello", mtime=0), mtime=0), "unpacks to more"),
        (pickle.dumps({"weights": [1, 2]}), "not a checkpoint of a DQN of Dopamine"),
        (pickle.dumps({"weights": [1, 2]}, 0), "one of the formats"),
        (torch_zip(pickle.dumps({"a.weight": 1}, 2)), "tensors must be named.*a.weight"),
        (torch_zip(pickle.dumps(3, 2)), "tensors must be named.*int"),
        (b"\x81\xa6params\x80", "parameters of a DQN"),
        (struct.pack("<iiid", 3, 1, 0, 0.0), "must hold an nn.Sequential"),
    ],
)
def test_other_kinds_of_file(written, other, match):
    rejected(written(other), match)


def test_no_such_file(tmp_path):
    rejected(tmp_path / "missing.zip", "there is no such expert")


def test_a_keras_file_needs_no_import(tmp_path):
    path, _ = importers.write(importers.read(FIXTURES / "torch7.t7", PONG), tmp_path)
    rejected(path, "such a file without an import")


class Evil:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/amkit-was-here",)


EVIL = [
    pickle.dumps(Evil(), 2),
    pickle.dumps({"estimator_state": {"a": Evil()}}, 4),
    b"\x80\x02cbuiltins\neval\nX\x04\0\0\0exit\x85R.",
    b"\x80\x02(X\x02\0\0\0lsios\nsystem\n.",
    b"\x80\x02ccollections\nOrderedDict.__init__.__globals__\n)R.",
    b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    b"\x80\x02c__builtin__\ngetattr\nctorch._utils\n_rebuild_tensor_v2\nX\x01\0\0\0a\x86R.",
]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("kind", ["zip", "gzip", "legacy", "policy", "bare"])
def test_a_pickle_that_would_run_something(written, evil, kind, tmp_path):
    file = {
        "zip": torch_zip(evil),
        "gzip": gzip.compress(torch_zip(evil), mtime=0),
        "legacy": torch_files.LEGACY_MARK + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + evil,
        "policy": repacked("sb3_dqn.zip", lambda m: m.update({"policy.pth": torch_zip(evil)})),
        "bare": evil,
    }[kind]
    rejected(written(file), "code that weights do not need|more than hold weights")
    assert not os.path.exists("/tmp/amkit-was-here")


def test_the_pickles_in_data_are_never_opened(written):
    def change(members):
        data = json.loads(members["data"])
        data["policy_class"][":serialized:"] = "Y29zCnN5c3RlbQo="
        members["data"] = json.dumps(data).encode()
        members["pytorch_variables.pth"] = EVIL[0]
        members["policy.optimizer.pth"] = EVIL[0]

    path = written(repacked("sb3_dqn.zip", change))
    assert importers.read(path, PONG).parts.format == "Stable-Baselines3"


TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
    b"X\x01\0\0\0" + b"0X\x03\0\0\0cpuK\x04tQ"
)


@pytest.mark.parametrize(
    ("pickled", "match"),
    [
        (b"\x80\x02" + b"N\x85" * 50_000, "cut"),
        (b"\x80\x02]q\0" + b"h\0a" * 100_000 + b".", "larger than a file of weights"),
        (b"\x80\x02}" + b"N" + b"\x85" * 100_000 + b"Ns.", "keys must be text"),
        (b"\x80\x02)q\0" + b"h\0h\0\x86q\0" * 70 + b"}h\0Ns.", "keys must be text"),
        (b"\x80\x02Nr\xff\xff\xff\xff.", "tensors must be named"),
        (b"\x80\x02.", "."),
        (b"\x80\x02R.", "takes more"),
        (b"\x80\x02a.", "takes more|cut"),
        (b"\x80\x02tt.", "damaged"),
        (b"\x80\x02N)R.", "is not a function"),
        (b"\x80\x02}}b.", "a value without state"),
        (b"\x80\x02NNa.", "not a list"),
        (b"\x80\x02NNNs.", "not a dictionary"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "not a function"),
        (b"\x80\x02X\xff\xff\xff\x7fab.", "damaged"),
        (b"\x80\x02X\x02\0\0\0abQ.", "no storage|does not describe|damaged"),
    ],
)
def test_pickles_that_are_bombs_or_nonsense(written, pickled, match, monkeypatch):
    import resource

    monkeypatch.setattr(pickles, "_MAX_INSTRUCTIONS", 150_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rejected(written(torch_zip(pickled)), match)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize(
    ("view", "match"),
    [
        (b"K\0K\x05\x85K\x01\x85", "beyond its storage"),
        (b"K\x01K\x04\x85K\x01\x85", "beyond its storage"),
        (b"K\0K\x02\x85K\x04\x85", "beyond its storage"),
        (b"K\0J\xff\xff\xff\xff\x85K\x01\x85", "0 or more"),
        (b"K\0K\x02\x85J\xff\xff\xff\xff\x85", "0 or more"),
        (b"J\xff\xff\xff\xffK\x02\x85K\x01\x85", "0 or more"),
        (b"K\0J\xff\xff\xff\x7f\x85K\0\x85", "beyond its storage"),
        (b"K\0K\x02K\x02\x86K\x01\x85", "a stride for each"),
        (b"K\0(" + b"K\x01" * 9 + b"t(" + b"K\x01" * 9 + b"t", "at most 8"),
        (b"K\0X\x01\0\0\0a\x85K\x01\x85", "whole numbers"),
    ],
)
def test_views_stay_in_their_storage(written, view, match):
    rejected(written(torch_zip(b"\x80\x02" + TENSOR + view + b"tR.", **{"0": bytes(16)})), match)


def test_a_zip_bomb(written, monkeypatch):
    monkeypatch.setattr(torch_files, "MAX_UNPACKED_BYTES", 2**20)
    stream, size = io.BytesIO(), 2**27
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy.pth", bytes(size))
    rejected(written(stream.getvalue()), "unpacks to more")
    lying = stream.getvalue().replace(struct.pack("<I", size), struct.pack("<I", 100))
    rejected(written(lying), "damaged")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_cannot_be_bounded(written, packing):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        archive.writestr("policy.pth", bytes(2**20))
    rejected(written(stream.getvalue()), "stored or deflated")


def test_two_members_of_one_name(written):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("policy.pth", b"one")
        archive.writestr("policy.pth", b"two")
    rejected(written(stream.getvalue()), "the same name")


def test_a_gzip_bomb(written, monkeypatch):
    import resource

    monkeypatch.setattr(torch_files, "MAX_UNPACKED_BYTES", 2**20)
    packed = gzip.compress(bytes(2**27), mtime=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rejected(written(packed), "unpacks to more")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize(
    ("hostile", "match"),
    [
        (b"\x81\xa1a" + b"\x91" * 5000 + b"\xc0", "nested"),
        (b"\x81\xa1a\xdd\xff\xff\xff\xff" + b"\xc0" * 200_000, "nested too deeply"),
        (b"\x81\xa1a\xc6\xff\xff\xff\xff", "cut"),
        (b"\x81\xc0\xc0", "must be text"),
        (b"\x81\xa1a\xc1", "does not describe|damaged"),
        (b"\xdf\xff\xff\xff\xff\xa1a\xc0", "cut"),
    ],
)
def test_hostile_msgpack(written, hostile, match):
    rejected(written(hostile), match)


def test_msgpack_arrays_have_the_bytes_of_their_shape(written):
    file = content("dopamine.msgpack")
    rejected(written(file + b"\xc0"), "goes on after")
    rejected(written(file.replace(b"\x94\x08\x08\x04\x02", b"\x94\x08\x08\x04\x03")), "other bytes")


def ints(*values):
    return struct.pack(f"<{len(values)}i", *values)


@pytest.mark.parametrize(
    ("hostile", "match"),
    [
        (ints(3, 1, 2**31 - 1), "cut"),
        (ints(3, 1, 1) + ints(2, 2**31 - 1), "cut"),
        (ints(3, 1, 1) + ints(2, -5), "cut"),
        (b"".join(ints(3, i, 1, 5, 1) for i in range(5000)), "nested"),
        (ints(3, 1, 1, 9), "a type that Torch7 does not have"),
        (ints(4, 1, 3) + b"V 1" + ints(9) + b"os.system" + ints(0), "nn.Sequential"),
        (
            ints(4, 1, 3) + b"V 1" + ints(18) + b"torch.FloatStorage" + struct.pack("<q", 2**60),
            "cut",
        ),
    ],
)
def test_hostile_torch7(written, hostile, match):
    rejected(written(hostile), match)


def test_functions_in_torch7_are_passed_over(written):
    """The network comes after a function, whose bytes are no program at all."""
    file = content("torch7.t7")
    function = ints(2, 4) + b"evil" + ints(8, 9999, 6) + b"\x1bLJ\x02xx" + ints(3, 9998, 0)
    changed = file[:8] + ints(struct.unpack_from("<i", file, 8)[0] + 1) + function + file[12:]
    parts = importers.read(written(changed), PONG).parts
    for one, other in zip(
        parts.weights, importers.read(FIXTURES / "torch7.t7", PONG).parts.weights, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def in_h5(name, written, change):
    path = written(content(name))
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(file, config["config"]["layers"])
        if "model_config" in file.attrs:
            file.attrs["model_config"] = json.dumps(config)
    return path


def kernel(file):
    layer = next(one for one in file["model_weights"] if one.startswith("conv2d"))
    group = file["model_weights"][layer]
    return group, group.attrs["weight_names"][0]


def replaced(file, **options):
    group, name = kernel(file)
    values = group[name][()]
    del group[name]
    group.create_dataset(name, data=values, **options)


def linked(file):
    group, name = kernel(file)
    del group[name]
    group[name] = h5py.ExternalLink("/etc/passwd", "/")


def layer(layers, kind):
    return next(one for one in layers if one["class_name"] == kind)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda file, _: file.attrs.pop("model_config"), "only weights"),
        (lambda file, _: linked(file), "link to another file"),
        (lambda file, _: replaced(file, compression="gzip"), "plain numbers"),
        (lambda file, _: replaced(file, dtype="i4"), "plain numbers"),
        (lambda _, ls: layer(ls, "Activation").update(class_name="Lambda"), "Lambda"),
        (lambda _, ls: layer(ls, "Activation")["config"].update(activation="tanh"), "tanh"),
        (lambda _, ls: ls.remove(layer(ls, "Activation")), "a ReLU after each"),
        (lambda _, ls: layer(ls, "Conv2D")["config"].update(padding="same"), "same padding"),
        (lambda _, ls: layer(ls, "Conv2D")["config"].update(nb_filter=2), "Keras 1"),
        (lambda _, ls: layer(ls, "Conv2D")["config"].update(strides=[0, 0]), "same stride"),
        (lambda _, ls: layer(ls, "Conv2D")["config"].update(strides=[3, 3]), "98 inputs|inputs"),
        (lambda _, ls: layer(ls, "Conv2D")["config"].update(name="../.."), "elsewhere|damaged"),
        (lambda _, ls: ls.extend(ls * 20), "at most 40"),
        (lambda _, ls: ls.clear(), "a DQN must have convolutions"),
    ],
)
def test_hostile_and_other_keras_files(written, change, match):
    rejected(in_h5("keras2_last.h5", written, change), match)


def test_a_keras_file_that_hdf5_never_ends_with(written, monkeypatch):
    """A hole in a table of names, found by damage at random: the library goes round for ever."""
    monkeypatch.setattr(importers.keras2.hdf5, "_SECONDS", 4)
    file = bytearray(content("keras2_last.h5"))
    place = 8296  # In the heap of layer names: of "conv2d_4" and "activ...".
    file[place : place + 33] = bytes(33)
    rejected(written(file), "does not finish", seconds=20)


def test_a_c51_is_no_dqn(written):
    inner = pickle.dumps({"estimator_state": {"_AtariNet__support": 1}}, 2)
    rejected(written(gzip.compress(torch_zip(inner), mtime=0)), "C51")


def test_weights_that_are_not_finite(written):
    file = content("dopamine.msgpack")
    place = file.index(b"float32") + 40
    rejected(written(file[:place] + b"\xff\xff\xff\x7f" * 4 + file[place + 16 :]), "not finite")


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_refused_or_read(name, written):
    """Those with checksums to equal weights; damage to numbers of others cannot be told."""
    rng = np.random.default_rng(33)
    whole, original = content(name), importers.read(FIXTURES / name, PONG).parts.weights
    for i in range(20):
        changed = damaged(whole, rng) if i % 2 else behind_checksums(whole, rng)
        try:
            weights = importers.read(written(changed), PONG).parts.weights
        except ModelFileError as error:
            assert "\n" not in str(error)
            continue
        assert all(np.isfinite(one).all() for one in weights)
        if i % 2 and name in CHECKSUMS:
            for one, other in zip(weights, original, strict=True):
                np.testing.assert_array_equal(one, other)


def test_nothing_of_torch_or_keras_is_needed_to_read(tmp_path):
    import subprocess

    program = (
        "import sys; from pathlib import Path; from amkit.storage import importers\n"
        "from amkit.games.catalogue import GAMES\n"
        "for path in sys.argv[1:]: importers.read(Path(path), GAMES['pong'])\n"
        "assert not {'torch', 'keras', 'tensorflow', 'flax', 'msgpack'} & sys.modules.keys()"
    )
    paths = [str(FIXTURES / name) for name in FILES]
    subprocess.run([sys.executable, "-c", program, *paths], check=True)
