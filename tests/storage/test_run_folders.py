"""Run folders: names, locks, damaged content."""

import pytest

from amkit.storage import run_folders


def test_names_and_order(tmp_path):
    assert run_folders.new_folder(tmp_path, "amn-all") == tmp_path / "amn-all"
    for name in ("amn-all", "amn-all-2", "amn-all-10", "amn-all-games"):
        with run_folders.Run(tmp_path / name, {"kind": "amn"}):
            pass
    assert [p.name for p in run_folders.find(tmp_path, "amn-all")] == [
        "amn-all",
        "amn-all-2",
        "amn-all-10",
    ]
    assert run_folders.new_folder(tmp_path, "amn-all") == tmp_path / "amn-all-11"


def test_a_run_is_not_begun_twice_nor_used_by_two(tmp_path):
    with run_folders.Run(tmp_path / "run", {"seed": 1}) as run:
        assert run.config == {"seed": 1}
        with pytest.raises(run_folders.RunError, match="in use"):
            run_folders.Run(tmp_path / "run")
    with pytest.raises(run_folders.RunError, match="holds a run already"):
        run_folders.Run(tmp_path / "run", {"seed": 2})
    with run_folders.Run(tmp_path / "run") as run:
        assert run.config == {"seed": 1}


@pytest.mark.parametrize(
    ("content", "match"), [(None, "no config.json"), ("{", "damaged"), ("[]", "damaged")]
)
def test_bad_folders(tmp_path, content, match):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(run_folders.RunError, match=match):
        run_folders.Run(tmp_path)


def test_metrics_may_gain_columns(tmp_path):
    with run_folders.Run(tmp_path, {}) as run:
        run.write_metrics([{"steps": 1}, {"steps": 2, "score": 0.5}])
    assert (tmp_path / "metrics.csv").read_text() == "steps,score\n1,\n2,0.5\n"
