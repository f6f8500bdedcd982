"""For type checkers: what of `dropout` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Pending
from tinydl._types import Array

def dropout_forward(x: Array | None, key0: int, key1: int, p: float, y: Array | None, n_threads: int, /) -> None: ...
def dropout_backward(dy: Array | Pending, key0: int, key1: int, p: float, dx: Array | None, n_threads: int,
                     /) -> None: ...
