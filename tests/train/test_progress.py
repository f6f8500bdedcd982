import io
import sys

import numpy as np
import pytest

import tinydl as td
from tinydl.train import Callback, EarlyStopping, Progress, Trainer, progress as progress_module


def data(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def make(*callbacks, lr=0.1):
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.ReLU(), td.nn.Linear(8, 2))
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), callbacks=list(callbacks))


def test_progress_writes_one_plain_line_per_epoch(capsys):
    trainer = make()
    history = trainer.fit(data(), data(16, 1), epochs=2)
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["epoch", "loss", "accuracy", "val", "loss", "val", "acc.", "lr", "time"]
    assert len(lines) == 2
    for k, line in enumerate(lines):
        want = [f"{k + 1}/2", f"{history['loss'][k]:.4g}", f"{100 * history['accuracy'][k]:.2f}", "%",
                f"{history['val_loss'][k]:.4g}", f"{100 * history['val_accuracy'][k]:.2f}", "%", "0.1"]
        assert line.split()[:8] == want


def logs_of(epoch, **more):
    return {"epoch": epoch, "lr": 1.25e-05, "lr_1": 0.1, "loss": 0.000123456, "accuracy": 0.98765, "val_loss": 123456.7,
            "val_accuracy": 1.0, "val_top5": 0.5, "val_my_metric_of_pixels": -1.5e-07, "seconds": 3601.0,
            "images_per_s": 12345.6, **more}


def test_no_line_is_longer_than_a_terminal_is_wide(capsys):
    progress, trainer = Progress(), make()
    trainer.epochs, trainer.epoch, trainer.callbacks = 1000, 999, [progress]
    progress.on_fit_begin(trainer)
    progress.on_epoch_end(trainer, logs_of(999))
    head, line, rest = capsys.readouterr().out.splitlines()
    assert max(map(len, (head, line, rest))) <= 80
    assert line.split() == ["999/1000", "0.0001235", "98.77", "%", "1.235e+05", "100.00", "%", "1.25e-05",
                            "1:00:01"]
    assert rest.split() == ["lr_1", "0.1", "val_top5", "0.5", "val_my_metric_of_pixels", "-1.5e-07"]


def test_the_best_epoch_has_a_mark_and_a_loss_of_nan_is_said_loudly(capsys):
    class Losses(Callback):
        order = -1

        def on_epoch_end(self, trainer, logs):
            logs["val_loss"] = trainer.history["val_loss"][-1] = [3.0, 2.0, np.nan, 2.5][trainer.epoch - 1]

    make(Losses()).fit(data(), data(16, 1), epochs=4)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.endswith(" *") for line in lines] == [True, True, False, False]
    assert " NAN " in lines[2]


def test_what_early_stopping_restores_is_said(capsys):
    class Losses(Callback):
        order = -1

        def on_epoch_end(self, trainer, logs):
            logs["val_loss"] = trainer.history["val_loss"][-1] = [3.0, 2.0, 2.5][trainer.epoch - 1]

    make(Losses(), EarlyStopping(patience=5)).fit(data(), data(16, 1), epochs=3)
    assert capsys.readouterr().out.splitlines()[-1] == "the net has the weights of epoch 2, the best: val_loss 2"


def test_progress_off(capsys):
    make().fit(data(), epochs=2, progress=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("reason", ["enough", "a reason of many words " * 5])
def test_progress_says_why_it_ended_early(capsys, reason):
    class Stop(Callback):
        def on_epoch_end(self, trainer, logs):
            trainer.stop(reason)

    make(Stop()).fit(data(), epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(lines[2:]).split()) == f"stopped after epoch 1: {reason}".strip()
    assert max(map(len, lines)) <= 80


def test_progress_bar_shows_loss_accuracy_speed_and_time_left(monkeypatch):
    pytest.importorskip("tqdm")
    screen, lines = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    trainer = make(Progress(lines, bar=True))
    trainer.fit(data(4096), epochs=2, batch_size=4)
    shown = screen.getvalue()
    for part in ("epoch 1/2", "/1024", "loss ", "acc. ", "images/s", " left"):
        assert part in shown
    assert len(lines.getvalue().splitlines()) == 3


def test_progress_without_tqdm_falls_back_to_lines(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    make(Progress(bar=True)).fit(data(), epochs=1)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_notebook_has_one_bar_for_the_whole_run(monkeypatch):
    tqdm = pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(progress_module, "_in_a_notebook", lambda: True)
    made = []

    class Bar(tqdm.tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **{**kwargs, "file": io.StringIO()})
            made.append(self)

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    make(Progress(io.StringIO())).fit(data(), epochs=3, batch_size=16)
    (bar,) = made
    assert (bar.total, bar.n, bar.desc) == (12, 12, "epoch 3/3") and "loss " in bar.status
