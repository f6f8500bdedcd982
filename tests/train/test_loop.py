import copy
import os
import signal

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.data import Batches, DataLoader, TensorDataset
from tinydl.train import (
    Callback,
    Checkpoint,
    CheckpointError,
    EarlyStopping,
    LRFinder,
    NonFiniteGradientError,
    NonFiniteLossError,
    Trainer,
)

rng = np.random.default_rng(0)
X = rng.standard_normal((70, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1)
WEIGHTS = rng.random(70).astype(np.float32)


def plain_net(seed=0):
    td.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def trainer_of(net, lr=0.1, **kwargs):
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), **kwargs)


def weights_of(trainer):
    return {name: value.tobytes() for name, value in trainer.net.state_dict().items()}


def bits(trainer):
    """All of a state as bytes and plain values, but for the times."""
    def plain(value):
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in ("seconds", "images_per_s")}
        return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value

    return plain(trainer.state_dict())


class SignalAfter(Callback):
    """Send a signal to this process after so many updates."""

    def __init__(self, updates):
        self.left = updates

    def on_batch_end(self, trainer, logs):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


# --- accumulate ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("case", ["plain", "weighted loss", "class_weight", "sample_weight", "sum", "ignored"])
def test_batches_that_are_accumulated_are_one_large_batch(case):
    y = np.where(np.arange(70) % 5 == 0, -100, Y) if case == "ignored" else Y
    x = td.data.ArrayDataset(X, y, ignore_index=-100) if case == "ignored" else (X, y)
    loss = nn.CrossEntropyLoss([1, 5, 9] if case == "weighted loss" else None, reduction="sum" if case == "sum" else
                               "mean")
    options = {"class_weight": {"class_weight": {1: 5.0}}, "sample_weight": {"sample_weight": WEIGHTS}}.get(case, {})
    lr = 0.002 if case == "sum" else 0.1
    whole, parts = trainer_of(plain_net(), lr, loss=loss), trainer_of(plain_net(), lr, loss=loss, accumulate=4)
    for trainer, size in ((whole, 32), (parts, 8)):  # 70 samples: 32 + 32 + 6, and 6 is one batch again
        trainer.fit(x, epochs=2, batch_size=size, progress=False, **options)
    for name, value in whole.net.state_dict().items():
        np.testing.assert_allclose(parts.net.state_dict()[name], value, rtol=2e-4, atol=1e-6)
    assert parts.history["loss"] == pytest.approx(whole.history["loss"], rel=1e-5)
    assert parts.history["accuracy"] == whole.history["accuracy"]


def test_callbacks_see_an_update_of_several_batches():
    class Record(Callback):
        def on_batch_end(self, trainer, logs):
            rows.append((logs["batch"], logs["size"], trainer.batch))

    rows = []
    trainer_of(plain_net(), accumulate=3, callbacks=[Record()]).fit((X, Y), batch_size=16, progress=False)
    assert rows == [(2, 48, 3), (4, 22, 5)]


def test_a_loss_of_nan_in_a_later_batch_undoes_the_whole_update():
    net = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3))
    x = X.copy()
    x[30] = np.nan
    trainer = trainer_of(net, accumulate=4)
    before = bits(trainer)
    with pytest.raises(NonFiniteLossError, match="in batch 4 of epoch 1: sample 6 of the batch"):
        trainer.fit((x, Y), batch_size=8, shuffle=False, progress=False)
    after = bits(trainer)
    for name in ("model", "optimizer", "batch"):
        assert after[name] == before[name]
    assert trainer._tally.samples == 0


# --- gradients -----------------------------------------------------------------------------------------------------

def test_gradients_are_clipped_together():
    net = nn.Linear(2, 1, bias=False)
    net.load_state_dict({"weight": np.array([[0.0, 0.0]], np.float32)})
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=1.0), nn.MSELoss(), clip_norm=0.5)
    trainer.fit((np.array([[3.0, 4.0]]), np.array([[10.0]], np.float32)), progress=False)
    # The gradient is -2 * 10 * (3, 4) of norm 100; of norm 1/2 it is -(0.3, 0.4).
    np.testing.assert_allclose(net.weight.data, [[0.3, 0.4]], rtol=1e-5)


@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_a_gradient_that_is_not_finite_is_named(clip_norm):
    class Spoil(Callback):
        def on_backward_end(self, trainer):
            trainer.net[2].weight.grad[1, 2] = np.inf

    trainer = trainer_of(plain_net(), clip_norm=clip_norm, callbacks=[Spoil()])
    before = weights_of(trainer)
    with pytest.raises(NonFiniteGradientError, match=r"the gradient of 2.weight is not finite \(inf\) in batch 1 of"):
        trainer.fit((X, Y), progress=False)
    assert weights_of(trainer) == before


def test_a_callback_may_change_gradients_before_they_are_clipped():
    class Zero(Callback):
        def on_backward_end(self, trainer):
            norms.append(float(np.abs(trainer.net[0].weight.grad).sum()))
            trainer.net[0].weight.grad[...] = 0

    norms = []
    trainer = trainer_of(plain_net(), clip_norm=1e-3, callbacks=[Zero()])
    before = trainer.net.state_dict()
    trainer.fit((X, Y), batch_size=35, progress=False)
    assert np.array_equal(trainer.net[0].weight.data, before["0.weight"]) and len(norms) == 2 and min(norms) > 1e-2
    assert not np.array_equal(trainer.net[2].weight.data, before["2.weight"])


def test_an_epoch_begins_in_training_mode():
    class Look(Callback):
        def on_epoch_begin(self, trainer):
            modes.append((trainer.net.training, trainer.net[1].training))
            trainer.net[1].eval()

        def on_batch_end(self, trainer, logs):
            modes.append((trainer.net.training, trainer.net[1].training))

    modes = []
    trainer = trainer_of(plain_net(), callbacks=[Look()])
    trainer.net.eval()
    trainer.fit((X, Y), batch_size=70, progress=False)
    assert modes == [(True, True), (True, False)]


# --- what an epoch is made of --------------------------------------------------------------------------------------

def test_a_rate_for_each_group():
    net = plain_net()
    optimizer = td.optim.SGD([{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.01}], lr=0.1)
    history = Trainer(net, optimizer, scheduler=td.optim.StepLR(optimizer, 1)).fit((X, Y), epochs=2, progress=False)
    assert history["lr"] == pytest.approx([0.1, 0.01]) and history["lr_1"] == pytest.approx([0.01, 0.001])
    assert "lr_2" not in history and list(history)[:4] == ["epoch", "lr", "lr_1", "loss"]


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        self.left, self.right = nn.Linear(6, 3), nn.Linear(2, 1)

    def forward(self, left, right):
        return {"class": self.left(left), "size": self.right(right)}


def loss_of_two(output, y):
    return td.ops.cross_entropy(output["class"], y["class"]) + td.ops.mse(output["size"], y["size"])


def test_several_inputs_and_outputs():
    right = X[:, :2]
    targets = {"class": Y, "size": right.sum(axis=1, keepdims=True)}
    td.manual_seed(0)
    net = Two()
    trainer = trainer_of(net, loss=loss_of_two, metrics={"mae": lambda y, o: np.abs(y["size"] - o["size"]).mean()})
    ordered, named = (X, right), {"right": right, "left": X}
    history = trainer.fit((ordered, targets), validation_split=0.3, epochs=20, batch_size=10, progress=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0] and history["val_mae"][-1] < 0.1 < history["val_mae"][0]
    assert "accuracy" not in history
    one, two = trainer.predict(ordered, batch_size=9), trainer.predict(named)
    assert one["class"].shape == (70, 3) and np.allclose(one["size"], two["size"])
    got = trainer.evaluate((named, targets), batch_size=7)
    logits = one["class"].astype(float)
    entropy = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(70), Y])
    assert got["loss"] == pytest.approx(entropy + np.mean((one["size"] - targets["size"]) ** 2), rel=1e-5)


def batches(epochs=1):
    """What `fit` makes of arrays without shuffling, one batch after the other."""
    for _ in range(epochs):
        for k in range(0, 70, 16):
            yield X[k:k + 16], Y[k:k + 16]


@pytest.mark.parametrize(("source", "steps"), [
    (batches, None), (lambda: batches(3), 5), (batches(3), 5), (Batches((X, Y), 16), None)])
def test_batches_of_ones_own_train_as_arrays_do(source, steps):
    arrays, own = trainer_of(plain_net()), trainer_of(plain_net())
    arrays.fit((X, Y), (X, Y), epochs=3, batch_size=16, shuffle=False, progress=False)
    own.fit(source, batches, epochs=3, steps_per_epoch=steps, progress=False)
    assert weights_of(own) == weights_of(arrays)
    assert own.history["val_loss"] == pytest.approx(arrays.history["val_loss"], rel=1e-6)
    assert own.history["accuracy"] == arrays.history["accuracy"]
    assert own.evaluate(batches())["accuracy"] == arrays.evaluate((X, Y))["accuracy"]
    assert np.allclose(own.predict(batches()), arrays.predict(X), atol=1e-6)


def test_batches_with_weights_train_as_weighted_arrays_do():
    arrays, own = trainer_of(plain_net()), trainer_of(plain_net())
    arrays.fit((X, Y), batch_size=35, shuffle=False, sample_weight=WEIGHTS, progress=False)
    own.fit(iter([(X[:35], Y[:35], WEIGHTS[:35]), (X[35:], Y[35:], WEIGHTS[35:])]), progress=False)
    assert weights_of(own) == weights_of(arrays) and own.history["loss"] == arrays.history["loss"]


@pytest.mark.parametrize("size", [1, 7, 70])
def test_a_weighted_loss_does_not_depend_on_the_batch_size(size):
    trainer = trainer_of(plain_net(), lr=1e-30)
    history = trainer.fit((X, Y), batch_size=size, sample_weight=WEIGHTS, class_weight=[1, 4, 2], progress=False)
    logits = trainer.predict(X).astype(float)
    v = WEIGHTS * np.array([1, 4, 2])[Y]
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(70), Y]
    assert history["loss"] == [pytest.approx((v * losses).sum() / v.sum(), rel=1e-5)]


# --- exactness -----------------------------------------------------------------------------------------------------

def everything(*callbacks, clip_norm=0.7):
    """All that a run may have and that changes it, each with a state."""
    td.manual_seed(4)
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    optimizer = td.optim.Adam([{"params": net[0].parameters()}, {"params": net[4].parameters(), "lr": 0.01}], lr=0.03)
    schedule = [td.optim.LinearLR(optimizer, 0.1, 1.0, 9, per_batch=True), td.optim.StepLR(optimizer, 2),
                td.optim.ReduceLROnPlateau(optimizer, patience=0, threshold=0.5)]
    return Trainer(net, optimizer, scheduler=schedule, seed=3, accumulate=2, clip_norm=clip_norm,
                   metrics=["f1", "accuracy"], callbacks=[EarlyStopping("val_f1", patience=9), *callbacks])


def fit(trainer, source=None, **options):
    if source is None:
        options = {"validation_split": 0.25, "sample_weight": WEIGHTS, "batch_size": 9, **options}
    else:
        options = {"valid": (X, Y), **options}
    trainer.fit((X, Y) if source is None else source(), **{"epochs": 4, "class_weight": {2: 3.0}, "progress": False,
                                                           **options})
    return bits(trainer)


@pytest.mark.parametrize("updates", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("source", [None, lambda: batches, lambda: iter(list(batches(4))),
                                    lambda: DataLoader(TensorDataset(X, Y), 16, shuffle=True, seed=1)])
def test_a_run_with_everything_is_resumed_to_the_same_bits(tmp_path, source, updates):
    options = {} if source is None else {"steps_per_epoch": 5}
    path = tmp_path / "c"
    with pytest.raises(KeyboardInterrupt):
        fit(everything(Checkpoint(path), SignalAfter(updates)), source, **options)
    again = everything()
    again.load(path)
    whole, rest = divmod(updates, 3)  # an epoch is 6 batches of arrays or 5 that are given, 3 updates each
    length = 6 if source is None else 5
    assert (again.epoch, again.batch) in [(whole, 2 * rest), (whole - 1, length)]
    assert fit(again, source, **options) == fit(everything(), source, **options)


@pytest.mark.parametrize(("change", "message"), [
    ({"clip_norm": 0.8}, "made with clip_norm=0.7, this trainer has clip_norm=0.8"),
    ({"accumulate": 3}, "made with accumulate=2, this trainer has accumulate=3"),
    ({"scheduler": None}, "made with a scheduler, this trainer is the other way round"),
    ({"scheduler": []}, "made with 3 schedules, this trainer has none"),
])
def test_what_changes_an_update_must_be_the_same(tmp_path, change, message):
    trainer = everything()
    trainer.save(tmp_path / "c")
    other = everything()
    for name, value in change.items():
        setattr(other, name, value)
    before = bits(other)
    with pytest.raises(CheckpointError, match=message):
        other.load(tmp_path / "c")
    assert bits(other) == before


@pytest.mark.parametrize(("options", "message"), [
    ({"sample_weight": WEIGHTS[::-1]}, "sample_weight='array with crc32 "),
    ({"class_weight": {2: 4.0}}, r"class_weight=\[1.0, 1.0, 3.0\].*class_weight=\[1.0, 1.0, 4.0\]"),
    ({"validation_split": 0.5}, "samples="),
])
def test_what_changes_an_epoch_must_be_the_same_in_its_middle_and_is_said_after_it(tmp_path, options, message):
    path = tmp_path / "c"
    with pytest.raises(KeyboardInterrupt):
        fit(everything(Checkpoint(path), SignalAfter(2)))
    again = everything()
    again.load(path)
    with pytest.raises(ValueError, match=f"the epoch under way was begun with {message}"):
        fit(again, **options)
    fit(everything(Checkpoint(path)), epochs=1)
    again = everything()
    again.load(path)
    with pytest.warns(UserWarning, match=f"the checkpoint was made with {message}"):
        fit(again, epochs=2, **options)


def test_more_epochs_than_those_of_a_finished_run(tmp_path):
    path = tmp_path / "c"
    fit(everything(Checkpoint(path)), epochs=2)
    again = everything()
    again.load(path)
    assert fit(again, epochs=4) == fit(everything(), epochs=4)


def test_more_epochs_than_those_of_a_run_that_had_stopped(tmp_path):
    class Stop(Callback):
        def on_epoch_end(self, trainer, logs):
            if trainer.epoch == 2:
                trainer.stop("enough")

    path = tmp_path / "c"
    first = trainer_of(plain_net(), callbacks=[Stop(), Checkpoint(path)])
    first.fit((X, Y), epochs=5, progress=False)
    again, more = (trainer_of(plain_net(), callbacks=[Stop()]) for _ in range(2))
    for trainer, epochs, want in ((again, 5, 2), (more, 6, 6)):
        trainer.load(path)
        trainer.fit((X, Y), epochs=epochs, progress=False)
        assert trainer.epoch == want


def test_the_range_test_leaves_a_trainer_with_everything_as_it_was():
    trainer = everything()
    fit(trainer, epochs=1)
    before = bits(trainer)
    finder = LRFinder(1e-4, 1e-1, steps=12)
    finder.run(trainer, (X, Y), batch_size=16)
    assert bits(trainer) == before and len(finder.lrs) == 12


def test_a_deep_copy_goes_on_alone():
    trainer = everything()
    fit(trainer, epochs=1)
    other = copy.deepcopy(trainer)
    assert fit(other, epochs=2) == fit(trainer, epochs=2)


def test_what_is_held_out_is_a_share_of_every_class_and_takes_its_weights_along():
    class Watch(Callback):
        def on_fit_begin(self, trainer):
            plans.append(trainer._plan)

    plans = []
    weights = list(np.where(Y == 2, 1.0, 0.0))  # a list, too
    trainer = trainer_of(plain_net(), callbacks=[Watch()])
    history = trainer.fit((X, Y), validation_split=0.5, sample_weight=weights, batch_size=70, progress=False)
    held_out = sum(round(0.5 * n) for n in np.bincount(Y))
    assert plans[0]["samples"] == 70 - held_out and "val_loss" in history
    before = plain_net()
    with td.no_grad():
        logits = before(X[Y == 2]).numpy().astype(float)
    losses = np.log(np.exp(logits).sum(1)) - logits[:, 2]
    assert losses.min() < history["loss"][0] < losses.max()  # those of class 2 alone


@pytest.mark.parametrize(("options", "message"), [
    ({"validation_split": 0.2, "valid": (X, Y)}, "validation_split=0.2 holds out .*there are validation data already"),
    ({"validation_split": 1.5}, "fraction must be between 0 and 1, got 1.5"),
    ({"validation_split": 1e-9}, "of 70 samples leaves 70 to train and 0 to validate"),
    ({"validation_split": 0.2, "sample_weight": [1, 2]}, "one number for each of the 70 samples"),
    ({"steps_per_epoch": 3}, "steps_per_epoch=3 is for data that give batches by themselves"),
])
def test_arguments_of_fit_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        trainer_of(plain_net()).fit((X, Y), progress=False, **options)
    with pytest.raises(ValueError, match="there are batches; pass valid"):
        trainer_of(plain_net()).fit(batches, validation_split=0.2, progress=False)


def test_metrics_without_validation_data():
    with pytest.warns(UserWarning, match="metrics f1 are measured on validation data, and there are none"):
        history = trainer_of(plain_net(), metrics=["f1"]).fit((X, Y), progress=False)
    assert "val_f1" not in history


@pytest.mark.parametrize(("options", "message"), [
    ({"clip_norm": 0}, "clip_norm must be a finite number > 0, got 0"),
    ({"clip_norm": np.nan}, "clip_norm must be .*got nan"),
    ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
    ({"accumulate": 2.0}, "accumulate must be an integer, got 2.0"),
    ({"metrics": ["auc"]}, "unknown metric 'auc'"),
])
def test_arguments_of_a_trainer_that_cannot_be(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        trainer_of(plain_net(), **options)
