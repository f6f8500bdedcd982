"""dx = dy w: literal numbers, the twin, gradients, threads, arguments, NaN; guard cells are the Case's."""

import numpy as np
import pytest

from tinydl.testing.guards import laid_out

KERNEL = "linear_backward_input"


# --- 1 literal numbers -----------------------------------------------------------------------------------------------

def test_literal_numbers(kernels, dtype):
    w, dy = laid_out([[1, 0, -1], [2, 1, 0]], "weight", dtype), np.array([[1, 2], [3, 4]], dtype)
    dx = np.empty((2, 3), dtype)
    kernels.linear_backward_input(dy, w, dx, 1)
    assert dx.tolist() == [[5, 2, -1], [11, 4, -3]]


def test_a_layer_without_outputs_has_no_gradient(kernels, dtype):
    dx = np.full((2, 3), np.nan, dtype)
    kernels.linear_backward_input(np.empty((2, 0), dtype), laid_out(np.empty((0, 3)), "weight", dtype), dx, 1)
    assert dx.tolist() == [[0, 0, 0], [0, 0, 0]]


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

def test_exact(cases, size, dtype):
    cases.exact(KERNEL, size, dtype)


def test_exact_for_every_small_size(cases, dtype):
    cases.exact_for_every_small_size(KERNEL, dtype)


def test_close_to_the_reference(cases, size, dtype):
    cases.close_to_the_reference(KERNEL, size, dtype)


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(5, 120, 84), (7, 33, 17), (1, 30, 7)], ids=str)
def test_gradient_by_finite_differences(cases, shape):
    cases.gradient_by_finite_differences(KERNEL, shape, ["x"])


# --- 4 threads -------------------------------------------------------------------------------------------------------

def test_same_bits_for_any_number_of_threads(cases, size, dtype):
    cases.same_bits_for_any_number_of_threads(KERNEL, size, dtype)


# --- 5 arguments -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["dy", "w", "dx"])
def test_refused_arrays(cases, name):
    cases.refused_arrays(KERNEL, name)


def test_read_only_inputs_are_accepted(cases):
    cases.read_only_inputs_are_accepted(KERNEL)


# --- 6 NaN and inf ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("special", [np.nan, np.inf])
@pytest.mark.parametrize("shape", [(64, 40, 10), (7, 33, 17), (1, 30, 7), (5, 3, 65)], ids=str)
def test_special_values_reach_exactly_the_outputs_that_read_them(cases, shape, special):
    cases.special_values_reach_exactly_the_outputs_that_read_them(KERNEL, shape, special)
