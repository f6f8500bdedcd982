"""Layers: they own the parameters and leave the mathematics to `tinydl.ops`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydl.later import later
from tinydl.nn import init
from tinydl.nn.activation import LAYERS, LogSoftmax, ReLU, Softmax
from tinydl.nn.batchnorm import BatchNorm1d, BatchNorm2d
from tinydl.nn.container import ModuleDict, ModuleList, ParameterList, Sequential
from tinydl.nn.flatten import Flatten, Unflatten
from tinydl.nn.linear import Identity, Linear
from tinydl.nn.module import Module
from tinydl.tensor import Parameter

__all__: list[str] = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AveragedViews", "AvgPool1d",
    "AvgPool2d", "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "BottleneckBlock", "ConstantPad1d",
    "ConstantPad2d", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "CosineEmbeddingLoss",
    "CrossEntropyLoss", "Dropout", "Dropout1d", "Dropout2d", "Embedding", "Flatten", "FocalLoss", "Fold", "GLU",
    "GroupNorm", "HuberLoss", "Identity", "InstanceNorm1d", "InstanceNorm2d", "KLDivLoss", "L1Loss", "LPPool2d",
    "LayerNorm", "Linear", "LocalResponseNorm", "LogSoftmax", "MSELoss", "MaxPool1d", "MaxPool2d", "Module",
    "ModuleDict", "ModuleList", "MultiLabelSoftMarginLoss", "NLLLoss", "PReLU", "Parameter", "ParameterList",
    "PixelShuffle", "ReLU", "ReflectionPad1d", "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d",
    "ResidualBlock", "Sequential", "SmoothL1Loss", "Softmax", "TripletMarginLoss", "Unflatten", "Unfold", "Upsample",
    "ZeroPad1d", "ZeroPad2d", "init",
]

# The other activations are what activation.py makes of its table.
if TYPE_CHECKING:
    from tinydl.nn import _activations, functional as functional
    from tinydl.nn._activations import *  # noqa: F403
    from tinydl.nn.activation import GELU as GELU, Softplus as Softplus
    from tinydl.nn.channels import GLU, Embedding, LocalResponseNorm, PixelShuffle, PReLU
    from tinydl.nn.conv import Conv1d, Conv2d
    from tinydl.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d
    from tinydl.nn.distances import (
        BCELoss,
        CosineEmbeddingLoss,
        FocalLoss,
        KLDivLoss,
        L1Loss,
        MultiLabelSoftMarginLoss,
        SmoothL1Loss,
        TripletMarginLoss,
    )
    from tinydl.nn.dropout import Dropout, Dropout1d, Dropout2d
    from tinydl.nn.groupnorm import GroupNorm
    from tinydl.nn.instancenorm import InstanceNorm1d, InstanceNorm2d
    from tinydl.nn.layernorm import LayerNorm
    from tinydl.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, MSELoss, NLLLoss
    from tinydl.nn.padding import (
        ConstantPad1d,
        ConstantPad2d,
        ReflectionPad1d,
        ReflectionPad2d,
        ReplicationPad1d,
        ReplicationPad2d,
        ZeroPad1d,
        ZeroPad2d,
    )
    from tinydl.nn.pool import (
        AdaptiveAvgPool1d,
        AdaptiveAvgPool2d,
        AdaptiveMaxPool1d,
        AdaptiveMaxPool2d,
        AvgPool1d,
        AvgPool2d,
        LPPool2d,
        MaxPool1d,
        MaxPool2d,
    )
    from tinydl.nn.residual import BottleneckBlock, ResidualBlock
    from tinydl.nn.sampling import Fold, Unfold, Upsample
    from tinydl.nn.views import AveragedViews

    __all__ += _activations.__all__  # type: ignore[has-type]  # mypy meets it in a circle of imports
    __all__ += ["GELU", "Softplus", "functional"]
else:
    globals().update(LAYERS)
    __all__ += sorted(LAYERS.keys() - {"ReLU"})
    __getattr__, __dir__ = later("tinydl.nn", {
        "channels": "GLU Embedding LocalResponseNorm PixelShuffle PReLU",
        "conv": "Conv1d Conv2d",
        "conv_transpose": "ConvTranspose1d ConvTranspose2d",
        "distances": "BCELoss CosineEmbeddingLoss FocalLoss KLDivLoss L1Loss MultiLabelSoftMarginLoss "
            "SmoothL1Loss TripletMarginLoss",
        "dropout": "Dropout Dropout1d Dropout2d",
        "groupnorm": "GroupNorm",
        "instancenorm": "InstanceNorm1d InstanceNorm2d",
        "layernorm": "LayerNorm",
        "loss": "BCEWithLogitsLoss CrossEntropyLoss HuberLoss MSELoss NLLLoss",
        "padding": "ConstantPad1d ConstantPad2d ReflectionPad1d ReflectionPad2d ReplicationPad1d "
            "ReplicationPad2d ZeroPad1d ZeroPad2d",
        "pool": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d AvgPool1d AvgPool2d "
            "LPPool2d MaxPool1d MaxPool2d",
        "residual": "BottleneckBlock ResidualBlock",
        "sampling": "Fold Unfold Upsample",
        "views": "AveragedViews",
    }, ["functional"])
