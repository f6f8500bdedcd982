"""For type checkers: what of `conv.winograd` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Map, Moments
from tinydl._types import Array

def winograd_forward(x: Array | None, w: Array | None, bias: Array | None, y: Array | None, geometry: tuple[int, ...],
                     on_x: Map | None, moments: Moments | None, n_threads: int, /) -> None: ...
