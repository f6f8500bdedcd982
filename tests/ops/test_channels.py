"""Operations on channels: literal values and what is refused; beside PyTorch in tests/nn/test_torch_oracle.py."""

import numpy as np
import pytest

import tinydl as td

X = np.array([[[1.0, -2.0], [3.0, 5.0]]])


def test_literal_values(gradcheck):
    x = td.tensor(X)
    assert td.ops.glu(td.tensor([[2.0, 0.0]])).tolist() == [[1]]
    assert td.ops.prelu(x, td.tensor([0.5], dtype="f8")).tolist() == [[[1, -1], [3, 5]]]
    np.testing.assert_allclose(td.ops.instance_norm(x, eps=0).data, [[[1, -1], [-1, 1]]], rtol=1e-6)
    # Of two neighbours (the one before and itself): m = x0^2 / 2 and (x0^2 + x1^2) / 2
    np.testing.assert_allclose(td.ops.local_response_norm(x, 2, alpha=2.0, beta=1.0, k=0.0).data,
                               [[[1, -2 / 4], [3 / 10, 5 / 29]]], rtol=1e-6)
    # More neighbours than there are: the sums 10 and 29 of all squares over their number.
    np.testing.assert_allclose(td.ops.local_response_norm(x, 10**15, alpha=1e15, beta=1.0, k=0.0).data,
                               [[[1 / 10, -2 / 29], [3 / 10, 5 / 29]]], rtol=1e-6)
    assert td.ops.lp_pool2d(td.tensor([[[[3.0, 4.0], [0.0, 0.0]]]]), 2, 2).tolist() == [[[[5]]]]
    assert td.ops.pixel_shuffle(td.tensor(np.arange(4.0).reshape(1, 4, 1, 1)), 2).tolist() == [[[[0, 1], [2, 3]]]]
    assert td.ops.one_hot([1, 0], 3).tolist() == [[0, 1, 0], [1, 0, 0]] and td.ops.one_hot([2]).shape == (1, 3)
    for call in (lambda x: td.ops.glu(x, 1), lambda x: td.ops.prelu(x, td.tensor([0.5, 0.1], dtype="f8")),
                 lambda x: td.ops.local_response_norm(x, 3), lambda x: td.ops.instance_norm(x)):
        gradcheck(call, X)


def test_a_row_of_padding_gets_no_gradient():
    weight = td.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    td.ops.embedding([[0, 1], [1, 2]], weight, padding_idx=0).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [2, 2], [1, 1]]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: td.ops.glu(td.zeros(2, 3)), "glu halves axis -1, got shape"),
    (lambda: td.ops.prelu(td.tensor(X), td.zeros(3)), "one weight or one for each of 2 channels"),
    (lambda: td.ops.instance_norm(td.zeros(2, 3, 1)), "more than 1 spatial element"),
    (lambda: td.ops.pixel_shuffle(td.zeros(1, 3, 2, 2), 2), "3 channels are no multiple of 2"),
    (lambda: td.ops.one_hot([3], 3), r"one_hot: 3 at \(0,\) is not in 0..2"),
    (lambda: td.ops.one_hot([0.5], 3), "takes integers, got float64"),
    (lambda: td.ops.embedding([-1], td.zeros(2, 2)), "embedding: -1 at")])
def test_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
