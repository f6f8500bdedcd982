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

_LAZY = ("autograd", "data", "inspect", "models", "testing", "train")

__all__ = [
    "Function", "Parameter", "Tensor", "__version__", "conv_algorithm", "data", "empty_cache", "enable_grad",
    "freeze", "get_num_threads", "inspect", "is_grad_enabled", "manual_seed", "memory_stats", "models", "nn",
    "no_grad", "ops", "optim", "penalty", "set_num_threads", "show_config", "tensor", "testing", "train",
]


def __getattr__(name):
    if name in _LAZY:
        return importlib.import_module(f"tinydl.{name}")
    if name.startswith("_"):
        raise AttributeError(f"module 'tinydl' has no attribute {name!r}")
    from tinydl.words import word

    found = globals()[name] = word(name)
    return found


def __dir__():
    from tinydl.words import names

    return sorted({*globals(), *_LAZY, *names()})
