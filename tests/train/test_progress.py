import io
import sys

import numpy as np
import pytest

import tinydl as td
from tinydl.train import Callback, Progress, Trainer


def data(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def make(*callbacks, lr=0.1):
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.ReLU(), td.nn.Linear(8, 2))
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), callbacks=list(callbacks))


def test_progress_writes_one_plain_line_per_epoch(capsys):
    make().fit(data(), data(16, 1), epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  loss ")
    for part in ("accuracy ", "val loss ", "val accuracy ", " %", " images/s", " s"):
        assert part in lines[1]


def test_progress_off(capsys):
    make().fit(data(), epochs=2, progress=False)
    assert capsys.readouterr().out == ""


def test_progress_says_why_it_ended_early(capsys):
    class Stop(Callback):
        def on_epoch_end(self, trainer, logs):
            trainer.stop("enough")

    make(Stop()).fit(data(), epochs=2)
    assert "stopped after epoch 1: enough" in capsys.readouterr().out


def test_progress_bar_shows_loss_accuracy_speed_and_time_left(monkeypatch):
    pytest.importorskip("tqdm")
    screen, lines = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    trainer = make(Progress(lines, bar=True))
    trainer.fit(data(4096), epochs=2, batch_size=4)
    shown = screen.getvalue()
    for part in ("epoch 1/2", "/1024", "loss ", "accuracy ", "images/s", " left"):
        assert part in shown
    assert len(lines.getvalue().splitlines()) == 2


def test_progress_without_tqdm_falls_back_to_lines(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    make(Progress(bar=True)).fit(data(), epochs=1)
    assert len(capsys.readouterr().out.splitlines()) == 1
