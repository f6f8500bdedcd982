import numpy as np
import pytest

import tinydl as td


def test_literal():
    a, b = td.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True), td.tensor([[5.0], [6.0]], requires_grad=True)
    c = a @ b
    assert c.data.tolist() == [[17], [39]]
    c.backward([[1.0], [10.0]])
    assert a.grad.tolist() == [[5, 6], [50, 60]]
    assert b.grad.tolist() == [[31], [42]]


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 2)),
        ((0, 4), (4, 2)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 3)),
    ],
    ids=str,
)
def test_as_numpy_and_gradients(gradcheck, shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes)
    np.testing.assert_allclose((td.tensor(a) @ td.tensor(b)).data, a @ b, rtol=1e-12)
    np.testing.assert_allclose((td.tensor(a) @ b).data, a @ b, rtol=1e-12)
    np.testing.assert_allclose((a @ td.tensor(b)).data, a @ b, rtol=1e-12)
    gradcheck(td.ops.matmul, a, b)


def test_bad_operands():
    x = td.tensor(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2, 3\) do not fit: 3 columns meet 2 rows"):
        x @ x
    with pytest.raises(ValueError, match="multiply by a number with"):
        x @ 2.0
    with pytest.raises(TypeError, match="float64 and float32.*astype"):
        x @ td.tensor(np.ones((3, 1), np.float32))


@pytest.mark.parametrize(("a", "b", "c"), [
    ((5, 5, 0), (0, 5), (5, 5, 5)), ((0, 5, 3), (3, 5), (0, 5, 5)), ((2, 0, 3), (3, 4), (2, 0, 4)),
    ((3, 0), (0, 4), (3, 4)), ((2, 0, 2, 3), (3, 1), (2, 0, 2, 1)), ((0,), (0,), ())])
def test_empty_axes(a, b, c):
    x, y = (td.tensor(np.ones(shape), requires_grad=True) for shape in (a, b))
    z = x @ y
    assert z.shape == c and not z.data.any()
    z.sum().backward()
    assert x.grad.shape == a and y.grad.shape == b
    assert np.array_equal(y.grad, np.zeros(b))
