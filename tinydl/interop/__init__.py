"""Bridges to other libraries, each loaded when it is asked for: `sklearn` and `optuna`."""

import importlib

__all__ = ["optuna", "sklearn"]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"tinydl.interop.{name}")
    raise AttributeError(f"module 'tinydl.interop' has no attribute {name!r}")
