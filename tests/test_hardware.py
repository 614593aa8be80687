"""What this machine does fastest."""

from amkit import hardware


def test_rates_are_measured(pong):
    rates = hardware.measure_rates(pong, "float32", False, envs=4, batch_size=8, seconds=0.05)
    assert min(vars(rates).values()) > 10
    one, two = rates.seconds_per_step(1, 1), rates.seconds_per_step(2, 1)
    assert two > one > 1 / rates.emulation


def test_the_faster_precision_is_chosen(monkeypatch):
    speeds = {"float32": 2.0, "mixed_bfloat16": 1.0}
    monkeypatch.setattr(hardware, "training_rate", lambda precision, *rest: speeds[precision])
    assert hardware.fastest_precision() == "float32"
    speeds["mixed_bfloat16"] = 3.0
    assert hardware.fastest_precision() == "mixed_bfloat16"


def test_xla_is_for_accelerators():
    import tensorflow as tf

    assert hardware.default_jit_compile() == bool(tf.config.list_physical_devices("GPU"))


def test_description_names_machine_and_versions():
    described = hardware.describe()
    assert described["cores"] >= 1 and described["processor"] and described["keras"] >= "3.15"
