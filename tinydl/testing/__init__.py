"""Tools for testing: the shapes that tests and benchmarks share, comparisons that NaN fails, gradient checks."""

from tinydl.testing.gradcheck import gradcheck

__all__ = ["gradcheck"]
