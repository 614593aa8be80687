"""The names that users import from `amkit`: they stay, are explained, and their examples run."""

import doctest
import inspect
from pathlib import Path

import pytest

import amkit

CLASSES = (
    *("ActorMimic", "DQN", "DQNSettings", "DistillSettings", "Distillation", "PQN", "PQNSettings"),
)
FUNCTIONS = (
    *("actor_mimic_network", "evaluate_game", "feature_regression", "find_game", "load"),
    *("load_experts", "multitask_convolutions", "nature_dqn", "over_all_actions"),
    *("policy_regression", "random_network", "read_card", "save"),
)
TABLES = ("GAMES", "PROTOCOLS", "SPLITS")


def test_these_are_the_public_names():
    assert sorted(amkit.__all__) == sorted((*CLASSES, *FUNCTIONS, *TABLES))
    assert len(amkit.__all__) == 23
    assert set(dir(amkit)) >= set(amkit.__all__)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_is_for(name):
    value = getattr(amkit, name)
    assert inspect.isclass(value) and value.__name__ == name
    assert value.__module__.startswith("amkit.")
    assert vars(value)["__doc__"]  # Its own, not an inherited one.
    assert not value.__doc__.startswith(f"{name}(")  # Which is what a dataclass writes by itself.


@pytest.mark.parametrize("name", TABLES)
def test_a_table_can_be_looked_up(name):
    table = getattr(amkit, name)
    assert table and all(table[key] is not None for key in table)


@pytest.fixture
def beside_the_shipped_models(tmp_path, monkeypatch):
    """A folder to write in that has `pretrained/`, as a clone has."""
    (tmp_path / "pretrained").symlink_to(Path(__file__).parents[1] / "pretrained", True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_example_runs(name, beside_the_shipped_models):
    function = getattr(amkit, name)
    assert inspect.isfunction(function) and function.__module__.startswith("amkit.")
    # Nothing is imported for the example: a reader copies it as it stands.
    example = doctest.DocTestParser().get_doctest(function.__doc__, {}, name, None, None)
    assert example.examples, f"amkit.{name} has no example"
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    result = runner.run(example, out=said.append)
    assert result.failed == 0, "".join(said)


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        _ = amkit.frobnicate
