import warnings

import numpy as np
import pytest

import tinydl as td
from tinydl.train import Callback, LRFinder, NonFiniteGradientError, NonFiniteLossError, Trainer
from tinydl.train.diagnose import first_nonfinite, gradients_are_finite, nonfinite_gradients, nonfinite_state


def make_data(n=64):
    x = np.random.default_rng(0).standard_normal((n, 6)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] > 0).astype(int)


def make_net():
    td.manual_seed(0)
    return td.nn.Sequential(td.nn.Linear(6, 16), td.nn.BatchNorm1d(16), td.nn.ReLU(), td.nn.Dropout(0.3),
                            td.nn.Linear(16, 3))


def make_trainer(net, loss=None, lr=0.1, callbacks=()):
    return Trainer(net, td.optim.SGD(net.parameters(), lr=lr, momentum=0.9), loss, callbacks=callbacks)


def fit(trainer, data, **kwargs):
    return trainer.fit(data, **{"batch_size": 16, "shuffle": False, "progress": False, **kwargs})


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


class Explodes(td.nn.Module):
    def forward(self, x):
        return x * float("inf")


class StopAfter(Callback):
    def __init__(self, batches):
        self.batches = batches

    def on_batch_end(self, trainer, logs):
        if logs["batch"] + 1 == self.batches:
            trainer.stop("enough")


# --- the loss ------------------------------------------------------------------------------------------------------

def test_nan_names_batch_and_layer_and_changes_nothing():
    net = td.nn.Sequential(td.nn.Linear(6, 4), td.nn.BatchNorm1d(4), Explodes(), td.nn.Linear(4, 3))
    before = net.state_dict()
    with pytest.raises(NonFiniteLossError, match=r"in batch 1 of epoch 1: the first output.*layer '2', Explodes\(\)"):
        fit(make_trainer(net), make_data())
    assert same(net.state_dict(), before)


def test_a_bad_sample_is_named_and_its_batch_changes_neither_weights_nor_statistics():
    (x, y), net, good = make_data(), make_net(), make_net()
    x[40, 2] = np.nan
    with pytest.raises(NonFiniteLossError, match="the loss is nan in batch 3 of epoch 1: sample 8 of the batch"):
        fit(make_trainer(net), (x, y))
    fit(make_trainer(good, callbacks=[StopAfter(2)]), make_data())
    assert same(net.state_dict(), good.state_dict())
    assert net[1].num_batches_tracked == 2


def test_a_bad_target_is_named():
    x, _ = make_data()
    y = np.zeros((64, 3), np.float32)
    y[20, 1] = np.inf
    with pytest.raises(NonFiniteLossError, match="in batch 2 of epoch 1: target 4 of the batch already holds"):
        fit(make_trainer(make_net(), td.nn.MSELoss()), (x, y))


def test_an_error_of_the_net_leaves_the_statistics():
    class Fails(td.nn.Module):
        def forward(self, x):
            raise RuntimeError("mine")

    net = td.nn.Sequential(td.nn.BatchNorm1d(6), Fails())
    net[0].weight.data[...] = 2
    before = net.state_dict()
    with pytest.raises(RuntimeError, match="mine"):
        fit(make_trainer(net), make_data())
    assert same(net.state_dict(), before)


def test_divergence_names_the_parameter():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(NonFiniteLossError, match="not finite since an earlier step; a smaller|layer|gradient"):
            fit(make_trainer(make_net(), lr=1e30), make_data(), epochs=20)


def test_the_layer_is_sought_with_the_dropout_of_the_failing_pass():
    class Sums(td.nn.Module):
        def forward(self, x):
            masks.append(x.data.copy())
            return x * float("nan")

    masks = []
    net = td.nn.Sequential(td.nn.Dropout(0.5), Sums(), td.nn.Linear(6, 3))
    with pytest.raises(NonFiniteLossError, match="layer '1'"):
        fit(make_trainer(net), make_data())
    assert np.array_equal(masks[0], masks[1])


def test_a_finite_net_leaves_the_loss():
    assert first_nonfinite(make_net(), make_data()[0]).startswith("every layer's output is finite, so it is the loss")


# --- gradients -----------------------------------------------------------------------------------------------------

def test_a_finite_loss_whose_gradient_is_nan_stops_before_the_update():
    net = td.nn.Sequential(td.nn.BatchNorm1d(6), td.nn.Linear(6, 3))
    for parameter in net[1].parameters():
        parameter.data[...] = 0
    before = net.state_dict()
    trainer = make_trainer(net, lambda output, y: ((output - y) ** 2).mean().sqrt())  # 0/0 at 0
    with pytest.raises(NonFiniteGradientError, match=r"the gradient of 1\.bias and of 3 more is not finite \(nan\) in "
                                                     "batch 1 of epoch 1, where the loss is 0; weights and statistics"):
        fit(trainer, (make_data()[0], np.zeros((64, 3), np.float32)))
    assert same(net.state_dict(), before)
    assert trainer.optimizer.state_dict()["state"] == {}


def test_a_gradient_of_infinity_stops_too():
    net = td.nn.Linear(1, 1, bias=False)
    net.weight.data[...] = 0
    trainer = make_trainer(net, lambda output, y: output.sum().sqrt())  # 1/0 at 0
    with pytest.raises(NonFiniteGradientError, match=r"the gradient of weight is not finite \(inf\)"):
        fit(trainer, (np.ones((4, 1)), np.zeros((4, 1), np.float32)))
    assert net.weight.item() == 0


def test_the_range_test_ends_quietly_at_a_gradient_that_is_not_finite():
    net = td.nn.Linear(1, 1, bias=False)
    net.weight.data[...] = 0
    trainer = make_trainer(net, lambda output, y: output.sum().sqrt(), callbacks=[LRFinder(steps=5)])
    fit(trainer, (np.ones((4, 1)), np.zeros((4, 1), np.float32)))
    assert trainer.stop_reason.startswith("the gradient of weight is not finite")


def test_gradients_one_by_one():
    net = td.nn.Sequential(td.nn.Linear(2, 2), td.nn.Linear(2, 2))
    parameters = list(net.parameters())
    assert gradients_are_finite(parameters)  # none has one
    for parameter in parameters:
        parameter.grad = np.full_like(parameter.data, 3e38)  # finite, though no sum of them is
    assert gradients_are_finite(parameters)
    for bad in (np.nan, np.inf, -np.inf):
        parameters[2].grad[1, 0] = bad
        assert not gradients_are_finite(parameters)
        assert nonfinite_gradients(net, parameters) == f"the gradient of 1.weight is not finite ({bad})"
        assert nonfinite_gradients(td.nn.ReLU(), parameters) == (
            f"the gradient of parameter 2 of the optimizer is not finite ({bad})")
    assert np.array_equal(parameters[0].grad, np.full((2, 2), 3e38, np.float32))


# --- weights and statistics ----------------------------------------------------------------------------------------

def test_weights_that_the_last_update_made_infinite_are_an_error():
    class Record(Callback):
        def on_epoch_end(self, trainer, logs):
            ends.append(logs)

    ends, net = [], td.nn.Linear(1, 1, bias=False)
    net.weight.data[...] = 1
    trainer = make_trainer(net, td.nn.MSELoss(), lr=1e38, callbacks=[Record()])
    with np.errstate(all="ignore"), pytest.raises(
            NonFiniteLossError, match="weight is not finite after batch 1 of 1 of epoch 1; a smaller learning rate"):
        fit(trainer, (np.full((4, 1), 1e3), np.zeros((4, 1), np.float32)))
    assert ends == []  # so no checkpoint was written over a good one


def test_state_one_by_one():
    net = make_net()
    assert nonfinite_state(net) is None
    net[1].running_var[3] = np.inf
    assert nonfinite_state(net) == "1.running_var"
    net[0].bias.data[1] = np.nan
    assert nonfinite_state(net) == "0.bias"


def test_a_validation_loss_of_nan_is_said():
    trainer, bad = make_trainer(make_net()), np.full((4, 6), np.nan)
    with pytest.warns(UserWarning, match="the validation loss of epoch 1 is nan, where the training loss is "):
        trainer.fit(make_data(), (bad, [0, 1, 2, 0]), batch_size=16, progress=False)


# --- the search ----------------------------------------------------------------------------------------------------

X = np.ones((4, 3), np.float32)


@pytest.fixture
def net():
    td.manual_seed(0)
    return td.nn.Sequential(td.nn.Linear(3, 5), td.nn.BatchNorm1d(5), td.nn.Dropout(0.5), td.nn.Linear(5, 2))


def test_a_bad_input_is_named_by_its_sample(net):
    x = X.copy()
    x[2, 1] = np.inf
    assert first_nonfinite(net, x) == "sample 2 of the batch already holds a value that is not finite"


@pytest.mark.parametrize("name", ["3.weight", "1.running_var"])
def test_a_bad_parameter_or_statistic_is_named(net, name):
    net.state_dict()[name][...] = np.nan
    state = net.state_dict()
    state[name] = np.full_like(state[name], np.nan)
    net.load_state_dict(state)
    assert first_nonfinite(net, X) == (
        f"{name} is not finite since an earlier step; a smaller learning rate is the usual cure")


def test_the_layer_that_overflows_is_named(net):
    net[0].weight.data[...] = 3e38
    assert first_nonfinite(net, X) == (
        "the first output that is not finite is that of layer '0', Linear(in_features=3, out_features=5, bias=True)")


def test_a_net_without_fault_leaves_the_loss(net):
    assert first_nonfinite(net, X) == "every layer's output is finite, so it is the loss itself (logits too large?)"


def test_nothing_of_the_net_or_the_random_state_changes(net):
    before, state = {k: np.array(v) for k, v in net.state_dict().items()}, td.random.state()
    first_nonfinite(net, X)
    assert td.random.state() == state
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training


def test_the_error_is_a_floating_point_error():
    assert issubclass(NonFiniteLossError, FloatingPointError)
