import numpy as np
import pytest

import tinydl as td
from tinydl import models, nn, ops
from tinydl.inspect import receptive_field, summary

# name: parameters, multiply-adds, receptive field of the output
NETWORKS = {
    "mlp": (203_530, 203_264, 28), "lenet5": (61_706, 416_520, 32), "lenet_bn": (29_178, 1_924_992, 38),
    "mnist_cnn": (1_199_882, 11_992_448, 28),
    "vgg_small": (288_746, 38_634_752, 60), "resnet20": (272_474, 40_813_184, 109),
    "resnet29_bottleneck": (313_114, 47_106_560, 67), "m5": (25_290, 1_878_656, 6848),
    "ds_cnn": (23_180, 2_656_768, (74, 28)),
    "airbench": (1_972_792, 118_147_360, 67),
}
FROZEN = {"airbench": 24 * 12 + 2 * (64 + 256 + 256)}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    parameters, macs, field = NETWORKS[name]
    net = getattr(models, name)()
    table = summary(net, models.INPUT_SHAPES[name])
    assert table.parameters == sum(row.parameters for row in table.rows) == parameters
    assert table.parameters - table.trainable == FROZEN.get(name, 0)
    assert table.multiply_adds == sum(row.multiply_adds for row in table.rows) == macs
    assert table.receptive_field == field == receptive_field(net, models.INPUT_SHAPES[name])
    classes = 12 if name == "ds_cnn" else 10
    assert table.output_shape == (classes,)
    lines = str(table).splitlines()
    assert f"total: {parameters:,} parameters, {macs:,} multiply-adds (MACs)," in lines
    assert max(map(len, lines)) <= 80


def test_what_is_printed():
    """16 filters of 3x3x3 on 8x8: 16*27+16 = 448 parameters, 64*432 = 27,648 multiply-adds, 4*16*64 bytes."""
    net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Flatten(), nn.Linear(1024, 2))
    with td.conv_algorithm("direct"):
        lines = [line.split() for line in str(summary(net, (3, 8, 8))).splitlines()]
    assert lines[1] == ["layer", "kind", "output", "params", "MACs", "field", "KiB"]
    assert lines[3] == ["0", "Conv2d", "direct", "16x8x8", "448", "27.6k", "3x3", "4.0"]
    assert lines[5] == ["2", "Linear", "2", "2,050", "2.05k", "10x10", "0.008"]  # 8 windows of 3


def test_long_names_have_lines_of_their_own():
    net = nn.Linear(4, 2)
    for _ in range(3):
        net = nn.Sequential({"a_name_of_twenty_six_letters": net})
    lines = str(summary(net, (4,))).splitlines()
    assert max(map(len, lines)) <= 80 + 10  # no name is cut
    place = lines.index(".".join(["a_name_of_twenty_six_letters"] * 3))
    assert lines[place + 1].split()[:3] == ["Linear", "2", "10"]


def test_rows_of_a_residual_net():
    rows = {row.name: row for row in summary(models.resnet20(), (3, 32, 32)).rows}
    block = rows["layer2.0"]
    assert block[1:5] == ("ResidualBlock", (32, 16, 16), 0, 0)
    assert block.activation_bytes == 3 * 4 * 32 * 16 * 16  # ReLU, sum, ReLU
    assert block.receptive_field == 21                     # the longest path
    assert rows["layer2.0.downsample.0"].receptive_field == 15
    assert rows["layer2.0.conv1"].multiply_adds == 32 * 16 * 16 * 16 * 9
    assert rows["layer1.2"].receptive_field == 15
    assert "layer1" not in rows  # computes nothing itself


def test_algorithms():
    net = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 4, 1),
                        nn.ConvTranspose2d(4, 2, 2), nn.ReLU())
    with td.conv_algorithm("direct"):
        names = [row.algorithm for row in summary(net, (32, 16, 16)).rows]
    assert names == ["direct", "depthwise", "direct", "direct", ""]
    with td.conv_algorithm("winograd"):
        assert summary(net[0], (32, 16, 16)).rows[0].algorithm == "winograd"


class Functional(nn.Module):
    """Two branches of functional code, a parameter of its own, and a layer used twice."""

    def __init__(self):
        self.wide = nn.Parameter(np.zeros((4, 4, 5, 5), np.float32))
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        branch = ops.conv2d(x, self.wide, padding=2)
        return ops.relu(self.conv(self.conv(x))) + branch


def test_functional_code_shared_layers_and_branches():
    table = summary(Functional(), (4, 8, 8))
    first, second, whole = table.rows
    assert (first.name, second.name, whole.name) == ("conv", "conv", "(net)")
    assert first.parameters == 148 and second.parameters is None and whole.parameters == 400
    assert table.parameters == 548
    assert first.multiply_adds == second.multiply_adds == 4 * 64 * 4 * 9
    assert whole.multiply_adds == 4 * 64 * 4 * 25
    assert table.receptive_field == 5
    assert "shared" in str(table)


def test_multiply_adds_of_other_layers():
    assert summary(nn.ConvTranspose2d(3, 5, 2, stride=2), (3, 4, 4)).multiply_adds == 3 * 16 * 5 * 4
    assert summary(nn.Conv2d(4, 6, 3, groups=2), (4, 5, 5)).multiply_adds == 6 * 9 * 2 * 9
    assert summary(nn.Linear(6, 5), (7, 6)).multiply_adds == 7 * 6 * 5
    assert summary(nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)), (3, 4, 4)).multiply_adds == 0


def test_activation_memory():
    net = nn.Sequential(nn.Linear(4, 100), nn.ReLU(), nn.Dropout(0.5), nn.Identity(), nn.Linear(100, 2))
    table = summary(net, (4,))
    assert [row.activation_bytes for row in table.rows] == [400, 400, 0, 0, 8]
    assert table.activation_bytes == 808
    assert summary(nn.Linear(4, 100).double(), 4).activation_bytes == 800


def test_frozen_parameters_are_named():
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    net[0].requires_grad_(False)
    table = summary(net, (4,))
    assert (table.parameters, table.trainable) == (23, 8)
    assert str(table).endswith("8 parameters are trained, 15 are frozen")


def test_the_net_stays_as_it_is():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    calls = []
    net[0].register_forward_hook(lambda *args: calls.append(1))
    before = net.state_dict()
    state = td.random.state()
    summary(net, (1, 5, 5))
    assert not calls and net.training and "forward" not in net[0].__dict__
    assert td.random.state() == state
    assert all(np.array_equal(before[name], value) for name, value in net.state_dict().items())


@pytest.mark.parametrize("shape", [(), (3, 0, 4), (3, -1), "3x4", (2.5,)])
def test_bad_shapes(shape):
    with pytest.raises((ValueError, TypeError), match="input_shape is the shape of one sample"):
        summary(nn.Identity(), shape)


def test_an_input_that_does_not_fit():
    with pytest.raises(ValueError, match=r"after nn.Flatten\(\) this input would need Linear\(484"):
        summary(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Linear(10, 2)), (1, 13, 13))
