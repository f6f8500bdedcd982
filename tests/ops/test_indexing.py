import numpy as np
import pytest

import tinydl as td

X = np.random.default_rng(0).normal(size=(3, 4, 5))
KEYS = [
    0,
    -1,
    slice(None),
    slice(None, None, -1),
    (0, 1),
    (slice(1), 2),
    (..., 0),
    (None, 1),
    (1, None, ..., slice(0, 4, 2)),
    [0, 0, 2],
    np.array([2, 1]),
    (np.array([0, 1]), np.array([2, 2])),
    X > 0,
    (slice(None), [1, 1]),
    np.int64(2),
    [],
    (X[:, 0, 0] > 0, 1),
]


@pytest.mark.parametrize("key", KEYS, ids=lambda k: repr(k)[:30])
def test_as_numpy_and_gradients(gradcheck, key):
    np_key = np.empty(0, np.int64) if isinstance(key, list) and not key else key
    np.testing.assert_array_equal(td.tensor(X)[key].data, X[np_key])
    gradcheck(lambda x: x[key] * 2, X)


def test_tensor_as_index():
    x = td.tensor(X)
    np.testing.assert_array_equal(x[x > 0].data, X[X > 0])
    np.testing.assert_array_equal(x[td.tensor(np.array([1, 1]), dtype="int64")].data, X[[1, 1]])


def test_result_is_no_view():
    x = td.tensor(X)
    y = x[0]
    y.data[...] = 0
    assert np.array_equal(x.data, X)


def test_iteration():
    assert [y.shape for y in td.tensor(X)] == [(4, 5)] * 3


def test_concatenate_and_stack(gradcheck):
    a, b = X[:, :2], X[:, 2:]
    for axis in (1, -2):
        np.testing.assert_array_equal(td.ops.concatenate([td.tensor(a), td.tensor(b)], axis).data, X)
    gradcheck(lambda x, y: td.ops.concatenate([x, y, x], 1), a, b)
    gradcheck(lambda x, y: td.ops.stack([x, y], -1), a, a + 1)
    assert td.ops.stack([td.tensor(1.0), td.tensor(2.0)]).data.tolist() == [1, 2]


def test_bad_arguments():
    x = td.tensor(X)
    with pytest.raises(ValueError, match=r"shapes \(3, 4, 5\) and \(3, 4\) differ"):
        td.ops.concatenate([x, x[..., 0]])
    with pytest.raises(TypeError, match="one type, got float64 and float32"):
        td.ops.concatenate([x, x.astype("float32")])
    with pytest.raises(ValueError, match="at least one tensor"):
        td.ops.concatenate([])
    with pytest.raises(IndexError):
        x[3]


def test_keys_beyond_any_axis_and_lists_that_hold_themselves():
    x = td.tensor(np.arange(3.0))
    loop = []
    loop.append(loop)
    with pytest.raises(IndexError, match="index 9223372036854775808 is out of bounds"):
        x[2**63]
    with pytest.raises(ValueError, match="lists of equal lengths"):
        x[loop]
    assert x[[td.tensor(2, dtype="i8"), 0]].numpy().tolist() == [2, 0]
