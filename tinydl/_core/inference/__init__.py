"""Networks that only predict: a program of steps, and the steps that kernels take in it."""

from tinydl._core.isa import search_path

__path__ = search_path(__name__)

from tinydl._core.inference.program import Program, Step, transpose_step

__all__ = ["Program", "Step", "transpose_step"]
