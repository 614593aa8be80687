"""Trainings on scripted environments: learners against numpy, resume bit for bit, clean stops."""

import os
import signal
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from amkit.jobs import build, configuration, presets
from amkit.learning.actor_mimic import OBJECTIVES, ActorMimic
from amkit.learning.distillation import TURN, Distillation
from amkit.learning.dqn import DQN, DQNTraining
from amkit.learning.loop import Interrupted, run_job
from amkit.learning.pqn import PQN, PQNTraining
from amkit.learning.temperature import spread
from amkit.networks.actions import for_game, for_games, over_all_actions
from amkit.networks.bodies import actor_mimic_network, multitask_convolutions, nature_dqn
from amkit.storage import models, run_folders
from amkit.storage.experts import Expert, load_experts
from amkit.transfer.initialise import load_source

RNG = np.random.default_rng(0)


def compiled(learner, optimizer=None, jit_compile=False):
    optimizer = optimizer or keras.optimizers.SGD(0.1)
    optimizer.build(learner.trainable_variables)
    learner.compile(optimizer=optimizer, jit_compile=jit_compile)
    return learner


def observations(n):
    return RNG.integers(0, 256, (n, 4, 84, 84), np.uint8)


def dqn_batch(game, n=8):
    return {
        "action_mask": tf.constant(np.tile(game.action_mask, (n, 1))),
        "observation": tf.constant(observations(n)),
        "next_observation": tf.constant(observations(n)),
        "action": tf.constant(RNG.choice([0, 1, 3, 4, 11, 12], n).astype(np.int32)),
        "reward": tf.constant(RNG.normal(size=n).astype(np.float32)),
        "discount": tf.constant(RNG.choice([0, 0.99], n).astype(np.float32)),
    }


def test_pqn_loss_is_the_weighed_squared_error(pong):
    learner = compiled(PQN(nature_dqn(6, normalize_features=True), [pong]))
    rng = np.random.default_rng(0)
    learner.online.set_weights(
        [w + rng.normal(0, 0.02, w.shape) for w in learner.online.get_weights()]
    )
    batch = {
        "observation": tf.constant(rng.integers(0, 256, (8, 4, 84, 84), np.uint8)),
        "action": tf.constant(rng.choice(pong.action_codes, 8).astype(np.int32)),
        "returns": tf.constant(rng.normal(size=8).astype(np.float32)),
        "weight": tf.constant(np.array([1, 1, 0, 1, 1, 0, 1, 1], np.float32)),
    }
    q = learner.online(batch["observation"]).numpy().astype(float)
    codes = pong.action_codes.tolist()
    expected = []
    for i in range(8):
        error = float(batch["returns"][i]) - q[i][codes.index(int(batch["action"][i]))]
        expected.append(float(batch["weight"][i]) * error**2 / 2)
    metrics = learner.train_step(batch)
    assert float(metrics["loss"]) == pytest.approx(np.mean(expected), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("kind", [PQN, ActorMimic])
def test_the_acting_network_is_a_running_average(pong, kind):
    if kind is PQN:
        learner = compiled(PQN(nature_dqn(6, normalize_features=True), [pong]))
        online, columns = learner.online, pong.action_codes
    else:
        learner = compiled(ActorMimic(actor_mimic_network(normalize_features=True), []))
        online, columns = learner.student, slice(None)
    rng = np.random.default_rng(0)
    expected = [weight.copy() for weight in online.get_weights()]
    rows = observations(3)
    for share in (0.1, 0.5, 1.0):
        moved = [w + rng.normal(0, 0.1, w.shape) for w in online.get_weights()]
        online.set_weights(moved)
        learner.average(share)
        expected = [(1 - share) * w + share * m for w, m in zip(expected, moved, strict=True)]
        for weight, value in zip(learner.acting.get_weights(), expected, strict=True):
            np.testing.assert_allclose(weight, value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        learner(rows).numpy()[:, columns], online(rows), rtol=1e-5, atol=1e-5
    )


def test_an_update_leaves_the_acting_network_as_it_is(scripted, pong, breakout):
    learner = pqn_job(scripted, pong, breakout).learner
    before = learner.acting.get_weights()
    learner.train_step(
        {
            "observation": tf.constant(observations(4)),
            "action": tf.constant(np.zeros(4, np.int32)),
            "returns": tf.constant(np.ones(4, np.float32)),
            "weight": tf.constant(np.ones(4, np.float32)),
        }
    )
    for one, other in zip(before, learner.acting.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_dqn_loss_is_eq_2(pong):
    learner = compiled(DQN(nature_dqn(6), [pong]))
    learner.online.set_weights([w + 0.01 for w in learner.online.get_weights()])
    batch = dqn_batch(pong)
    q = learner.online(batch["observation"]).numpy().astype(float)
    next_target = learner.target(batch["next_observation"]).numpy().astype(float)
    column = {code: i for i, code in enumerate(pong.action_codes)}
    expected = []
    for i in range(8):
        target = float(batch["reward"][i]) + float(batch["discount"][i]) * next_target[i].max()
        error = abs(target - q[i][column[int(batch["action"][i])]])
        expected.append(error**2 / 2 if error < 1 else error - 0.5)
    loss = learner.train_step(batch)["loss"]
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5, abs=1e-5)


def test_preset_papers_optimizer_steps_as_with_summed_gradients():
    rng = np.random.default_rng(0)
    optimizer = presets.EXPERT["paper"].optimizer()
    variable = keras.Variable(np.zeros(5, np.float32))
    first = second = value = np.zeros(5)
    for _ in range(20):  # Mnih et al. 2015: averages of the sum over 32 samples, 0.01 in the root.
        total = 10 ** rng.uniform(-3, 1, 5) * rng.normal(size=5)
        optimizer.apply([tf.constant((total / 32).astype(np.float32))], [variable])
        first = 0.95 * first + 0.05 * total
        second = 0.95 * second + 0.05 * total**2
        value = value - 2.5e-4 * total / np.sqrt(second - first**2 + 0.01)
    np.testing.assert_allclose(variable.numpy(), value, rtol=1e-4)


def test_dqn_target_moves_only_when_synced(pong):
    learner = compiled(DQN(nature_dqn(6), [pong]))
    before = learner.target.get_weights()
    learner.train_step(dqn_batch(pong))
    for one, other in zip(before, learner.target.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    learner.sync_target()
    for one, other in zip(learner.online.get_weights(), learner.target.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("outputs", [6, 18])
def test_values_over_all_actions(pong, outputs):
    values = RNG.normal(size=(5, outputs)).astype(np.float32)
    spread = np.asarray(over_all_actions(values, pong.action_codes))
    own = values if outputs == 6 else values[:, pong.action_codes]
    np.testing.assert_array_equal(spread[:, pong.action_codes], own)
    if outputs == 6:
        assert (spread[:, ~pong.action_mask] == 0).all()


def test_each_game_has_its_own_head(pong, breakout):
    network = multitask_convolutions(["pong", "breakout"])
    rows = observations(6)
    whole = network(rows).numpy()
    assert whole.shape == (6, 36)
    ordered = np.asarray(for_games(network, [pong, breakout])(rows))
    np.testing.assert_allclose(ordered[:3], whole[:3, :18], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ordered[3:], whole[3:, 18:], rtol=1e-5, atol=1e-6)
    for game, columns in ((pong, slice(0, 18)), (breakout, slice(18, 36))):
        own = for_game(network, game)(rows).numpy()
        np.testing.assert_allclose(own, whole[:, columns], rtol=1e-5, atol=1e-6)


def test_a_game_teaches_its_own_head_only(pong, breakout):
    network = multitask_convolutions(["pong", "breakout"], normalize_features=True)
    learner = compiled(PQN(network, [pong, breakout]))
    before = {weight.path: weight.numpy() for weight in network.weights}
    learner.train_step(
        {
            "observation": tf.constant(observations(4)),
            "action": tf.constant(np.zeros(4, np.int32)),
            "returns": tf.constant(np.ones(4, np.float32)),
            "weight": tf.constant(np.array([1, 1, 0, 0], np.float32)),  # Nothing of Breakout.
        }
    )
    changed = {w.path for w in network.weights if (w.numpy() != before[w.path]).any()}
    assert any("output_pong" in path for path in changed)
    assert not any("breakout" in path for path in changed)


def test_explorers_go_on_exploring_and_their_returns_are_of_what_was_done(scripted, pong, breakout):
    games = [pong, breakout]
    settings = replace(
        presets.EXPERT["tiny"],
        explorers=2,
        tree_backup=False,
        epsilon=((0, 1.0), (32, 0.05)),
        hold=((0, 10.0), (32, 1.0)),
    )
    learner = compiled(PQN(actor_mimic_network(normalize_features=True), games))
    job = PQNTraining(games, settings, scripted(games, settings.envs), learner)
    for _ in range(2):
        job.play_and_learn()
    np.testing.assert_allclose(job.policy.epsilon, 2 * [0.05, 0.05, 0.05, 0.5])
    np.testing.assert_array_equal(job.policy.hold, 2 * [1, 1, 10, 10])
    expected = np.where(job._rollout.cut, 0, np.float32(settings.trace_decay))
    np.testing.assert_array_equal(job._rollout.trace, expected)


def test_pqn_batches_hold_rows_of_every_game_in_order(scripted, pong, breakout):
    job = mdqn_job(scripted, pong, breakout)
    envs, batches = job.settings.envs, []
    job._update = lambda batch: batches.append({k: v.numpy() for k, v in batch.items()})
    job.play_and_learn()
    size = job.settings.batch_size
    for batch in batches:
        env = batch["observation"][:, -1, 0, 0]  # The scripted frame says whose it is.
        assert (env[:size] < envs).all() and (env[size:] >= envs).all()
    rows = [batch["observation"][:, -1].reshape(2 * size, -1) for batch in batches]
    passes = len(rows) // job.settings.passes
    seen = np.unique(np.concatenate(rows[:passes]), axis=0)
    assert len(seen) == 2 * envs * job.settings.rollout_steps  # Each step once in a pass.


def mimic_batch(games, per_game=4, features=512):
    masks = np.repeat([g.action_mask for g in games], per_game, axis=0)
    n = len(masks)
    return {
        "observation": tf.constant(observations(n)),
        "expert_q": tf.constant(RNG.normal(size=(n, 18)).astype(np.float32)),
        "action_mask": tf.constant(masks),
        "expert_features": [
            tf.constant(RNG.normal(size=(per_game, features)).astype(np.float16)) for _ in games
        ],
    }


def mimic(games, feature_weight, jit_compile=False, temperature=0.5):
    keras.utils.set_random_seed(3)
    learner = ActorMimic(actor_mimic_network(), [512] * len(games), temperature, feature_weight)
    return compiled(learner, jit_compile=jit_compile)


@pytest.mark.parametrize("temperatures", [(0.5, 0.5), (0.5, 0.1)])
@pytest.mark.parametrize("feature_weight", [0.0, 0.01])
def test_actor_mimic_loss_is_eq_6(pong, breakout, feature_weight, temperatures):
    games = [pong, breakout]
    alike = temperatures[0] == temperatures[1]
    learner = mimic(games, feature_weight, temperature=0.5 if alike else temperatures)
    batch = mimic_batch(games)
    body = keras.Model(
        learner.student.input,
        (learner.student.output, learner.student.get_layer("features").output),
    )
    logits, features = (x.numpy().astype(float) for x in body(batch["observation"]))
    policy, feature = [], []
    for i in range(8):
        legal = games[i // 4].action_mask
        q = batch["expert_q"].numpy()[i][legal].astype(float) / temperatures[i // 4]
        expert = np.exp(q) / np.exp(q).sum()
        student = np.exp(logits[i][legal]) / np.exp(logits[i][legal]).sum()
        policy.append(-(expert * np.log(student)).sum())
        if feature_weight:
            kernel, bias = (v.numpy() for v in learner.projections[i // 4].weights)
            target = batch["expert_features"][i // 4].numpy()[i % 4].astype(float)
            feature.append(((features[i] @ kernel + bias - target) ** 2).sum())
    before = [v.numpy() for v in learner.trainable_variables]
    metrics = learner.train_step(batch)
    assert float(metrics["policy_loss"]) == pytest.approx(np.mean(policy), rel=1e-5)
    if feature_weight:
        assert float(metrics["feature_loss"]) == pytest.approx(np.mean(feature), rel=1e-4)
    moved = [
        not np.array_equal(b, v.numpy())
        for b, v in zip(before, learner.trainable_variables, strict=True)
    ]
    assert all(moved)  # The feature error reaches the student's body and every projection.


def test_gradient_does_not_depend_on_the_batch_size(pong):
    learner, twin = mimic([pong], 0.01), mimic([pong], 0.01)
    batch = mimic_batch([pong], 8)
    doubled = {
        "observation": tf.concat([batch["observation"]] * 2, 0),
        "expert_q": tf.concat([batch["expert_q"]] * 2, 0),
        "action_mask": tf.concat([batch["action_mask"]] * 2, 0),
        "expert_features": [tf.concat([f] * 2, 0) for f in batch["expert_features"]],
    }
    learner.train_step(batch)
    twin.train_step(doubled)
    for one, other in zip(learner.trainable_variables, twin.trainable_variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def test_illegal_outputs_are_never_pushed(pong):
    learner = mimic([pong], 0.0)
    before = learner.student.get_layer("output").get_weights()
    learner.train_step(mimic_batch([pong], 8))
    after = learner.student.get_layer("output").get_weights()
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[..., ~pong.action_mask], other[..., ~pong.action_mask])
        assert (one[..., pong.action_mask] != other[..., pong.action_mask]).any()


def test_xla_and_plain_graph_agree(pong, breakout):
    batch = mimic_batch([pong, breakout])
    results = []
    for xla in (False, True):
        learner = mimic([pong, breakout], 0.01, xla)
        step = tf.function(learner.train_step, jit_compile=xla, autograph=False)
        metrics = {name: float(value) for name, value in step(batch).items()}
        results.append((metrics, [v.numpy() for v in learner.trainable_variables]))
    (plain, plain_weights), (compiled_, compiled_weights) = results
    assert plain == pytest.approx(compiled_, rel=1e-4)
    for one, other in zip(plain_weights, compiled_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


# --- whole trainings ---------------------------------------------------------------------------


def pqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings = presets.EXPERT["tiny"]
    learner = compiled(PQN(nature_dqn(6, normalize_features=True), [pong]), settings.optimizer())
    return PQNTraining([pong], settings, scripted([pong], settings.envs), learner, seed)


def dqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings = presets.EXPERT["tiny-dqn"]
    learner = DQN(nature_dqn(6), [pong])
    compiled(learner, settings.optimizer())
    return DQNTraining([pong], settings, scripted([pong], settings.envs), learner, seed)


def distill_job(scripted, pong, breakout, seed=0, **changes):
    keras.utils.set_random_seed(seed)
    changes = {"feature_weight": 0.01, "behaviour": "student", **changes}
    settings = replace(presets.DISTILL["tiny"], **changes)
    experts = [
        Expert(pong, nature_dqn(6), {}, None),
        Expert(breakout, nature_dqn(18), {}, None),
    ]
    student = actor_mimic_network(settings.body, normalize_features=True)
    learner = compiled(ActorMimic(student, [512, 512], 0.05, 0.01), settings.optimizer())
    return Distillation(experts, settings, scripted([pong, breakout], settings.envs), learner, seed)


def mdqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings, games = presets.EXPERT["tiny"], [pong, breakout]
    network = actor_mimic_network(normalize_features=True)
    learner = compiled(PQN(network, games), settings.optimizer())
    return PQNTraining(games, settings, scripted(games, settings.envs), learner, seed)


def mcdqn_job(scripted, pong, breakout, seed=0):
    keras.utils.set_random_seed(seed)
    settings, games = presets.EXPERT["tiny-dqn"], [pong, breakout]
    learner = DQN(multitask_convolutions(["pong", "breakout"]), games)
    compiled(learner, settings.optimizer())
    return DQNTraining(games, settings, scripted(games, settings.envs), learner, seed)


JOBS = {
    "pqn": pqn_job,
    "dqn": dqn_job,
    "distill": distill_job,
    "mdqn": mdqn_job,
    "mcdqn": mcdqn_job,
}


def test_half_of_the_environments_begin_new_games_by_turns(scripted, pong, breakout):
    job = distill_job(scripted, pong, breakout, restart_steps=8)
    begun = []
    job.environments.restart = lambda rows: begun.append((job.steps // 4, rows.tolist()))
    while job.steps < 4 * 20:
        job.play_and_learn()
    # 4 environments of each game: the third at steps 0, 8 and 16, the fourth at 4 and 12.
    third, fourth = [False, False, True, False] * 2, [False, False, False, True] * 2
    assert begun == [(0, third), (4, fourth), (8, third), (12, fourth), (16, third)]


class StopAt(keras.callbacks.Callback):
    """Presses Ctrl-C when so many steps are done."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.steps:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("kind", JOBS)
def test_n_and_m_steps_equal_n_stop_m_bit_for_bit(kind, scripted, pong, breakout, tmp_path):
    whole = JOBS[kind](scripted, pong, breakout)
    with run_folders.Run(tmp_path / "whole", {}) as run:
        whole_progress = run_job(whole, run)

    with run_folders.Run(tmp_path / "parts", {}) as run, pytest.raises(Interrupted):
        run_job(JOBS[kind](scripted, pong, breakout), run, [StopAt(96)])
    resumed = JOBS[kind](scripted, pong, breakout)
    with run_folders.Run(tmp_path / "parts") as run:
        progress = run_job(resumed, run)

    assert resumed.steps == whole.steps == whole.total_steps
    for one, other in zip(whole.learner.weights, resumed.learner.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(
        whole.learner.optimizer.variables, resumed.learner.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for one, other in zip(whole_progress.rows, progress.rows, strict=True):
        assert {**one, "seconds": 0} == pytest.approx({**other, "seconds": 0}, nan_ok=True, rel=0)
    np.testing.assert_array_equal(whole.environments.observation, resumed.environments.observation)


@pytest.mark.parametrize("kind", JOBS)
def test_a_seed_repeats_a_run(kind, scripted, pong, breakout):
    jobs = [JOBS[kind](scripted, pong, breakout, seed) for seed in (1, 1, 2)]
    for job in jobs:
        while job.steps < 128:
            job.play_and_learn()
    weights = [np.concatenate([w.ravel() for w in job.learner.get_weights()]) for job in jobs]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


@pytest.mark.parametrize("kind", JOBS)
def test_without_the_environments_state_new_games_begin(kind, scripted, pong, breakout):
    job = JOBS[kind](scripted, pong, breakout)
    while job.steps < 128:
        job.play_and_learn()
    state = job.get_state()
    del state["environments"]  # As with emulators.
    resumed = JOBS[kind](scripted, pong, breakout)
    resumed.set_state(state)
    assert resumed.steps == 128
    while resumed.steps < 192:
        resumed.play_and_learn()


@pytest.mark.parametrize("body", ["transfer", "transfer-code"])
def test_the_papers_large_students_learn_and_are_sources(body, scripted, pong, breakout, tmp_path):
    few = {"envs": 1, "batch_size": 1, "replay_start_steps": 6, "update_period_steps": 2}
    job = distill_job(scripted, pong, breakout, body=body, averaging=0.5, **few)
    before = [weight.copy() for weight in job.learner.acting.get_weights()]
    while job.updates < 2:
        job.play_and_learn()
    assert np.isfinite(job.epoch_metrics()["loss"])
    network = job.learner.acting
    assert all((a != b).any() for a, b in zip(before, network.get_weights(), strict=True))
    path = tmp_path / "large.keras"
    models.save(network, path, {"kind": "amn", "games": ["pong", "breakout"]})
    source = load_source(path)
    assert (source.body, source.normalize_features) == (body, True)
    rows = observations(2)
    np.testing.assert_allclose(source.network(rows), network(rows), rtol=1e-4, atol=1e-5)


def test_the_expert_acts_when_asked(scripted, pong, breakout):
    job = distill_job(scripted, pong, breakout, behaviour="expert")
    job.policy.epsilon = 0.0
    job.play_and_learn()
    memory = job.memories[0]
    q = memory.values("expert_q", np.zeros(4, int), np.arange(4))
    taken = memory.values("action", np.zeros(4, int), np.arange(4))
    np.testing.assert_array_equal(taken, np.where(pong.action_mask, q, -np.inf).argmax(axis=1))


def test_the_student_that_acts_is_averaged_over_rounds_that_learn(scripted, pong, breakout):
    job = distill_job(scripted, pong, breakout, averaging=0.25)
    acting = [job.learner.acting.get_weights()]
    student = []
    while len(student) < 2:
        updates = job.updates
        job.play_and_learn()
        if job.updates > updates:
            acting.append(job.learner.acting.get_weights())
            student.append(job.learner.student.get_weights())
        else:
            for one, other in zip(acting[-1], job.learner.acting.get_weights(), strict=True):
                np.testing.assert_array_equal(one, other)
    for before, learnt, after in zip(acting, student, acting[1:], strict=False):
        for a, b, c in zip(before, learnt, after, strict=True):
            np.testing.assert_allclose(c, 0.75 * a + 0.25 * b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("turn", [0, 1])
def test_both_act_in_turns(scripted, pong, breakout, turn):
    job = distill_job(scripted, pong, breakout, behaviour="both")
    job.policy.epsilon = 0.0
    job.steps, job.updates = turn * TURN * job.settings.envs, 10**6  # None is due.
    observation = job.environments.observation.copy()
    logits = job.learner.acting(observation).numpy()  # Rows: four of Pong, four of Breakout.
    job.play_and_learn()
    for i, (memory, game) in enumerate(zip(job.memories, (pong, breakout), strict=True)):
        q = memory.values("expert_q", np.zeros(4, int), np.arange(4))
        by_turns = [q[:2], logits[4 * i + 2 : 4 * i + 4]]  # Half of the environments each.
        if turn:
            by_turns = [logits[4 * i : 4 * i + 2], q[2:]]
        taken = memory.values("action", np.zeros(4, int), np.arange(4))
        best = np.where(game.action_mask, np.concatenate(by_turns), -np.inf).argmax(axis=1)
        np.testing.assert_array_equal(taken, best)


def test_one_environment_takes_whole_turns(scripted, pong, breakout):
    job = distill_job(scripted, pong, breakout, behaviour="both", envs=1)
    for variable in job.learner.acting.get_layer("output").variables:  # Outputs begin at zero.
        variable.assign(RNG.normal(size=variable.shape))
    network = job._network
    for turn, acts in ((0, "expert"), (1, "student")):
        network.step.assign(turn * TURN)
        observation = tf.constant(job.environments.observation)
        values, guidance = tf.function(network)(observation)
        expected = [answer["expert_q"] for answer in guidance]
        if acts == "student":
            expected = job.learner.acting(observation)
        np.testing.assert_allclose(values, np.reshape(expected, (2, 18)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_lowers_its_loss_and_brings_the_policies_together(objective):
    learner = compiled(
        ActorMimic(actor_mimic_network(normalize_features=True), [], 0.5, objective=objective),
        keras.optimizers.Adam(1e-3),
    )
    rng = np.random.default_rng(0)
    mask = np.tile(np.arange(18) < 6, (16, 1))
    batch = {
        "observation": tf.constant(rng.integers(0, 256, (16, 4, 84, 84)).astype(np.uint8)),
        "expert_q": tf.constant(rng.normal(size=(16, 18)).astype(np.float32)),
        "action_mask": tf.constant(mask),
    }
    rows = []
    for _ in range(30):
        learner.train_step(batch)
        rows.append({name: float(m) for name, m in learner.get_metrics_result().items()})
        learner.reset_metrics()
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["kl"] < 0.5 * rows[0]["kl"]


@pytest.mark.parametrize("games", range(1, 21))
def test_games_share_a_budget_and_samples_per_step_stay(games):
    alone = presets.DISTILL["laptop"]
    shared = alone.divided_by(games)
    assert shared.steps == min(300_000, 1_400_000 // games)
    assert shared.divided_by(games) == shared
    assert shared.envs == min(64, 256 // games)
    # As far in a step of one environment as there are fewer of them.
    assert shared.averaging / alone.averaging == pytest.approx(shared.envs / alone.envs)
    share = shared.replay_steps / shared.steps
    assert share == pytest.approx(alone.replay_steps / alone.steps, rel=1e-3)
    samples_per_step = alone.batch_size / alone.update_period_steps
    # A step more between updates would take more samples in all than alone.
    whole = alone.batch_size - samples_per_step * games
    assert whole < shared.batch_size * games <= alone.batch_size
    assert shared.batch_size / shared.update_period_steps == samples_per_step == 2


def test_as_many_steps_as_alone_come_with_all_else_of_alone():
    alone = presets.DISTILL["laptop"]
    shared, more, fewer = (alone.divided_by(8, steps) for steps in (None, 500_000, 200_000))
    for setting in ("envs", "replay_steps", "averaging", "steps"):
        assert getattr(more, setting) == getattr(alone, setting) != getattr(shared, setting)
    assert fewer == shared
    assert more.batch_size == shared.batch_size


@pytest.mark.parametrize(("games", "rows", "period"), [(1, 128, 64), (3, 42, 21), (8, 16, 8)])
def test_samples_of_each_game(games, rows, period):
    shared = presets.DISTILL["laptop"].divided_by(games)
    assert (shared.batch_size, shared.update_period_steps) == (rows, period)


def test_epoch_metrics_begin_anew(scripted, pong, breakout):
    job = pqn_job(scripted, pong, breakout)
    job.play_and_learn()
    first = job.epoch_metrics()
    assert first["games"] > 0 and np.isfinite(first["score_pong"]) and first["loss"] > 0
    assert job.epoch_metrics()["games"] == 0


def test_metrics_file_has_one_row_per_epoch(scripted, pong, breakout, tmp_path):
    with run_folders.Run(tmp_path / "run", {}) as run:
        run_job(pqn_job(scripted, pong, breakout), run)
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert len(lines) == 1 + 4
    assert lines[0].startswith("steps,seconds,")
    assert [line.split(",")[0] for line in lines[1:]] == ["64", "128", "192", "256"]


def test_a_setting_that_a_preset_has_not():
    options = {"precision": "float32", "passes": 1, "envs": 2}
    with pytest.raises(ValueError, match="settings of preset tiny-dqn are .* Received: passes"):
        configuration.expert_config("pong", preset="tiny-dqn", **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"behaviour": "nobody"}, "behaviour: should be 'student', 'expert' or 'both'"),
        ({"objective": "actions"}, "objective: should be 'policy' or 'q_values'"),
        ({"body": "huge"}, "body: should be 'nature', 'wide'"),
        ({"temperature": 0.0}, "temperature: should be greater than 0. Received: 0.0"),
        ({"temperature": float("inf")}, "temperature: should be a finite number"),
        ({"temperature_unit": "kelvin"}, "temperature_unit: should be 'q_values' or 'spread'"),
        ({"feature_weight": -1.0}, "feature_weight: should be greater than or equal to 0"),
        ({"epsilon": 1.1}, "epsilon: should be less than or equal to 1. Received: 1.1"),
        ({"restart_steps": 0}, "restart_steps: should be greater than or equal to 1"),
        ({"steps": 10**20}, "steps: should be less than or equal to 1000000000"),
        ({"steps": 70}, "steps is 80 or more, where learning starts. Received: 70"),
    ],
)
def test_settings_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        replace(presets.DISTILL["tiny"], **change)


def test_a_temperature_of_each_game_is_a_share_of_its_experts_spread(tmp_path, pong):
    network = nature_dqn(6)
    output = network.get_layer("output")
    kernel, bias = output.get_weights()
    output.set_weights([0 * kernel, np.array([0, 0.1, -0.1, 0.2, 0, 0], np.float32)])
    models.save(network, tmp_path / "pong.keras", {"kind": "expert", "games": ["pong"]})
    (expert,) = load_experts(tmp_path)
    assert spread(expert, steps=16, envs=2) == pytest.approx(0.3)
    options = {"preset": "tiny", "precision": "float32", "temperature_unit": "spread"}
    config = configuration.distill_config(tmp_path, temperature=0.2, **options)
    job = build.build(config, 0)
    job.environments.close()
    assert job.learner.temperatures == pytest.approx([0.06])
    fixed = configuration.distill_config(tmp_path, preset="tiny", precision="float32")
    assert fixed.temperatures == {"pong": 0.05}
    output.set_weights([0 * kernel, 0 * bias])
    models.save(network, tmp_path / "pong.keras", {"kind": "expert", "games": ["pong"]})
    config = configuration.distill_config(tmp_path, temperature=0.2, **options)
    with pytest.raises(ValueError, match="differ from action to action"):
        build.build(config, 0)
