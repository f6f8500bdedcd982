"""Checks of numbers that users pass; every message holds the value."""

import math

__all__ = ["integer", "number"]


def number(owner, name, value, low=0.0, high=math.inf, open_low=False, open_high=True):
    """`value` as a float when it lies between `low` and `high`, else an error that says what is allowed.

    The bounds are closed unless `open_low` or `open_high` says otherwise; NaN lies nowhere.
    """
    try:
        if isinstance(value, (str, bytes, bool)) or hasattr(value, "requires_grad"):
            raise TypeError  # of a tensor too: what is kept would change with it
        result = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}") from None
    if not ((result > low if open_low else result >= low) and (result < high if open_high else result <= high)):
        at_least = f"{'>' if open_low else '>='} {low:g}" if low > -math.inf else ""
        at_most = f"{'<' if open_high else '<='} {high:g}" if high < math.inf else ""
        allowed = " and ".join(part for part in (at_least, at_most) if part)
        raise ValueError(f"{owner}: {name} must be a finite number{' ' if allowed else ''}{allowed}, got {value!r}")
    return result


def integer(owner, name, value, low=1):
    """`value` as an int when it is an integer of at least `low`, else an error."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r}")
    value = value.__index__()
    if value < low:
        raise ValueError(f"{owner}: {name} must be at least {low}, got {value}")
    return value
