"""For type checkers: what of `inference.elementwise` Python calls. Written by tools/core_stubs.py."""

from tinydl._core.inference.program import Step

def activation_step(name: str, size: int, parameter: float, /) -> Step: ...
