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
from tinydl.optim import penalty
from tinydl.random import manual_seed
from tinydl.tensor import Parameter, Tensor, tensor

# What a first step does not need is imported when it is named: modules, and names with the module that has them.
_LAZY = {
    "autograd": None, "data": None, "export": None, "freeze": "inference", "from_onnx": "export", "inspect": None,
    "load_predictor": "export", "models": None, "quantize": "export", "sklearn": None, "testing": None,
    "to_c": "export", "to_onnx": "export", "train": None,
}

__all__ = [
    "Function", "Parameter", "Tensor", "__version__", "conv_algorithm", "data", "empty_cache", "enable_grad", "export",
    "freeze", "from_onnx", "get_num_threads", "inspect", "is_grad_enabled", "load_predictor", "manual_seed",
    "memory_stats", "models", "nn", "no_grad", "ops", "optim", "penalty", "quantize", "set_num_threads", "show_config",
    "tensor", "testing", "to_c", "to_onnx", "train",
]


def __getattr__(name):
    if name in _LAZY and _LAZY[name] is None:
        return importlib.import_module(f"tinydl.{name}")
    if name.startswith("_"):
        raise AttributeError(f"module 'tinydl' has no attribute {name!r}")
    if name in _LAZY:
        found = getattr(importlib.import_module(f"tinydl.{_LAZY[name]}"), name)
    else:
        from tinydl.words import word

        found = word(name)
    globals()[name] = found
    return found


def __dir__():
    from tinydl.words import names

    return sorted({*globals(), *_LAZY, *names()})
