"""Parts of a tensor and copies of it: shapes, values, gradients, what is refused."""

import numpy as np
import pytest

import tinydl as td

X = np.arange(12.0).reshape(3, 4)


def test_parts():
    x = td.tensor(X)
    assert [p.shape for p in td.ops.split(x, 3, 1)] == [(3, 3), (3, 1)]
    assert [p.tolist() for p in td.ops.split(x, [1, 2])] == [X[:1].tolist(), X[1:].tolist()]
    assert [p.shape for p in td.ops.chunk(x, 3, dim=1)] == [(3, 2), (3, 2)]
    assert [p.tolist() for p in td.ops.unbind(x, 1)] == X.T.tolist()
    assert [p.shape for p in td.ops.split(td.zeros(0, 2), 2)] == [(0, 2)]


def test_copies(gradcheck):
    x = td.tensor(X)
    assert np.array_equal(td.ops.repeat(x, 2, 1, 3).data, np.tile(X, (2, 1, 3)))
    assert td.ops.expand(x[:, :1], -1, 4).tolist() == np.repeat(X[:, :1], 4, 1).tolist()
    assert td.ops.expand(x, (2, 3, 4)).shape == (2, 3, 4)
    assert np.array_equal(td.ops.flip(x, 0, 1).data, X[::-1, ::-1])
    gradcheck(lambda x: td.ops.repeat(x, 2, 3), X)
    gradcheck(lambda x: td.ops.flip(x, 1), X)
    gradcheck(lambda x: td.ops.chunk(x, 2)[0], X)


@pytest.mark.parametrize(("call", "message"), [
    (lambda x: td.ops.split(x, [1, 1]), "add up to 2, axis 0 has length 3"),
    (lambda x: td.ops.split(x, 0), "must be at least 1, got 0"),
    (lambda x: td.ops.repeat(x, 2), "for each of the 2 axes"),
    (lambda x: td.ops.expand(x, 3), "1 lengths"), (lambda x: td.ops.expand(x, 2, 4), "does not broadcast")])
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(td.tensor(X))
