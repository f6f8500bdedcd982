"""For type checkers: what of `conv.backward` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Map, Moments, Pending
from tinydl._types import Array

def conv_backward(x: Array | None, dy: Array | Pending, w: Array | None, dx: Array | None, dw: Array | None,
                  db: Array | None, geometry: tuple[int, ...], on_x: Map | None, residual: Array | None,
                  moments: Moments | None, n_threads: int, /) -> None: ...
def conv_backward_input(dy: Array | Pending, w: Array | None, dx: Array | None, geometry: tuple[int, ...],
                        n_threads: int, /) -> None: ...
def conv_backward_weight(x: Array | None, dy: Array | Pending, dw: Array | None, db: Array | None,
                         geometry: tuple[int, ...], on_x: Map | None, n_threads: int, /) -> None: ...
