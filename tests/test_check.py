import math

import numpy as np
import pytest

import tinydl as td
from tinydl._check import integer, number


class Index:
    def __index__(self):
        return 7


@pytest.mark.parametrize(("value", "want"), [(3, 3), (np.int64(3), 3), (np.uint8(255), 255), (Index(), 7)])
def test_integers_pass(value, want):
    got = integer("f", "n", value, 0)
    assert got == want and type(got) is int


@pytest.mark.parametrize("value", [3.0, True, np.float32(3), "3", None, math.nan, [3]])
def test_what_is_no_integer_is_named(value):
    with pytest.raises(TypeError, match=r"^f: n must be an integer, got "):
        integer("f", "n", value, 0)


def test_integers_below_the_least():
    with pytest.raises(ValueError, match=r"^f: n must be at least 2, got 1$"):
        integer("f", "n", 1, 2)


@pytest.mark.parametrize("value", [0, 0.5, np.float64(0.5), np.array(0.5), 1e300])
def test_numbers_pass(value):
    got = number("f", "x", value)
    assert got == float(value) and type(got) is float


def test_bounds_are_closed_unless_told():
    assert number("f", "x", 0.0) == 0
    assert number("f", "x", 1.0, high=1.0, open_high=False) == 1


@pytest.mark.parametrize("value", [True, "1", b"1", None, [1, 2], 1j])
def test_what_is_no_number_is_named(value):
    with pytest.raises(TypeError, match=r"^f: x must be a number, got "):
        number("f", "x", value)


@pytest.mark.parametrize(("value", "kwargs", "message"), [
    (math.nan, {}, "finite number >= 0, got nan"),
    (math.inf, {}, "finite number >= 0, got inf"),
    (-math.inf, {"low": -math.inf, "open_low": True}, "finite number, got -inf"),
    (-1, {}, ">= 0, got -1"),
    (0, {"open_low": True}, "> 0, got 0"),
    (1, {"high": 1.0}, ">= 0 and < 1, got 1"),
    (2, {"high": 1.0, "open_high": False}, ">= 0 and <= 1, got 2"),
])
def test_numbers_out_of_bounds(value, kwargs, message):
    with pytest.raises(ValueError, match=message):
        number("f", "x", value, **kwargs)


def test_a_tensor_is_no_number():
    """Kept as a setting it would change with its values."""
    with pytest.raises(TypeError, match="f: x must be a number, got tensor"):
        number("f", "x", td.tensor(0.5))
