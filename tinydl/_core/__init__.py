"""The arithmetic: Cython kernels, compiled once per ISA level, and their NumPy twins in `reference`.

`from tinydl._core import conv` gives the kernels of the level in use (`tinydl._core.isa.level`). What has
little to gain from a level (`augment`, `im2col`, `loss`, `memory`, `operands`, `parallel`,
`program`) is compiled once.
"""

import importlib

from tinydl._core.waiting import short_spins

with short_spins():
    from tinydl._core import augment, im2col, loss, memory, operands, parallel, program
from tinydl._core.isa import level

_KERNELS = ("batchnorm", "conv", "depthwise", "elementwise", "gemm", "pool", "update", "winograd")

for _name in _KERNELS:
    globals()[_name] = importlib.import_module(f"tinydl._core.{level}.{_name}")

__all__ = ["augment", "im2col", "loss", "memory", "operands", "parallel", "program", *_KERNELS]
