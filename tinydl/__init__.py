"""tinydl trains small convolutional networks fast on a multicore CPU.

    import tinydl as td

    net = td.nn.Sequential(td.nn.Flatten(), td.nn.Linear(784, 10))
    opt = td.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loss_fn = td.nn.CrossEntropyLoss()
    opt.zero_grad(); loss = loss_fn(net(x), y); loss.backward(); opt.step()
"""

import importlib
from typing import TYPE_CHECKING

from tinydl import nn, ops
from tinydl._name import warn_of_the_other
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
from tinydl.random import manual_seed
from tinydl.tensor import Parameter, Tensor, tensor

warn_of_the_other(__path__[0])

# What a first step does not need is imported when it is named: modules, and names with the module that has them.
_LAZY = {
    "autograd": None, "data": None, "distributed": None, "export": None, "freeze": "inference",
    "from_onnx": "export", "inspect": None, "load_predictor": "export", "models": None, "optim": None,
    "penalty": "optim", "quantize": "export", "sklearn": None, "stream": "export", "testing": None,
    "to_c": "export", "to_onnx": "export", "train": None, "utils": None,
}

__all__: list[str] = [
    "Function", "Parameter", "Tensor", "__version__", "conv_algorithm", "data", "distributed", "empty_cache",
    "enable_grad", "export", "freeze", "from_onnx", "get_num_threads", "inspect", "is_grad_enabled",
    "load_predictor", "manual_seed", "memory_stats", "models", "nn", "no_grad", "ops", "optim", "penalty",
    "quantize", "set_num_threads", "show_config", "stream", "tensor", "testing", "to_c", "to_onnx", "train",
]


if TYPE_CHECKING:
    from tinydl import (
        _words,
        autograd as autograd,
        data as data,
        distributed as distributed,
        export as export,
        inspect as inspect,
        models as models,
        optim as optim,
        sklearn as sklearn,
        testing as testing,
        train as train,
        utils as utils,
    )
    from tinydl._words import *  # noqa: F403
    from tinydl.export import from_onnx, load_predictor, quantize, stream, to_c, to_onnx
    from tinydl.inference import freeze
    from tinydl.optim import penalty

    __all__ += _words.__all__  # type: ignore[has-type]  # mypy meets it in a circle of imports
else:
    def __getattr__(name):
        if name in _LAZY and _LAZY[name] is None:
            return importlib.import_module(f"tinydl.{name}")
        if name in _LAZY:
            found = getattr(importlib.import_module(f"tinydl.{_LAZY[name]}"), name)
        else:
            found = _word(name)
        globals()[name] = found
        return found


def _word(name):
    """What a word of PyTorch means here."""
    from tinydl.later import is_module

    if name.startswith("_") or is_module("tinydl", name):
        raise AttributeError(f"module 'tinydl' has no attribute {name!r}")
    from tinydl.words import word

    return word(name)


def __dir__():
    from tinydl.words import names

    return sorted({*globals(), *_LAZY, *names()})
