"""Words at the top: each is a thing that the library has elsewhere."""

import numpy as np
import pytest

import tinydl as td
from tinydl.words import names, word


def test_every_word_is_there():
    for name in names():
        assert getattr(td, name) is not None and name in dir(td)


def test_words_are_the_things_themselves():
    assert td.cat is td.ops.concatenate and td.pow is td.ops.power and td.relu is td.ops.relu
    assert td.sum is td.Tensor.sum and td.max is td.Tensor.max and td.inference_mode is td.no_grad
    assert td.float32 == np.float32 and td.long is td.int64 and td.zeros(1).dtype is td.float32
    assert td.utils.data.DataLoader is td.data.DataLoader and td.optim.lr_scheduler.StepLR is td.optim.StepLR


def test_what_is_no_word():
    with pytest.raises(AttributeError, match="module 'tinydl' has no attribute 'nothing'"):
        word("nothing")
    with pytest.raises(AttributeError, match="has no attribute '__nothing__'"):
        td.__nothing__  # noqa: B018
