"""Products and sums so far: literal values and gradients, zeros included."""

import numpy as np
import pytest

import tinydl as td

X = np.array([[1.0, 2.0, -3.0], [0.0, 4.0, 0.5]])


def test_literal_values(gradcheck):
    x = td.tensor(X)
    assert td.ops.cumsum(x, 1).tolist() == [[1, 3, 0], [0, 4, 4.5]]
    assert td.ops.cumsum(x > 0, dim=0).tolist() == [[1, 1, 0], [1, 2, 1]]
    assert td.ops.prod(x).item() == 0 and td.ops.prod(x, 1).tolist() == [-6, 0]
    assert td.ops.prod(x, 0, keepdims=True).tolist() == [[0, 8, -1.5]]
    gradcheck(lambda x: td.ops.cumsum(x, 0), X)
    gradcheck(lambda x: td.ops.prod(x, 1), X)
    gradcheck(lambda x: td.ops.prod(x), X)


def test_the_gradient_of_a_product_with_a_zero():
    x = td.tensor([0.0, 4.0, 0.5], requires_grad=True)
    td.ops.prod(x).backward()
    assert x.grad.tolist() == [2, 0, 0]


def test_refused():
    for call in (lambda: td.ops.cumsum(td.tensor(1.0), 0), lambda: td.ops.prod(td.tensor(1.0), 0)):
        with pytest.raises(ValueError, match="number"):
            call()
    with pytest.raises(ValueError, match="with keepdims takes an axis"):
        td.ops.prod(td.tensor(X), keepdims=True)
