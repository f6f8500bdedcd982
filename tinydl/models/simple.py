"""Networks that are one layer after the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinydl import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinydl.nn.container import Sequential
    from tinydl.nn.module import Module

__all__ = ["digits_cnn", "ds_cnn", "image", "lenet5", "lenet_bn", "m5", "mlp", "mnist_cnn", "picture_cnn", "signal_cnn",
           "table_mlp", "vgg_small"]


def image(input_shape, least):
    """(C, H, W), each of H and W at least `least`."""
    if len(input_shape) != 3 or min(input_shape[1:]) < least:
        raise ValueError(f"the network takes images (C, H, W) of at least {least}x{least} pixels, got "
                         f"input_shape={tuple(input_shape)}")
    return input_shape


def mlp(num_classes: int = 10, input_shape: Sequence[int] = (1, 28, 28), hidden: int = 256) -> Sequential:
    """Two fully connected layers with a ReLU between, 784-256-10.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        Shape of a sample; it is flattened.
    hidden : int
        Width of the hidden layer.
    """
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), hidden), nn.ReLU(),
                         nn.Linear(hidden, num_classes))


def lenet5(num_classes: int = 10, input_shape: Sequence[int] = (1, 28, 28)) -> Sequential:
    """LeNet-5 (LeCun et al., 1998) with ReLU and max pooling: conv 6@5x5 pad 2, pool, conv 16@5x5, pool, 120, 84, 10.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        (C, H, W), at least 12x12.
    """
    c, h, w = image(input_shape, 12)
    flat = 16 * ((h // 2 - 4) // 2) * ((w // 2 - 4) // 2)
    return nn.Sequential(
        nn.Conv2d(c, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(flat, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes))


def mnist_cnn(num_classes: int = 10, input_shape: Sequence[int] = (1, 28, 28)) -> Sequential:
    """Conv 32@3x3, conv 64@3x3, pool 2, 128, 10, with ReLU.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        (C, H, W), at least 6x6.
    """
    c, h, w = image(input_shape, 6)
    flat = 64 * ((h - 4) // 2) * ((w - 4) // 2)
    return nn.Sequential(
        nn.Conv2d(c, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(flat, 128), nn.ReLU(), nn.Linear(128, num_classes))


def _conv_bn_relu(c, o):
    return [nn.Conv2d(c, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]


def digits_cnn(num_classes: int = 10, input_shape: Sequence[int] = (1, 8, 8)) -> Sequential:
    """For small images such as the 8x8 digits: conv-bn-relu 16, 32, pool 2, 64, pool 2, 10; 3x3 windows with padding 1.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        (C, H, W), at least 4x4.
    """
    c, h, w = image(input_shape, 4)
    return nn.Sequential(
        *_conv_bn_relu(c, 16), *_conv_bn_relu(16, 32), nn.MaxPool2d(2), *_conv_bn_relu(32, 64), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * (h // 4) * (w // 4), num_classes))


def lenet_bn(num_classes: int = 10, input_shape: Sequence[int] = (1, 28, 28)) -> Sequential:
    """Of LeNet's size, with batch norm: conv-bn-relu 16, 32, 64, each with pool 2, 10; 3x3 windows with padding 1.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        (C, H, W), at least 8x8.
    """
    c, h, w = image(input_shape, 8)
    layers: list[Module] = []
    for i, o in ((c, 16), (16, 32), (32, 64)):
        layers += [*_conv_bn_relu(i, o), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * (h // 8) * (w // 8), num_classes))


def vgg_small(num_classes: int = 10, in_channels: int = 3) -> Sequential:
    """(conv-bn-relu 32, 32) pool (64, 64) pool (128, 128) global average, 10; 3x3 windows with padding 1, no conv bias.

    Parameters
    ----------
    num_classes, in_channels : int
    """
    return nn.Sequential(
        *_conv_bn_relu(in_channels, 32), *_conv_bn_relu(32, 32), nn.MaxPool2d(2),
        *_conv_bn_relu(32, 64), *_conv_bn_relu(64, 64), nn.MaxPool2d(2),
        *_conv_bn_relu(64, 128), *_conv_bn_relu(128, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(128, num_classes))


def picture_cnn(num_classes: int = 10, input_shape: Sequence[int] = (3, 64, 64)) -> Sequential:
    """For pictures of any size: conv-bn-relu 16, 32, 64, 128, 128, ..., each with pool 2, until 8 pixels are left.

    3x3 windows with padding 1; one more layer of 128 and the global average at the end. A picture of 128x128 takes 73
    million multiply-adds.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        (C, H, W), at least 4x4.
    """
    c, h, w = image(input_shape, 4)
    layers: list[Module] = []
    width, size = 16, min(h, w)
    while size > 8 or not layers:
        layers += [*_conv_bn_relu(c, width), nn.MaxPool2d(2)]
        c, width, size = width, min(2 * width, 128), size // 2
    return nn.Sequential(*layers, *_conv_bn_relu(c, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(128, num_classes))


def signal_cnn(num_classes: int = 10, input_shape: Sequence[int] = (3, 128)) -> Sequential:
    """For signals of any length: conv-bn-relu 32@9, 64@5, 64@5, ..., each with pool 2, until 16 values are left.

    From 4,096 values on the first convolution is 64@80 with stride 8, and pools take 4. One more layer of 128@3 and the
    global average at the end.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        (C, L), L at least 8.
    """
    if len(input_shape) != 2 or input_shape[1] < 8:
        raise ValueError(f"the network takes signals (C, L) of at least 8 values, got input_shape={tuple(input_shape)}")
    c, size = input_shape
    width, window, stride, pool = (64, 80, 8, 4) if size >= 4096 else (32, 9, 1, 2)
    layers: list[Module] = []
    while size > 16 or not layers:
        layers += [nn.Conv1d(c, width, window, stride, window // 2, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
                   nn.MaxPool1d(pool)]
        size = ((size + 2 * (window // 2) - window) // stride + 1) // pool
        c, width, window, stride = width, 64, 5, 1
    layers += [nn.Conv1d(c, 128, 3, padding=1, bias=False), nn.BatchNorm1d(128), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(128, num_classes))


def table_mlp(num_classes: int = 10, input_shape: Sequence[int] = (8,), hidden: int = 128) -> Sequential:
    """For rows of a table: two hidden layers of 128 with GELU, 8-128-128-10.

    Parameters
    ----------
    num_classes : int
    input_shape : tuple of int
        Shape of a sample; it is flattened.
    hidden : int
        Width of the hidden layers.
    """
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), hidden), nn.GELU(), nn.Linear(hidden, hidden),
                         nn.GELU(), nn.Linear(hidden, num_classes))


def m5(num_classes: int = 10, in_channels: int = 1) -> Sequential:
    """For sound of 8,000 samples (after Dai et al., 2016): conv 32@80 stride 16, 32@3, 64@3, 64@3, each with pool 4.

    Batch norm and ReLU after each convolution, global average, one linear layer.

    Parameters
    ----------
    num_classes, in_channels : int
    """
    layers: list[Module] = []
    for c, o, k, s in ((in_channels, 32, 80, 16), (32, 32, 3, 1), (32, 64, 3, 1), (64, 64, 3, 1)):
        layers += [nn.Conv1d(c, o, k, s), nn.BatchNorm1d(o), nn.ReLU(), nn.MaxPool1d(4)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, num_classes))


def ds_cnn(num_classes: int = 12, in_channels: int = 1) -> Sequential:
    """For spoken words as 49 frames of 10 cepstral coefficients: DS-CNN of keyword spotting, the small one.

    Conv 64@10x4 stride 2, four blocks of a depthwise 3x3 and a 1x1 convolution with 64 channels, batch norm and ReLU
    after each convolution, global average, one linear layer. An image of 49x10 becomes 25x5.

    Source: Y. Zhang, N. Suda, L. Lai and V. Chandra, Hello Edge: Keyword Spotting on Microcontrollers,
    arXiv:1711.07128, 2017. There TensorFlow pads the first layer by 4 rows above and 5 below; here both get 5, which
    moves the windows down by one row.

    Parameters
    ----------
    num_classes, in_channels : int
    """
    layers = [nn.Conv2d(in_channels, 64, (10, 4), stride=2, padding=(5, 1), bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    for _ in range(4):
        layers += [nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
                   nn.Conv2d(64, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))
