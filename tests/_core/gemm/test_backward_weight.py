"""dw = dy' x and db: literal numbers, the twin, gradients, threads, arguments, NaN; guard cells are the Case's."""

import numpy as np
import pytest

from tinydl._core import gemm
from tinydl.testing.guards import Guards, exact_integers, laid_out

KERNEL = "linear_backward_weight"


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

def test_literal_numbers(kernels, dtype):
    x, dy = np.array([[1, 2, 3], [4, 5, 6]], dtype), np.array([[1, 2], [3, 4]], dtype)
    dw, db = laid_out(np.ones((2, 3)), "weight", dtype), np.ones(2, dtype)
    kernels.linear_backward_weight(x, dy, dw, None, 1)
    assert dw.tolist() == [[13, 17, 21], [18, 24, 30]]
    kernels.linear_backward_weight(None, dy, None, db, 1)
    assert db.tolist() == [4, 6]


def test_an_empty_batch_has_the_gradient_zero(kernels, dtype):
    dw, db = laid_out(np.full((2, 3), np.nan), "weight", dtype), np.full(2, np.nan, dtype)
    kernels.linear_backward_weight(np.empty((0, 3), dtype), np.empty((0, 2), dtype), dw, db, 1)
    assert dw.tolist() == [[0, 0, 0], [0, 0, 0]] and db.tolist() == [0, 0]


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

def test_exact(cases, size, dtype):
    cases.exact(KERNEL, size, dtype)


def test_exact_for_every_small_size(cases, dtype):
    cases.exact_for_every_small_size(KERNEL, dtype)


def test_close_to_the_reference(cases, size, dtype):
    cases.close_to_the_reference(KERNEL, size, dtype)


# --- 3 gradients -----------------------------------------------------------------------------------------------------

def test_exact_for_every_share_of_the_inputs():
    """The inputs are cut into strips; no number of them may leave a strip empty or let one reach beyond the last."""
    rng = np.random.default_rng(7)
    for k in (*range(1, 700, 3), *range(512, 28161, 512)):
        x, dy = exact_integers(rng, (2, k), np.float32, "row"), exact_integers(rng, (2, 3), np.float32, "row")
        guards = Guards()
        dw = guards.empty((3, k), np.float32, "weight")
        gemm.linear_backward_weight(x, dy, dw, None, 2)
        guards.check()
        assert np.array_equal(dw, dy.T @ x), k


@pytest.mark.parametrize("shape", [(5, 120, 84), (7, 33, 17), (1, 30, 7)], ids=str)
def test_gradient_by_finite_differences(cases, shape):
    cases.gradient_by_finite_differences(KERNEL, shape, ["w", "b"])


# --- 4 threads -------------------------------------------------------------------------------------------------------

def test_same_bits_for_any_number_of_threads(cases, size, dtype):
    cases.same_bits_for_any_number_of_threads(KERNEL, size, dtype)


# --- 5 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["x", "dy", "dw", "db"])
def test_refused_arrays(cases, name):
    cases.refused_arrays(KERNEL, name)


def test_read_only_inputs_are_accepted(cases):
    cases.read_only_inputs_are_accepted(KERNEL)


# --- 6 NaN and inf ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(64, 40, 10), (7, 33, 17), (1, 30, 7), (5, 3, 65)], ids=str)
def test_special_values_reach_exactly_the_outputs_that_read_them(cases, shape, special):
    cases.special_values_reach_exactly_the_outputs_that_read_them(KERNEL, shape, special)
