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
