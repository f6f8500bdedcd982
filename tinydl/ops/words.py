"""PyTorch's words for NumPy's arguments: `dim` for `axis`, `keepdim` for `keepdims`."""

import functools

__all__ = ["worded"]

_WORDS = {"dim": "axis", "keepdim": "keepdims"}


def worded(function):
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

    return either
