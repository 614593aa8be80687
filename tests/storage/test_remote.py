"""Run folders in a place that every machine reaches."""

import shutil

import pytest

pytest.importorskip("pyarrow", reason="needs pyarrow: pip install -e '.[cluster]'")

from amkit.storage.remote import Remote


@pytest.fixture
def remote(tmp_path):
    return Remote((tmp_path / "bucket").as_uri())


@pytest.fixture
def run(tmp_path):
    """Writes files of a run's folder."""

    def write(**files):
        folder = tmp_path / "here" / "expert-pong"
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_json", ".json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    return write


def content(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_folder_comes_back_as_it_was_sent(remote, run, tmp_path):
    folder = run(config_json="1", checkpoint__checkpoint1__manifest_json="2")
    (folder / ".lock").touch()
    remote.send(folder)
    shutil.rmtree(folder)
    run(checkpoint__checkpoint9__manifest_json="of a worker that died before it was sent")
    remote.fetch(folder)
    first = {"config.json": "1", "checkpoint/checkpoint1/manifest.json": "2"}
    assert content(folder) == first
    shutil.rmtree(folder / "checkpoint")
    run(config_json="3", checkpoint__checkpoint2__manifest_json="4")
    remote.send(folder)  # What is here no more is there no more.
    shutil.rmtree(folder)
    remote.fetch(folder)
    assert content(folder) == {"config.json": "3", "checkpoint/checkpoint2/manifest.json": "4"}
    assert len([*tmp_path.glob("bucket/expert-pong/checkpoint/*")]) == 1


def test_a_checkpoint_that_was_not_sent_whole_is_none(remote, run):
    folder = run(checkpoint__checkpoint1__manifest_json="2", checkpoint__checkpoint2__a="half")
    remote.send(folder)
    remote.fetch(folder)
    assert content(folder) == {"checkpoint/checkpoint1/manifest.json": "2"}


def test_a_glance_takes_no_checkpoints(remote, run):
    folder = run(config_json="1", checkpoint__checkpoint1__manifest_json="2")
    remote.send(folder)
    shutil.rmtree(folder)
    remote.glance(folder)
    assert content(folder) == {"config.json": "1"}


def test_what_is_not_there_is_left_alone(remote, run):
    folder = run(config_json="1")
    remote.fetch(folder)
    assert content(folder) == {"config.json": "1"}
    with pytest.raises(ValueError, match="--storage must be s3://.*Received: nowhere"):
        Remote("nowhere")
