"""For type checkers: what of `gemm.backward_weight` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Pending
from tinydl._types import Array

def linear_backward_weight(x: Array | None, dy: Array | Pending, dw: Array | None, db: Array | None, n_threads: int,
                           /) -> None: ...
