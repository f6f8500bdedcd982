"""The door to every pointer: what an array must be to pass it, seen through a kernel that takes three of them."""

import numpy as np
import pytest

from tinydl import layout
from tinydl._core import array, elementwise
from tinydl.testing.guards import flawed, laid_out

X = laid_out(np.arange(-12, 12).reshape(2, 3, 4), "activation", np.float32)


def add(a, b=X, y=None):
    y = np.empty_like(a) if y is None else y
    elementwise.add(a, b, y, 1)
    return y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (24,), (2, 3, 4), (1, 2, 1, 12), (1,) * 32, (0, 5)])
def test_dense_arrays_of_any_shape_pass(shape, dtype):
    a = np.full(shape, 1.5, dtype)
    b = np.full(shape, -3.0, dtype)
    assert (add(a, b) == -1.5).all()


def test_any_order_of_the_axes_passes_that_leaves_no_gap():
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        a = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(order)
        y = np.empty(24, np.float32).reshape(2, 3, 4).transpose(order)
        assert np.array_equal(add(a, a, y), 2 * a)


def test_read_only_inputs_pass_and_read_only_outputs_do_not():
    a, y = X.copy(order="K"), np.empty_like(X)
    a.flags.writeable = y.flags.writeable = False
    assert np.array_equal(add(a), 2 * a)
    with pytest.raises(ValueError, match="y: the output array is read-only"):
        add(a, X, y)


@pytest.mark.parametrize("name", flawed(X))
@pytest.mark.parametrize("place", ["b", "y"])
def test_flawed_arrays_are_refused_by_name(place, name):
    bad, error = flawed(X)[name]
    with pytest.raises(error, match=f"^{place}: "):
        add(X, **{place: bad})


@pytest.mark.parametrize(("bad", "message"), [
    (None, "expected a NumPy array, got NoneType"),
    (3.0, "expected a NumPy array, got float"),
    (X.astype(np.float64), "expected float32, got float64"),
    (X.astype(bool), "expected float32, got bool"),
    (X.astype(object), "expected float32, got object"),
    (X.astype([("re", np.float32)]), r"expected float32, got \[\('re', '<f4'\)\]"),
    (X.astype(X.dtype.newbyteorder()), "expected an aligned array in native byte order, got >f4"),
    (X[::-1], r"expected a dense array, got shape \(2, 3, 4\) with strides \(-48, 4, 12\)"),
    (np.broadcast_to(X[:1, :1, :1], (2, 3, 4)), r"expected a dense array, got shape \(2, 3, 4\) with strides .*"),
    (X[:1], r"expected 24 elements, got shape \(1, 3, 4\)"),
])
def test_messages_say_what_was_expected_and_what_was_given(bad, message):
    with pytest.raises((TypeError, ValueError), match=f"^b: {message}$"):
        add(X, bad)


@pytest.mark.parametrize(("which", "bad", "message"), [
    (0, [0.0], "x: expected a NumPy array, got list"),
    (0, np.zeros(3, np.float32), r"x: expected a matrix \(rows, columns\), got shape \(3,\)"),
    (1, np.zeros((5, 4), np.float32), r"y: expected shape \(4, 5\), got \(5, 4\)"),
    (1, np.zeros((4, 5)), "y: expected float32, got float64"),
])
def test_matrices_are_told_by_their_shape(which, bad, message):
    from tinydl._core import loss

    x, y = np.zeros((2, 4, 5), np.float32)
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        loss.softmax_forward(*[bad if k == which else good for k, good in enumerate((x, y))])


def test_more_axes_than_there_are_bits_for_are_refused():
    try:
        a = np.zeros((1,) * 40, np.float32)
    except ValueError:
        pytest.skip("this NumPy has at most 32 axes itself")
    with pytest.raises(ValueError, match="a: an array of 40 axes, at most 32 are taken"):
        add(a, a)


def test_both_integers_of_64_bits_pass():
    from tinydl._core import loss

    logits, losses = np.zeros((2, 2)), np.empty(2)
    for dtype in (np.int64, np.longlong):
        loss.softmax_cross_entropy_forward(logits, np.zeros(2, dtype), None, -100, 0.0, losses, np.empty((2, 2)))
        np.testing.assert_allclose(losses, 0.6931471805599453, rtol=1e-15)


# --- what Python asks of arrays ------------------------------------------------------------------------------------

def _misaligned(shape):
    return np.frombuffer(bytes(4 * np.prod(shape) + 1), np.uint8)[1:].view(np.float32).reshape(shape)


@pytest.mark.parametrize(("x", "y", "expected"), [
    (np.ones((2, 3)), np.zeros((2, 3)), True),
    (np.ones((), np.float32), np.zeros((), np.float32), True),
    (np.ones((2, 3)), np.ones((3, 2)), False),
    (np.ones(6), np.ones((2, 3)), False),
    (np.ones((2, 3)), np.ones((3, 2)).T, False),
    (np.ones((2, 3)), np.ones((2, 6))[:, ::2], False),
    (np.ones(3), np.ones(3)[::-1], False),
    (np.ones(3), np.ones(3, np.float32), False),
    (np.ones(3, np.int64), np.ones(3), False),
    (np.ones(3, ">f4"), np.ones(3, "<f4"), False),
    (np.ones(3, ">f4"), np.ones(3, ">f4"), False),
    (_misaligned((2, 3)), np.ones((2, 3), np.float32), False)])
def test_arrays_are_alike_in_shape_strides_and_type(x, y, expected):
    assert array.alike(x, y) is array.alike(y, x) is expected
    assert array.alike(x, x) is (x.dtype.isnative and x.flags.aligned)


def test_what_may_lie_in_the_memory_of_another_array():
    x, fresh = np.ones(6), layout.empty((6,), np.float64)
    assert array.may_share(x[1:], []) and array.may_share(fresh.reshape(2, 3), [])
    assert array.may_share(x, [None, x]) and array.may_share(fresh, [fresh])
    assert not array.may_share(x, [np.ones(6), 1.0]) and not array.may_share(fresh, [])
    with pytest.raises(TypeError, match="expected a NumPy array, got list"):
        array.may_share([1], [])


def test_only_arrays_are_compared():
    with pytest.raises(TypeError, match="two NumPy arrays, got ndarray and NoneType"):
        array.alike(np.ones(1), None)
