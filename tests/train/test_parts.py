import copy

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.train import EarlyStopping, Trainer


def make(**changes):
    net = nn.Linear(2, 2)
    parts = {"net": net, "optimizer": td.optim.SGD(net.parameters(), lr=0.1)}
    parts.update({name: change(**parts) for name, change in changes.items()})
    return Trainer(**parts)


@pytest.mark.parametrize(("changes", "message"), [
    ({"net": lambda **_: None}, "net must be an nn.Module, got None"),
    ({"net": lambda **_: nn.Linear}, r"net must be an nn.Module, got the class Linear; write Linear\(...\) to"),
    ({"net": lambda **_: lambda x: x}, "net must be an nn.Module, got <function"),
    ({"optimizer": lambda **_: None}, r"optimizer must be an optimizer such as td.optim.SGD\(.*, got None"),
    ({"optimizer": lambda **_: td.optim.SGD}, "optimizer must be .*got the class SGD"),
    ({"optimizer": lambda net, **_: net.parameters()}, "optimizer must be .*got <generator"),
    ({"loss": lambda **_: nn.MSELoss}, r"loss must be .*got the class MSELoss; write MSELoss\(...\)"),
    ({"loss": lambda **_: "mse"}, r"loss must be .*got 'mse'; write td.nn.MSELoss\(\)$"),
    ({"loss": lambda **_: "sparse_categorical_crossentropy"}, r"write td.nn.CrossEntropyLoss\(\)$"),
    ({"loss": lambda **_: "binary_crossentropy"}, r"write td.nn.BCEWithLogitsLoss\(\)$"),
    ({"optimizer": lambda **_: "Adam"}, r"got 'Adam'; write td.optim.Adam\(net.parameters\(\), lr=0.001\)"),
    ({"optimizer": lambda **_: "sgd"}, r"got 'sgd'; write td.optim.SGD\(net.parameters\(\), lr=0.1\)"),
    ({"optimizer": lambda **_: nn.MSELoss(), "loss": lambda **_: td.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)},
     r"takes \(net, optimizer, loss\) in this order, got \(Linear, MSELoss, SGD\)"),
    ({"optimizer": lambda net, **_: net, "net": lambda optimizer, **_: optimizer}, r"got \(SGD, "),
    ({"scheduler": lambda **_: td.optim.StepLR}, "scheduler must be .*got the class StepLR"),
    ({"scheduler": lambda **_: 0.1}, "scheduler must be .*got 0.1"),
    ({"scheduler": lambda **_: [0.1]}, "scheduler must be .*got 0.1"),
    ({"callbacks": lambda **_: EarlyStopping()}, r"got one EarlyStopping; write \[callback\]"),
    ({"callbacks": lambda **_: [EarlyStopping]}, "a callback must be a Callback, got the class EarlyStopping"),
    ({"callbacks": lambda **_: [print]}, "a callback must be a Callback, got <built-in"),
    ({"seed": lambda **_: 1.5}, "seed must be an integer, got 1.5"),
    ({"seed": lambda **_: np.nan}, "seed must be an integer, got nan"),
])
def test_parts_of_another_kind(changes, message):
    with pytest.raises(TypeError, match="^Trainer: .*" + message):
        make(**changes)


def test_a_negative_seed():
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        make(seed=lambda **_: -1)


def test_an_optimizer_of_another_net():
    with pytest.raises(ValueError, match="the optimizer has none of the net's parameters"):
        make(net=lambda net, **_: copy.deepcopy(net))


def test_an_optimizer_of_a_part_of_the_net_is_fine():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    Trainer(net, td.optim.SGD(net[1].parameters(), lr=0.1))


def test_a_scheduler_of_another_optimizer():
    other = td.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="the scheduler changes the learning rate of another optimizer"):
        make(scheduler=lambda **_: td.optim.StepLR(other, 2))


def test_parts_that_were_changed_are_checked_before_they_are_used():
    trainer = make()
    trainer.optimizer = None
    with pytest.raises(TypeError, match="optimizer must be"):
        trainer.fit((np.zeros((4, 2)), [0, 1, 0, 1]), progress=False)


def test_inputs_and_labels_as_two_arguments():
    x, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    with pytest.raises(TypeError, match=r"the pair is one: trainer.fit\(\(x, y\), \(x_valid, y_valid\), epochs=5\)"):
        make().fit(x, y, progress=False)
