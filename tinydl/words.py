"""Words of PyTorch at the top of the library, and what each of them is here.

Nothing is defined here: a word is the function, class or type that the library has under its own name. The table is
read when a word is looked up that is none of the library's own.
"""

import importlib

import numpy as np

from tinydl.instead import METHODS_ONLY, message

__all__ = ["names", "word"]

_TYPES = {
    "bool": "bool", "double": "float64", "float": "float32", "float32": "float32", "float64": "float64", "int": "int32",
    "int16": "int16", "int32": "int32", "int64": "int64", "int8": "int8", "long": "int64", "uint8": "uint8",
}

# Word: the module that has it, and its name there where that differs.
_ELSEWHERE = {
    "Generator": "random", "Size": ("builtins", "tuple"), "absolute": ("ops", "abs"), "accelerator": "devices",
    "allclose": "ops.aliases", "backends": "devices", "cat": ("ops", "concatenate"), "clip": "ops",
    "concat": ("ops", "concatenate"), "cuda": "devices", "device": "devices", "divide": ("ops", "div"),
    "dtype": ("numpy", "dtype"), "einsum": "ops.aliases",
    "equal": "ops.aliases", "inference_mode": ("config", "no_grad"), "load": "saving", "multiply": ("ops", "mul"),
    "negative": ("ops", "neg"), "permute": "ops", "pow": ("ops", "power"), "reshape": "ops", "save": "saving",
    "subtract": ("ops", "sub"),
}


def _functions():
    from tinydl.ops.methods import METHODS

    return {name: value for name, value in METHODS.items()
            if not name.startswith("_") and not name.endswith("_") and name not in METHODS_ONLY}


def _rooms():
    # By import_module: `from tinydl import ...` would ask for a word.
    return importlib.import_module("tinydl.creation"), importlib.import_module("tinydl.ops")


def names():
    """All words that `word` knows."""
    creation, ops = _rooms()
    return {*creation.__all__, *_TYPES, *_ELSEWHERE, *_functions(), *ops.__all__}


def word(name):
    """What a word at the top means; AttributeError, with what to write instead, where there is no such thing."""
    creation, ops = _rooms()
    if name in creation.__all__:
        return getattr(creation, name)
    if name in _TYPES:
        return np.dtype(_TYPES[name])
    if name in _ELSEWHERE:
        place = _ELSEWHERE[name]
        module, own = place if isinstance(place, tuple) else (place, name)
        if module in ("builtins", "numpy"):
            return getattr(importlib.import_module(module), own)
        return getattr(importlib.import_module(f"tinydl.{module}"), own)
    functions = _functions()
    if name in functions:
        found = functions[name]
        return found.resolve() if hasattr(found, "resolve") else found
    if name in ops.__all__:
        return getattr(ops, name)
    raise AttributeError(message("tinydl", name))
