"""Layers: they own the parameters and leave the mathematics to `tinydl.ops`."""

from typing import TYPE_CHECKING

from tinydl.nn import init
from tinydl.nn.activation import LAYERS, LogSoftmax, ReLU, Softmax
from tinydl.nn.batchnorm import BatchNorm1d, BatchNorm2d
from tinydl.nn.container import ModuleList, Sequential
from tinydl.nn.conv import Conv1d, Conv2d
from tinydl.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d
from tinydl.nn.dropout import Dropout
from tinydl.nn.flatten import Flatten, Unflatten
from tinydl.nn.groupnorm import GroupNorm
from tinydl.nn.layernorm import LayerNorm
from tinydl.nn.linear import Identity, Linear
from tinydl.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, MSELoss, NLLLoss
from tinydl.nn.module import Module
from tinydl.nn.pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from tinydl.nn.residual import BottleneckBlock, ResidualBlock
from tinydl.nn.views import AveragedViews
from tinydl.tensor import Parameter

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AveragedViews",
    "AvgPool1d", "AvgPool2d", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "BottleneckBlock", "Conv1d", "Conv2d",
    "ConvTranspose1d", "ConvTranspose2d", "CrossEntropyLoss", "Dropout", "Flatten", "GroupNorm", "HuberLoss",
    "Identity", "LayerNorm", "Linear", "LogSoftmax", "MSELoss", "MaxPool1d", "MaxPool2d", "Module", "ModuleList",
    "NLLLoss", "Parameter", "ReLU", "ResidualBlock", "Sequential", "Softmax", "Unflatten", "init",
]

# The other activations are what activation.py makes of its table.
globals().update(LAYERS)
__all__ += sorted(LAYERS.keys() - {"ReLU"})
if TYPE_CHECKING:
    from tinydl.nn.activation import Activation

    def __getattr__(name: str) -> type[Activation]: ...
