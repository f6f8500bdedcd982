"""Memory orders: who lies how, what is copied and what is not."""

import numpy as np
import pytest

from tinydl import layout

X = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(("shape", "strides"), [
    ((6,), (4,)), ((2, 3), (12, 4)), ((2, 3, 4), (48, 4, 12)), ((2, 3, 4, 5), (240, 4, 60, 12)),
    ((2, 2, 2, 2, 2), (64, 32, 16, 8, 4))])
def test_channels_are_innermost_with_three_and_four_axes(shape, strides):
    for make in (layout.empty, layout.zeros):
        assert make(shape).strides == strides
        assert layout.is_channels_last(make(shape))
    assert (layout.zeros(shape) == 0).all()


def test_what_lies_right_is_not_copied():
    laid = layout.channels_last(X)
    assert laid is not X
    assert laid.strides == (240, 4, 60, 12)
    assert np.array_equal(laid, X)
    assert layout.channels_last(laid) is laid


@pytest.mark.parametrize("make", [
    lambda x: x[:, :, ::-1], lambda x: x[..., ::2], lambda x: x.astype(">f4"), np.asfortranarray])
def test_everything_else_is_copied_in_native_order(make):
    values = make(X)
    laid = layout.channels_last(values)
    assert layout.is_channels_last(laid) and laid.dtype == np.float32 and laid.dtype.isnative
    assert np.array_equal(laid, values)


def test_like_keeps_the_order_of_the_axes():
    for x in (X, layout.channels_last(X), X.transpose(3, 1, 0, 2)):
        assert layout.empty_like(x).strides == x.strides
        assert layout.zeros_like(x).strides == x.strides
        assert (layout.zeros_like(x) == 0).all()


@pytest.mark.parametrize(("shape", "order"), [((4,), (0,)), ((3, 2), (1, 0)), ((4, 3, 2), (2, 1, 0)),
                                              ((5, 4, 3, 2), (2, 3, 1, 0))])
def test_the_output_axis_of_a_parameter_is_innermost(shape, order):
    values = np.random.default_rng(0).normal(size=shape)
    laid = layout.parameter_like(values)
    assert laid.transpose(order).flags.c_contiguous
    assert np.array_equal(laid, values)
    assert not np.shares_memory(laid, values)
    assert layout.parameter_like(values, np.float32).dtype == np.float32


def test_number_of_elements():
    assert [layout.size(shape) for shape in ((), (3,), (2, 0), (2, 3, 4))] == [1, 3, 0, 24]
