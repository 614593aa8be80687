"""Weight transfer: what is copied, what is scaled, what is frozen; and the command."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from amkit.cli import app, jobs
from amkit.evaluation import whole_games
from amkit.games.catalogue import split
from amkit.jobs import build, configuration, forecast
from amkit.learning.job import compile_learner
from amkit.learning.pqn import PQN
from amkit.networks.bodies import BODIES, actor_mimic_network, multitask_convolutions, nature_dqn
from amkit.storage import models, run_folders
from amkit.storage.cards import ModelFileError, card_path, read_card
from amkit.storage.experts import find_experts
from amkit.transfer.initialise import (
    Source,
    initialise,
    initialise_student,
    layer_names,
    load_source,
)

OBSERVATION = np.random.default_rng(0).integers(0, 256, (5, 4, 84, 84), np.uint8)


def network(seed, background=30):
    keras.utils.set_random_seed(seed)
    made = actor_mimic_network(normalize_features=True, background=background)
    rng = np.random.default_rng(seed)
    made.set_weights([w + rng.normal(0, 0.05, w.shape) for w in made.get_weights()])
    return made


@pytest.fixture
def amn(tmp_path):
    """A file of an AMN that imitated at temperature 0.05."""
    path = tmp_path / "amn.keras"
    settings = {"objective": "policy", "temperature": 0.05}
    card = {"kind": "amn", "games": ["pong"], "settings": settings, "background": 30.0}
    models.save(network(0), path, card)
    return path


def test_a_kept_head_turns_logits_into_q_values(amn):
    source, target = load_source(amn), network(1)
    initialise(target, source)
    logits = source.network(OBSERVATION).numpy()
    np.testing.assert_allclose(target(OBSERVATION), 0.05 * logits, rtol=1e-4, atol=1e-5)
    assert source.background == pytest.approx(30)
    assert (source.body, source.normalize_features) == ("nature", True)


def test_games_with_temperatures_of_their_own_have_a_mean_one(tmp_path):
    settings = {"objective": "policy", "temperature": 0.2, "temperature_unit": "spread"}
    own = {"pong": 0.02, "breakout": 0.08}
    card = {"kind": "amn", "games": list(own), "settings": settings, "temperatures": own}
    models.save(network(0), tmp_path / "amn.keras", card)
    assert load_source(tmp_path / "amn.keras").temperature == pytest.approx(0.04)


def test_the_first_layers_biases_take_up_another_background(amn):
    source, target = load_source(amn), network(1, background=87)
    initialise(target, source)
    logits = source.network(OBSERVATION).numpy()
    np.testing.assert_allclose(target(OBSERVATION), 0.05 * logits, rtol=1e-3, atol=1e-4)


def test_a_new_head_on_the_sources_features(amn):
    source, target = load_source(amn), network(1)
    before = target.get_layer("output").get_weights()
    initialise(target, source, head="new")
    for one, other in zip(before, target.get_layer("output").get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for layer in target.layers[:-1]:
        own = source.network.get_layer(layer.name).get_weights()
        for one, other in zip(own, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_students_weights_have_the_size_of_fresh_ones(amn):
    grown = load_source(amn)
    for name, factor in (("conv1", 2), ("conv2", 3), ("conv3", 3), ("hidden1", 5)):
        layer = grown.network.get_layer(name)
        layer.set_weights([factor * weight for weight in layer.get_weights()])
    target = actor_mimic_network(normalize_features=True, background=30)
    fresh = {layer.name: np.std(layer.get_weights()[0]) for layer in target.layers if layer.weights}
    initialise_student(target, grown, 0.05)
    for name in ("conv1", "conv2", "conv3", "hidden1"):
        size = np.std(target.get_layer(name).get_weights()[0])
        assert size == pytest.approx(fresh[name], rel=0.02)
    expected = grown.network(OBSERVATION).numpy()
    expected -= expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(target(OBSERVATION), expected, rtol=1e-3, atol=1e-3)


def test_without_normalisation_nothing_is_scaled(tmp_path):
    models.save(actor_mimic_network(), tmp_path / "a.keras", {"kind": "amn", "games": ["pong"]})
    source, target = load_source(tmp_path / "a.keras"), actor_mimic_network()
    initialise_student(target, source, 1.0)
    for layer in target.layers[:-1]:
        own = source.network.get_layer(layer.name).get_weights()
        for one, other in zip(own, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("freeze", "learning"),
    [("conv3", {"hidden1", "normalization", "output"}), ("features", {"output"})],
)
def test_frozen_layers_do_not_learn(amn, pong, freeze, learning):
    target = network(1)
    initialise(target, load_source(amn), freeze=freeze)
    learner = PQN(target, [pong])
    compile_learner(learner, keras.optimizers.Adam(0.01), False)
    before = {weight.path: weight.numpy() for weight in target.weights}
    learner.train_step(
        {
            "observation": OBSERVATION,
            "action": np.zeros(5, np.int32),
            "returns": np.ones(5, np.float32),
            "weight": np.ones(5, np.float32),
        }
    )
    learner.average(1.0)
    changed = {w.path.split("/")[0] for w in target.weights if (w.numpy() != before[w.path]).any()}
    assert changed == learning
    np.testing.assert_allclose(learner.acting(OBSERVATION), target(OBSERVATION), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"head": "none"}, "head must be one of"),
        ({"freeze": "output"}, "freeze must be one of observation, rescaling"),
        ({"freeze": "conv9"}, "freeze must be one of"),
    ],
)
def test_wrong_options(amn, options, match):
    with pytest.raises(ValueError, match=match):
        initialise(network(1), load_source(amn), **options)


def test_other_layers(amn):
    wide = actor_mimic_network("wide", normalize_features=True)
    wide = Source(wide, 1.0, 0, "", ("pong",), "wide", True)
    with pytest.raises(ValueError, match="the same layers as the source"):
        initialise(network(1), wide)


def test_games_with_outputs_of_their_own_are_no_source(tmp_path):
    model = multitask_convolutions(["pong", "breakout"])
    models.save(model, tmp_path / "m.keras", {"kind": "mcdqn", "games": ["pong", "breakout"]})
    with pytest.raises(ValueError, match="one set of outputs"):
        load_source(tmp_path / "m.keras")


@pytest.mark.parametrize("normalize", [False, True])
def test_a_source_has_the_activations_that_its_weights_will_have(tmp_path, normalize):
    changes = {"features": "tanh", "output": "sigmoid"}
    if normalize:
        changes["hidden1"] = "relu"  # Before the normalisation, not after it.
    for name, activation in changes.items():

        def changed(layer, name=name, activation=activation):
            own = {"activation": activation} if layer.name == name else {}
            return type(layer).from_config({**layer.get_config(), **own})

        made = nature_dqn(6, normalize_features=normalize)
        made = keras.models.clone_model(made, clone_function=changed)
        path = tmp_path / f"{name}.keras"
        models.save(made, path, {"kind": "expert", "games": ["pong"]})
        with pytest.raises(ValueError, match="a ReLU after each hidden layer"):
            load_source(path)


def test_a_relu_may_be_a_layer_of_its_own(tmp_path):
    own = nature_dqn(6)
    x, relu = own.input, keras.layers.ReLU
    for layer in own.layers[1:]:
        config = layer.get_config()
        apart = config.get("activation") == "relu"
        x = type(layer).from_config({**config, "activation": "linear"} if apart else config)(x)
        x = relu(name=f"relu_{layer.name}")(x) if apart else x
    path = tmp_path / "pong.keras"
    models.save(keras.Model(own.input, x), path, {"kind": "expert", "games": ["pong"]})
    assert load_source(path).body == "nature"


def test_an_expert_is_a_source_too(tmp_path, pong):
    expert = nature_dqn(6, normalize_features=True)
    rng = np.random.default_rng(0)
    expert.set_weights([w + rng.normal(0, 0.05, w.shape) for w in expert.get_weights()])
    models.save(expert, tmp_path / "pong.keras", {"kind": "expert", "games": ["pong"]})
    target = network(1, background=0)
    initialise(target, load_source(tmp_path / "pong.keras"))
    q_values = target(OBSERVATION).numpy()
    own = expert(OBSERVATION).numpy()
    np.testing.assert_allclose(q_values[:, pong.action_codes], own, rtol=1e-4, atol=1e-5)
    unknown = q_values[:, ~pong.action_mask]
    expected = np.broadcast_to(own.mean(axis=1, keepdims=True), unknown.shape)
    np.testing.assert_allclose(unknown, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("actions", [6, 18])
def test_a_student_begins_with_its_experts_policy(tmp_path, pong, actions):
    expert = nature_dqn(actions, normalize_features=True, background=87)
    rng = np.random.default_rng(0)
    expert.set_weights([w + rng.normal(0, 0.05, w.shape) for w in expert.get_weights()])
    models.save(expert, tmp_path / "pong.keras", {"kind": "expert", "games": ["pong"]})
    student = actor_mimic_network(normalize_features=True, background=20)
    initialise_student(student, load_source(tmp_path / "pong.keras"), 0.05)
    logits, q_values = student(OBSERVATION).numpy(), expert(OBSERVATION).numpy()
    if actions == 6:
        np.testing.assert_allclose(logits[:, ~pong.action_mask], 0, atol=1e-3)
        logits = logits[:, pong.action_codes]
    np.testing.assert_allclose(logits.mean(axis=1), 0, atol=1e-3)
    expected = (q_values - q_values.mean(axis=1, keepdims=True)) / 0.05
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("scripted_games")
def test_a_student_that_regresses_on_q_values_begins_with_its_experts(tmp_path, pong):
    expert = nature_dqn(6, normalize_features=True, background=87)
    rng = np.random.default_rng(0)
    expert.set_weights([w + rng.normal(0, 0.05, w.shape) for w in expert.get_weights()])
    models.save(expert, tmp_path / "pong.keras", {"kind": "expert", "games": ["pong"]})
    options = {"preset": "tiny", "precision": "float32", "objective": "q_values"}
    config = configuration.distill_config(tmp_path, source=tmp_path / "pong.keras", **options)
    job = build.build(config, 0)
    job.environments.close()
    own = job.learner.acting(OBSERVATION).numpy()[:, pong.action_codes]
    np.testing.assert_allclose(own, expert(OBSERVATION), rtol=1e-3, atol=1e-4)


def test_a_source_that_knows_the_target_is_told_apart(amn):
    options = {"preset": "tiny", "precision": "float32"}
    known = configuration.transfer_config("pong", amn, **options)
    pace = forecast.Pace(0.001, 0.001)
    assert known.transfer.knows_target and "no transfer" in forecast.plan(known, pace)
    new = configuration.transfer_config("breakout", amn, **options)
    assert not new.transfer.knows_target and "no transfer" not in forecast.plan(new, pace)


def test_what_a_source_began_as_it_has_learnt_too(amn, tmp_path):
    card = {"kind": "amn", "games": ["boxing"], "begin": {"learnt": ["pong", "breakout"]}}
    models.save(network(2), tmp_path / "later.keras", card)
    assert load_source(tmp_path / "later.keras").games == ("boxing", "pong", "breakout")
    options = {"precision": "float32", "jit_compile": False}
    config = configuration.transfer_config("breakout", tmp_path / "later.keras", **options)
    assert config.transfer.knows_target
    assert config.transfer.learnt == ("boxing", "pong", "breakout")


@pytest.mark.usefixtures("scripted_games")
def test_random_weights_in_the_sources_layers(amn, tmp_path):
    wide = actor_mimic_network("wide", normalize_features=True)
    path = tmp_path / "wide.keras"
    models.save(wide, path, {"kind": "amn", "games": ["pong"]})
    options = {"preset": "tiny", "precision": "float32", "protocol": "tiny"}
    config = configuration.transfer_config("breakout", None, like=path, **options)
    job = build.build(config, 0)
    job.environments.close()
    made = job.learner.acting
    assert [w.shape for w in made.weights] == [w.shape for w in wide.weights]
    head = configuration.transfer_config("breakout", path, head="new", **options)
    job = build.build(head, 0)
    job.environments.close()
    made = job.learner.acting
    assert not made(OBSERVATION).numpy().any()  # As with normalised features every head begins.


def test_parallel_q_learning_needs_normalised_features(tmp_path):
    path = tmp_path / "plain.keras"
    models.save(actor_mimic_network(), path, {"kind": "amn", "games": ["pong"]})
    for beginning in ({"source": path}, {"source": None, "like": path}):
        with pytest.raises(ValueError, match="needs an AMN with normalised features"):
            configuration.transfer_config("breakout", precision="float32", **beginning)
        options = {"preset": "paper", "jit_compile": False}
        config = configuration.transfer_config("breakout", **options, **beginning)
        assert not config.transfer.normalize_features


def test_a_card_that_was_tampered_with(amn):
    card = json.loads(amn.with_suffix(".json").read_text())
    amn.with_suffix(".json").write_text(json.dumps({**card, "settings": 3}))
    with pytest.raises(ModelFileError, match="settings: "):
        load_source(amn)


@pytest.mark.usefixtures("scripted_games")
def test_both_ways_learn_alike_but_for_their_first_weights(amn):
    options = {"preset": "tiny", "precision": "float32", "protocol": "tiny"}
    one = configuration.transfer_config("breakout", amn, **options)
    other = configuration.transfer_config("breakout", None, **options)
    assert replace(one, transfer=None) == replace(other, transfer=None)
    trainings = [build.build(config, 0) for config in (one, other)]
    networks = [job.learner.acting for job in trainings]
    shapes = [[weight.shape for weight in made.weights] for made in networks]
    assert shapes[0] == shapes[1]
    for job in trainings:
        job.environments.close()
    logits = load_source(amn).network(OBSERVATION).numpy()
    np.testing.assert_allclose(networks[0](OBSERVATION), 0.05 * logits, rtol=1e-4, atol=1e-5)


def amkit(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


TINY = ["--preset", "tiny", "--protocol", "tiny", "--precision", "float32"]
ASKED = ["transfer", "breakout", "--from", "amn.keras", "--from", "none", *TINY, "--json"]
ASKED += ["--test-epochs", 2]


@pytest.fixture(scope="module")
def runs(scripted, tmp_path_factory):
    """(a folder with transfers of seed 1, what the command answered)."""
    folder = tmp_path_factory.mktemp("transfers")
    models.save(network(0), folder / "amn.keras", {"kind": "amn", "games": ["pong", "boxing"]})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for module in (build, whole_games):
            patch.setattr(module, "make", scripted)
        result = amkit(*ASKED, "--seed", 1)
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


@pytest.fixture
def in_runs(runs, monkeypatch):
    monkeypatch.chdir(runs[0])
    return runs[1]


def test_the_command(in_runs, monkeypatch):
    answers = in_runs
    names = [Path(answer["run"]).name for answer in answers]
    assert names == [f"transfer-breakout-from-{source}-seed-1" for source in ("amn", "none")]
    card = read_card(Path(answers[0]["model"]))
    assert card["kind"] == "expert" and card["outputs"] == 18 and card["seed"] == 1
    assert card["transfer"]["source"] == "amn" and "from" not in card["transfer"]
    assert card["transfer"]["weights"] == read_card(Path("amn.keras"))["weight_hash"]
    assert [row["steps"] for row in card["tests"]] == [128, 256]
    assert card["command"].startswith(
        "amkit transfer breakout --from amn.keras --preset tiny --seed 1"
    )
    random = read_card(Path(answers[1]["model"]))
    assert random["command"].startswith("amkit transfer breakout --from none --from amn.keras")
    plain = keras.saving.load_model(answers[0]["model"])  # Not frozen for whoever trains on.
    assert len(plain.trainable_variables) == len(plain.variables)
    again = amkit(*ASKED, "--seed", 1, "--resume")
    assert json.loads(again.stdout) == answers  # All are finished.


def test_runs_are_called_by_what_they_differ_in(in_runs, monkeypatch):
    begun = []
    monkeypatch.setattr(
        "amkit.cli.trainings.run_jobs", lambda context, jobs, *rest: begun.extend(jobs)
    )
    assert amkit(*ASKED, "--seed", "0,1").exit_code == 0
    assert [job.name for job in begun] == [
        f"transfer-breakout-from-{source}-seed-{seed}"
        for seed in (0, 1)
        for source in ("amn", "none")
    ]
    begun.clear()
    words = ["transfer", "breakout", "--from", "amn.keras", *TINY, "--head", "new"]
    assert amkit(*words, "--freeze", "conv3").exit_code == 0
    assert [job.name for job in begun] == [
        "transfer-breakout-from-amn-head-new-freeze-conv3-seed-0"
    ]
    for size, names in (
        ("fresh", ["amn-kernels-fresh", "none"]),  # Both learn at the pace of random weights,
        ("amn.keras", ["amn", "none-kernels-amn"]),  # or both at that of the AMN's.
    ):
        begun.clear()
        assert amkit(*ASKED, "--kernels", size).exit_code == 0
        assert [job.name for job in begun] == [
            f"transfer-breakout-from-{name}-seed-0" for name in names
        ]
        scaled, plain = sorted(begun, key=lambda job: "kernels" not in job.name)
        assert f"--kernels {size}" in scaled.command() and "--kernels" not in plain.command()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["breakout"], "--from must be a .keras file"),
        (["--from", "none"], "name target games"),
        (["breakout", "--split", "targets", "--from", "none"], "not both"),
        (["breakout", "--from", "none", "--seed", "0,x"], "--seed"),
        (["breakout", "--from", "none", "--seed", "1,1"], "--seed"),
        (["breakout", "--from", "none", "--from", "none"], "different names"),
        (["breakout", "--from", "none", "--seed", "4294967296"], "--seed"),
        (["brekout", "--from", "none"], "breakout"),
        (["breakout", "--from", "none", "--freeze", "features"], "need an AMN's weights"),
        (["breakout", "--from", "none", "--kernels", "fresh"], "whose kernels are fresh"),
        (["breakout", "--from", "none", "--kernels", "x.keras"], "Received: x.keras"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, words, match):
    monkeypatch.chdir(tmp_path)
    result = amkit("transfer", *words)
    assert result.exit_code == 2, result.output
    assert match in " ".join(result.stderr.split()) and "Traceback" not in result.output
    assert not (tmp_path / "runs").exists()


def test_networks_that_are_compared_have_the_same_layers(amn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wide = actor_mimic_network(normalize_features=True, body="wide")
    models.save(wide, tmp_path / "wide.keras", {"kind": "amn", "games": ["pong"]})
    result = amkit("transfer", "breakout", "--from", "amn.keras", "--from", "wide.keras")
    assert result.exit_code == 2 and "same layers" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_another_source_is_not_gone_on_with(in_runs, tmp_path):
    same = network(0)
    (tmp_path / "other").mkdir()
    models.save(network(5), tmp_path / "other" / "amn.keras", {"kind": "amn", "games": ["pong"]})
    words = ["transfer", "breakout", *TINY, "--seed", 1]
    result = amkit(*words, "--from", tmp_path / "other" / "amn.keras", "--resume")
    assert result.exit_code == 2 and "has weights" in " ".join(result.stderr.split())
    models.save(same, tmp_path / "other" / "amn.keras", {"kind": "amn", "games": ["pong"]})
    both = ["--from", "amn.keras", "--from", tmp_path / "other" / "amn.keras"]
    same_name = amkit(*words, *both)
    assert same_name.exit_code == 2 and "different names" in same_name.stderr


def test_a_target_is_no_teacher(in_runs):
    assert find_experts(Path("runs")) == {}


def test_a_source_is_not_called_as_random_weights_are(amn, tmp_path):
    source = tmp_path / "random.keras"
    models.copy(amn, source)
    with pytest.raises(ValueError, match="which means random weights"):
        configuration.transfer_config("krull", source)


def test_a_missing_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = amkit("transfer", "pong", "--from", "gone.keras")
    assert result.exit_code == 2 and "Received: gone.keras" in result.stderr
    (tmp_path / "gone.keras").write_bytes(b"")
    result = amkit("transfer", "pong", "--from", "gone.keras")
    assert result.exit_code == 1 and "gone.keras is not a .keras file" in result.stderr


def test_targets_are_a_split():
    assert len(split("targets")) == 7


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("body", BODIES)
def test_the_layers_that_can_be_frozen_are_those_of_the_network(body, normalize):
    built = actor_mimic_network(body, normalize_features=normalize)
    names = layer_names(BODIES[body], normalize)
    assert names == [layer.name for layer in built.layers[:-1]]


@pytest.mark.usefixtures("scripted_games")
def test_a_source_is_read_once_however_many_runs_begin_from_it(amn, monkeypatch):
    reads = []
    whole = models.load_with_card

    def load_with_card(path, *rest):
        reads.append(path)
        return whole(path, *rest)

    monkeypatch.setattr(models, "load_with_card", load_with_card)
    options = {"preset": "tiny", "precision": "float32", "protocol": "tiny"}
    for game in ("breakout", "krull"):
        job = build.build(configuration.transfer_config(game, amn, **options), 0)
        job.environments.close()
    assert len(reads) == 1


@pytest.mark.usefixtures("scripted_games")
def test_a_source_that_moved_is_gone_on_with(amn, tmp_path, monkeypatch):
    """The project's folder was renamed: the same weights are named again."""
    monkeypatch.chdir(tmp_path)
    options = {"preset": "tiny", "precision": "float32", "protocol": "tiny"}
    begun = configuration.transfer_config("breakout", amn, **options)
    with run_folders.Run(Path("runs/t"), begun.to_json()):
        pass
    moved = tmp_path / "elsewhere" / amn.name
    moved.parent.mkdir()
    for path in (amn, card_path(amn)):
        path.rename(moved.parent / path.name)
    job = jobs.Job("expert", ["breakout"], "t", [], None, {}, source=moved)
    with run_folders.Run(Path("runs/t")) as run:
        job.check(run)
        build.build(configuration.read_configuration(run), 0).environments.close()
