"""For type checkers: what of `gemm.backward_input` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Pending
from tinydl._types import Array

def linear_backward_input(dy: Array | Pending, w: Array | None, dx: Array | None, n_threads: int, /) -> None: ...
