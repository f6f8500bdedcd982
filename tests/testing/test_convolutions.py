"""Cases of convolutions: what the tests of their kernels rely on."""

import numpy as np
import pytest

from tinydl._core.reference import conv as reference
from tinydl.testing.convolutions import LAYERS, ODD, WINOGRAD, Case, Problem, assert_equal_results
from tinydl.testing.problems import CONVS, select

SMALL = Problem((2, 3, 5, 5), (4, 3, 3, 3), 1, 1)


def test_problems_have_the_geometry_of_the_table():
    for row in select(CONVS, "small"):
        problem = {**ODD, **LAYERS}[row.name]
        assert problem.geometry == row.geometry and problem.y_shape == row.y_shape


def test_winograd_takes_its_problems():
    for problem in WINOGRAD.values():
        assert problem.geometry[5:9] == (3, 3, 1, 1) and problem.geometry[11:14] == (1, 1, 1)


def test_a_case_in_float64_has_the_same_values():
    case = Case(SMALL, np.float32, np.random.default_rng(0), exact=False)
    wide = case.wide()
    assert len(case.inputs()) == len(wide.inputs())
    for a, b in zip(case.inputs(), wide.inputs(), strict=True):
        assert b.dtype == np.float64 and np.array_equal(a, b) and a.strides == tuple(s // 2 for s in b.strides)


def test_a_kernel_that_writes_its_input_or_beyond_its_output_is_caught():
    def spoils_x(x, w, bias, y, *rest):
        reference.conv_forward(x, w, bias, y, *rest)
        x[0, 0, 0, 0] += 1

    def writes_beyond(x, w, bias, y, *rest):
        reference.conv_forward(x, w, bias, y, *rest)
        np.lib.stride_tricks.as_strided(y, (y.size + 1,), (4,))[-1] = 0

    for kernel in (spoils_x, writes_beyond):
        case = Case(SMALL, np.float32, np.random.default_rng(0))
        with pytest.raises(AssertionError):
            case.forward(kernel)


def test_results_that_differ_or_are_nan_are_told():
    one = {"y": np.ones(3)}
    assert_equal_results(one, one, "equal")
    for other in (np.array([1, 1, 2.0]), np.ones(2), np.full(3, np.nan)):
        with pytest.raises(AssertionError, match="what: y"):
            assert_equal_results({"y": other}, one, "what")
