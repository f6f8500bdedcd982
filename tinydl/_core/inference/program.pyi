"""For type checkers: what of `inference.program` Python calls. Written by tools/core_stubs.py."""

from typing import Any

from tinydl._types import Array

FLOAT: Any
PLACES: Any

class Filters:
    shape: tuple[int, ...]

class Step:
    n_in: int
    n_out: int
    scratch: int
    takes_residual: bool

class Program:
    def __init__(self, stages: list[Any], row_major: bool, n_in: int, shape: tuple[int, ...], shared: int, private: int,
                 threaded: bool) -> None: ...
    def predict(self, x: Array, n_threads: int) -> Array: ...
