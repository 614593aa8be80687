"""Model files: round trips, plain Keras elsewhere, and every kind of bad file."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from amkit.networks.bodies import actor_mimic_network, nature_dqn
from amkit.networks.twins import in_precision, rounded, with_features
from amkit.storage import models
from amkit.storage.cards import ModelFileError, card_path, read_card

CARD = {"kind": "expert", "games": ["pong"]}
OBSERVATION = np.random.default_rng(0).integers(0, 256, (3, 4, 84, 84), np.uint8)


def small_network(outputs=6):
    """The Nature network's layers, narrow."""
    layers = keras.layers
    x = observation = keras.Input((4, 84, 84), dtype="uint8")
    x = layers.Permute((2, 3, 1))(x)
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(2, 8, 8, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(4)(x)
    x = layers.LayerNormalization()(x)
    x = layers.Activation("relu", name="features")(x)
    return keras.Model(observation, layers.Dense(outputs)(x))


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "pong.keras"
    model = small_network()
    models.save(model, path, CARD)
    return model, path


def rewrite(path, change_config=None, weights=None, extra=None):
    """Changes members of a saved file, checksums right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if change_config:
        config = json.loads(members["config.json"])
        change_config(config)
        members["config.json"] = json.dumps(config).encode()
    if weights is not None:
        members["model.weights.h5"] = weights
    members |= extra or {}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def layer(config, class_name):
    return next(e for e in config["config"]["layers"] if e["class_name"] == class_name)


def nested(depth):
    """A list in a list in a list."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


def rejected(path, match):
    with pytest.raises(ModelFileError, match=match) as caught:
        models.load_with_card(path)
    assert "\n" not in str(caught.value)
    assert str(path.parent) in str(caught.value)


def trained(model):
    """The same model with other weights, as if trained: outputs may begin at zero."""
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.02, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: nature_dqn(6),
        lambda: nature_dqn(4, normalize_features=True, dtype="mixed_bfloat16"),
        lambda: actor_mimic_network(normalize_features=True, background=87),
        lambda: actor_mimic_network("transfer"),
    ],
)
def test_round_trip(make, tmp_path):
    model = trained(make())
    path = tmp_path / "model.keras"
    models.save(model, path, CARD)
    loaded, card = models.load_with_card(path)
    plain = in_precision(model, "float32")
    np.testing.assert_array_equal(loaded(OBSERVATION), plain(OBSERVATION))
    assert loaded.output.shape == model.output.shape
    assert card["parameters"] == model.count_params()
    assert all(layer.compute_dtype in ("float32", "uint8") for layer in loaded.layers)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["model.json", "model.keras"]
    outputs, features = with_features(loaded)(OBSERVATION)
    assert features.shape[-1] == loaded.get_layer("features").output.shape[-1]
    np.testing.assert_array_equal(outputs, loaded(OBSERVATION))


def test_a_network_whose_weights_are_rounded_takes_half_of_the_space(tmp_path):
    model = trained(nature_dqn(6, normalize_features=True))
    kept = rounded(model)
    for weights, before in zip(kept.get_weights(), model.get_weights(), strict=True):
        assert np.all(np.abs(weights - before) <= np.abs(before) / 2**8)
    np.testing.assert_allclose(kept(OBSERVATION), model(OBSERVATION), rtol=0.05, atol=0.02)
    models.save(kept, tmp_path / "model.keras", CARD)
    assert (tmp_path / "model.keras").stat().st_size < 0.5 * 4 * model.count_params()
    plain = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(plain(OBSERVATION), kept(OBSERVATION))


def test_models_made_elsewhere(tmp_path):
    """Saved compiled by plain Keras, after training, with layers without bias."""
    layers = keras.layers
    observation = keras.Input((4, 84, 84), dtype="uint8")
    x = layers.Rescaling(1 / 255)(observation)
    x = layers.Permute((2, 3, 1))(x)
    x = layers.Conv2D(2, 8, 8, use_bias=False)(x)
    x = layers.LayerNormalization(center=False)(layers.Flatten()(x))
    model = keras.Model(observation, layers.Dense(6, use_bias=False)(x))
    model.compile("adam", "mse")
    model.fit(OBSERVATION, np.zeros((3, 6)), verbose=0)
    path = tmp_path / "foreign.keras"
    model.save(path)
    card = {**CARD, "weight_hash": models.weight_hash(model)}
    path.with_suffix(".json").write_text(json.dumps(card))
    loaded, _ = models.load_with_card(path)
    np.testing.assert_allclose(loaded(OBSERVATION), model(OBSERVATION), rtol=1e-6)


def test_hash_is_of_the_weights_alone(saved, tmp_path):
    model, path = saved
    models.save(model, tmp_path / "again.keras", CARD)
    assert read_card(path)["weight_hash"] == models.weight_hash(model)
    assert read_card(tmp_path / "again.keras")["weight_hash"] == (models.weight_hash(model))
    assert models.weight_hash(small_network()) != models.weight_hash(model)


_ELSEWHERE = """
import sys
import numpy as np
import keras
assert "amkit" not in sys.modules
model = keras.saving.load_model(sys.argv[1])
features = keras.Model(model.input, model.get_layer("features").output)
observation = np.random.default_rng(0).integers(0, 256, (3, 4, 84, 84), np.uint8)
assert keras.backend.backend() == sys.argv[2], keras.backend.backend()
outputs = keras.ops.convert_to_numpy(model(observation))
assert features(observation).shape[1] == 512
np.save(sys.argv[3], outputs)
"""


_QUICKLY = "--xla_backend_optimization_level=0"  # JAX compiles all that it loads.


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_plain_keras_in_a_fresh_process_gives_the_same(backend, tmp_path):
    pytest.importorskip(backend)
    model = actor_mimic_network(normalize_features=True)
    path = tmp_path / "amn.keras"
    models.save(model, path, {"kind": "amn", "games": ["pong"]})
    subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, path, backend, tmp_path / "out.npy"],
        env={**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": _QUICKLY},
        cwd=tmp_path,
        check=True,
    )
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), model(OBSERVATION), atol=1e-4)


def test_a_failed_save_leaves_the_old_pair(saved, monkeypatch):
    model, path = saved
    monkeypatch.setattr(os, "fsync", lambda *a: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError):
        models.save(small_network(), path, CARD)
    monkeypatch.undo()
    loaded, _ = models.load_with_card(path)
    np.testing.assert_array_equal(loaded(OBSERVATION), model(OBSERVATION))
    assert len(list(path.parent.iterdir())) == 2


def test_a_model_is_saved_under_no_other_ending(saved, tmp_path):
    with pytest.raises(ValueError, match="saved as a .keras file. Received: .*pong.h5"):
        models.save(saved[0], tmp_path / "pong.h5", CARD)
    assert {path.name for path in tmp_path.iterdir()} == {"pong.keras", "pong.json"}


def test_missing_and_misnamed(tmp_path):
    rejected(tmp_path / "no.keras", "there is no such model")
    (tmp_path / "model.h5").write_bytes(b"x")
    rejected(tmp_path / "model.h5", "a model must be a .keras file")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "an empty file"),
        (b"\x89HDF\r\n\x1a\n" + b"0" * 100, "HDF5"),
        (pickle.dumps({"weights": [1, 2]}), "pickle"),
        (b"hello", "begins with"),
    ],
)
def test_other_kinds_of_file(tmp_path, content, match):
    (tmp_path / "model.keras").write_bytes(content)
    rejected(tmp_path / "model.keras", match)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_a_cut_file(saved, share):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    rejected(path, "cut or damaged")


def test_flipped_bits_are_found_or_harmless(saved):
    model, path = saved
    content = path.read_bytes()
    digest = models.weight_hash(model)
    rng = np.random.default_rng(0)
    found = 0
    for position in [*range(0, 60, 7), *rng.integers(0, len(content), 60)]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            loaded, _ = models.load_with_card(path)
            assert models.weight_hash(loaded) == digest
        except ModelFileError:
            found += 1
    assert found > 40


def test_nan_weights(saved):
    model, path = saved
    weights = model.get_weights()
    weights[0][0, 0, 0, 0] = np.nan
    model.set_weights(weights)
    models.save(model, path, CARD)
    rejected(path, "not finite")


def test_a_lambda_runs_nothing(tmp_path):
    path = tmp_path / "model.keras"
    x = observation = keras.Input((4, 84, 84), dtype="uint8")
    x = keras.layers.Flatten()(x)
    x = keras.layers.Lambda(lambda v: v * 1.0)(x)
    keras.Model(observation, keras.layers.Dense(6)(x)).save(path)
    card_path(path).write_text(json.dumps({**CARD, "weight_hash": "0"}))
    rejected(path, "stock layers only.*Lambda")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: layer(c, "Dense").update(module="os", class_name="system"), "stock layers"),
        (lambda c: layer(c, "Dense").update(registered_name="evil>Dense"), "stock layers"),
        (lambda c: layer(c, "Dense").update(module="builtins"), "stock layers"),
        (lambda c: c.update(class_name="Sequential"), "Functional"),
        (lambda c: layer(c, "Dense")["config"].update(units=10**9), "too large"),
        (lambda c: layer(c, "Dense")["config"].update(units=65_536), "Received: more"),
        (lambda c: layer(c, "Conv2D")["config"].update(filters=65_536), "Received: more"),
        (lambda c: layer(c, "Conv2D")["config"].update(kernel_size=[60_000, 60_000]), "."),
        (lambda c: layer(c, "Conv2D")["config"].update(filters=-3), "."),
        (lambda c: layer(c, "Dense")["config"].update(activation="os.system"), "activation"),
        (lambda c: layer(c, "Dense")["config"].update(activation={"class_name": "x"}), "."),
        (lambda c: layer(c, "InputLayer")["config"].update(batch_shape=[None, 84, 84, 4]), "84"),
        (lambda c: layer(c, "InputLayer")["config"].update(dtype="float32"), "uint8"),
        (lambda c: c["config"].update(output_layers=["flatten", 0, 0]), "."),
        (lambda c: c["config"].pop("layers"), "does not describe"),
        (lambda c: c.update(config=[]), "does not describe"),
        (lambda c: layer(c, "Conv2D")["config"].update(strides=nested(600)), "does not describe"),
        (lambda c: layer(c, "Dense")["config"].update(units=-(10**400)), "does not describe"),
        (lambda c: c["config"]["layers"].append(layer(c, "InputLayer")), "different names"),
        (lambda c: c["config"].update(output_layers=[["dense", 0, 0]] * 2), "expected one output"),
    ],
)
def test_bad_configurations(saved, change, match):
    _, path = saved
    rewrite(path, change)
    rejected(path, match)


def test_a_shape_bomb_allocates_nothing(saved):
    import resource

    _, path = saved

    def bomb(config):
        layer(config, "Conv2D")["config"].update(filters=4096, strides=[1, 1])
        layer(config, "Dense")["config"].update(units=65_000)

    rewrite(path, bomb)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rejected(path, "Received: more")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def test_other_weights_than_the_structure(saved):
    _, path = saved
    rewrite(path, lambda c: layer(c, "Conv2D")["config"].update(filters=3))
    rejected(path, "weights")
    rewrite(path, weights=b"not hdf5")
    rejected(path, "damaged")


def test_links_out_of_the_weights(saved, tmp_path):
    _, path = saved
    with zipfile.ZipFile(path) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        file["stolen"] = h5py.ExternalLink("/etc/passwd", "/")
    rewrite(path, weights=weights.getvalue())
    rejected(path, "link to another file")


def test_extra_members(saved):
    _, path = saved
    rewrite(path, extra={"../evil.py": b"import os"})
    rejected(path, "nothing else")


def test_a_member_that_unpacks_to_more_than_it_says(saved):
    """It was unpacked whole, to any size, before its length was looked at."""
    import resource
    import struct

    _, path = saved
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, bytes(2**27) if name == "metadata.json" else content)
    honest = path.read_bytes()
    path.write_bytes(honest.replace(struct.pack("<I", 2**27), struct.pack("<I", 50)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rejected(path, "cut or damaged")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    rejected(path, "stored or deflated")


def test_the_card_of_another_model(saved):
    _, path = saved
    card_path(path).write_text(json.dumps({**CARD, "weight_hash": "0" * 64}))
    rejected(path, "does not match the weights")
    card_path(path).unlink()
    rejected(path, "no card beside the model")


def test_groups_that_hold_themselves(saved):
    """Each of forty groups links twice to the next: a trillion paths, that no walk ends."""
    _, path = saved
    with zipfile.ZipFile(path) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        group = file
        for _ in range(40):
            one = group.create_group("one")
            group["other"] = one
            group = one
        group["top"] = file["/"]
    rewrite(path, weights=weights.getvalue())
    models.load_with_card(path)


def test_a_network_is_the_same_whatever_keras_json_says(saved):
    """What the file does not say was taken from the user's own configuration of Keras."""
    model, path = saved

    def forget(config):
        for entry in config["config"]["layers"]:
            entry["config"].pop("data_format", None)

    rewrite(path, forget)
    format_, floatx = keras.config.image_data_format(), keras.config.floatx()
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_image_data_format("channels_first")
        keras.config.set_floatx("float16")
        keras.config.set_dtype_policy("mixed_bfloat16")
        loaded, _ = models.load_with_card(path)
        np.testing.assert_array_equal(loaded(OBSERVATION), model(OBSERVATION))
    finally:
        keras.config.set_image_data_format(format_)
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


_DAMAGED = """
import sys
from pathlib import Path
from amkit.storage import models
from amkit.storage.cards import ModelFileError
for path in map(Path, sys.argv[1:]):
    try:
        models.load_with_card(path)
    except ModelFileError as error:
        print(error)
    else:
        raise SystemExit(f"{path} was loaded")
assert not {"keras", "tensorflow"} & sys.modules.keys()
"""


def test_a_damaged_file_is_refused_before_keras_is_loaded(saved, tmp_path):
    model, path = saved
    content = path.read_bytes()

    def damaged(name):
        (tmp_path / f"{name}.keras").write_bytes(content)
        (tmp_path / f"{name}.json").write_bytes(card_path(path).read_bytes())
        return tmp_path / f"{name}.keras"

    damaged("cut").write_bytes(content[:-3000])
    damaged("empty").write_bytes(b"")
    rewrite(damaged("weights"), weights=b"not hdf5")
    rewrite(damaged("units"), lambda c: layer(c, "Dense")["config"].update(units=10**9))
    rewrite(damaged("system"), lambda c: layer(c, "Dense").update(module="os"))
    card_path(damaged("card")).write_text("{")
    weights = model.get_weights()
    weights[0][0, 0, 0, 0] = np.nan
    model.set_weights(weights)
    models.save(model, tmp_path / "nan.keras", CARD)
    names = ["cut", "empty", "weights", "units", "system", "card", "nan"]
    told = subprocess.run(
        [sys.executable, "-c", _DAMAGED, *(tmp_path / f"{name}.keras" for name in names)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(told) == len(names)
    for line, match in zip(
        told,
        ["damaged", "an empty file", "damaged", "too large", "stock layers", "JSON", "not finite"],
        strict=True,
    ):
        assert match in line


def test_a_copy_is_the_same_bytes(saved, tmp_path):
    _, path = saved
    models.copy(path, tmp_path / "copy.keras")
    assert (tmp_path / "copy.keras").read_bytes() == path.read_bytes()
    assert (tmp_path / "copy.json").read_bytes() == card_path(path).read_bytes()
    card_path(path).write_text(json.dumps({**CARD, "weight_hash": "0" * 64}))
    with pytest.raises(ModelFileError, match="does not match"):
        models.copy(path, tmp_path / "bad.keras")
    assert not list(tmp_path.glob("*bad*"))
