import os
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import tinydl as td
from tinydl.data import ArrayDataset
from tinydl.train import (
    Callback,
    Checkpoint,
    EarlyStopping,
    Freeze,
    Trainer,
    load_checkpoint,
)

TIMES = ("seconds", "images_per_s")


def make_data(n=70, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 6)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(int) + (x[:, 2] > 1)


def make_trainer(callbacks=(), lr=0.05, schedule=True, seed=3):
    """Everything with a state: batch norm, dropout, momentum, a schedule per batch."""
    td.manual_seed(11)
    net = td.nn.Sequential(td.nn.Linear(6, 16), td.nn.BatchNorm1d(16), td.nn.ReLU(), td.nn.Dropout(0.3),
                           td.nn.Linear(16, 3))
    optimizer = td.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-3)
    scheduler = td.optim.OneCycleLR(optimizer, lr, total_steps=4 * 5) if schedule else None
    return Trainer(net, optimizer, scheduler=scheduler, seed=seed, callbacks=callbacks)


def fit(trainer, **kwargs):
    return trainer.fit(make_data(), make_data(30, 1), **{"epochs": 4, "batch_size": 16, "progress": False, **kwargs})


def bits(trainer):
    """Everything that must be the same, as bytes and plain values."""
    def plain(value):
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value

    state = plain(trainer.state_dict())
    for name in TIMES:
        state["history"].pop(name, None)
        state["sums"].pop(name, None)
    return state


class SignalAfter(Callback):
    """Send a signal to this process in the middle of a batch count."""

    def __init__(self, batches, number=signal.SIGINT):
        self.left, self.number = batches, number

    def on_batch_end(self, trainer, logs):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


class Record(Callback):
    def __init__(self):
        self.calls = []

    def on_fit_begin(self, trainer):
        self.calls.append("fit_begin")

    def on_epoch_begin(self, trainer):
        self.calls.append("epoch_begin")

    def on_batch_end(self, trainer, logs):
        self.calls.append(("batch", logs["batch"], logs["size"]))

    def on_epoch_end(self, trainer, logs):
        self.calls.append(("epoch_end", logs["epoch"]))

    def on_interrupt(self, trainer):
        self.calls.append("interrupt")

    def on_fit_end(self, trainer):
        self.calls.append("fit_end")


# --- learning ------------------------------------------------------------------------------------------------------

def test_it_learns_and_keeps_a_history():
    trainer = make_trainer()
    history = fit(trainer)
    assert history["epoch"] == [1, 2, 3, 4]
    assert list(history) == ["epoch", "lr", "loss", "accuracy", "val_loss", "val_accuracy", "seconds", "images_per_s"]
    assert history["loss"][-1] < history["loss"][0]
    assert trainer.evaluate(make_data(30, 1)) == {"loss": history["val_loss"][-1],
                                                  "accuracy": history["val_accuracy"][-1]}


def test_one_step_is_gradient_descent_on_the_mean_loss():
    # A linear net and squared error: w <- w - lr * 2/N * sum (wx - y) x, by hand.
    net = td.nn.Linear(1, 1, bias=False)
    net.load_state_dict({"weight": np.array([[0.5]], np.float32)})
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1), td.nn.MSELoss())
    data = np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]], np.float32)
    history = trainer.fit(data, batch_size=2, progress=False)
    # loss = ((0.5-1)^2 + (1-3)^2)/2 = 2.125; gradient = (-0.5*1 + -2*2) = -4.5; w = 0.95
    assert history["loss"] == [2.125]
    assert net.weight.item() == pytest.approx(0.95, abs=1e-6)
    assert "accuracy" not in history


def test_a_label_for_each_position():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 1, 6, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    net = td.nn.Conv2d(1, 2, 1)
    net.weight.data[:, 0, 0, 0], net.bias.data[...] = (-1.0, 1.0), 0.0
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.01))
    history = trainer.fit((x, y), (x, 1 - y), epochs=1, batch_size=20, progress=False)
    assert history["accuracy"] == [1.0] and history["val_accuracy"] == [0.0]


@pytest.mark.parametrize("columns", [(), (1,)])
def test_outputs_that_are_no_scores_have_no_accuracy(columns):
    x, y = np.linspace(-1, 1, 30, dtype=np.float32)[:, None], np.arange(30) % 2

    class Net(td.nn.Module):
        def __init__(self):
            self.linear = td.nn.Linear(1, 1)

        def forward(self, x):
            return self.linear(x).reshape((-1, *columns))

    net = Net()
    loss = td.nn.BCEWithLogitsLoss()
    trainer = Trainer(net, td.optim.SGD(net.parameters()),
                      loss=lambda out, y: loss(out, y.reshape(out.shape).astype(np.float32)))
    history = trainer.fit((x, y), (x, y), epochs=1, batch_size=10, progress=False)
    assert "accuracy" not in history and "val_accuracy" not in history and np.isfinite(history["val_loss"]).all()


def test_the_last_short_batch_counts_by_its_size():
    x, y = np.arange(5, dtype=np.float32).reshape(5, 1), np.zeros((5, 1), np.float32)
    net = td.nn.Linear(1, 1, bias=False)
    net.load_state_dict({"weight": np.array([[1.0]], np.float32)})
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=1e-12), td.nn.MSELoss())
    history = trainer.fit((x, y), (x, y), batch_size=2, progress=False, eval_batch_size=3)
    assert history["loss"][0] == pytest.approx(6, rel=1e-5)  # (0 + 1 + 4 + 9 + 16) / 5
    assert history["val_loss"][0] == pytest.approx(6, rel=1e-5)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_weighted_loss_of_an_epoch_does_not_depend_on_the_batch_size(size):
    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    y = np.array([0, 1, 0, 0, 1, 0, 0, 0])
    net = td.nn.Linear(2, 2, bias=False)
    net.load_state_dict({"weight": np.eye(2)})
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=1e-30), td.nn.CrossEntropyLoss([1, 9]))
    history = trainer.fit((x, y), (x, y), batch_size=size, eval_batch_size=size, progress=False)
    rows, weight = np.log(np.exp(x).sum(1)) - x[np.arange(8), y], np.array([1, 9])[y]
    want = pytest.approx((rows * weight).sum() / weight.sum(), rel=1e-5)
    assert history["loss"] == [want] and history["val_loss"] == [want]


@pytest.mark.parametrize("flat", [False, True])
def test_a_binary_net_with_one_output(flat):
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    net = td.nn.Sequential(td.nn.Linear(3, 1), *[td.nn.Flatten(0)] * flat)
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=1.0), td.nn.BCEWithLogitsLoss())
    history = trainer.fit((x, y), (x, y), epochs=15, batch_size=16, progress=False)
    assert history["accuracy"][-1] > 0.95 and history["val_accuracy"][-1] > 0.95
    by_hand = np.mean((trainer.predict(x).reshape(-1) > 0) == y)
    assert history["val_accuracy"][-1] == by_hand == td.train.accuracy(y, trainer.predict(x))


def test_masks_are_learned():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 1, 6, 6)).astype(np.float32)
    mask = (x[:, 0] > 0).astype(int) + (x[:, 0] > 1)
    net = td.nn.Conv2d(1, 3, 1)
    trainer = Trainer(net, td.optim.Adam(net.parameters(), lr=0.1))
    history = trainer.fit((x, mask), (x, mask), epochs=30, batch_size=5, progress=False)
    assert history["val_accuracy"][-1] > 0.9
    assert history["val_accuracy"][-1] == np.mean(trainer.predict(x).argmax(1) == mask)


class Pair(td.nn.Module):
    """Returns a tuple or a dict."""

    def __init__(self, named):
        self.named = named
        self.linear = td.nn.Linear(6, 3)

    def forward(self, x):
        y = self.linear(x)
        return {"a": y, "b": y * 2} if self.named else (y, y * 2)


@pytest.mark.parametrize("named", [False, True])
def test_a_net_that_returns_several_tensors_and_a_loss_of_ones_own(named):
    def loss(output, y):
        a, b = output.values() if named else output
        return td.ops.cross_entropy(a, y) + 0.5 * td.ops.cross_entropy(b, y)

    net = Pair(named)
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1), loss)
    history = trainer.fit(make_data(), make_data(30, 1), epochs=3, batch_size=16, progress=False)
    assert history["loss"][-1] < history["loss"][0] and "accuracy" not in history
    outputs = trainer.predict(make_data()[0])
    assert len(outputs) == 2


@pytest.mark.parametrize("loss", [None, td.nn.MSELoss(), lambda o, y: o[0], lambda o, y: 1.0,
                                  td.nn.CrossEntropyLoss(reduction="none"), lambda o, y: td.tensor(1.0)])
def test_what_does_not_fit_is_refused_before_the_first_update(loss):
    net = Pair(False) if not isinstance(loss, td.nn.CrossEntropyLoss) else td.nn.Linear(6, 3)
    before = net.state_dict()
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.1), loss)
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        trainer.fit(make_data(), batch_size=16, progress=False)
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())


def test_soft_labels():
    x, y = make_data()
    net = td.nn.Linear(6, 3)
    trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.5))
    soft = 0.1 / 3 + 0.9 * np.eye(3, dtype=np.float32)[y]
    history = trainer.fit((x, soft), (x, soft), epochs=20, batch_size=16, progress=False)
    assert history["val_loss"][-1] < history["loss"][0] and "accuracy" not in history
    assert td.train.accuracy(y, trainer.predict(x)) > 0.8


# --- modes ---------------------------------------------------------------------------------------------------------

def test_a_frozen_batch_norm_stays_frozen():
    trainer = make_trainer(schedule=False)
    fit(trainer, epochs=1)
    norm = trainer.net[1]
    norm.eval()
    before = {name: value for name, value in trainer.net.state_dict().items() if "running" in name or "num_" in name}
    fit(trainer, epochs=3)
    after = trainer.net.state_dict()
    assert len(before) == 3
    assert all(np.array_equal(after[name], value) for name, value in before.items())
    assert not norm.training and trainer.net.training
    assert not np.array_equal(norm.weight.numpy(), np.ones(16))  # its weights are trained all the same
    trainer.net.eval()  # to look at it
    fit(trainer, epochs=4)
    assert np.array_equal(trainer.net.state_dict()["1.running_mean"], before["1.running_mean"])
    trainer.net.train()
    fit(trainer, epochs=5)
    assert not np.array_equal(trainer.net.state_dict()["1.running_mean"], before["1.running_mean"])


def test_a_net_in_evaluation_mode_is_trained():
    trainer, whole = make_trainer(), make_trainer()
    trainer.net.eval()
    fit(trainer)
    fit(whole)
    assert bits(trainer) == bits(whole)


def test_a_callback_may_freeze_and_may_look_at_the_net():
    class Freeze(Callback):
        def on_epoch_end(self, trainer, logs):
            means.append(trainer.net[1].running_mean.copy())
            if trainer.epoch == 2:
                trainer.net[1].eval()

    class Look(Callback):
        def on_epoch_end(self, trainer, logs):
            trainer.net.eval()(np.zeros((1, 6), np.float32))

        def on_batch_end(self, trainer, logs):
            modes.append([m.training for m in trainer.net.modules()])
            trainer.net.eval()

    means, modes = [], []
    fit(make_trainer([Freeze(), Look()]))
    assert not np.array_equal(means[0], means[1])
    assert np.array_equal(means[1], means[2]) and np.array_equal(means[1], means[3])
    assert modes == [[True] * 6] * 10 + [[True, True, False, True, True, True]] * 10


def test_epochs_is_the_number_in_all():
    trainer = make_trainer(schedule=False)
    fit(trainer, epochs=2)
    fit(trainer, epochs=3)
    assert trainer.history["epoch"] == [1, 2, 3]
    whole = make_trainer(schedule=False)
    fit(whole, epochs=3)
    assert bits(trainer) == bits(whole)
    with pytest.warns(UserWarning, match="all 3 epochs are done; pass epochs=6"):
        fit(trainer, epochs=3)


def test_history_columns_stay_aligned_when_validation_comes_later():
    trainer = make_trainer(schedule=False)
    trainer.fit(make_data(), epochs=1, progress=False)
    fit(trainer, epochs=2)
    fit_lengths = {len(v) for v in trainer.history.values()}
    assert fit_lengths == {2}
    assert trainer.history["val_loss"][0] is None


def test_order_of_callbacks():
    record = Record()
    trainer = make_trainer([record])
    fit(trainer, epochs=1, batch_size=32)
    assert record.calls == ["fit_begin", "epoch_begin", ("batch", 0, 32), ("batch", 1, 32), ("batch", 2, 6),
                            ("epoch_end", 1), "fit_end"]


def test_fit_end_comes_after_errors_too():
    class Fails(Callback):
        def on_batch_end(self, trainer, logs):
            raise RuntimeError("mine")

    record = Record()
    with pytest.raises(RuntimeError, match="mine"):
        fit(make_trainer([record, Fails()]))
    assert record.calls[-1] == "fit_end"


def test_drop_last_and_no_shuffle():
    record = Record()
    fit(make_trainer([record]), epochs=1, batch_size=32, drop_last=True, shuffle=False)
    assert [c for c in record.calls if c[0] == "batch"] == [("batch", 0, 32), ("batch", 1, 32)]


def test_stop_from_a_callback_ends_in_mid_epoch_and_can_go_on():
    class StopAt(Callback):
        def on_batch_end(self, trainer, logs):
            if trainer.epoch == 1 and logs["batch"] == 2:
                trainer.stop("enough")

    trainer = make_trainer([StopAt()])
    fit(trainer)
    assert (trainer.epoch, trainer.batch, trainer.stop_reason) == (1, 3, "enough")
    trainer.callbacks.clear()
    fit(trainer)
    whole = make_trainer()
    fit(whole)
    assert bits(trainer) == bits(whole)


@pytest.mark.parametrize("name", ["CosineAnnealingLR", "StepLR"])
def test_schedules_by_epoch(name):
    trainer = make_trainer(schedule=False, lr=0.1)
    trainer.scheduler = getattr(td.optim, name)(trainer.optimizer, 2)
    fit(trainer, epochs=3)
    want = [0.1, 0.05, 0.0] if name == "CosineAnnealingLR" else [0.1, 0.1, 0.01]
    assert trainer.history["lr"] == pytest.approx(want)


def test_schedule_that_takes_the_metric():
    trainer = make_trainer(schedule=False, lr=0.1)
    trainer.scheduler = td.optim.ReduceLROnPlateau(trainer.optimizer, patience=0, threshold=1e9, threshold_mode="abs")
    fit(trainer, epochs=3)
    assert trainer.history["lr"] == pytest.approx([0.1, 0.1, 0.01])


# --- same bits -----------------------------------------------------------------------------------------------------

def test_same_seed_same_bits_whatever_happened_before():
    first, second, third = make_trainer(), make_trainer(), make_trainer(seed=4)
    fit(first)
    td.manual_seed(999)
    td.random.next_key()
    second.callbacks.append(Record())
    fit(second)
    fit(third)
    assert bits(first) == bits(second)
    assert bits(first)["model"] != bits(third)["model"]


def test_random_states_are_as_before_afterwards():
    td.manual_seed(5)
    td.random.next_key()
    trainer = make_trainer()
    td.manual_seed(7)
    before, numpy_before = td.random.state(), np.random.get_state()[1].copy()  # noqa: NPY002
    fit(trainer)
    assert td.random.state() == before
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def in_threads(works):
    """Call functions in threads that start together; returns their results in order."""
    start, results = threading.Barrier(len(works)), {}

    def run(k, work):
        start.wait()
        results[k] = work()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[k] for k in range(len(works))]


def test_trainings_in_threads_have_the_bits_they_have_alone():
    def work(seed):
        with td.random.stream(seed):
            net = td.nn.Sequential(td.nn.Conv2d(1, 4, 3), td.nn.ReLU(), td.nn.Dropout(0.5), td.nn.Flatten(),
                                   td.nn.Linear(64, 3))
        rng = np.random.default_rng(seed)
        data = rng.standard_normal((160, 1, 6, 6)).astype(np.float32), rng.integers(0, 3, 160)
        trainer = Trainer(net, td.optim.SGD(net.parameters(), lr=0.05, momentum=0.9), seed=seed)
        trainer.fit(data, epochs=4, batch_size=4, progress=False, augment=td.data.Augment(1))
        return bits(trainer)["model"]

    alone = [work(seed) for seed in (1, 2, 1, 3)]
    assert alone[0] != alone[1]
    assert in_threads([lambda seed=seed: work(seed) for seed in (1, 2, 1, 3)]) == alone


@pytest.mark.parametrize("batches", range(1, 21))
def test_interrupted_anywhere_and_resumed_ends_with_the_same_bits(tmp_path, batches):
    whole = make_trainer([EarlyStopping(patience=5)])
    fit(whole)
    path = tmp_path / "c.safetensors"
    first = make_trainer([EarlyStopping(patience=5), Checkpoint(path), SignalAfter(batches)])
    with pytest.raises(KeyboardInterrupt, match="training interrupted after"):
        fit(first)
    assert first.interrupted == signal.SIGINT
    second = make_trainer([EarlyStopping(patience=5), Checkpoint(path)])
    second.load(path)
    assert second.epoch * 5 + second.batch == batches
    fit(second)
    assert bits(second) == bits(whole)


@pytest.mark.parametrize("batches", [1, 3, 6, 9])
def test_a_recipe_of_several_optimisers_resumes_to_the_same_bits(tmp_path, batches):
    """Muon and SGD as one, rates that fall by group, a parameter that is frozen on the way, mirroring by turns."""
    def make(*callbacks):
        td.manual_seed(2)
        net = td.nn.Sequential(td.nn.Conv2d(1, 4, 3), td.nn.ReLU(), td.nn.Flatten(), td.nn.Linear(64, 3))
        optimizer = td.optim.MultiOptimizer(td.optim.Muon([net[0].weight], lr=0.1, renormalise=True),
                                            td.optim.SGD([net[0].bias, *net[3].parameters()], lr=0.1, momentum=0.9))
        schedule = td.optim.LinearLR(optimizer, 1.0, 0.0, [12, 6], per_batch=True)
        return Trainer(net, optimizer, scheduler=schedule, seed=5, callbacks=[Freeze("0.bias", 2), *callbacks])

    def train(trainer):
        rng = np.random.default_rng(0)
        trainer.fit((rng.standard_normal((24, 1, 6, 6)).astype(np.float32), np.arange(24) % 3), epochs=4, batch_size=8,
                    progress=False, augment=td.data.Augment(1, "alternate", "reflect"))
        return bits(trainer)

    path = tmp_path / "c.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(make(Checkpoint(path), SignalAfter(batches)))
    again = make()
    again.load(path)
    assert train(again) == train(make())


def test_resumed_many_times_ends_with_the_same_bits(tmp_path):
    whole = make_trainer()
    fit(whole)
    path = tmp_path / "c.safetensors"
    for _ in range(100):
        trainer = make_trainer([Checkpoint(path), SignalAfter(3)])
        if path.exists():
            trainer.load(path)
        try:
            fit(trainer)
            break
        except KeyboardInterrupt:
            continue
    assert bits(trainer) == bits(whole)


SCRIPT = """
import importlib.util
spec = importlib.util.spec_from_file_location("t", {file!r})
t = importlib.util.module_from_spec(spec)
spec.loader.exec_module(t)
import os, time
class Slow(t.Callback):
    def on_batch_end(self, trainer, logs):
        print("batch", flush=True)
        time.sleep(0.01)
trainer = t.make_trainer([t.Checkpoint({path!r}), Slow()])
if os.path.exists({path!r}):
    trainer.load({path!r})
t.fit(trainer)
print("done", flush=True)
"""


def run_script(path, kill_after=None, number=signal.SIGKILL):
    """Train in a process of its own; kill it after some batches. Returns exit code and standard error."""
    code = SCRIPT.format(file=__file__, path=str(path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               # A shell may have started the tests with SIGINT ignored, which children inherit.
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    seen = 0
    for line in process.stdout:
        seen += line == "batch\n"
        if seen == kill_after:
            process.send_signal(number)
            kill_after = None
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def test_killed_with_no_warning_and_resumed_ends_with_the_same_bits(tmp_path):
    whole = make_trainer()
    fit(whole)
    path = tmp_path / "c.safetensors"
    for batches in (7, 6, 8):
        code, _ = run_script(path, batches)
        assert code == -signal.SIGKILL
        if path.exists():
            load_checkpoint(path)  # whole at any time
    code, errors = run_script(path)
    assert code == 0, errors
    final = make_trainer()
    final.load(path)
    assert bits(final)["model"] == bits(whole)["model"]
    assert bits(final)["history"] == bits(whole)["history"]


# Python ends an interrupted program by SIGINT itself, which a shell shows as 130.
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_exit_code_of_a_script_that_is_stopped(tmp_path, number, code):
    path = tmp_path / "c.safetensors"
    got, errors = run_script(path, 3, number)
    assert got == code, errors
    assert load_checkpoint(path)["batch"] >= 3


# --- signals -------------------------------------------------------------------------------------------------------

def test_sigterm_is_a_system_exit_with_143(tmp_path):
    record = Record()
    trainer = make_trainer([SignalAfter(2, signal.SIGTERM), record])
    with pytest.raises(SystemExit) as caught:
        fit(trainer)
    assert caught.value.code == 143
    assert trainer.interrupted == signal.SIGTERM
    assert trainer.position == "batch 2 of 5 of epoch 1"
    assert record.calls[-2:] == ["interrupt", "fit_end"]


def test_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    fit(make_trainer(), epochs=1)
    with pytest.raises(KeyboardInterrupt):
        fit(make_trainer([SignalAfter(1)]))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_handler_of_the_program_stays(monkeypatch):
    got = []
    former = signal.signal(signal.SIGTERM, lambda *a: got.append(a[0]))
    try:
        fit(make_trainer([SignalAfter(2, signal.SIGTERM)]))
    finally:
        signal.signal(signal.SIGTERM, former)
    assert got == [signal.SIGTERM]


def test_a_second_interrupt_is_not_held_back():
    class Twice(Callback):
        def on_batch_end(self, trainer, logs):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    trainer = make_trainer([Twice()])
    with pytest.raises(KeyboardInterrupt):
        fit(trainer)
    assert trainer.interrupted is None


def test_interrupted_in_validation_keeps_the_epoch(tmp_path):
    class InValidation(td.nn.CrossEntropyLoss):
        calls = 0

        def __call__(self, *args):
            InValidation.calls += 1
            if InValidation.calls == 6:  # after five batches of training
                os.kill(os.getpid(), signal.SIGINT)
            return super().__call__(*args)

    path = tmp_path / "c.safetensors"
    trainer = make_trainer([Checkpoint(path)])
    trainer.loss = InValidation()
    with pytest.raises(KeyboardInterrupt, match="batch 5 of 5 of epoch 1"):
        fit(trainer, eval_batch_size=4)
    again, whole = make_trainer(), make_trainer()
    again.load(path)
    fit(again)
    fit(whole)
    assert bits(again) == bits(whole)


def test_fits_in_threads_at_once_leave_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    trainers = [make_trainer() for _ in range(2)]
    errors = []

    def work(trainer):
        try:
            fit(trainer)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(t,)) for t in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(t.epoch == 4 for t in trainers)
    assert signal.getsignal(signal.SIGINT) is before


# --- evaluate, predict ---------------------------------------------------------------------------------------------

def test_predict_does_not_depend_on_the_batch_size_and_keeps_the_modes():
    trainer = make_trainer()
    fit(trainer, epochs=1)
    trainer.net.train()
    trainer.net[1].eval()
    modes = [m.training for m in trainer.net.modules()]
    x, y = make_data(33)
    out = trainer.predict(x)
    assert out.shape == (33, 3)
    assert np.allclose(out, trainer.predict(x, batch_size=5), rtol=1e-5, atol=1e-6)
    assert np.allclose(out, trainer.predict(ArrayDataset(x.astype(">f8"), y)), rtol=1e-6)
    assert [m.training for m in trainer.net.modules()] == modes
    assert all(p.grad is None or True for p in trainer.net.parameters())
    assert td.is_grad_enabled()


def test_eight_threads_predict_with_a_net_in_training_mode():
    net = make_trainer().net
    x = make_data(64)[0]
    net(x)  # running statistics other than those of a batch
    want = [td.train.predict(net, part) for part in np.split(x, 8)]
    buffers = net.state_dict()
    start, wrong = threading.Barrier(8), []

    def work(k):
        start.wait()
        for _ in range(50):
            if not np.array_equal(td.train.predict(net, x[8 * k:8 * k + 8]), want[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert all(m.training for m in net.modules())
    assert all(np.array_equal(v, buffers[k]) for k, v in net.state_dict().items())


def test_a_net_is_evaluated_in_one_thread_while_another_trains_it():
    trainer, seen = make_trainer(schedule=False), []

    class Watch(Callback):
        def on_batch_end(self, trainer, logs):
            seen.append([m.training for m in trainer.net.modules()])

    trainer.callbacks.append(Watch())
    done = threading.Event()

    def evaluate():
        while not done.is_set():
            td.train.evaluate(trainer.net, make_data(30, 1), trainer.loss)

    thread = threading.Thread(target=evaluate)
    thread.start()
    try:
        fit(trainer)
    finally:
        done.set()
        thread.join()
    assert seen == [[True] * 6] * 20
    alone = make_trainer(schedule=False)
    fit(alone)
    assert bits(trainer)["model"] == bits(alone)["model"]


def test_modes_and_gradients_are_restored_after_an_error():
    trainer = make_trainer()
    with pytest.raises(ValueError, match="6"):
        trainer.predict(np.zeros((3, 7), np.float32))
    assert trainer.net.training
    assert td.is_grad_enabled()


@pytest.mark.parametrize(("call", "message"), [
    (lambda t: t.fit((np.zeros((0, 6)), np.zeros(0, int))), "training data need labels and at least one sample"),
    (lambda t: t.fit(np.zeros((4, 6))), "training data need labels"),
    (lambda t: t.fit(make_data(), (np.zeros((0, 6)), np.zeros(0, int))), "validation data need"),
    (lambda t: t.fit(make_data(), epochs=0), "epochs must be a positive integer, got 0"),
    (lambda t: t.fit(make_data(), epochs=2.5), "epochs must be a positive integer, got 2.5"),
    (lambda t: t.fit(make_data(), epochs=np.arange(1, 3)), r"epochs must be a positive integer, got array\(\[1, 2\]\)"),
    (lambda t: t.fit(make_data(), batch_size=0), "batch_size must be a positive integer, got 0"),
    (lambda t: t.fit(make_data(), make_data(), eval_batch_size=0), "eval_batch_size must be at least 1, got 0"),
    (lambda t: setattr(t, "lr", np.nan), "lr must be a finite number >= 0, got nan"),
    (lambda t: setattr(t, "lr", -0.1), "lr must be a finite number >= 0, got -0.1"),
    (lambda t: t.fit(make_data(5), batch_size=8, drop_last=True), "no batch of 8 with drop_last"),
    (lambda t: t.fit((np.zeros((4, 6)), [0, 1, 2])), "4 images but 3 labels"),
    (lambda t: t.evaluate((np.zeros((0, 6)), np.zeros(0, int))), "at least one sample"),
    (lambda t: t.predict(np.zeros((0, 6))), "no images"),
])
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_trainer())


def test_classes_that_no_label_has_are_said():
    x, y = make_data()
    trainer = make_trainer(schedule=False)
    trainer.net[4] = td.nn.Linear(16, 4)
    trainer.optimizer.add_param_group({"params": list(trainer.net[4].parameters())})
    with pytest.warns(UserWarning, match="of classes 0 to 3, no training label is 0; classes are numbered"):
        trainer.fit((x, y + 1), epochs=1, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_trainer().fit((x, y), (x[:3], [2, 2, 2]), epochs=1, progress=False)  # not said of validation data
        named = ArrayDataset(x, np.minimum(y, 1), class_names="abc")
        make_trainer().fit(named, epochs=1, progress=False)


# --- checkpoints of the trainer ------------------------------------------------------------------------------------

def test_an_epoch_under_way_needs_the_same_batches(tmp_path):
    trainer = make_trainer([SignalAfter(2)])
    with pytest.raises(KeyboardInterrupt):
        fit(trainer)
    with pytest.raises(ValueError, match="begun with batch_size=16 and cannot be continued with batch_size=8"):
        fit(trainer, batch_size=8)


def test_memory_does_not_grow():
    resource = pytest.importorskip("resource")
    trainer = make_trainer(schedule=False)
    fit(trainer, epochs=20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fit(trainer, epochs=220)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4000  # kilobytes
