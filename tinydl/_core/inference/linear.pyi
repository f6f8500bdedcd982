"""For type checkers: what of `inference.linear` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.inference.program import Filters, Step
from tinydl._types import Array

def linear_filters(w: Array | None, bias: Array | None, /) -> Filters: ...
def linear_step(filters: Filters, relu: bool, /) -> Step: ...
