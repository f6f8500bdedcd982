import math

import numpy as np
import pytest

import tinydl as td
from tinydl.train import Callback, Checkpoint, Convergence, EarlyStopping, Trainer


def data(n=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def make(*callbacks, lr=0.1):
    td.manual_seed(1)
    net = td.nn.Sequential(td.nn.Linear(4, 8), td.nn.ReLU(), td.nn.Linear(8, 2))
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), callbacks=list(callbacks))


class Script(Callback):
    """Give the validation loss given values, one an epoch, and remember the weights of each."""

    order = -1

    def __init__(self, values):
        self.values, self.weights = values, []

    def on_epoch_end(self, trainer, logs):
        logs["val_loss"] = trainer.history["val_loss"][-1] = self.values[trainer.epoch - 1]
        self.weights.append(trainer.net.state_dict())


def run(values, **kwargs):
    """Early stopping over given values; returns (trainer, stopping, epoch whose weights the net has)."""
    script, stopping = Script(values), EarlyStopping(**kwargs)
    trainer = make(stopping, script)
    trainer.fit(data(), data(16, 1), epochs=len(values), progress=False)
    state = trainer.net.state_dict()
    same = [i + 1 for i, w in enumerate(script.weights) if all(np.array_equal(w[k], state[k]) for k in state)]
    return trainer, stopping, same


@pytest.mark.parametrize(("values", "kwargs", "last", "best"), [
    ([3, 2, 2.5, 1, 1, 1], {}, 3, 2),
    ([3, 2, 2.5, 1, 1.5, 1.2], {"patience": 2}, 6, 4),
    ([3, 2, 1, 0.5], {}, 4, 4),
    ([3, 2, 1.95, 1.94, 1], {"min_delta": 0.1}, 3, 2),
    ([3, 1, 2, 2, 2, 2, 2], {"patience": 4}, 6, 2),
    ([3, 1, 2, 2], {"patience": 9}, 4, 2),  # the epochs run out: the best weights come back all the same
    ([3, 1, 2, 0], {"patience": 1}, 3, 2),
    ([math.nan, 2, math.nan, 1], {"patience": 2}, 4, 4),
    ([1, 2, 3, 3, 4], {"mode": "max"}, 4, 3),
    ([1, 5, 6, 4, 4.5, 7], {"start_from_epoch": 2, "patience": 2}, 6, 4),  # epochs 1 and 2 are not looked at
    ([5, 4, 3, 2, 1], {"baseline": 2.5, "patience": 3}, 3, 3),  # better every time, and never good enough
    ([5, 4, 2, 3, 3, 3, 1], {"baseline": 2.5, "patience": 3}, 6, 3),
])
def test_early_stopping(values, kwargs, last, best):
    trainer, stopping, same = run(values, **kwargs)
    assert trainer.epoch == last
    assert stopping.best_epoch == best
    assert same == [best]
    assert (trainer.stop_reason is None) == (stopping.wait < max(1, stopping.patience))


def test_early_stopping_says_why():
    trainer, _, _ = run([3, 2, 2.5, 4])
    assert trainer.stop_reason == "val_loss has not improved for 1 epoch; best 2 in epoch 2"


def test_early_stopping_restores_batch_norm_statistics_too():
    td.manual_seed(0)
    net = td.nn.Sequential(td.nn.Linear(4, 3), td.nn.BatchNorm1d(3), td.nn.Linear(3, 2))
    script = Script([1, 2])
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1), callbacks=[EarlyStopping(), script])
    trainer.fit(data(), data(), epochs=2, progress=False)
    assert np.array_equal(net.state_dict()["1.running_mean"], script.weights[0]["1.running_mean"])
    assert not np.array_equal(net.state_dict()["1.running_mean"], script.weights[1]["1.running_mean"])


def test_early_stopping_restores_after_an_error():
    class Fails(Callback):
        def on_epoch_begin(self, trainer):
            if trainer.epoch == 2:
                raise RuntimeError("mine")

    script = Script([1, 2, 3])
    trainer = make(EarlyStopping(patience=5), script, Fails())
    with pytest.raises(RuntimeError, match="mine"):
        trainer.fit(data(), data(), epochs=3, progress=False)
    assert np.array_equal(trainer.net.state_dict()["0.weight"], script.weights[0]["0.weight"])


def test_early_stopping_of_accuracy_looks_for_the_largest():
    assert EarlyStopping("val_accuracy").sign == EarlyStopping("val_f1").sign == -1
    assert EarlyStopping("loss").sign == 1
    assert EarlyStopping("accuracy", mode="min").sign == 1


def test_early_stopping_without_its_column():
    with pytest.raises(ValueError, match="monitors 'val_loss', but an epoch gives only epoch, lr.*validation data"):
        make(EarlyStopping()).fit(data(), progress=False)


def test_early_stopping_starts_anew_with_every_fit():
    trainer, stopping, _ = run([1, 2])
    trainer.callbacks[:] = [stopping]
    trainer.fit(data(), data(), epochs=4, progress=False)
    assert stopping.best_epoch >= 3


@pytest.mark.parametrize(("make", "message"), [
    (lambda: EarlyStopping(mode="up"), "mode must be 'auto', 'min' or 'max', got 'up'"),
    (lambda: EarlyStopping(patience=-1), "patience must be at least 0, got -1"),
    (lambda: EarlyStopping(patience=1.5), "patience must be an integer, got 1.5"),
    (lambda: EarlyStopping(patience=math.nan), "patience must be an integer, got nan"),
    (lambda: EarlyStopping(min_delta=-1), "min_delta must be a finite number >= 0, got -1"),
    (lambda: EarlyStopping(min_delta=math.nan), "min_delta must be .*got nan"),
    (lambda: EarlyStopping(baseline=math.nan), "baseline must be .*got nan"),
    (lambda: EarlyStopping(start_from_epoch=-1), "start_from_epoch must be at least 0, got -1"),
    (lambda: EarlyStopping(restore_best=None), "restore_best must be True or False, got None"),
    (lambda: EarlyStopping("val_mine"), "whether 'val_mine' is better when it is small or large is not known"),
    (lambda: Convergence(0), "k must be at least 1, got 0"),
    (lambda: Convergence(1.5), "k must be an integer, got 1.5"),
    (lambda: Convergence(eps=0), "eps must be a finite number > 0, got 0"),
    (lambda: Convergence(eps=math.nan), "eps must be .*got nan"),
])
def test_arguments_that_cannot_be(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_a_resumed_run_stops_where_the_uninterrupted_one_did(tmp_path):
    values = [3, 1, 2, 2, 2, 2, 2, 2]
    path = tmp_path / "c"
    make_callbacks = lambda: [EarlyStopping(patience=3), Script(values), Checkpoint(path)]  # noqa: E731
    whole = make(*make_callbacks())
    whole.fit(data(), data(), epochs=8, progress=False)
    first = make(*make_callbacks())
    first.fit(data(), data(), epochs=3, progress=False)
    second = make(*make_callbacks())
    second.load(path)
    second.fit(data(), data(), epochs=8, progress=False)
    assert second.epoch == whole.epoch == 5
    assert second.stop_reason == whole.stop_reason
    assert np.array_equal(second.net[0].weight.data, whole.net[0].weight.data)
    # A run that had stopped is at its end when it is resumed.
    third = make(*make_callbacks())
    third.load(path)
    third.fit(data(), data(), epochs=8, progress=False)
    assert third.epoch == 5


def test_convergence_stops_by_its_own_rule_and_says_so():
    class Losses(Callback):
        order = -1

        def on_epoch_end(self, trainer, logs):
            logs["loss"] = trainer.history["loss"][-1] = [4, 3, 2.95, 2.9, 2.85, 1][trainer.epoch - 1]

    trainer = make(Losses(), Convergence(k=2, eps=0.11))
    trainer.fit(data(), epochs=6, progress=False)
    assert trainer.epoch == 4  # |2.9 - 3| = 0.1, while two epochs before |2.95 - 4| was large
    assert trainer.stop_reason == "converged: |loss(4) - loss(2)| = 0.1 < 0.11"


class Score(Callback):
    """Appends to a column of its own."""

    def __init__(self, order):
        self.order = order

    def on_epoch_end(self, trainer, logs):
        trainer.history.setdefault(f"score {self.order}", []).append(np.float64(0.1) * trainer.epoch)


def test_a_callback_of_ones_own_column_can_be_monitored():
    trainer = make(Score(0), Convergence(monitor="score 0", eps=0.2), EarlyStopping("score 0", mode="max", patience=9))
    trainer.fit(data(), epochs=5, progress=False)
    assert trainer.stop_reason.startswith("converged: |score 0(2)") and trainer.callbacks[2].best == 0.2


def test_early_stopping_may_leave_the_last_weights():
    trainer, stopping, same = run([3, 1, 2, 2], restore_best=False, patience=2)
    assert same == [4] and stopping.best_epoch == 2 and stopping.restored_epoch is None and stopping.weights is None
    assert stopping.closing_words(trainer) is None


def test_early_stopping_says_which_epoch_it_restored():
    trainer, stopping, _ = run([3, 1, 2], patience=9)
    assert stopping.restored_epoch == 2
    assert stopping.closing_words(trainer) == "the net has the weights of epoch 2, the best: val_loss 1"
