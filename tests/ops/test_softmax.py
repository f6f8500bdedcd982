import numpy as np
import pytest

import tinydl as td


@pytest.mark.parametrize(
    "shape, axis",
    [
        ((3, 4), 1),
        ((3, 4), 0),
        ((4,), 0),
        ((2, 3, 4), 1),
        ((2, 3, 4, 5), 1),
        ((2, 3, 4), -1),
        ((2, 3, 4, 5), 2),
        ((0, 3), 1),
    ],
)
def test_formula_and_gradient(gradcheck, shape, axis):
    x = np.random.default_rng(0).normal(size=shape)
    e = np.exp(x)
    p = e / e.sum(axis, keepdims=True)
    np.testing.assert_allclose(td.ops.softmax(td.tensor(x), axis).data, p, rtol=1e-6)
    np.testing.assert_allclose(td.ops.log_softmax(td.tensor(x), axis).data, np.log(p), rtol=1e-6)
    if x.size:
        gradcheck(lambda t: td.ops.softmax(t, axis), x)
        gradcheck(lambda t: td.ops.log_softmax(t, axis), x)


def test_large_logits():
    y = td.ops.softmax(td.tensor([[1e4, 0.0, -1e4]])).data
    assert y.tolist() == [[1, 0, 0]]
    assert td.ops.log_softmax(td.tensor([[1e4, 0.0]])).data.tolist() == [[0, -1e4]]


def test_bad_arguments():
    with pytest.raises(ValueError, match="axis 2 is out of range"):
        td.ops.softmax(td.tensor([[1.0]]), 2)
    with pytest.raises(TypeError, match="float"):
        td.ops.softmax(np.array([1, 2]))
