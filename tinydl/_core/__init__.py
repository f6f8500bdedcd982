"""The arithmetic: Cython kernels, compiled once per ISA level, and their NumPy twins in `reference`.

`from tinydl._core import conv` gives the kernels of the level in use (`tinydl._core.isa.level`). `im2col`, `memory` and
`parallel` have nothing to gain from a level and are compiled once.
"""

import importlib

from tinydl._core import im2col, memory, parallel
from tinydl._core.isa import level

_KERNELS = (
    "augment", "batchnorm", "conv", "depthwise", "elementwise", "gemm", "loss", "pool", "update", "winograd",
)

for _name in _KERNELS:
    globals()[_name] = importlib.import_module(f"tinydl._core.{level}.{_name}")

__all__ = ["im2col", "memory", "parallel", *_KERNELS]
