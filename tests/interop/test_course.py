"""Callbacks of estimators."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone

from tinydl import nn, train
from tinydl.interop.course import check_callbacks
from tinydl.sklearn import CNNClassifier, CNNRegressor

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(60, 3)), np.arange(60) % 2


class Diary(train.Callback):
    """Writes down what it is told."""

    def __init__(self, last=None):
        self.lines, self.last, self.rows = [], last, []

    def on_fit_begin(self, trainer):
        self.lines.append("begin")

    def on_epoch_begin(self, trainer):
        self.lines.append(f"epoch {trainer.epoch}")
        assert trainer.net.training and not trainer.resumed

    def on_backward_end(self, trainer):
        assert all(p.grad is not None for p in trainer.net.parameters())
        self.lines.append("backward")

    def on_batch_end(self, trainer, logs):
        self.lines.append((logs["batch"], logs["size"]))

    def on_epoch_end(self, trainer, logs):
        self.rows.append(dict(logs))
        if trainer.epoch == self.last:
            trainer.stop("enough")
        trainer.lr /= 2

    def on_fit_end(self, trainer):
        self.lines.append("end")
        self.history = trainer.history


def test_callbacks_are_told_the_course():
    diary = Diary(last=2)
    model = CNNClassifier(epochs=9, batch_size=40, lr=0.004, random_state=0, early_stopping=True, callbacks=[diary])
    model.fit(X, Y)
    batches = ["backward", (0, 40), "backward", (1, 14)]  # a tenth of the 60 samples is held back
    assert diary.lines == ["begin", "epoch 0", *batches, "epoch 1", *batches, "end"]
    assert model.n_iter_ == 2
    assert diary.rows == [{"epoch": k + 1, "lr": 0.004 / 2**k, "loss": model.loss_curve_[k],
                           "val_loss": model.validation_curve_[k]} for k in range(2)]
    assert diary.history["loss"] == model.loss_curve_


def test_callbacks_do_not_change_the_bits_and_clones_have_their_own():
    diary = Diary()
    diary.on_epoch_end = lambda trainer, logs: None
    plain, seen = (CNNRegressor(epochs=2, random_state=0, callbacks=c).fit(X, X[:, 0]) for c in (None, [diary]))
    assert np.array_equal(plain.predict(X), seen.predict(X))
    copied = clone(seen)
    assert copied.callbacks[0] is not diary and copied.get_params()["callbacks"][0].lines == diary.lines


def test_early_stopping_and_freezing():
    stop = train.EarlyStopping("loss", patience=1, min_delta=10)
    model = CNNClassifier(epochs=9, random_state=0, callbacks=[stop]).fit(X, Y)
    assert model.n_iter_ == 2 and stop.restored_epoch == 1
    frozen, free = (CNNClassifier(nn.Linear(3, 2), epochs=2, random_state=0, callbacks=[train.Freeze("bias", n)])
                    for n in (0, 1))
    moved = [np.any(model.fit(X, Y).net_.bias.data != model.net.bias.data) for model in (frozen, free)]
    assert moved == [False, True] and frozen.net_.bias.requires_grad


def test_on_fit_end_comes_after_an_error():
    diary = Diary()
    with pytest.raises(AttributeError, match="callbacks of an estimator find no 'save'.*a train.Trainer has the rest"):
        CNNClassifier(epochs=1, callbacks=[diary, train.Checkpoint("never", every=1)]).fit(X, Y)
    assert diary.lines[-1] == "end"


@pytest.mark.parametrize(("callbacks", "words"), [
    (Diary(), "must be a list of train.Callback, got Diary"), ([print], "must hold objects of train.Callback, got <")])
def test_what_is_no_callback(callbacks, words):
    with pytest.raises(TypeError, match=words):
        CNNClassifier(callbacks=callbacks).fit(X, Y)
    late = Diary()
    late.order = 9
    assert check_callbacks(None) == [] and check_callbacks((late, first := Diary())) == [first, late]
