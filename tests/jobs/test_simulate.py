"""The simulation of campaigns: by hand where that can be done, else by what must hold."""

import pytest

from amkit.jobs.simulate import Machines, Work, simulate


def machines(**changes):
    values = {"nodes": 3, "cores": 1, "node_gibibytes": 4, "startup_seconds": 36}
    return Machines(**{**values, "checkpoint_seconds": 120, **changes})


def test_without_faults_it_is_sums():
    outcome = simulate([Work(1.0, 1, 1.0)] * 4, machines())
    assert outcome.hours == pytest.approx(2 * 1.01)  # A node does two.
    assert outcome.core_hours == pytest.approx(4 * 1.01)
    assert outcome.startup_core_hours == pytest.approx(0.04)
    assert outcome.idle == pytest.approx(1 - 4 / 6)
    assert (outcome.losses, outcome.lost_core_hours) == (0, 0)
    assert outcome.longest_run_hours == pytest.approx(1.01)


def test_memory_binds_as_cores_do():
    works = [Work(1.0, 1, 3.0)] * 4
    wide = simulate(works, machines(nodes=1, cores=4, node_gibibytes=12, startup_seconds=0))
    narrow = simulate(works, machines(nodes=1, cores=4, node_gibibytes=6, startup_seconds=0))
    assert (wide.hours, narrow.hours) == (pytest.approx(1.0), pytest.approx(2.0))
    assert simulate([Work(1.0, 2, 1.0)] * 2, machines(nodes=1, cores=3)).hours > 2


def test_a_loss_costs_what_was_not_saved_and_another_start():
    works = [Work(10.0, 1, 1.0)] * 6
    outcome = simulate(works, machines(hours_between_losses=5.0), seed=1)
    assert outcome.losses > 3 and outcome.hours > 20
    # At most a checkpoint's period a loss; what was held is work, starts and what was lost.
    assert 0 < outcome.lost_core_hours <= outcome.losses * 120 / 3600
    parts = 60 + outcome.lost_core_hours + outcome.startup_core_hours
    assert outcome.core_hours == pytest.approx(parts)
    assert simulate(works, machines(hours_between_losses=5.0), seed=1) == outcome


def test_longer_periods_lose_more():
    works = [Work(20.0, 1, 1.0)] * 30

    def lost(seconds):
        nodes = machines(nodes=10, hours_between_losses=10.0, checkpoint_seconds=seconds)
        return simulate(works, nodes).lost_core_hours

    assert lost(60) < lost(600) < lost(3600)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nodes": 0}, "nodes"),
        ({"node_gibibytes": 0.5}, "a node must have room for each run, 1 cores and 1.0 GiB"),
        ({"hours_between_losses": float("nan")}, "hours_between_losses"),
        ({"hours_between_losses": 0.001, "checkpoint_seconds": 3600}, "a node must live until"),
    ],
)
def test_what_cannot_be_played_is_refused(changes, says):
    with pytest.raises(ValueError, match=says) as raised:
        simulate([Work(1.0, 1, 1.0)], machines(**changes))
    assert "Received: " in str(raised.value)
