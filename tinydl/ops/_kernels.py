"""Kernel families by name: the compiled module where it is built, else its NumPy twin."""

import importlib

from tinydl import _core
from tinydl._core import parallel

get_num_threads = parallel.get_num_threads


class _Family:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        module = getattr(_core, self._name, None)
        if module is None or not hasattr(module, attribute):
            module = importlib.import_module(f"tinydl._core.reference.{self._name}")
        found = getattr(module, attribute)
        self.__dict__[attribute] = found
        return found


batchnorm = _Family("batchnorm")
conv = _Family("conv")
elementwise = _Family("elementwise")
gemm = _Family("gemm")
loss = _Family("loss")
pool = _Family("pool")
