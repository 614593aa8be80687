"""What this machine does fastest."""

import itertools

import pytest

from amkit.jobs import rates
from amkit.jobs.algorithms import Cost


def test_rates_are_measured(pong):
    emulation = rates.emulation_rate(pong, 4, seconds=0.05)
    forward = rates.forward_rate("float32", 4, seconds=0.05)
    training = rates.training_rate("float32", False, 8, seconds=0.05)
    assert min(emulation, forward, training) > 10
    one, two = (
        Cost(acting, 0, 1).seconds(emulation, forward, forward, training) for acting in (1, 2)
    )
    assert two > one > 1 / emulation


@pytest.fixture
def updates_by_a_clock(monkeypatch):
    """Updates of which one way is fastest, in a quarter of its passes: others are disturbed."""

    def install(fastest, bfloat16_units=True):
        now, disturbed = [0.0], itertools.cycle([True, True, True, False])
        monkeypatch.setattr(rates.time, "perf_counter", lambda: now[0])

        def updates(precision, jit_compile, *rest):
            def step():
                if (precision, jit_compile) == fastest:
                    now[0] += 0.01 + 0.05 * next(disturbed)
                else:
                    now[0] += 0.02

            return step

        monkeypatch.setattr(rates, "_updates", updates)
        monkeypatch.setattr(rates, "_bfloat16_is_faster", lambda: bfloat16_units)

    rates.fastest.cache_clear()
    yield install
    rates.fastest.cache_clear()


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("precision", rates.PRECISIONS)
def test_the_fastest_way_is_chosen_even_if_most_of_its_passes_are_disturbed(
    updates_by_a_clock, precision, xla
):
    updates_by_a_clock((precision, xla))
    assert rates.fastest(128) == (precision, xla)


def test_bfloat16_is_not_tried_where_it_is_emulated(updates_by_a_clock):
    updates_by_a_clock(("mixed_bfloat16", False), bfloat16_units=False)
    assert rates.fastest(128)[0] == "float32"


def test_what_was_asked_for_is_not_measured(updates_by_a_clock):
    updates_by_a_clock(("mixed_bfloat16", True))
    assert rates.fastest(128, "float32")[0] == "float32"
    assert rates.fastest(128, None, False)[1] is False


def test_description_names_machine_and_versions():
    described = rates.machine()
    assert described["cores"] >= 1 and described["processor"] and described["keras"] >= "3.15"
