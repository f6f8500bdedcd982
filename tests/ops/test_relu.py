"""ReLU: literal values, both gradients at the kink, NaN, and the clamp that is left to the next operation."""

import numpy as np
import pytest

import tinydl as td


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_literal_values(dtype):
    x = td.tensor(np.array([[-2, -0.5, 0], [0.5, 3, -1]], dtype), requires_grad=True)
    y = td.ops.relu(x)
    assert y.dtype == dtype and y.data.tolist() == [[0, 0, 0], [0.5, 3, 0]]
    y.backward(np.array([[1, 2, 3], [4, 5, 6]], dtype))
    assert x.grad.tolist() == [[0, 0, 0], [4, 5, 0]]


def test_nan_and_infinity():
    x = td.tensor([np.nan, np.inf, -np.inf], requires_grad=True)
    y = td.ops.relu(x)
    assert np.array_equal(y.data, [np.nan, np.inf, 0], equal_nan=True)
    y.backward([1.0, 2.0, 3.0])
    # What is not at most 0 passes its gradient, NaN too.
    assert x.grad.tolist() == [1, 2, 0]


def test_the_input_stays():
    values = np.array([-1.0, 2.0])
    td.ops.relu(td.tensor(values))
    assert values.tolist() == [-1, 2]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0, 4, 4)], ids=str)
def test_scalars_and_empty_arrays(shape):
    x = td.tensor(np.full(shape, -1.0), requires_grad=True)
    y = td.ops.relu(x)
    assert y.shape == shape and not y.data.any()
    y.backward(np.ones(shape))
    assert x.grad.shape == shape and not x.grad.any()


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_same_bits_for_any_number_of_threads(n_threads):
    x = np.random.default_rng(0).standard_normal((3, 5, 70, 71)).astype(np.float32)
    before = td.get_num_threads()
    td.set_num_threads(n_threads)
    try:
        t = td.tensor(x, requires_grad=True)
        y = td.ops.relu(t)
        y.backward(x)
    finally:
        td.set_num_threads(before)
    assert np.array_equal(y.data, np.where(x > 0, x, 0)) and np.array_equal(t.grad, np.where(x > 0, x, 0))


BEFORE = {"conv": lambda x, w: td.ops.conv2d(x, w, padding=1), "batch norm": lambda x, w: td.ops.batch_norm(x),
          "sum": lambda x, w: td.ops.add(td.ops.batch_norm(x), x)}


@pytest.mark.parametrize("before", BEFORE)
def test_clamp_that_is_left_to_the_next_operation(before):
    """Behind what defers its map the clamp waits; read or used, the values are those of the formula."""
    rng = np.random.default_rng(1)
    x, w = (td.tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((2, 3, 6, 6), (3, 3, 3, 3)))
    z = BEFORE[before](x, w)
    y = td.ops.relu(z)
    used = td.ops.conv2d(y, w, padding=1).data
    values = np.maximum(z.data, 0)
    np.testing.assert_array_equal(y.data, values)
    np.testing.assert_allclose(used, td.ops.conv2d(td.tensor(values), w, padding=1).data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bad", [np.array([1, 2]), np.array([True])], ids=str)
def test_refused_types(bad):
    with pytest.raises(TypeError, match="relu needs float32 or float64"):
        td.ops.relu(bad)
