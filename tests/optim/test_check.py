"""Checks of numbers: what passes, and messages that hold the value and what is allowed."""

import math

import numpy as np
import pytest

from tinydl.optim._check import integer, number


@pytest.mark.parametrize("value", [0, 0.0, 3, np.float32(0.5), np.int64(2)])
def test_numbers(value):
    got = number("Who", "what", value)
    assert type(got) is float and got == value


@pytest.mark.parametrize(("value", "bounds", "allowed"), [
    (-1.0, {}, ">= 0"), (math.nan, {}, ">= 0"), (math.inf, {}, ">= 0"), (0.0, {"open_low": True}, "> 0"),
    (1.0, {"high": 1.0}, ">= 0 and < 1"), (1.5, {"high": 1.0, "open_high": False}, ">= 0 and <= 1"),
    (math.inf, {"low": -math.inf, "open_low": True}, ""),
])
def test_numbers_out_of_range(value, bounds, allowed):
    wanted = f"Who: what must be a finite number{' ' if allowed else ''}{allowed}, got {value!r}"
    with pytest.raises(ValueError) as raised:
        number("Who", "what", value, **bounds)
    assert str(raised.value) == wanted


def test_bounds_are_closed_unless_told():
    assert number("Who", "what", 0.0) == 0
    assert number("Who", "what", 1.0, high=1.0, open_high=False) == 1


@pytest.mark.parametrize("value", ["1", b"1", True, None, [1.0], 1j])
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match="Who: what must be a number, got"):
        number("Who", "what", value)


def test_integers():
    assert integer("Who", "what", np.int16(3)) == 3 and type(integer("Who", "what", np.int16(3))) is int
    assert integer("Who", "what", 0, low=0) == 0
    with pytest.raises(ValueError, match="Who: what must be at least 1, got 0"):
        integer("Who", "what", 0)
    for value in (1.0, "1", True, None):
        with pytest.raises(TypeError, match="Who: what must be an integer, got"):
            integer("Who", "what", value)
