"""For type checkers: what of `groupnorm` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Pending
from tinydl._types import Array

def group_norm_forward(x: Array | None, weight: Array | None, bias: Array | None, y: Array | None, mean: Array | None,
                       rstd: Array | None, eps: float, n_threads: int, /) -> None: ...
def group_norm_backward(dy: Array | Pending, x: Array | None, mean: Array | None, rstd: Array | None,
                        weight: Array | None, dx: Array | None, dweight: Array | None, dbias: Array | None,
                        n_threads: int, /) -> None: ...
