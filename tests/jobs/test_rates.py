"""What this machine does fastest."""

import itertools

import pytest

from amkit.jobs import machine, rates


def test_rates_are_measured(pong):
    measured = rates.measure_rates(pong, "float32", False, envs=4, batch_size=8, seconds=0.05)
    assert min(vars(measured).values()) > 10
    one, two = measured.seconds_per_step(1, 1), measured.seconds_per_step(2, 1)
    assert two > one > 1 / rates.emulation


@pytest.mark.parametrize("faster", rates.PRECISIONS)
def test_the_faster_precision_is_chosen_even_if_most_of_its_passes_are_disturbed(
    monkeypatch, faster
):
    now, disturbed = [0.0], itertools.cycle([True, True, True, False])
    monkeypatch.setattr(rates.time, "perf_counter", lambda: now[0])

    def updates(precision, *rest):
        def step():
            if precision == faster:
                now[0] += 0.01 + 0.05 * next(disturbed)
            else:
                now[0] += 0.02

        return step

    monkeypatch.setattr(rates, "_updates", updates)
    assert rates.fastest_precision() == faster


def test_xla_is_for_accelerators():
    import tensorflow as tf

    assert machine.default_jit_compile() == bool(tf.config.list_physical_devices("GPU"))


def test_description_names_machine_and_versions():
    described = machine.describe()
    assert described["cores"] >= 1 and described["processor"] and described["keras"] >= "3.15"
