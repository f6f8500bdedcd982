import copy
import inspect

import numpy as np
import pytest

import tinydl as td
from tinydl import models, nn

# name: parameters, multiply-adds of one sample (biases excluded)
COUNTS = {
    "mlp": (203_530, 203_264),
    "lenet5": (61_706, 416_520),
    "lenet_bn": (29_178, 1_924_992),
    "mnist_cnn": (1_199_882, 11_992_448),
    "vgg_small": (288_746, 38_634_752),
    "resnet18": (11_173_962, 555_422_720),
    "resnet20": (272_474, 40_813_184),
    "resnet29_bottleneck": (313_114, 47_106_560),
    "airbench": (1_972_792, 118_147_360),
    "m5": (25_290, 1_878_656),
    "picture_cnn": (98_970, 15_926_528),
    "signal_cnn": (58_026, 1_815_808),
    "table_mlp": (18_954, 18_688),
    "ds_cnn": (23_180, 2_656_768),  # the paper counts 5.4 million operations, two a multiply-add, and the norms
}
NAMES = [name for name in models.__all__ if name != "INPUT_SHAPES"]


def multiply_adds(net, shape):
    """Counted at every layer with weights: outputs x inputs an output sums over."""
    total = []

    def count(module, inputs, output):
        if isinstance(module, (nn.Conv1d, nn.Conv2d)):
            total.append(output.size * np.prod(module.weight.shape[1:]))
        elif isinstance(module, nn.Linear):
            total.append(output.size * module.in_features)

    for module in net.modules():
        module.register_forward_hook(count)
    net.eval()
    with td.no_grad():
        net(np.zeros((1, *shape), np.float32))
    return sum(total)


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_and_multiply_adds(name):
    net = getattr(models, name)()
    assert sum(p.size for p in net.parameters()) == COUNTS[name][0]
    assert multiply_adds(net, models.INPUT_SHAPES[name]) == COUNTS[name][1]


def test_table_in_the_docstring():
    for name, (parameters, macs) in COUNTS.items():
        assert f"| {name} | {parameters:,} | {macs:,} |" in models.__doc__
    digits = models.digits_cnn()
    row = (
        f"| digits_cnn | {sum(p.size for p in digits.parameters()):,} | {multiply_adds(digits, (1, 8, 8)):,} | 1x8x8 |"
    )
    assert row in models.__doc__


def test_every_network_has_an_input_shape():
    assert set(models.INPUT_SHAPES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_trains_a_step_and_counts_classes(name):
    td.manual_seed(0)
    factory = getattr(models, name)
    net = factory(num_classes=7)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, *models.INPUT_SHAPES[name])), rng.integers(0, 7, 2)
    out = net(x)
    assert out.shape == (2, 7) and out.dtype == np.float32
    nn.CrossEntropyLoss()(out, y).backward()
    assert all(np.isfinite(p.grad).all() for p in net.parameters() if p.requires_grad)
    assert all(p.grad is None for p in net.parameters() if not p.requires_grad)
    copied = copy.deepcopy(net).eval()
    with td.no_grad():
        np.testing.assert_array_equal(copied(x).data, net.eval()(x).data)


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_sizes(name):
    known = inspect.signature(getattr(models, name)).parameters
    if "in_channels" in known:
        shape = (2, *models.INPUT_SHAPES[name][1:])
        net = getattr(models, name)(in_channels=2)
    else:
        shape = (2, 40) if len(models.INPUT_SHAPES[name]) == 2 else (2, 16, 20)
        net = getattr(models, name)(input_shape=shape)
    assert net.eval()(np.zeros((1, *shape))).shape == (1, 12 if name == "ds_cnn" else 10)


def test_seed_fixes_the_weights():
    states = []
    for seed in (0, 0, 1):
        td.manual_seed(seed)
        states.append(models.resnet20().state_dict())
    assert all(np.array_equal(states[0][k], states[1][k]) for k in states[0])
    assert not np.array_equal(states[0]["conv1.weight"], states[2]["conv1.weight"])
