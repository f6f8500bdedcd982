"""The arrays of kernel tests: what they promise, and that a write beside an output is found."""

import numpy as np
import pytest

from tinydl.testing.guards import Guards, exact_integers, flawed, guarded, laid_out, order_of


@pytest.mark.parametrize(("kind", "ndim", "order"), [
    ("row", 4, (0, 1, 2, 3)), ("activation", 4, (0, 2, 3, 1)), ("activation", 3, (0, 2, 1)), ("activation", 2, (0, 1)),
    ("activation", 1, (0,)), ("weight", 4, (2, 3, 1, 0)), ("weight", 2, (1, 0)), ("weight", 1, (0,))])
def test_orders_of_memory(kind, ndim, order):
    assert order_of(kind, ndim) == order
    values = np.arange(2 * 3 ** (ndim - 1)).reshape(2, *(3,) * (ndim - 1))
    laid = laid_out(values, kind, np.float32)
    assert np.array_equal(laid, values)
    assert laid.dtype == np.float32
    assert laid.transpose(order).flags.c_contiguous
    assert Guards().empty(values.shape, np.float32, kind).transpose(order).flags.c_contiguous


def test_integers_are_small_and_whole():
    x = exact_integers(np.random.default_rng(0), (50, 7), np.float64, "activation", most=2)
    assert set(np.unique(x)) == {-2, -1, 0, 1, 2}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_flawed_copies_are_flawed_and_nothing_else(dtype):
    good = laid_out(np.arange(24).reshape(2, 3, 4), "activation", dtype)
    for name, (bad, error) in flawed(good).items():
        assert error in (TypeError, ValueError), name
        if isinstance(bad, np.ndarray):
            same = bad.dtype == good.dtype and bad.flags.aligned and bad.dtype.isnative and bad.size == good.size
            assert not same or bad.strides != good.strides, name
    assert not flawed(good)["misaligned"][0].flags.aligned
    assert np.array_equal(flawed(good)["misaligned"][0], good)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_untouched_cells_pass_and_touched_ones_do_not(dtype):
    for beside in (-1, 12):
        guards = Guards()
        out = guards.empty((3, 4), dtype)
        out[...] = 5
        guards.check()
        np.lib.stride_tricks.as_strided(out.base.reshape(-1), (out.base.size,))[64 + beside] = 1
        with pytest.raises(AssertionError, match="beside an output of 12 was overwritten"):
            guards.check()


def test_elements_left_out_show():
    guards = Guards()
    assert np.isnan(guards.empty((2, 3))).all()
    assert (guards.empty((2, 3), np.int32) == 100).all()
    assert (guards.copy(np.ones((2, 3), np.float32)) == 1).all()
    guards.check()


@pytest.mark.parametrize("spoil", [lambda x, y: x.fill(1), lambda x, y: y.base[:1].fill(1)], ids=["input", "outside"])
def test_a_call_that_writes_where_it_must_not_is_found(spoil):
    x = np.zeros(3)
    (y,) = guarded(lambda y: y.fill(2), [x], ((3,), np.float64, "row"))
    assert y.tolist() == [2, 2, 2]
    with pytest.raises(AssertionError):
        guarded(lambda y: spoil(x, y), [x], ((3,), np.float64, "row"))
