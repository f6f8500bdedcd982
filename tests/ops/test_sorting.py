"""Sorting, the k largest, and entries by their places: literal values, gradients, what is refused."""

import numpy as np
import pytest

import tinydl as td

X = np.array([[3.0, 1.0, 2.0], [1.0, 5.0, 1.0]])


def test_literal_values():
    x = td.tensor(X)
    values, places = td.ops.sort(x)
    assert values.tolist() == [[1, 2, 3], [1, 1, 5]] and places.tolist() == [[1, 2, 0], [0, 2, 1]]
    values, places = td.ops.sort(x, axis=0, descending=True)
    assert values.tolist() == [[3, 5, 2], [1, 1, 1]] and places.tolist() == [[0, 1, 0], [1, 0, 1]]
    assert td.ops.argsort(x, dim=1, descending=True).tolist() == [[0, 2, 1], [1, 0, 2]]
    values, places = td.ops.topk(x, 2)
    assert values.tolist() == [[3, 2], [5, 1]] and places.tolist() == [[0, 2], [1, 0]]
    assert td.ops.topk(x, 1, 0, largest=False).values.tolist() == [[1, 1, 1]]
    assert td.ops.gather(x, 1, [[2, 0], [1, 1]]).tolist() == [[2, 3], [5, 5]]


def test_nan_is_larger_than_all():
    x = td.tensor([1.0, np.nan, 2.0])
    assert td.ops.argsort(x).tolist() == [0, 2, 1] and td.ops.argsort(x, descending=True).tolist() == [1, 2, 0]


def test_gradients(gradcheck):
    gradcheck(lambda x: td.ops.sort(x, 1)[0], X + [[0, 0, 0], [0, 0, 0.5]])
    gradcheck(lambda x: td.ops.topk(x, 2, 0)[0], X + [[0, 0, 0], [0, 0, 0.5]])
    gradcheck(lambda x: td.ops.gather(x, 1, [[2, 0], [1, 1]]), X)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda x: td.ops.topk(x, 4), ValueError, "k must be at most the length 3 of axis 1, got 4"),
    (lambda x: td.ops.gather(x, 1, [[3], [0]]), ValueError, r"place 3 at \(0, 0\) is not in 0..2"),
    (lambda x: td.ops.gather(x, 1, [0.5]), TypeError, "places as integers, got float"),
    (lambda x: td.ops.gather(x, 1, [0]), ValueError, "as many axes as x"),
    (lambda x: td.ops.sort(td.tensor(1.0)), ValueError, "got a number"),
    (lambda x: td.ops.sort(x, descending=2), TypeError, "descending must be True or False")])
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(td.tensor(X))
