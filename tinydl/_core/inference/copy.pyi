"""For type checkers: what of `inference.copy` Python calls. Written by tools/core_stubs.py."""

from collections.abc import Sequence
from typing import Any

from tinydl._core.inference.program import Step

def copy_step(axes: Sequence[Any], n_in: int, x_at: int, n_out: int, y_at: int, fill: Any, /) -> Step: ...
