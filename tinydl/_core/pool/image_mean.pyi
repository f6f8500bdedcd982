"""For type checkers: what of `pool.image_mean` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.operands import Map, Pending
from tinydl._types import Array

def global_avg_pool_forward(x: Array | None, y: Array | None, on_x: Map | None, n_threads: int, /) -> None: ...
def global_avg_pool_backward(dy: Array | Pending, dx: Array | None, n_threads: int, /) -> None: ...
