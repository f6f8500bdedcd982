"""For type checkers: what of `gemm.forward` Python calls. Written by tools/core_stubs.py."""

from tinydl._types import Array

def linear_forward(x: Array | None, w: Array | None, bias: Array | None, y: Array | None, n_threads: int,
                   /) -> None: ...
def matmul(a: Array | None, b: Array | None, c: Array | None, n_threads: int, /) -> None: ...
