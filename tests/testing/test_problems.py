"""The table of problems: unique names, shapes that exist, and the multiply-adds of the networks."""

import pytest

from tinydl.testing.problems import BATCHNORMS, CONVS, GROUPNORMS, LINEARS, POOLS, select

# How often a layer of the table occurs in its network; once where it is not named.
REPEATED = {"resnet20.layer1": 6, "resnet20.layer2": 5, "resnet20.layer3": 5, "resnet29_bottleneck.layer1.1.conv1": 2,
            "resnet29_bottleneck.layer1.1.conv2": 2, "resnet29_bottleneck.layer1.0.conv3": 3,
            "resnet29_bottleneck.layer2.1.conv1": 2, "resnet29_bottleneck.layer2.1.conv2": 2,
            "resnet29_bottleneck.layer2.0.conv3": 3, "resnet29_bottleneck.layer3.1.conv1": 2,
            "resnet29_bottleneck.layer3.1.conv2": 2, "resnet29_bottleneck.layer3.0.conv3": 3,
            "ds_cnn.depthwise": 4, "ds_cnn.pointwise": 4}
# Layers that a network has, but whose shape stands in the table under another network's name.
SHARED = {"resnet29_bottleneck": 1024 * 27 * 16, "m5": 64 * 10}


@pytest.mark.parametrize(("network", "macs"), [
    ("mlp", 203_264), ("lenet5", 416_520), ("mnist_cnn", 11_992_448), ("vgg_small", 38_634_752),
    ("resnet20", 40_813_184), ("resnet29_bottleneck", 47_106_560), ("m5", 1_878_656),
    ("ds_cnn", 2_656_768)])
def test_layers_add_up_to_the_networks(network, macs):
    layers = [p for p in select(CONVS, "bench") + select(LINEARS, "bench") if p.name.startswith(network + ".")]
    assert sum(p.macs // p.N * REPEATED.get(p.name, 1) for p in layers) + SHARED.get(network, 0) == macs


@pytest.mark.parametrize("table", [CONVS, POOLS, LINEARS, BATCHNORMS, GROUPNORMS])
def test_names_are_unique_and_every_problem_has_a_tag(table):
    assert len({p.name for p in table}) == len(table)
    assert all(p.tags and p.tags <= {"small", "bench"} for p in table)


@pytest.mark.parametrize("problem", CONVS + POOLS, ids=lambda p: p.name)
def test_outputs_exist(problem):
    assert problem.P >= 1 and problem.Q >= 1
    assert len(problem.x_shape) == len(problem.y_shape) == problem.ndim + 2
    if problem.ndim == 1:
        assert problem.H == problem.KH == problem.SH == problem.DH == problem.P == 1 and problem.PH == 0


def test_the_table_holds_the_odd_cases():
    small = select(CONVS, "small")
    assert any(p.SH > p.KH for p in small) and any(1 < p.SH < p.KH for p in small)
    assert any(p.PH > p.KH for p in small) and any(p.KH == p.KW == 1 for p in small)
    assert any(p.C % 16 and p.C > 16 for p in small) and any(p.N == 0 for p in small)
    assert any(p.DH > 1 for p in small) and any(1 < p.G < p.C for p in small) and any(1 < p.G == p.C for p in small)
    assert any(p.ceil_mode for p in POOLS)


def test_groups_divide_the_channels():
    assert all(p.shape[1] % p.groups == 0 for p in GROUPNORMS)
    assert {len(p.shape) for p in GROUPNORMS} == {2, 3, 4, 5}
    assert any(p.groups == p.shape[1] > 1 for p in GROUPNORMS) and any(p.groups == 1 for p in GROUPNORMS)
