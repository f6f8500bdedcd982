import numpy as np
import pytest

import tinydl as td

X = np.random.default_rng(0).normal(size=(2, 3, 4, 5))


@pytest.mark.parametrize("axis", [None, 0, -1, (1, 3), (0, 2, 3), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "var", "std"])
def test_as_numpy_and_gradients(gradcheck, name, axis, keepdims):
    if axis == () and name in ("var", "std"):
        return
    options = {"ddof": 1} if name in ("var", "std") else {}
    expected = getattr(np, name)(X, axis=axis, keepdims=keepdims, **options)
    y = getattr(td.tensor(X), name)(axis=axis, keepdims=keepdims)
    assert type(y.data) is np.ndarray
    np.testing.assert_allclose(y.data, expected, rtol=1e-12)
    gradcheck(lambda x: getattr(x, name)(axis=axis, keepdims=keepdims), X)


def test_first_extreme_gets_the_gradient():
    x = td.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 0.0]], requires_grad=True)
    x.max().backward()
    assert x.grad.tolist() == [[0, 1, 0], [0, 0, 0]]
    x.grad = None
    x.min(axis=1).backward([1.0, 2.0])
    assert x.grad.tolist() == [[1, 0, 0], [0, 2, 0]]


def test_nan_wins():
    x = td.tensor([1.0, np.nan, 3.0])
    assert np.isnan(x.max().item()) and np.isnan(x.min().item())


def test_var_correction():
    x = td.tensor([1.0, 2.0, 6.0])
    assert x.var().item() == 7
    assert x.var(correction=0).item() == pytest.approx(14 / 3)


def test_integers_and_booleans():
    labels = td.tensor(np.array([1, 2, 3]), dtype="int64")
    assert labels.sum().item() == 6 and labels.max().item() == 3
    accuracy = (labels == np.array([1, 0, 3])).mean()
    assert accuracy.dtype == np.float32 and accuracy.item() == pytest.approx(2 / 3)
    assert td.tensor(X).argmax(1).dtype == np.int64
    assert td.tensor(X).argmin().item() == X.argmin()


def test_bad_arguments():
    x = td.tensor(X)
    with pytest.raises(ValueError, match="axis 4 is out of range for 4 axes"):
        x.sum(4)
    with pytest.raises(ValueError, match="names an axis twice"):
        x.sum((1, -3))
    with pytest.raises(TypeError, match="an axis is an integer"):
        x.sum(1.5)
    with pytest.raises(ValueError, match="max of no entries"):
        td.tensor(np.ones((0, 3))).max(0)


def test_variance_of_too_few_entries():
    """Nothing to divide by: infinite, NaN of equal entries."""
    x = td.tensor([1.0, 2.0, 4.0], dtype=np.float64)
    assert td.ops.var(x, correction=2.5).item() == pytest.approx(14 / 3 / 0.5)
    for correction in (3, 4, 7):
        assert td.ops.var(x, correction=correction).item() == np.inf
        assert np.isnan(td.ops.var(td.tensor([1.0, 1.0]), correction=correction).item())
    for correction in (np.nan, np.inf):
        with pytest.raises(ValueError, match="var: correction must be a finite number"):
            td.ops.var(x, correction=correction)


def test_extremes_along_an_axis_with_nothing_beside_it():
    for call in (td.ops.max, td.ops.min):
        assert call(td.tensor(np.zeros((5, 0), "f4")), 0).shape == (0,)
    for call in (td.ops.argmax, td.ops.argmin):
        assert call(td.tensor(np.zeros((5, 0), "f4")), 0).shape == (0,)
        with pytest.raises(ValueError, match=r"arg(max|min) of no entries: shape \(5, 0\)"):
            call(td.tensor(np.zeros((5, 0), "f4")), 1)
        with pytest.raises(TypeError, match="an axis is an integer, got 1.0"):
            call(td.tensor(np.zeros((5, 1), "f4")), 1.0)


def test_keepdims_is_a_flag():
    x = td.tensor(np.ones((2, 3), "f4"))
    assert td.ops.sum(x, 1, np.bool_(True)).shape == (2, 1)
    with pytest.raises(TypeError, match="sum: keepdims must be True or False, got 2"):
        td.ops.sum(x, 1, 2)


def test_equal_entries_have_no_slope():
    """PyTorch's gradient of a standard deviation of 0; sqrt(var) has 0 / 0."""
    x = td.tensor(np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]]), requires_grad=True)
    y = td.ops.std(x, 1)
    assert y.numpy().tolist() == [0, 1]
    y.backward(np.array([5.0, 2.0]))
    assert x.grad.tolist() == [[0, 0, 0], [-1, 0, 1]]


def test_std_of_numbers_whose_squares_float32_does_not_hold():
    for size in (1e-40, 1e-25, 1e25):
        x = td.tensor(np.float32([size, -size]), requires_grad=True)
        y = td.ops.std(x)
        assert y.item() == pytest.approx(2**0.5 * float(np.float32(size)), rel=1e-6 if size > 1e-38 else 1e-4, abs=0)
        if size > 1e-38:  # 1 over a denormal is infinite
            y.backward()
            np.testing.assert_allclose(x.grad, np.sqrt([0.5, 0.5]) * [1, -1], rtol=1e-6)
    assert td.ops.std(td.tensor(np.float32([1e-40, -1e-40])), correction=2).item() == np.inf
