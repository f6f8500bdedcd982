"""The networks, written once as lists of layers. Every peer builds its own from these lists, so all are the same.

A layer is a tuple: its name and its numbers.

    ("conv", out_channels, window, stride, padding, bias, groups, trained)
        1-D or 2-D after the input's rank; window, stride and padding are one number or one an axis. `trained`: whether
        its filters are
    ("bn", trained) ("linear", out_features, bias) ("relu",) ("gelu",) ("maxpool", window) ("gap",) ("flatten",)
    ("scale", factor)
    ("residual", main path: list of layers, shortcut: list of layers)      relu(main(x) + shortcut(x))
"""

from dataclasses import dataclass

__all__ = ["NETWORKS", "Network"]


@dataclass(frozen=True)
class Network:
    """A network of the table, with the counts it must come to.

    shape is one sample's (C, H, W) or (C, L); params and macs (per sample) are checked by everyone who builds it.
    """

    name: str
    shape: tuple
    batch: int
    params: int
    macs: int
    layers: list


def conv(out, window, stride=1, padding=0, bias=True, groups=1, trained=True):
    return ("conv", out, window, stride, padding, bias, groups, trained)


def bn(trained=True):
    """A batch norm; `trained`: whether its weight is, as its bias always is."""
    return ("bn", trained)


def linear(out, bias=True):
    return ("linear", out, bias)


def conv_bn_relu(out, window, stride=1, padding=0, bias=False, groups=1):
    return [conv(out, window, stride, padding, bias, groups), bn(), ("relu",)]


def _shortcut(channels, out, stride):
    return [conv(out, 1, stride, bias=False), bn()] if stride != 1 or channels != out else []


def basic_block(channels, out, stride):
    main = [*conv_bn_relu(out, 3, stride, 1), conv(out, 3, 1, 1, bias=False), bn()]
    return ("residual", main, _shortcut(channels, out, stride))


def bottleneck_block(channels, width, stride):
    out = 4 * width
    main = [*conv_bn_relu(width, 1), *conv_bn_relu(width, 3, stride, 1), conv(out, 1, bias=False), bn()]
    return ("residual", main, _shortcut(channels, out, stride))


def vgg_small():
    layers = []
    for k, width in enumerate((32, 64, 128)):
        layers += [("maxpool", 2)] if k else []
        layers += conv_bn_relu(width, 3, 1, 1) + conv_bn_relu(width, 3, 1, 1)
    return [*layers, ("gap",), linear(10)]


def resnet20():
    layers, channels = conv_bn_relu(16, 3, 1, 1), 16
    for width, first_stride in ((16, 1), (32, 2), (64, 2)):
        for stride in (first_stride, 1, 1):
            layers.append(basic_block(channels, width, stride))
            channels = width
    return [*layers, ("gap",), linear(10)]


def resnet29_bottleneck():
    layers, channels = conv_bn_relu(16, 3, 1, 1), 16
    for width, first_stride in ((16, 1), (32, 2), (64, 2)):
        for stride in (first_stride, 1, 1):
            layers.append(bottleneck_block(channels, width, stride))
            channels = 4 * width
    return [*layers, ("gap",), linear(10)]


def m5():
    layers = []
    for out, window, stride in ((32, 80, 16), (32, 3, 1), (64, 3, 1), (64, 3, 1)):
        layers += [*conv_bn_relu(out, window, stride, bias=True), ("maxpool", 4)]
    return [*layers, ("gap",), linear(10)]


def airbench():
    layers = [conv(24, 2, trained=False), ("gelu",)]
    for out in (64, 256, 256):
        layers += [conv(out, 3, 1, 1, bias=False), ("maxpool", 2), bn(trained=False), ("gelu",),
                   conv(out, 3, 1, 1, bias=False), bn(trained=False), ("gelu",)]
    return [*layers, ("maxpool", 3), ("flatten",), linear(10, bias=False), ("scale", 1 / 256)]


def ds_cnn():
    layers = conv_bn_relu(64, (10, 4), 2, (5, 1))
    for _ in range(4):
        layers += conv_bn_relu(64, 3, 1, 1, groups=64) + conv_bn_relu(64, 1)
    return [*layers, ("gap",), linear(12)]


MLP = [("flatten",), linear(256), ("relu",), linear(10)]
LENET5 = [conv(6, 5, 1, 2), ("relu",), ("maxpool", 2), conv(16, 5), ("relu",), ("maxpool", 2), ("flatten",),
          linear(120), ("relu",), linear(84), ("relu",), linear(10)]
MNIST_CNN = [conv(32, 3), ("relu",), conv(64, 3), ("relu",), ("maxpool", 2), ("flatten",),
             linear(128), ("relu",), linear(10)]

NETWORKS = {net.name: net for net in [
    Network("mlp", (1, 28, 28), 64, 203_530, 203_264, MLP),
    Network("lenet5", (1, 28, 28), 64, 61_706, 416_520, LENET5),
    Network("mnist_cnn", (1, 28, 28), 64, 1_199_882, 11_992_448, MNIST_CNN),
    Network("vgg_small", (3, 32, 32), 128, 288_746, 38_634_752, vgg_small()),
    Network("resnet20", (3, 32, 32), 128, 272_474, 40_813_184, resnet20()),
    Network("resnet29_bottleneck", (3, 32, 32), 128, 313_114, 47_106_560, resnet29_bottleneck()),
    Network("airbench", (3, 32, 32), 250, 1_972_792, 118_147_360, airbench()),
    Network("m5", (1, 8000), 64, 25_290, 1_878_656, m5()),
    Network("ds_cnn", (1, 49, 10), 100, 23_180, 2_656_768, ds_cnn()),
]}
