"""PruningCallback with a trial that notes what it is told; examples/sweep_optuna.py runs it in Optuna."""

import sys
import types

import numpy as np
import pytest

from tinydl import nn, optim
from tinydl.interop.optuna import PruningCallback
from tinydl.train import Callback, Trainer


class TrialPruned(Exception):
    pass


class Trial:
    """Optuna's part in it: told values by step, it prunes after so many."""

    def __init__(self, most=99):
        self.told, self.most = {}, most

    def report(self, value, step):
        assert type(value) is float
        self.told[step] = value

    def should_prune(self):
        return len(self.told) >= self.most


class Ended(Callback):
    ended = 0

    def on_fit_end(self, trainer):
        self.ended += 1


@pytest.fixture(autouse=True)
def optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", types.SimpleNamespace(TrialPruned=TrialPruned))


def fit(*callbacks, **options):
    x = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
    net = nn.Linear(3, 2)
    trainer = Trainer(net, optim.SGD(net.parameters(), lr=0.1), callbacks=[*callbacks])
    try:
        trainer.fit((x, (x[:, 0] > 0).astype(int)), epochs=4, batch_size=10, progress=False, **options)
    finally:
        fit.trainer = trainer
    return trainer


def test_every_epoch_is_reported():
    trial = Trial()
    trainer = fit(PruningCallback(trial), validation_split=0.25)
    assert trial.told == dict(zip((1, 2, 3, 4), trainer.history["val_accuracy"], strict=True))


def test_a_pruned_trial_ends_after_its_epoch():
    trial, ended = Trial(2), Ended()
    with pytest.raises(TrialPruned, match=r"^loss is 0\.\d+ after epoch 2$"):
        fit(PruningCallback(trial, "loss"), ended)
    assert list(trial.told) == [1, 2] and ended.ended == 1
    assert fit.trainer.history["loss"] == list(trial.told.values())


def test_a_column_that_no_epoch_gives():
    with pytest.raises(ValueError, match="monitors 'val_accuracy', but an epoch gives only .*; pass validation"):
        fit(PruningCallback(Trial()))


@pytest.mark.parametrize("wrong", [None, "trial", 3])
def test_not_a_trial(wrong):
    with pytest.raises(TypeError, match=f"the Optuna trial that the objective got, got {type(wrong).__name__}"):
        PruningCallback(wrong)
