"""For type checkers: what of `batchnorm_backward` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Pending
from tinydl._types import Array

def backward_reduce(dy: Array | Pending, x: Array | None, about: Array | None, sums: Array | None, masked: Array | None,
                    n_threads: int, /) -> None: ...
def gradient_map(sums: Array | None, rows: int, mean: Array | None, rstd: Array | None, weight: Array | None,
                 training: bool, dweight: Array | None, dbias: Array | None, dy: Pending, /) -> None: ...
def backward_apply(dy: Pending, dx: Array | None, n_threads: int, /) -> None: ...
