"""For type checkers: what of `inference.transpose` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.inference.program import Step

def transpose_step(rows: int, cols: int, /) -> Step: ...
