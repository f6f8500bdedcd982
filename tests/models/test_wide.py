"""The airbench network's first values, and what of it is trained."""

import copy

import numpy as np
import pytest

import tinydl as td
from tinydl import models, nn


def test_airbench_starts_as_its_paper_has_it():
    """The first filters of a 3x3 layer copy its input; the first layer and the norms train their bias alone."""
    td.manual_seed(3)
    net = models.airbench(num_classes=1000)
    frozen = [name for name, p in net.named_parameters() if not p.requires_grad]
    assert frozen == ["whiten.weight"] + [f"layers.{k}.weight" for k in (3, 6, 10, 13, 17, 20)]
    convolutions = [layer for layer in net.layers if isinstance(layer, nn.Conv2d)]
    assert [c.weight.shape[:2] for c in convolutions] == [(64, 24), (64, 64), (256, 64), (256, 256), (256, 256),
                                                          (256, 256)]
    for c in convolutions:
        x = np.random.default_rng(0).random((1, c.in_channels, 4, 5), np.float32)
        np.testing.assert_array_equal(c(x).data[:, :c.in_channels], x)
    last = convolutions[0].weight.data[24:]  # 24*9 inputs
    assert np.abs(last).max() <= 1 / np.sqrt(216) and last.std() == pytest.approx(1 / np.sqrt(3 * 216), rel=0.05)
    assert net.head.weight.data.std() == pytest.approx(1, rel=0.01) and net.head.bias is None
    norms = [layer for layer in net.layers if isinstance(layer, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-12, 0.4)}


def test_airbench_trains_the_bias_of_a_norm_and_not_its_weight():
    td.manual_seed(0)
    net = models.airbench()
    opt = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    before = copy.deepcopy(net.state_dict())
    nn.CrossEntropyLoss()(net(np.random.default_rng(0).normal(size=(4, 3, 32, 32))), np.arange(4)).backward()
    opt.step()
    after = net.state_dict()
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved >= {name for name, p in net.named_parameters() if p.requires_grad}
    assert not moved & {name for name, p in net.named_parameters() if not p.requires_grad}
