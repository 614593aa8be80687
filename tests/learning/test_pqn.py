"""Parallel Q-learning: losses against numpy, exploration, batches."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from amkit.jobs import presets
from amkit.learning import returns
from amkit.learning.pqn import PQN, PQNTraining
from amkit.networks.bodies import actor_mimic_network, nature_dqn
from tests.trainings import compiled, mdqn_job, pqn_job


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


@pytest.mark.usefixtures("compiled_kernels")
def test_explorers_go_on_exploring_and_their_returns_are_of_what_was_done(
    scripted, pong, breakout, monkeypatch
):
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
    traces = []

    def lambda_returns(reward, terminal, value, action_value, trace, discount):
        traces.append(trace)
        return reward

    monkeypatch.setattr(returns, "lambda_returns", lambda_returns)
    for _ in range(2):
        job.play_and_learn()
    np.testing.assert_allclose(job.policy.epsilon, 2 * [0.05, 0.05, 0.05, 0.5])
    np.testing.assert_array_equal(job.policy.hold, 2 * [1, 1, 10, 10])
    expected = np.where(job._rollout.cut, 0, np.float32(settings.trace_decay))
    np.testing.assert_array_equal(traces[-1], expected)


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


def test_epoch_metrics_begin_anew(scripted, pong, breakout):
    job = pqn_job(scripted, pong, breakout)
    job.play_and_learn()
    first = job.epoch_metrics()
    assert first["games"] > 0 and np.isfinite(first["score_pong"]) and first["loss"] > 0
    assert job.epoch_metrics()["games"] == 0
