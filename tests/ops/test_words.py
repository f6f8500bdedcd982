"""Either word for an axis."""

import pytest

import tinydl as td
from tinydl.ops.words import worded


def test_either_word():
    x = td.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert x.sum(dim=0).tolist() == x.sum(axis=0).tolist() == td.ops.sum(x, 0).tolist() == [4, 7]
    assert x.mean(dim=1, keepdim=True).shape == x.mean(axis=1, keepdims=True).shape == (2, 1)
    assert td.ops.concatenate([x, x], dim=1).shape == (2, 4) and td.ops.sum.__name__ == "sum"


def test_both_words_and_a_word_too_many():
    with pytest.raises(TypeError, match="sum got dim=0 and axis=1, which mean the same"):
        td.ops.sum(td.zeros(2, 2), dim=0, axis=1)
    with pytest.raises(TypeError, match="unexpected keyword"):
        worded(lambda x: x)(1, dim=0)


X = [[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]]


@pytest.mark.parametrize(("call", "expected"), [
    (lambda x: x.topk(2, 1, True, True).indices, [[0, 2], [1, 2]]), (lambda x: x.sort(stable=True)[0][0], [1, 2, 3]),
    (lambda x: x.argsort(dim=1, stable=True)[0], [1, 2, 0]), (lambda x: td.flip(x, dims=[1])[0], [2, 1, 3]),
    (lambda x: x.permute(dims=(1, 0))[0], [3, 4]), (lambda x: x.transpose(dim0=0, dim1=1)[0], [3, 4]),
    (lambda x: x.var(0, unbiased=False), [0.25, 6.25, 2.25]), (lambda x: x.var(0, unbiased=True), [0.5, 12.5, 4.5]),
    (lambda x: x.clip(min=2, max=5), [[3, 2, 2], [4, 5, 5]]),
    (lambda x: td.nn.functional.pad(x, pad=(1, 0)), [[0, 3, 1, 2], [0, 4, 6, 5]]),
    (lambda x: td.div(x, 2, rounding_mode="floor"), [[1, 0, 1], [2, 3, 2]]),
    (lambda x: td.div(-x, 2, rounding_mode="trunc"), [[-1, 0, -1], [-2, -3, -2]]),
    (lambda x: td.zeros(2, 3).copy_(x, non_blocking=True), X), (lambda x: td.full_like(x, fill_value=2), [[2] * 3] * 2),
    (lambda x: td.arange(start=1, end=7, step=2), [1, 3, 5]), (lambda x: td.arange(5, step=2), [0, 2, 4]),
    (lambda x: td.arange(end=2), [0, 1]), (lambda x: td.randint(low=3, high=4, size=(2,)), [3, 3]),
    (lambda x: td.randint(1, size=(2,)), [0, 0])])
def test_arguments_that_scripts_name(call, expected):
    assert call(td.tensor(X)).tolist() == expected


def test_losses_name_their_target():
    x, y = td.tensor([[0.0, 0.0]]), td.tensor([1])
    for loss in (td.nn.functional.cross_entropy(x, target=y), td.nn.CrossEntropyLoss()(x, target=y),
                 td.nn.functional.nll_loss(td.log_softmax(x, 1), target=y)):
        assert abs(loss.item() - 0.6931471805599453) < 1e-6
