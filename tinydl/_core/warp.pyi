"""For type checkers: what of `warp` Python calls. Written by tools/core_stubs.py."""

from typing import Any

from tinydl._types import Array

def warp(images: Array | None, maps: Array | None, black: Any, out: Array | None, reflect: bool, n_threads: int = ...,
         /) -> None: ...
