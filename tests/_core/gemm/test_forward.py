"""y = x w + b and c = a b: literal numbers, the twin, threads, arguments, NaN; guard cells are the Case's."""

import numpy as np
import pytest

from tinydl._core import gemm
from tinydl.testing.guards import exact_integers, laid_out

EACH = pytest.mark.parametrize("kernel", ["linear_forward", "matmul"])


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

def test_literal_layer(kernels, dtype):
    x, w = np.array([[1, 2, 3], [4, 5, 6]], dtype), laid_out([[1, 0, -1], [2, 1, 0]], "weight", dtype)
    y = np.empty((2, 2), dtype)
    kernels.linear_forward(x, w, np.array([10, 20], dtype), y, 1)
    assert y.tolist() == [[8, 24], [8, 33]]
    kernels.linear_forward(x, w, None, y, 1)
    assert y.tolist() == [[-2, 4], [-2, 13]]


def test_literal_product(kernels, dtype):
    a, b = np.array([[1, 2, 3], [4, 5, 6]], dtype), np.array([[1, 2], [0, 1], [-1, 0]], dtype)
    c = np.empty((2, 2), dtype)
    kernels.matmul(a, b, c, 1)
    assert c.tolist() == [[-2, 4], [-2, 13]]


def test_a_sum_of_no_terms_is_the_bias(kernels, dtype):
    x, w, y = np.empty((2, 0), dtype), laid_out(np.empty((3, 0)), "weight", dtype), np.full((2, 3), np.nan, dtype)
    kernels.linear_forward(x, w, np.array([1, -2, 3], dtype), y, 1)
    assert y.tolist() == [[1, -2, 3], [1, -2, 3]]


@pytest.mark.parametrize("terms", [391, 392, 393, 408, 409, 512, 784, 785, 1023, 1024, 1536, 4096, 8192, 8193])
def test_exact_for_every_cut_of_a_sum(terms):
    """Long sums are cut into blocks and into parts, and rows a power of two apart are copied: none may lose a term."""
    rng = np.random.default_rng(9)
    a, b = exact_integers(rng, (5, terms), np.float32), exact_integers(rng, (terms, 19), np.float32)
    for n_threads in (1, 3):
        c = np.empty((5, 19), np.float32)
        gemm.matmul(a, b, c, n_threads)
        assert np.array_equal(c, a.astype(np.float64) @ b)


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH
def test_exact(cases, kernel, size, dtype):
    cases.exact(kernel, size, dtype)


@EACH
def test_exact_for_every_small_size(cases, kernel, dtype):
    cases.exact_for_every_small_size(kernel, dtype)


@EACH
def test_close_to_the_reference(cases, kernel, size, dtype):
    cases.close_to_the_reference(kernel, size, dtype)


# --- 3 threads -------------------------------------------------------------------------------------------------------

@EACH
def test_same_bits_for_any_number_of_threads(cases, kernel, size, dtype):
    cases.same_bits_for_any_number_of_threads(kernel, size, dtype)


# --- 4 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("kernel", "name"), [
    *(("linear_forward", name) for name in ("x", "w", "bias", "y")), *(("matmul", name) for name in ("a", "b", "c"))])
def test_refused_arrays(cases, kernel, name):
    cases.refused_arrays(kernel, name)


@EACH
def test_read_only_inputs_are_accepted(cases, kernel):
    cases.read_only_inputs_are_accepted(kernel)


# --- 5 NaN and inf ---------------------------------------------------------------------------------------------------

@EACH
@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(64, 40, 10), (7, 33, 17), (1, 30, 7), (5, 3, 65)], ids=str)
def test_special_values_reach_exactly_the_outputs_that_read_them(cases, kernel, shape, special):
    cases.special_values_reach_exactly_the_outputs_that_read_them(kernel, shape, special)
