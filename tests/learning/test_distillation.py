"""Distillation: who acts, what is kept, how games share a budget."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from amkit.jobs import presets
from amkit.learning.actor_mimic import ActorMimic
from amkit.learning.distillation import TURN, Distillation
from amkit.networks.bodies import actor_mimic_network, nature_dqn
from amkit.storage import models
from amkit.storage.experts import Expert
from amkit.transfer.initialise import load_source
from tests.trainings import RNG, compiled, distill_job, observations


def test_half_of_the_environments_begin_new_games_by_turns(scripted, pong, breakout):
    job = distill_job(scripted, pong, breakout, restart_steps=8)
    begun = []
    job.environments.restart = lambda rows: begun.append((job.steps // 4, rows.tolist()))
    while job.steps < 4 * 20:
        job.play_and_learn()
    # 4 environments of each game: the third at steps 0, 8 and 16, the fourth at 4 and 12.
    third, fourth = [False, False, True, False] * 2, [False, False, False, True] * 2
    assert begun == [(0, third), (4, fourth), (8, third), (12, fourth), (16, third)]


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


def test_the_student_that_acts_is_averaged_over_the_last_rounds(scripted, pong, breakout):
    job = distill_job(scripted, pong, breakout, averaging=0.25)
    shares = []
    while not shares or shares[-1] > 0.25:
        updates, before = job.updates, job.learner.acting.get_weights()
        job.play_and_learn()
        after, student = job.learner.acting.get_weights(), job.learner.student.get_weights()
        share = 0.0
        if job.updates > updates:
            rounds = (job.steps - job.settings.replay_start_steps) / job.settings.envs
            share = min(max(0.25, 10 / rounds), 1.0)
            shares.append(share)
        for a, b, c in zip(before, student, after, strict=True):
            np.testing.assert_allclose(c, (1 - share) * a + share * b, rtol=1e-4, atol=1e-6)
    assert shares[0] == 1.0


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


@pytest.mark.parametrize("games", range(1, 21))
def test_games_share_limits_and_samples_per_step_stay(games):
    alone = presets.DISTILL["laptop"]
    shared = alone.divided_by(games)
    assert shared.divided_by(games) == shared
    assert shared.envs == min(64, 256 // games)
    # As far in a step of one environment as there are fewer of them.
    assert shared.averaging / alone.averaging == pytest.approx(shared.envs / alone.envs)
    assert shared.replay_steps == min(100_000, 160_000 // games)
    assert shared.replay_start_steps == 5000 // games
    samples_per_step = alone.batch_size / alone.update_period_steps
    # A step more between updates would take more samples in all than alone.
    whole = alone.batch_size - samples_per_step * games
    assert whole < shared.batch_size * games <= alone.batch_size
    assert shared.batch_size / shared.update_period_steps == samples_per_step == 2


def test_as_many_steps_as_alone_come_with_all_else_of_alone():
    alone = presets.DISTILL["laptop"]
    shared, more, fewer = (alone.divided_by(8, steps) for steps in (None, 500_000, 200_000))
    for setting in ("envs", "averaging"):
        assert getattr(more, setting) == getattr(alone, setting) != getattr(shared, setting)
    assert more.replay_steps == shared.replay_steps == 20_000  # What there is room for.
    assert fewer == shared
    assert more.batch_size == shared.batch_size


@pytest.mark.parametrize(("games", "rows", "period"), [(1, 128, 64), (3, 42, 21), (8, 16, 8)])
def test_samples_of_each_game(games, rows, period):
    shared = presets.DISTILL["laptop"].divided_by(games)
    assert (shared.batch_size, shared.update_period_steps) == (rows, period)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"behaviour": "nobody"}, "behaviour: should be 'student', 'expert' or 'both'"),
        ({"objective": "actions"}, "objective: should be 'policy' or 'q_values'"),
        ({"body": "huge"}, "body: should be 'small', 'nature', 'wide'"),
        ({"temperature": 0.0}, "temperature: should be greater than 0. Received: 0.0"),
        ({"temperature": float("inf")}, "temperature: should be a finite number"),
        ({"temperature_unit": "kelvin"}, "temperature_unit: should be 'q_values' or 'spread'"),
        ({"feature_weight": -1.0}, "feature_weight: should be greater than or equal to 0"),
        ({"epsilon": 1.1}, "epsilon: should be less than or equal to 1. Received: 1.1"),
        ({"restart_steps": 0}, "restart_steps: should be greater than or equal to 1"),
        ({"steps": 10**20}, "steps: should be less than or equal to 1000000000"),
        ({"steps": 70}, "steps must be 80 or more, where learning starts. Received: 70"),
    ],
)
def test_settings_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        replace(presets.DISTILL["tiny"], **change)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_experts_in_half_precision_teach_a_student_in_float32(dtype, scripted, pong):
    network = nature_dqn(6)
    half = keras.Model(network.input, keras.ops.cast(network.output, dtype))
    settings = replace(presets.DISTILL["tiny"], behaviour="both")
    learner = compiled(ActorMimic(actor_mimic_network(normalize_features=True), [], 0.05))
    experts = [Expert(pong, {}, None, half)]
    job = Distillation(experts, settings, scripted([pong], settings.envs), learner)
    while job.updates < 1:
        job.play_and_learn()
    assert np.isfinite(job.epoch_metrics()["loss"])
