"""tinydl trains small convolutional networks fast on a multicore CPU.

    import tinydl as td

    net = td.nn.Sequential(td.nn.Flatten(), td.nn.Linear(784, 10))
    opt = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loss_fn = td.nn.CrossEntropyLoss()
    opt.zero_grad(); loss = loss_fn(net(x), y); loss.backward(); opt.step()
"""

import importlib

from tinydl import nn, ops, optim
from tinydl._version import __version__
from tinydl.config import (
    conv_algorithm,
    empty_cache,
    enable_grad,
    get_num_threads,
    is_grad_enabled,
    memory_stats,
    no_grad,
    set_num_threads,
    show_config,
)
from tinydl.function import Function
from tinydl.inference import freeze
from tinydl.optim import penalty
from tinydl.random import manual_seed
from tinydl.tensor import Parameter, Tensor, tensor

_LAZY = ("data", "export", "inspect", "models", "sklearn", "testing", "train")
# Functions of rooms that load on first use.
_ELSEWHERE = {"from_onnx": "tinydl.export.onnx", "load_predictor": "tinydl.export.predictor",
              "quantize": "tinydl.export.quantize", "to_c": "tinydl.export.c", "to_onnx": "tinydl.export.onnx"}

__all__ = [
    "Function", "Parameter", "Tensor", "__version__", "conv_algorithm", "data", "empty_cache", "enable_grad", "export",
    "freeze", "from_onnx", "get_num_threads", "inspect", "is_grad_enabled", "load_predictor", "manual_seed",
    "memory_stats", "models", "nn", "no_grad", "ops", "optim", "penalty", "quantize", "set_num_threads", "show_config",
    "tensor", "testing", "to_c", "to_onnx", "train",
]


def __getattr__(name):
    if name in _LAZY:
        return importlib.import_module(f"tinydl.{name}")
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module 'tinydl' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY, *_ELSEWHERE})
