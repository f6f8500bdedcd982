"""For type checkers: what of `operands` Python calls. Written by tools/core_stubs.py."""

from typing import Any

from tinydl._types import Array

class Map:
    scale: Array | None
    shift: Array | None
    centre: Array | None
    activation: str
    parameter: float
    def __init__(self, scale: Array | None = None, shift: Array | None = None, centre: Array | None = None,
                 activation: str = "", parameter: float = 0) -> None: ...
    def followed_by(self, activation: str, parameter: float = 0) -> Map: ...
    @property
    def loads(self) -> bool: ...
    def __eq__(self, other: object) -> bool: ...

class Pending:
    dz: Array
    y: Array | None
    a: Array | None
    b: Array | None
    c: Array | None
    mask: Map
    def __init__(self, dz: Any, y: Any, mask: Map, a: Any = None, b: Any = None, c: Any = None) -> None: ...

class Moments:
    about: Array
    sums: Array
    def __init__(self, about: Any, sums: Any) -> None: ...

def are_sizes(value: Any, n: int, least: int, /) -> bool: ...
