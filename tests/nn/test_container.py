import numpy as np
import pytest

import tinydl as td
from tinydl import nn


def test_sequential_as_a_list():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(net) == 3 and isinstance(net[1], nn.ReLU) and net[-1].out_features == 1
    assert [type(m).__name__ for m in net] == ["Linear", "ReLU", "Linear"]
    head = net[:2]
    assert isinstance(head, nn.Sequential) and head[0] is net[0]
    net[1] = nn.Tanh()
    net.append(nn.Sigmoid()).extend([nn.Identity()])
    assert [type(m).__name__ for m in net] == ["Linear", "Tanh", "Linear", "Sigmoid", "Identity"]
    assert net(np.ones((4, 2))).shape == (4, 1)


def test_named_modules_from_a_dict():
    net = nn.Sequential({"hidden": nn.Linear(2, 3), "act": nn.ReLU()})
    assert list(net.state_dict()) == ["hidden.weight", "hidden.bias"]
    assert net(np.ones((1, 2))).shape == (1, 3)
    for name in ("forward", "a.b", ""):
        with pytest.raises(ValueError, match="cannot name a module"):
            nn.Sequential({name: nn.ReLU()})


def test_empty_sequential_is_the_identity():
    assert nn.Sequential()(np.ones((2, 3))).shape == (2, 3)


def test_arrays_take_the_parameters_type():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    for x in (np.ones((3, 2, 2)), np.ones((3, 2, 2), np.int16), np.ones((3, 2, 2), ">f4"), np.ones((3, 2, 2), bool)):
        assert net(x).dtype == np.float32
    assert net.double()(np.ones((3, 2, 2), np.float32)).dtype == np.float64
    with pytest.raises(TypeError, match="real numbers, got dtype complex128"):
        net(np.ones((3, 2, 2), complex))
    with pytest.raises(TypeError, match="float32"):
        net(td.tensor(np.ones((3, 2, 2), np.float32)))


def test_only_modules():
    with pytest.raises(TypeError, match=r"Sequential holds modules, got .*; write ReLU\(\) to make one"):
        nn.Sequential(nn.ReLU)
    with pytest.raises(TypeError, match="ModuleList holds modules, got 3"):
        nn.ModuleList([3])
    with pytest.raises(TypeError, match=r"write ModuleList\(\[module\]\)"):
        nn.ModuleList(nn.ReLU())


def test_module_list():
    class Net(nn.Module):
        def __init__(self):
            self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    net = Net()
    assert [n for n, _ in net.named_parameters()][-1] == "layers.2.bias"
    net.layers.insert(1, nn.ReLU())
    assert [type(m).__name__ for m in net.layers] == ["Linear", "ReLU", "Linear", "Linear"]
    assert isinstance(net.layers[1:], nn.ModuleList) and len(net.layers[1:]) == 3
    assert net(np.ones((1, 2))).shape == (1, 2)


def test_an_input_takes_the_type_of_the_first_parameter():
    class Back(nn.Module):
        def forward(self, x):
            return x

    child = Back()
    net = nn.Sequential(child)
    child.owner = net  # parameters() visits each module once, and so does the conversion
    assert net(np.ones((1, 2), np.float32)).shape == (1, 2)
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2)).double())
    net.own = nn.Linear(2, 2).weight
    assert next(net.parameters()).dtype == np.float32
    with pytest.raises(TypeError, match="float32 input and a float64 weight"):
        net(np.ones((1, 2)))
