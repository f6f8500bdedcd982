"""A run on disk: names, folders, settings that are no run's. What the command line does with it: tests/test_cli.py."""

import json
import tracemalloc

import numpy as np
import pytest

from tinydl.data import ArrayDataset
from tinydl.train import run
from tinydl.train.building import RunError
from tinydl.train.run import Run


@pytest.fixture
def data():
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(6, 1, 4, 4)
    return ArrayDataset(images, np.array([0, 1, 2, 0, 1, 2]), name="six")


SETTINGS = {"data": "digits", "model": "mlp", "epochs": 2, "batch_size": 3, "lr": 0.1, "optimizer": "sgd",
            "schedule": "none", "weight_decay": 0.0, "drop_last": False, "seed": 0, "image_shape": [1, 8, 8],
            "class_names": ["a", "b"], "mean": [0.0], "std": [1.0], "scale": 1.0, "data_crc32": 7}


def test_checksums_tell_images_and_labels_apart(data):
    first = run.fingerprint(data)
    assert first == run.fingerprint(ArrayDataset(data.images.copy(), data.labels.copy()))
    images = data.images.copy()
    images[5, 0, 3, 3] ^= 1
    assert run.fingerprint(ArrayDataset(images, data.labels)) != first
    assert run.fingerprint(ArrayDataset(data.images, data.labels[::-1].copy())) != first


def test_folders_are_numbered_and_never_used_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [Run.create(SETTINGS).folder for _ in range(3)] == [
        "runs/digits-mlp", "runs/digits-mlp-2", "runs/digits-mlp-3"]
    with pytest.raises(RunError, match="exists and is not empty; choose another --out"):
        Run.create(SETTINGS, "runs/digits-mlp")


def test_a_run_that_failed_makes_room(tmp_path):
    folder = tmp_path / "new" / "run"
    made = Run.create(SETTINGS, str(folder))
    made.discard()  # no epoch is saved
    assert not (tmp_path / "new").exists()
    made = Run.create(SETTINGS, str(folder))
    (folder / "checkpoint.safetensors").write_bytes(b"")
    made.discard()
    assert made.fail("nan") == f"{folder} keeps what came before, until a new training names it with --out"
    made.lock.release()
    assert json.loads((folder / "result.json").read_text())["failed"] == "nan"
    again = Run.create({**SETTINGS, "lr": 0.2}, str(folder))
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "config.json"]
    assert again.fail("inf") == "nothing of it is kept"
    assert [path.name for path in folder.parent.iterdir()] == ["run"]  # `again` has not made it
    (folder / "result.json").write_text(json.dumps({"failed": "nan"}))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="exists and is not empty"):
        Run.create(SETTINGS, str(folder))


def test_a_longer_run_says_where_its_schedule_begins_anew(tmp_path):
    made = Run(str(tmp_path), {**SETTINGS, "schedule": "cosine"})
    made.extend(2)
    assert made.settings["epochs"] == 2 and "restarts" not in made.settings and not made.extended
    made.extend(5)
    made.extend(9)
    assert (made.settings["epochs"], made.settings["restarts"], made.extended) == (9, [2, 5], True)
    with pytest.raises(RunError, match="has 9 epochs already, --epochs 8 would be fewer"):
        made.extend(8)
    plain = Run(str(tmp_path), SETTINGS)
    plain.extend(5)
    assert "restarts" not in plain.settings


def test_what_is_written_is_read_again(tmp_path):
    folder = str(tmp_path / "new" / "run")
    made = Run.create(SETTINGS, folder)
    assert Run.open(folder).settings == SETTINGS == json.loads((tmp_path / "new" / "run" / "config.json").read_text())
    assert made.path("x") == f"{folder}/x"
    assert made.checkpoint.startswith(folder)


@pytest.mark.parametrize(("text", "message"), [
    (None, "not a run folder, it has no config.json"), ("{", "not valid JSON"), ("[1]", "holds no settings"),
    ("[" * 100_000, "not valid JSON"),
    (json.dumps({**SETTINGS, "epochs": "2"}), "epochs is '2', which no run of tinydl has"),
    (json.dumps({**SETTINGS, "seed": True}), "seed is True"),
    (json.dumps({**SETTINGS, "schedule": "x"}), "unknown .*'x'"),
    (json.dumps({**SETTINGS, "restarts": [2]}), r"restarts is \[2\], .*less than 2"),
    (json.dumps({**SETTINGS, "restarts": ["a"]}), "restarts is .*whole numbers that rise"),
    (json.dumps({**SETTINGS, "optimizer": "x"}), "unknown .*'x'")])
def test_settings_that_are_no_runs(tmp_path, text, message):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunError, match=message):
        Run.open(str(tmp_path))


def test_settings_take_no_more_memory_than_their_file(tmp_path):
    (tmp_path / "config.json").write_text("{")
    tracemalloc.start()
    try:
        with pytest.raises(RunError):
            Run.open(str(tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 18
    with open(tmp_path / "config.json", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RunError, match="too large to be a run's configuration"):
        Run.open(str(tmp_path))


def test_a_run_without_weights_says_how_to_get_them(tmp_path):
    folder = str(tmp_path / "run")
    with pytest.raises(RunError, match=f"no weights there yet; train with: tinydl train --resume {folder}"):
        Run.create(SETTINGS, folder).trained_net()
    with pytest.raises(RunError, match="no such run folder"):
        Run.open(str(tmp_path / "none"))
