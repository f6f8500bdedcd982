"""Comparisons, all and any, whole numbers: values without gradient."""

import numpy as np
import pytest

import tinydl as td
from tinydl import ops

X = td.tensor([[-1.5, 0.0], [2.5, np.nan]], requires_grad=True)


@pytest.mark.parametrize(("call", "expected"), [
    (lambda x: td.ops.gt(x, 0), [[False, False], [True, False]]),
    (lambda x: td.ops.le(x, 0), [[True, True], [False] * 2]),
    (lambda x: td.ops.isnan(x), [[False, False], [False, True]]), (lambda x: td.ops.isfinite(x).all().item(), False),
    (lambda x: td.ops.any(td.ops.isnan(x), dim=1), [False, True]),
    (lambda x: td.ops.all(x > -2, 0, keepdims=True), [[True, False]]),
    (lambda x: td.ops.logical_not(x > 0), [[True, True], [False, True]]),
    (lambda x: td.ops.eq(x, x), [[True, True], [True, False]])], ids=range(8))
def test_truth(call, expected):
    found = call(X)
    assert (found.tolist() if isinstance(found, td.Tensor) else found) == expected


def test_whole_numbers():
    x = td.tensor([-1.5, 0.5, 2.5, 1.7])
    for name, expected in (("floor", [-2, 0, 2, 1]), ("ceil", [-1, 1, 3, 2]), ("round", [-2, 0, 2, 2]),
                           ("trunc", [-1, 0, 2, 1])):
        found = getattr(td.ops, name)(x)
        assert found.tolist() == expected and found.dtype == np.float32 and not found.requires_grad
    assert td.ops.floor(td.tensor([3])).dtype == np.int64
    with pytest.raises(TypeError, match="takes numbers, got booleans"):
        td.ops.floor(x > 0)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_numbers_beyond_64_bits_compare(dtype):
    x = td.tensor(np.ones(2, dtype))
    assert ops.lt(x, 10**30).numpy().all() and ops.gt(x, -(10**400)).numpy().all()
    assert not ops.eq(x, 10**30).numpy().any()


A = td.tensor([1, 2, 3])


@pytest.mark.parametrize(("result", "expected"), [
    ((A > 1) & (A < 3), [False, True, False]), ((A > 2) | (A < 2), [True, False, True]),
    ((A > 1) ^ (A > 2), [False, True, False]), (~(A > 1), [True, False, False]), (~A, [-2, -3, -4]),
    (A & 1, [1, 0, 1]), (A | 4, [5, 6, 7]), (np.array([True, False, True]) & (A > 1), [False, False, True]),
    (A // 2, [0, 1, 1]), (-A // 2, [-1, -1, -2]), (7 // A, [7, 3, 2]), (A % 2, [1, 0, 1]), (-A % 3, [2, 1, 0]),
    (td.tensor([-0.5, 2.5]) // 1, [-1, 2]), (td.tensor([-0.5, 2.5]) % 1, [0.5, 0.5])], ids=str)
def test_operators_of_masks_and_whole_numbers(result, expected):
    assert isinstance(result, td.Tensor) and result.tolist() == expected and not result.requires_grad


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: td.rand(2) & td.rand(2), TypeError, "takes booleans and integers, got float32 and float32; comp"),
    (lambda: ~td.rand(2), TypeError, "takes booleans and integers, got float32"),
    (lambda: A // 0, ZeroDivisionError, "floor_divide of integers by 0"),
    (lambda: A % td.tensor([1, 0, 1]), ZeroDivisionError, "remainder of integers by 0"),
    (lambda: td.rand(2, requires_grad=True) % 1, TypeError, "that requires a gradient: write x - y"),
    (lambda: A & None, TypeError, "unsupported operand")])
def test_refused_operands(call, error, message):
    with pytest.raises(error, match=message):
        call()
