import csv

import numpy as np
import pytest

import tinydl as td
from tinydl.train import Callback, Checkpoint, CSVLogger, Trainer, load_checkpoint
from tinydl.train.saving import write_csv


def data(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def make(*callbacks, lr=0.1):
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.ReLU(), td.nn.Linear(8, 2))
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), callbacks=list(callbacks))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Checkpoint("a", every=0), "every must be at least 1, got 0"),
    (lambda: Checkpoint("a", every=2.0), "every must be an integer, got 2.0"),
    (lambda: Checkpoint("a", mode="min"), "mode='min' is for best_of"),
    (lambda: Checkpoint("a", best_of="val_loss", every=2), "every=2 and best_of='val_loss' exclude each other"),
    (lambda: Checkpoint("a", best_of="score"), "Checkpoint: whether 'score' is better when it is small or large"),
])
def test_arguments_that_cannot_be(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_checkpoint_every_second_epoch_and_the_last(tmp_path):
    path = tmp_path / "new" / "c.safetensors"
    epochs = []

    class Watch(Callback):
        order = 101

        def on_epoch_end(self, trainer, logs):
            epochs.append(load_checkpoint(path)["epoch"] if path.exists() else None)

    make(Checkpoint(path, every=2), Watch()).fit(data(), epochs=5, progress=False)
    assert epochs == [None, 2, 2, 4, 5]


def test_csv_logger_holds_the_history_exactly(tmp_path):
    trainer = make(CSVLogger(tmp_path / "h.csv"))
    trainer.fit(data(), data(16, 1), epochs=3, progress=False)
    with open(tmp_path / "h.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["epoch"]) for r in rows] == [1, 2, 3]
    for name, column in trainer.history.items():
        assert [float(r[name]) for r in rows] == column


class Score(Callback):
    """Appends to a column of its own."""

    def __init__(self, order):
        self.order = order

    def on_epoch_end(self, trainer, logs):
        trainer.history.setdefault(f"score {self.order}", []).append(np.float64(0.1) * trainer.epoch)


def test_csv_logger_has_the_columns_of_callbacks(tmp_path):
    trainer = make(Score(0), CSVLogger(tmp_path / "h.csv"), Score(60))
    trainer.fit(data(), epochs=3, progress=False)
    assert [len(column) for column in trainer.history.values()] == [3] * 8
    with open(tmp_path / "h.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("score 0", "score 60"):
        assert [float(row[name]) for row in rows] == trainer.history[name] == [0.1 * k for k in (1, 2, 3)]


def test_write_csv(tmp_path):
    table = {"a, b": [1, 2, 3], "c": [0.1, None, np.float32(0.5)], "d": ["x\ny", 'q"', ""], "e": []}
    write_csv(tmp_path / "h.csv", table)
    with open(tmp_path / "h.csv", newline="") as file:
        assert list(csv.reader(file)) == [["a, b", "c", "d", "e"], ["1", "0.1", "x\ny", ""], ["2", "", 'q"', ""],
                                          ["3", "0.5", "", ""]]
    with pytest.raises(ValueError, match="history column 'b' has 2 entries, the first one has 1; append one an epoch"):
        write_csv(tmp_path / "h.csv", {"a": [1], "b": [1, 2]})


class Losses(Callback):
    """Gives the validation loss given values."""

    order = -1

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, trainer, logs):
        logs["val_loss"] = trainer.history["val_loss"][-1] = self.values[trainer.epoch - 1]


def test_a_checkpoint_of_the_best_epoch_only(tmp_path):
    best, path = tmp_path / "best", tmp_path / "all"
    values = [3.0, 1.0, 2.0, np.nan, 0.5, 0.7]

    def make_callbacks():
        return [Losses(values), Checkpoint(path), Checkpoint(best, best_of="val_loss", keep_previous=False)]

    def fit(trainer, epochs):
        trainer.fit(data(), data(16, 1), epochs=epochs, progress=False)

    first = make(*make_callbacks())
    fit(first, 4)
    assert load_checkpoint(best)["epoch"] == 2 and not (tmp_path / "best.previous").exists()
    assert (first.callbacks[2].best, first.callbacks[2].best_epoch) == (1.0, 2)
    second = make(*make_callbacks())
    second.load(path)
    assert second.callbacks[2].best_epoch == 2
    fit(second, 6)
    assert load_checkpoint(best)["epoch"] == 5
    # From the file of the best epoch the run goes on as it did.
    third = make(*make_callbacks())
    third.load(best)
    fit(third, 6)
    assert np.array_equal(third.net[0].weight.data, second.net[0].weight.data)
