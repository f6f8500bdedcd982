"""PyTorch's words for NumPy's arguments: `dim` for `axis`, `keepdim` for `keepdims`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinydl._types import P, Result, Worded

__all__ = ["worded"]

_WORDS = {"dim": "axis", "keepdim": "keepdims"}


def worded(function: Callable[P, Result]) -> Worded[P, Result]:
    """`function`, which also takes `dim` and `keepdim`."""
    @functools.wraps(function)
    def either(*args, **kwargs):
        for word in _WORDS.keys() & kwargs.keys():
            name = _WORDS[word]
            if name in kwargs:
                raise TypeError(f"{function.__name__} got {word}={kwargs[word]!r} and {name}={kwargs[name]!r}, which "
                                "mean the same; pass one of them")
            kwargs[name] = kwargs.pop(word)
        return function(*args, **kwargs)

    return either  # type: ignore[return-value]
