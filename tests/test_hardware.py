"""What this machine does fastest."""

import itertools

import pytest

from amkit import hardware


def test_rates_are_measured(pong):
    rates = hardware.measure_rates(pong, "float32", False, envs=4, batch_size=8, seconds=0.05)
    assert min(vars(rates).values()) > 10
    one, two = rates.seconds_per_step(1, 1), rates.seconds_per_step(2, 1)
    assert two > one > 1 / rates.emulation


@pytest.mark.parametrize("faster", hardware.PRECISIONS)
def test_the_faster_precision_is_chosen_even_if_most_of_its_passes_are_disturbed(
    monkeypatch, faster
):
    now, disturbed = [0.0], itertools.cycle([True, True, True, False])
    monkeypatch.setattr(hardware.time, "perf_counter", lambda: now[0])

    def updates(precision, *rest):
        def step():
            if precision == faster:
                now[0] += 0.01 + 0.05 * next(disturbed)
            else:
                now[0] += 0.02

        return step

    monkeypatch.setattr(hardware, "_updates", updates)
    assert hardware.fastest_precision() == faster


def test_xla_is_for_accelerators():
    import tensorflow as tf

    assert hardware.default_jit_compile() == bool(tf.config.list_physical_devices("GPU"))


def test_description_names_machine_and_versions():
    described = hardware.describe()
    assert described["cores"] >= 1 and described["processor"] and described["keras"] >= "3.15"
