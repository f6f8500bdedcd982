"""Layers: they own the parameters and leave the mathematics to `tinydl.ops`."""

from tinydl.nn import init
from tinydl.nn.activation import ELU, GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from tinydl.nn.container import ModuleList, Sequential
from tinydl.nn.conv import Conv1d, Conv2d
from tinydl.nn.flatten import Flatten, Unflatten
from tinydl.nn.linear import Identity, Linear
from tinydl.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, MSELoss, NLLLoss
from tinydl.nn.module import Module
from tinydl.tensor import Parameter

__all__ = [
    "ELU", "GELU", "BCEWithLogitsLoss", "Conv1d", "Conv2d", "CrossEntropyLoss", "Flatten", "HuberLoss", "Identity",
    "LeakyReLU", "Linear", "LogSoftmax", "MSELoss", "Module", "ModuleList", "NLLLoss", "Parameter", "ReLU",
    "Sequential", "Sigmoid", "Softmax", "Tanh", "Unflatten", "init",
]
