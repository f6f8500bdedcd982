"""The choice between direct and Winograd convolution."""

import threading

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.ops import conv_algorithm
from tinydl.ops.geometry import ConvGeometry
from tinydl.testing.compare import assert_close

WIDE = ConvGeometry(4, 64, 16, 16, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 16, 16)
NARROW = WIDE._replace(C=3)
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def changed(**values):
    return WIDE._replace(**values)


def test_auto_takes_winograd_for_wide_3x3_layers_only():
    assert conv_algorithm.name_of(WIDE, F32) == "winograd"
    for geometry, dtype in [(NARROW, F32), (WIDE, F64), (changed(KH=5, KW=5), F32), (changed(SH=2), F32),
                            (changed(DH=2), F32), (changed(G=2), F32)]:
        assert conv_algorithm.name_of(geometry, dtype) == "direct"


def test_a_few_blocks_are_not_worth_the_transformed_filters():
    assert conv_algorithm.name_of(changed(N=1), F32) == "direct"
    assert conv_algorithm.name_of(changed(N=1, H=32, W=32, P=32, Q=32), F32) == "winograd"


def test_the_choice_does_not_depend_on_threads():
    threads = td.get_num_threads()
    try:
        for n in (1, 2):
            td.set_num_threads(n)
            assert conv_algorithm.name_of(WIDE, F32) == "winograd"
    finally:
        td.set_num_threads(threads)


def test_setting_and_context_manager():
    with td.conv_algorithm("direct"):
        assert conv_algorithm.name_of(WIDE, F32) == "direct"
        with td.conv_algorithm("auto"):
            assert conv_algorithm.name_of(WIDE, F32) == "winograd"
        assert conv_algorithm.name_of(WIDE, F32) == "direct"
    assert conv_algorithm.name_of(WIDE, F32) == "winograd"
    td.conv_algorithm("direct")
    try:
        assert td.show_config(print_it=False)["conv_algorithm"] == "direct"
    finally:
        td.conv_algorithm("auto")


def test_the_setting_belongs_to_the_thread():
    seen = []
    with td.conv_algorithm("direct"):
        thread = threading.Thread(target=lambda: seen.append(conv_algorithm.name_of(WIDE, F32)))
        thread.start()
        thread.join()
    assert seen == ["winograd"]


def test_unknown_name():
    with pytest.raises(ValueError, match="'fft'"):
        td.conv_algorithm("fft")


@pytest.mark.parametrize("layer, x, why", [
    (nn.Conv2d(4, 4, 5), (1, 4, 8, 8), "5x5"), (nn.Conv2d(4, 4, 3, stride=2), (1, 4, 8, 8), "stride"),
    (nn.Conv2d(4, 4, 3, dilation=2), (1, 4, 8, 8), "dilation"), (nn.Conv2d(4, 4, 3, groups=2), (1, 4, 8, 8), "groups"),
    (nn.Conv1d(4, 4, 3), (1, 4, 8), "1x3"), (nn.Conv2d(4, 4, 3, padding=3), (1, 4, 8, 8), "padding")])
def test_winograd_says_why_it_cannot(layer, x, why):
    with td.conv_algorithm("winograd"), pytest.raises(ValueError, match=why):
        layer(np.zeros(x, np.float32))


@pytest.mark.parametrize("bias", [True, False])
def test_a_network_gives_the_same_by_both(bias):
    def run(name):
        td.manual_seed(3)
        net = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1, bias=bias), nn.BatchNorm2d(24), nn.ReLU(),
                            nn.Conv2d(24, 40, 3, padding=1, bias=bias), nn.BatchNorm2d(40), nn.ReLU(), nn.MaxPool2d(2),
                            nn.Conv2d(40, 33, 3, bias=bias), nn.ReLU(), nn.Flatten())
        x = td.tensor(np.random.default_rng(0).standard_normal((5, 3, 14, 10)), dtype="float32", requires_grad=True)
        with td.conv_algorithm(name):
            y = net(x)
            (y * y).sum().backward()
        return [y.data, x.grad, *[p.grad for p in net.parameters()]]

    for direct, winograd in zip(run("direct"), run("winograd"), strict=True):
        # The gradient of a bias in front of a batch norm is zero but for rounding.
        if np.abs(direct).max() > 1e-2:
            assert_close(winograd, direct, 2e-4)


def test_frozen_weight_with_trained_bias():
    layer = nn.Conv2d(32, 32, 3, padding=1)
    layer.weight.requires_grad = False
    layer(np.ones((2, 32, 8, 8), np.float32)).sum().backward()
    assert layer.weight.grad is None
    np.testing.assert_allclose(layer.bias.grad, 2 * 64)
