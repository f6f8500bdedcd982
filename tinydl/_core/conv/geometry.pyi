"""For type checkers: what of `conv.geometry` Python calls. Written by tools/core_stubs.py."""

from typing import Any

def are_sizes(value: Any, n: int, least: int) -> bool: ...
