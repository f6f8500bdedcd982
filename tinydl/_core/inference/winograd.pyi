"""For type checkers: what of `inference.winograd` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.inference.program import Filters, Step
from tinydl._types import Array

def winograd_filters(w: Array | None, bias: Array | None, /) -> Filters: ...
def winograd_step(filters: Filters, geometry: tuple[int, ...], relu: bool, min_tasks: int, /) -> Step: ...
