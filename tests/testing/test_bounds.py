"""The bounds of the kernels hold, are near what the kernels do, and are exceeded by what is wrong."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import conv, elementwise, gemm, loss, update
from tinydl._core.reference import (
    conv as conv_twin,
    elementwise as elementwise_twin,
    loss as loss_twin,
    update as update_twin,
)
from tinydl.testing.bounds import BOUNDS, bound
from tinydl.testing.compare import relative_error
from tinydl.testing.convolutions import Case, Problem

FORMER = {"sum": (2e-5, 1e-13), "winograd": (2e-5, None), "activation": (2e-7, 4e-16), "window": (2e-7, 4e-16),
          "normalisation": (2e-6, 1e-14), "softmax": (4e-7, 1e-14), "update": (1e-6, 1e-14), "warp": (1e-6, 1e-13)}
TERMS = {"sum": 4608, "winograd": 512}  # most of what the tests sum


def normal(seed, *shape, dtype):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def product(dtype):
    x, w, y = normal(0, 64, 400, dtype=dtype), normal(1, 50, 400, dtype=dtype), np.empty((64, 50), dtype)
    gemm.linear_forward(x, layout.parameter_like(w), None, y, 1)
    return y, x.astype(np.longdouble) @ w.astype(np.longdouble).T, 400


def winograd(dtype):
    case = Case(Problem((2, 32, 12, 12), (32, 32, 3, 3), 1, 1), dtype, np.random.default_rng(0), exact=False)
    return case.forward(conv.winograd_forward)["y"], case.wide().forward(conv_twin.conv_forward)["y"], 32


def activation(dtype):
    x = 3 * normal(0, 1000, dtype=dtype)
    y, expected = np.empty_like(x), np.empty_like(x)
    elementwise.activation_forward("gelu", x, y, 0.0, 1)
    elementwise_twin.activation_forward("gelu", x, expected, 0.0, 1)
    return y, expected, 1


def softmax(dtype):
    x = 5 * normal(0, 20, 100, dtype=dtype)
    y, expected = np.empty_like(x), np.empty(x.shape)
    loss.softmax_forward(x, y, 1)
    loss_twin.softmax_forward(x.astype(np.float64), expected, 1)
    return y, expected, 1


def adam(dtype):
    p, g = [normal(0, 1000, dtype=dtype)], [normal(1, 1000, dtype=dtype)]
    wide, m, v = [p[0].astype(np.float64)], [np.zeros(1000, dtype)], [np.ones(1000, dtype)]
    update.step(update.adam(0.01, 0.9, 0.999, 1e-8, 0.01, False, 3), p, g, [m, v])
    update_twin.step(update_twin.adam(0.01, 0.9, 0.999, 1e-8, 0.01, False, 3), wide, g,
                     [[np.zeros(1000)], [np.ones(1000)]])
    return p[0], wide[0], 1


EXAMPLES = {"sum": product, "winograd": winograd, "activation": activation, "softmax": softmax, "update": adam}


@pytest.mark.parametrize(("kernel", "dtype"), [*((kernel, np.float32) for kernel in EXAMPLES), ("sum", np.float64)])
def test_bounds_hold_and_are_near_the_error(kernel, dtype):
    got, expected, n = EXAMPLES[kernel](dtype)
    error, limit = relative_error(got, expected), bound(kernel, dtype, n)
    assert limit / 30 <= error <= limit


def test_what_is_wrong_is_out_of_bounds():
    """Halves in the place of numbers, and a term too few or too many in a thousand."""
    x, w = normal(0, 64, 1000, dtype=np.float64), normal(1, 1000, 50, dtype=np.float64)
    for dtype in (np.float32, np.float64):
        assert relative_error((x @ w).astype(np.float16), x @ w) > bound("sum", dtype, 1000)
        assert relative_error(x[:, 1:] @ w[1:], x @ w) > bound("sum", dtype, 1000)
    assert relative_error((x @ w).astype(np.float32), x @ w) > bound("sum", np.float64, 1000)
    for kernel in BOUNDS:
        assert bound(kernel, np.float32) < 2**-12 and bound(kernel, np.float64) < 2**-40


def test_no_bound_is_wider_than_those_that_the_tests_had():
    for kernel, limits in FORMER.items():
        for dtype, former in zip((np.float32, np.float64), limits, strict=True):
            assert former is None or bound(kernel, dtype, TERMS.get(kernel, 1)) <= former, kernel
    assert FORMER.keys() == BOUNDS.keys()
