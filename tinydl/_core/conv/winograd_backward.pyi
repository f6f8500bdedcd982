"""For type checkers: what of `conv.winograd_backward` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Map, Moments, Pending
from tinydl._types import Array

def winograd_backward(x: Array | None, dy: Array | Pending, w: Array | None, dx: Array | None, dw: Array | None,
                      db: Array | None, geometry: tuple[int, ...], on_x: Map | None, residual: Array | None,
                      moments: Moments | None, n_threads: int, /) -> None: ...
