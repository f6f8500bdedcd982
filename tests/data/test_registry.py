"""Data sets by name: the table, what is entered into it, and that one entry serves reader, recipe and download."""

import re
from pathlib import Path

import numpy as np
import pytest

import tinydl as td
from tinydl import cli
from tinydl.data import ArrayDataset, DataError, registry, sets
from tinydl.data.registry import File, Source
from tinydl.train.building import build_augment, build_net


@pytest.fixture
def table():
    """The registry, whose table is what it was again after the test."""
    saved = dict(registry.BY_NAME)
    yield registry
    registry.BY_NAME.clear()
    registry.BY_NAME.update(saved)


def test_every_file_of_the_folder_is_an_entry():
    files = {path.stem.replace("_", "-") for path in Path(sets.__file__).parent.glob("*.py")} - {"--init--"}
    assert set(td.data.BY_NAME) == files


def test_what_comes_with_tinydl_in_the_order_of_its_size():
    names = ["digits", "mnist", "kmnist", "fashion-mnist", "cifar100", "cifar10", "svhn", "emnist-digits",
             "speech-commands-12"]
    assert list(td.data.BY_NAME) == names
    assert registry.choices() == [*td.data.BY_NAME, "FILE.npz", "FILE.csv", "DIR"]
    assert list(registry.downloads()) == names[1:]
    for source in registry.downloads().values():
        assert source.url.startswith("http") and source.files
        for file in source.files:
            for md5 in filter(None, file[1:]):
                assert re.fullmatch("[0-9a-f]{32}", md5)


def test_every_recipe_names_a_network_that_takes_such_images():
    grey, colour = (1, 28, 28), (3, 32, 32)
    shapes = {"digits": (1, 8, 8), "mnist": grey, "kmnist": grey, "fashion-mnist": grey, "cifar10": colour,
              "cifar100": colour, "svhn": colour, "emnist-digits": grey, "speech-commands-12": (1, 49, 10)}
    for name, entry in td.data.BY_NAME.items():
        assert set(entry.recipe) >= {"model", "epochs", "batch_size"}
        assert build_net(entry.recipe["model"], shapes[name], 10) is not None
        # A digit mirrored is another sign; clothes and things are what they were.
        augment = build_augment(entry.recipe)
        assert (augment is not None and augment.mirror) == (name in ("fashion-mnist", "cifar10", "cifar100"))


def test_an_unknown_name():
    with pytest.raises(DataError, match=r"unknown data 'imagenet'; choose digits, mnist, .*, FILE\.npz"):
        td.data.load("imagenet")


def test_a_file_of_the_users_is_found_by_its_suffix(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((20, 4, 4), np.uint8), y=np.arange(20) % 2)
    train, test = td.data.load(str(tmp_path / "own.npz"))
    assert (len(train), len(test), train.name) == (16, 4, "own train")


def test_the_folder_is_the_users_or_that_of_the_environment(monkeypatch, tmp_path, idx_set):
    idx_set(tmp_path / "a" / "mnist", n_train=30)
    idx_set(tmp_path / "b" / "tinydl" / "mnist", n_train=50)
    monkeypatch.setenv("TINYDL_DATA", str(tmp_path / "a"))
    assert len(td.data.load("mnist")[0]) == 30
    assert len(td.data.load("mnist", tmp_path / "b" / "tinydl")[0]) == 50
    monkeypatch.delenv("TINYDL_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert len(td.data.load("mnist")[0]) == 50


def test_one_entry_serves_reader_recipe_and_command_line(table, tmp_path, monkeypatch, capsys):
    asked = []

    def read(folder, seed):
        asked.append((folder, seed))
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (40, 1, 8, 8), np.uint8), np.arange(40) % 2
        return ArrayDataset(x, y, name="stripes train"), ArrayDataset(x, y, name="stripes test")

    table.register("stripes", read, {"model": "digits_cnn", "epochs": 1, "batch_size": 20})
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--data", "stripes", "--data-dir", "here", "--seed", "5"]) == 0
    assert asked == [(str(tmp_path / "here"), 5)]
    assert "40 training and 40 test images of 1x8x8, 2 classes" in capsys.readouterr().out
    assert (tmp_path / "runs" / "stripes-digits_cnn" / "weights.safetensors").exists()
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    assert "digits (default), stripes, mnist" in capsys.readouterr().out


def test_one_entry_serves_the_download(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TINYDL_DATA", str(tmp_path))
    source = Source("http://127.0.0.1:9", "squares", 5000, (File("squares.gz", "0" * 32),))
    table.register("squares", None, {"model": "mlp", "epochs": 1, "batch_size": 1}, source)
    assert list(table.downloads())[-1] == "squares"  # the largest
    assert cli.main(["train", "--data", "squares", "--download"]) == 2
    assert "http://127.0.0.1:9/squares.gz: " in capsys.readouterr().err


def test_a_download_is_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("tinydl.data.download.download", lambda name, folder: asked.append((name, folder)))
    with pytest.raises(td.data.DataError, match="no MNIST here"):
        td.data.load("mnist", tmp_path, download=True)
    assert asked == [("mnist", tmp_path)]
    with pytest.raises(td.data.DataError, match="digits: there is nothing to download"):
        td.data.load("digits", download=True)
