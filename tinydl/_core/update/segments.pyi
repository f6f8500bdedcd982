"""For type checkers: what of `update.segments` Python calls. Written by tools/core_stubs.py."""

class Segments:
    def __new__(cls, n: int) -> Segments: ...
