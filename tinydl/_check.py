"""Checks of the settings that users pass; every message holds the value."""

from __future__ import annotations

import math
import os
import reprlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = [
    "dtype_of", "flag", "given", "holds", "index_of", "integer", "items", "meant", "need_held", "number", "one_of",
    "one_or_many", "path_of", "printable",
]


def number(owner: str, name: str, value: Any, low: float = 0.0, high: float = math.inf, open_low: bool = False,
           open_high: bool = True, finite: bool = True) -> float:
    """`value` as a float when it lies between `low` and `high`, else an error that says what is allowed.

    The bounds are closed unless `open_low` or `open_high` says otherwise; NaN lies nowhere, or with `finite` False
    everywhere.
    """
    if type(value) is float:
        result = value
    else:
        try:
            if isinstance(value, (str, bytes, bool)) or hasattr(value, "requires_grad"):
                raise TypeError  # of a tensor too: what is kept would change with it
            result = float(value)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"{owner}: {name} must be a number, got {value!r}") from None
    if not finite:
        return result
    if not ((result > low if open_low else result >= low) and (result < high if open_high else result <= high)):
        at_least = f"{'>' if open_low else '>='} {low:g}" if low > -math.inf else ""
        at_most = f"{'<' if open_high else '<='} {high:g}" if high < math.inf else ""
        allowed = " and ".join(part for part in (at_least, at_most) if part)
        raise ValueError(f"{owner}: {name} must be a finite number{' ' if allowed else ''}{allowed}, got {value!r}")
    return result


def integer(owner: str, name: str, value: Any, low: int = 1) -> int:
    """`value` as an int when it is an integer of at least `low`, else an error."""
    found = index_of(value)
    if found is None:
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r}")
    if found < low:
        raise ValueError(f"{owner}: {name} must be at least {low}, got {found}")
    return found


def index_of(value: Any) -> Any:
    """`value` as an int when it is an integer but no bool, else None; arrays have `__index__`, which may raise."""
    if type(value) is int:
        return value
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        return None
    try:
        return value.__index__()
    except TypeError:
        return None


def dtype_of(owner: str, value: Any) -> np.dtype[Any]:
    """`value` as a NumPy dtype, else an error."""
    try:
        return np.dtype(value)
    except (TypeError, ValueError):
        raise TypeError(f"{owner} takes a type of numbers such as 'float32', got {value!r}") from None


def holds(dtype: np.dtype[Any], value: Any) -> bool:
    """Whether an array of a type can have `value` as it is, but for rounding."""
    if dtype.kind == "f":
        return True
    if dtype.kind == "b":
        return value in (0, 1)
    return float(value).is_integer() and np.iinfo(dtype).min <= int(value) <= np.iinfo(dtype).max


def need_held(owner: str, dtype: np.dtype[Any], value: Any) -> None:
    """Refuse a value that an array of a type cannot have."""
    if not holds(dtype, value):
        raise ValueError(f"{owner}: an array of {dtype} holds no {value}")


def flag(owner: str, name: str, value: Any) -> bool:
    """`value` as a bool when it is one, or the integer 0 or 1, else an error."""
    if value is True or value is False:
        return value
    if isinstance(value, (int, np.integer, np.bool_)) and value in (0, 1):
        return bool(value)
    raise TypeError(f"{owner}: {name} must be True or False, got {value!r}")


def one_of(owner: str, name: str, value: Any, known: Any) -> Any:
    """`value` when it is one of the strings `known`, two or more, else an error that lists them."""
    if isinstance(value, str) and value in known:
        return value
    *others, last = map(repr, known)
    raise ValueError(f"{owner}: {name} must be {', '.join(others)} or {last}, got {value!r}")


def meant(value: Any, names: Iterable[str]) -> str:
    """'did you mean X? ' for what is most like one of the names, '' for what is like none."""
    import difflib

    close = difflib.get_close_matches(str(value), list(names), 1)
    return f"did you mean {close[0]}? " if close else ""


def given(args: tuple[Any, ...], *named: Any) -> tuple[Any, ...]:
    """Arguments by position, and behind them those that came by name: which are not None."""
    return (*args, *(value for value in named if value is not None))


def path_of(value: Any) -> Any:
    """`value` as a string (or bytes) when it names a file or a folder, else an error."""
    try:
        return os.fspath(value)
    except TypeError:
        raise TypeError(f"a file or a folder is named by a string or a path, got {reprlib.repr(value)}") from None


def printable(name: str) -> str:
    """The name of a file as text that can be written anywhere: bytes of it that are no UTF-8 become backslashes."""
    return name.encode(errors="backslashreplace").decode()


def one_or_many(values: tuple[Any, ...]) -> Any:
    """Arguments by position, which may have come as one tuple or list of them."""
    return values[0] if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


def items(owner: str, name: str, value: Any) -> list[Any]:
    """What an iterable gives, as a list."""
    try:
        return list(value)
    except TypeError:
        raise TypeError(f"{owner}: {name} must be a sequence, got {value!r}") from None
