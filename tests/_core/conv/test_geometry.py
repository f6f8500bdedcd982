"""Geometries and weights that no kernel of convolution indexes by."""

import numpy as np
import pytest

from tinydl._core import conv
from tinydl._core.reference.conv import geometry
from tinydl.testing.convolutions import Case, Problem

SMALL = Problem((2, 3, 6, 6), (4, 3, 3, 3), 1, 1)


@pytest.mark.parametrize(("size", "options", "expected"), [
    (7, {}, 5), (7, {"padding": 1}, 7), (7, {"stride": 2}, 3), (5, {}, 3), (5, {"stride": 2}, 2)])
def test_worked_output_sizes(size, options, expected):
    assert geometry((1, 1, size, size), (2, 1, 3, 3), **options)[-2:] == (expected, expected)


@pytest.mark.parametrize(("position", "value"), [
    (5, 0), (6, 0), (7, 0), (8, 0), (9, -1), (11, 0), (12, 0), (13, 0), (13, 2), (14, 7), (15, 5), (15, -1), (0, -1),
    (0, 2**62), (1, 2**62), (7, 2**62), (9, 2**62), (11, 2**62), (0, 2**70)])
def test_refused_geometries(position, value):
    case = Case(SMALL, np.float32, np.random.default_rng(16))
    case.geo = (*case.geo[:position], value, *case.geo[position + 1:])
    with pytest.raises((ValueError, OverflowError)):
        case.forward(conv.conv_forward)
    for wanted in ("dx", "dw db"):
        with pytest.raises((ValueError, OverflowError)):
            case.backward(conv.conv_backward, wanted=wanted)


def test_a_geometry_of_fifteen_numbers_is_refused():
    case = Case(SMALL, np.float32, np.random.default_rng(16))
    case.geo = case.geo[:-1]
    with pytest.raises((ValueError, TypeError)):
        case.forward(conv.conv_forward)


def test_the_order_of_a_weight_is_told():
    case = Case(SMALL, np.float32, np.random.default_rng(16))
    case.w = np.ascontiguousarray(case.w)
    with pytest.raises(ValueError, match=r"window, in, out.*\(4, 3, 3, 3\).*parameter_like"):
        case.forward(conv.conv_forward)
