"""Replay memory: stacks, wrap-around, what is never sampled, returns, state."""

import numpy as np
import pytest

from amkit.play.replay import ReplayMemory
from amkit.play.rollout import rollout


def fill(memory, environments, steps, actions=None):
    """Plays scripted games into a memory; returns every transition."""
    legal = np.array([np.flatnonzero(mask)[:6] for mask in environments.action_masks])
    rng = np.random.default_rng(1)
    transitions = []

    def policy(observation):
        rows = np.arange(len(observation))
        return legal[rows, rng.integers(0, legal.shape[1], len(rows))], None

    for t in rollout(environments, policy):
        memory.add(
            t.observation,
            action=t.action,
            reward=np.clip(t.reward, -1, 1),
            terminal=t.terminal,
            start=t.start,
            cut=t.cut,
        )
        transitions.append(t)
        if len(transitions) == steps:
            return transitions


@pytest.fixture
def memory():
    return ReplayMemory(60, 3, np.random.default_rng(0))


@pytest.mark.parametrize("steps", [15, 20, 33, 77])
def test_stacks_are_those_that_were_acted_on(memory, scripted, pong, steps):
    transitions = fill(memory, scripted([pong], 3), steps)
    row, env = memory.sample(500)
    stacks = memory.observations(row, env)
    expected = np.stack([transitions[r].observation[n] for r, n in zip(row, env, strict=True)])
    np.testing.assert_array_equal(stacks, expected)
    followed = row + 1 < steps
    following = memory.observations(row[followed] + 1, env[followed])
    expected = np.stack(
        [
            transitions[r + 1].observation[n]
            for r, n in zip(row[followed], env[followed], strict=True)
        ]
    )
    np.testing.assert_array_equal(following, expected)


def test_rows_that_are_no_transition_are_never_sampled(memory, scripted, pong):
    transitions = fill(memory, scripted([pong], 3), 50)
    row, env = memory.sample(2000)
    assert not any(transitions[r].cut[n] for r, n in zip(row, env, strict=True))
    assert any(t.cut.any() for t in transitions)


def test_samples_are_uniform_over_what_is_held(memory, scripted, pong):
    transitions = fill(memory, scripted([pong], 3), 45)
    row, env = memory.sample(40_000)
    drawn = {}
    for pair in zip(row.tolist(), env.tolist(), strict=True):
        drawn[pair] = drawn.get(pair, 0) + 1
    # The ring holds rows 25 to 44; the three oldest lack their stacks, the newest its successor.
    possible = {(r, n) for r in range(28, 44) for n in range(3) if not transitions[r].cut[n]}
    assert set(drawn) == possible
    expected = 40_000 / len(possible)
    assert max(abs(count - expected) for count in drawn.values()) < 6 * np.sqrt(expected)


def test_what_followed(memory, scripted, pong):
    transitions = fill(memory, scripted([pong], 3), 40)
    row, env = memory.sample(200)
    reward, discount, next_row = memory.what_followed(row, env, 0.9)
    assert reward.dtype == discount.dtype == np.float32
    for i, (r, n) in enumerate(zip(row, env, strict=True)):
        step = transitions[r]
        assert reward[i] == np.clip(step.reward[n], -1, 1)
        assert discount[i] == np.float32(0 if step.terminal[n] else 0.9)
        assert next_row[i] == r + 1
    assert {0.0, np.float32(0.9)} == set(discount)


def test_a_truncated_game_is_bootstrapped_from_its_last_observation():
    memory = ReplayMemory(20, 1, np.random.default_rng(0))
    no, yes = np.array([False]), np.array([True])
    for step in range(8):  # The game is cut, not lost, at step 4: row 5 only holds its end.
        memory.add(
            np.full((1, 4, 84, 84), step, np.uint8),
            action=np.array([0]),
            reward=np.array([1.0]),
            terminal=no,
            start=yes if step in (0, 6) else no,
            cut=yes if step == 5 else no,
        )
    reward, discount, next_row = memory.what_followed(np.array([4]), np.array([0]), 0.5)
    assert (reward[0], discount[0], next_row[0]) == (1, 0.5, 5)
    assert memory.observations(next_row, np.array([0]))[0, -1, 0, 0] == 5


def test_cut_off_after_a_lost_environment(memory, scripted, pong):
    fill(memory, scripted([pong], 3), 10)
    memory.cut_off()
    fill(memory, scripted([pong], 3), 5)
    row, _ = memory.sample(1000)
    assert 9 not in row


def test_too_small_or_too_empty(scripted, pong):
    with pytest.raises(ValueError, match="Received: capacity=4"):
        ReplayMemory(4, 1, np.random.default_rng(0))
    memory = ReplayMemory(60, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="Received: 0 rows"):
        memory.sample(1)


def test_extras_are_kept_beside_the_frame():
    memory = ReplayMemory(40, 2, np.random.default_rng(0), {"expert_q": ((18,), "float32")})
    for step in range(10):
        memory.add(
            np.zeros((2, 4, 84, 84), np.uint8),
            expert_q=np.full((2, 18), step, np.float32) + np.array([[0], [100]]),
        )
    row, env = memory.sample(50)
    np.testing.assert_array_equal(memory.values("expert_q", row, env)[:, 0], row + 100 * env)


@pytest.mark.parametrize("steps", [3, 20, 47])
def test_state_goes_on_bit_for_bit(memory, scripted, pong, steps):
    environments = scripted([pong], 3)
    fill(memory, environments, steps)
    state = memory.get_state()
    copy = ReplayMemory(60, 3, np.random.default_rng(99))
    copy.set_state(state)
    if steps > 5:
        for one, other in zip(memory.sample(64), copy.sample(64), strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(copy) == len(memory) == min(60, 3 * steps)
    assert list(copy.get_state()["blocks"]) == list(memory.get_state()["blocks"])


def test_an_unchanged_block_keeps_its_key(monkeypatch):
    monkeypatch.setattr("amkit.play.replay._STEPS_PER_BLOCK", 64)
    memory = ReplayMemory(200, 1, np.random.default_rng(0))
    keys = []
    for step in range(450):
        memory.add(np.zeros((1, 4, 84, 84), np.uint8))
        if step in (63, 64, 199, 200, 263, 264):
            keys.append(list(memory.get_state()["blocks"]))
    first, second = "rows000000000-000000063", "rows000000064-000000127"
    assert keys[0] == [f"{first}@63.0"]
    assert keys[1] == [f"{first}@63.0", f"{second}@64.0"]
    assert keys[2] == [
        f"{first}@63.0",
        f"{second}@127.0",
        "rows000000128-000000191@191.0",
        "rows000000192-000000199@199.0",
    ]
    assert keys[3] == [f"{first}@200.0", *keys[2][1:]]
    assert keys[4] == [f"{first}@263.0", *keys[2][1:]]
    assert keys[5] == [f"{first}@263.0", f"{second}@264.0", *keys[2][2:]]


def test_blocks_of_another_length_are_put_back(monkeypatch, memory, scripted, pong):
    """As earlier versions had them: block000000@..., of more rows each."""
    fill(memory, scripted([pong], 3), 47)
    state = memory.get_state()
    [whole] = state["blocks"].values()
    parts = np.split(np.arange(memory.rows), [7, 14])
    state["blocks"] = {
        f"block{i:06d}@{i}.0": {name: column[rows] for name, column in whole.items()}
        for i, rows in enumerate(parts)
    }
    copy = ReplayMemory(60, 3, np.random.default_rng(99))
    assert copy.fits(state)
    copy.set_state(state)
    row, env = memory.sample(64)
    np.testing.assert_array_equal(copy.observations(row, env), memory.observations(row, env))
    del state["blocks"]["block000002@2.0"]
    assert not copy.fits(state) and not ReplayMemory(57, 3, memory.rng).fits(memory.get_state())


def test_a_cut_changes_the_key_of_a_full_block(monkeypatch):
    monkeypatch.setattr("amkit.play.replay._STEPS_PER_BLOCK", 64)
    memory = ReplayMemory(200, 1, np.random.default_rng(0))
    for _ in range(64):
        memory.add(np.zeros((1, 4, 84, 84), np.uint8))
    before = list(memory.get_state()["blocks"])
    memory.cut_off()
    assert before != list(memory.get_state()["blocks"])


def test_nothing_stays_of_the_lap_before():
    memory = ReplayMemory(8, 1, np.random.default_rng(0))
    frame, yes = np.zeros((1, 4, 84, 84), np.uint8), np.array([True])
    for _ in range(8):
        memory.add(frame, start=yes, cut=yes, terminal=yes, reward=np.array([1.0]))
    for _ in range(8):  # A caller that leaves them out.
        memory.add(frame)
    row, env = memory.sample(4)  # All rows were cut in the lap before.
    for name in ("start", "cut", "terminal", "reward"):
        assert not memory.values(name, row, env).any()


def test_a_value_that_a_memory_has_no_place_for():
    memory = ReplayMemory(8, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="a step has frame, action, .* Received: expert_q"):
        memory.add(np.zeros((1, 4, 84, 84), np.uint8), expert_q=np.zeros((1, 18)))
