"""For type checkers: what of `augment` Python calls. Written by tools/core_stubs.py."""

from typing import Any

from tinydl._types import Array

def gather(images: Array | None, index: Array | None, scale: Any, shift: Any, offsets: Array | None, modes: Any,
           out: Array | None, n_threads: int = ..., /) -> None: ...
