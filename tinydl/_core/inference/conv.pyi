"""For type checkers: what of `inference.conv` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.inference.program import Filters, Step
from tinydl._types import Array

def conv_filters(w: Array | None, bias: Array | None, n_groups: int, /) -> Filters: ...
def conv_step(filters: Filters, geometry: tuple[int, ...], relu: bool, min_tasks: int, /) -> Step: ...
