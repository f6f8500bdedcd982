"""Lengths and angles: literal values, gradients, what is refused."""

import numpy as np
import pytest

import tinydl as td
from tinydl import ops

X = np.array([[3.0, -4.0], [5.0, 12.0]])


def test_literal_values(gradcheck):
    x = td.tensor(X)
    assert td.ops.norm(x, dim=1).tolist() == [5, 13] and td.ops.norm(x[0]).item() == 5
    assert td.ops.norm(x, 1, 1).tolist() == [7, 17] and td.ops.norm(x, float("inf")).item() == 12
    assert td.ops.norm(x, -float("inf"), 1).tolist() == [3, 5]
    np.testing.assert_allclose(td.ops.norm(x, 3.0, 1).data, [91 ** (1 / 3), 1853 ** (1 / 3)], rtol=1e-12)
    np.testing.assert_allclose(td.ops.normalize(x).data, [[0.6, -0.8], [5 / 13, 12 / 13]], rtol=1e-12)
    np.testing.assert_allclose(td.ops.cosine_similarity(x, td.tensor([[1.0, 0.0]] * 2, dtype="f8")).data,
                               [0.6, 5 / 13], rtol=1e-12)
    for call in (lambda x: td.ops.norm(x), lambda x: td.ops.norm(x, 3.0, 0), lambda x: td.ops.normalize(x, dim=0)):
        gradcheck(call, X)


def test_of_zeros():
    assert td.ops.normalize(td.zeros(1, 3)).tolist() == [[0, 0, 0]]
    assert td.ops.cosine_similarity(td.zeros(1, 3), td.ones(1, 3)).tolist() == [0]


@pytest.mark.parametrize("p", [0, -1, np.nan, "nuc"])
def test_refused(p):
    with pytest.raises((TypeError, ValueError), match="norm: p must be"):
        td.ops.norm(td.tensor(X), p)


def test_lengths_are_those_of_what_is_multiplied():
    """(1, 1) and the number 1 stretched over it point the same way; so do an array and a row of its shape."""
    assert ops.cosine_similarity(td.tensor([1.0, 1.0]), td.tensor([1.0]), 0).item() == pytest.approx(1)
    found = ops.cosine_similarity(td.tensor(np.ones((2, 3))), td.tensor([3.0, 0.0, 0.0], dtype="float64"), 1)
    np.testing.assert_allclose(found.numpy(), [3**-0.5] * 2)
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\) do not broadcast"):
        ops.cosine_similarity(td.tensor([1.0, 1.0]), td.tensor([1.0, 1.0, 1.0]), 0)


@pytest.mark.parametrize("p", [1, 2, np.inf, -np.inf])
def test_no_axis_is_every_number_by_itself(p):
    x = np.array([[3.0, -4.0], [0.0, 1.0]], np.float32)
    assert td.ops.norm(x, p, axis=()).tolist() == td.ops.norm(x, p, axis=[]).tolist() == abs(x).tolist()


def test_cosine_similarity_of_two_types_has_the_digits_of_the_longer():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 3)).astype(np.float32), rng.standard_normal((5, 3))
    right = td.ops.cosine_similarity(x.astype(np.float64), y).data
    for pair in ((td.tensor(x), td.tensor(y)), (td.tensor(y), td.tensor(x))):
        found = td.ops.cosine_similarity(*pair)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found.data, right, rtol=1e-14)


def test_angles_are_along_one_axis():
    x = td.tensor(np.ones((2, 3)))
    for axis in ((), (0, 1), None, 1.0):
        with pytest.raises(TypeError, match="an axis is an integer, got"):
            td.ops.cosine_similarity(x, x, axis)
