"""The pictures of a run: which there are for which data, and what happens without matplotlib."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tinydl import cli, nn
from tinydl.cli.output import Output
from tinydl.data import ArrayDataset

HISTORY = {"epoch": [1, 2], "loss": [1.0, 0.5], "lr": [0.1, 0.1]}


@pytest.mark.parametrize(("shape", "task", "names"), [
    ((1, 4, 4), "classes", {"curves.png", "filters.png", "confusion.png", "mistakes.png"}),
    ((5,), "regression", {"curves.png", "predicted.png"}),
    ((5,), "labels", {"curves.png"}),
])
def test_pictures_that_data_have(tmp_path, monkeypatch, shape, task, names):
    """Files without what is drawn, which takes seconds: tests/test_cli.py looks at drawn ones."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("tinydl.inspect.plots.save", lambda figure, path: open(path, "x").close())
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    facts = {"target_mean": [1.0, 2], "target_std": [1.0, 3]}
    run = SimpleNamespace(settings={"task": task, "model": "net", "data": "mine", **facts},
                          path=lambda name: str(tmp_path / name))
    test = ArrayDataset(rng.random((4, *shape)), [0, 1, 0, 1] if task == "classes" else rng.random((4, 2)))
    outputs = np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    made = cli.pictures.make(run, SimpleNamespace(history=HISTORY, net=net), test, outputs, Output("train"))
    assert set(made) == names == set(os.listdir(tmp_path))


def test_mistakes_are_as_bright_as_the_data_say(tmp_path, monkeypatch):
    """The digits are bytes from 0 to 16."""
    pytest.importorskip("matplotlib")
    from tinydl.inspect import plots

    drawn = {}
    monkeypatch.setattr(plots, "save", lambda figure, path: drawn.update({os.path.basename(path): figure}))
    run = SimpleNamespace(settings={"model": "net", "data": "mine"}, path=lambda name: str(tmp_path / name))
    test = ArrayDataset(np.array([[[[0, 4], [8, 16]]]] * 2, np.uint8), [0, 1], scale=1 / 16)
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten())
    cli.pictures.make(run, SimpleNamespace(history=HISTORY, net=net), test, np.array([[0.0, 9], [0, 9]]),
                      Output("train"))
    assert drawn["mistakes.png"].axes[0].images[0].get_array().tolist() == [[0, 0.25], [0.5, 1]]


def test_the_name_of_the_data_may_be_no_utf8(tmp_path):
    pytest.importorskip("matplotlib")
    run = SimpleNamespace(settings={"model": "net", "data": "mine\udcff"}, path=lambda name: str(tmp_path / name))
    test = ArrayDataset(np.zeros((2, 3)), [0, 1])
    assert "curves.png" in cli.pictures.make(run, SimpleNamespace(history=HISTORY, net=None), test, np.eye(2),
                                             Output("train"))


def test_without_matplotlib_a_note(capsys, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    run = SimpleNamespace(settings={"model": "net", "data": "mine"})
    test = ArrayDataset(np.zeros((2, 3)), [0, 1])
    made = cli.pictures.make(run, SimpleNamespace(history=HISTORY, net=None), test, np.eye(2), Output("train"))
    assert made == [] and "no pictures: pictures need matplotlib" in capsys.readouterr().err
