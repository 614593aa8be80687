"""`amkit bench`."""

import json
from dataclasses import replace

import pytest

from amkit.jobs import benchmark, presets
from amkit.networks.bodies import BODIES


@pytest.mark.usefixtures("scripted_games")
def test_bench(amkit, in_ascii, monkeypatch):
    # Updates alone are measured by the code that picks a precision; XLA takes minutes to compile.
    monkeypatch.setattr("amkit.jobs.rates.training_rate", lambda *settings: 1000.0)
    # Nor are tests the time for networks that a laptop takes seconds to ask.
    monkeypatch.setattr("amkit.jobs.rates.forward_rate", lambda *settings: 2000.0)
    # Nor for starting hundreds of emulators.
    for name, fewer in (("_ENVS", 4), ("_DISTILLING_ENVS", 8), ("_DISTILLING_BATCH", 16)):
        monkeypatch.setattr(f"amkit.jobs.benchmark.{name}", fewer)
    # Nor for whole updates of the presets' own sizes.
    for name, small in (("laptop", "tiny"), ("quantile", "tiny-quantile")):
        monkeypatch.setitem(presets.EXPERT, name, presets.EXPERT[small])
    monkeypatch.setitem(presets.EXPERT, "paper", replace(presets.EXPERT["tiny-dqn"], steps=10_000))
    monkeypatch.setattr("amkit.jobs.rates.fastest", lambda *settings: ("float32", False))
    result = amkit("bench", "--seconds", 0.1, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["steps"][0]["ratio"] == 1.0 and len(answer["steps"]) == 7
    assert {row["xla"] for row in answer["updates"]} == {True, False}
    assert [row["body"] for row in answer["bodies"]] == list(BODIES)
    nature = answer["bodies"][0]
    emulation, forward = answer["steps"][0]["rate"], nature["forward"]
    alone = 1 / (1 / emulation + 0.5 / forward + 2 / 1000 + 1 / forward)
    assert nature["training"] == 1000 and nature["steps"] == pytest.approx(alone, rel=1e-6)
    assert "measuring emulation alone\n" in result.stderr

    monkeypatch.setattr(benchmark, "measure", lambda *words: answer)
    shown = in_ascii("bench")
    assert "emulation alone, 4 environments" in shown and "100 %" in shown
    cells = [line.split() for line in shown.splitlines()]
    assert ["512", "mixed_bfloat16", "1,000", "1,000", "1.00"] in cells
    assert [row[0] for row in cells if row[-1:] == ["x"]] == list(BODIES)


def test_wrong_usage(wrong):
    wrong("Nearest: pong", "bench", "pongg")
    wrong("--seconds", "bench", "--seconds", "0")
