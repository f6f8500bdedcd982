import numpy as np
import pytest

import tinydl as td
from tinydl.data import ArrayDataset, DataError
from tinydl.train.several import Several, check_inputs, is_several


def test_what_is_several():
    a = np.zeros((3, 2))
    assert is_several((a, a)) and is_several({"a": a}) and is_several((td.tensor(a), ArrayDataset(a)))
    assert not is_several(a) and not is_several((0, 1, 1)) and not is_several([a, a]) and not is_several(())


def test_parts_are_taken_together():
    pictures = np.arange(3 * 4, dtype=np.uint8).reshape(3, 1, 2, 2) * 17
    words = np.array([[5, 6], [7, 8], [9, 10]])
    data = Several((pictures, words, np.array([0.5, 1.5, 2.5])), {"a": np.array([1, 2, 3], np.int8), "b": words / 2})
    (x, w, s), y = data.take(np.array([2, 0]))
    np.testing.assert_allclose(x[1], [[[0, 1 / 15], [2 / 15, 3 / 15]]], rtol=1e-6)  # 17 / 255 = 1 / 15
    assert x.dtype == np.float32 and w.tolist() == [[9, 10], [5, 6]] and s.tolist() == [2.5, 0.5]
    assert y["a"].tolist() == [3, 1] and y["a"].dtype == np.int64 and y["b"].tolist() == [[4.5, 5], [2.5, 3]]
    assert len(data) == 3 and len(data.subset(np.array([1]))) == 1
    assert data.subset(np.array([1])).take(np.array([0]))[0][1].tolist() == [[7, 8]]


def test_a_dataset_is_normalised_as_it_says():
    data = Several({"a": ArrayDataset(np.array([[1.0], [3.0]]), mean=1, std=2)})
    assert data.take(np.arange(2))[0]["a"].tolist() == [[0], [1]]


def test_a_split_looks_at_the_first_class_numbers():
    floats, numbers = np.zeros((4, 2)), np.array([0, 1, 1, 0])
    assert Several((floats, floats), (floats, numbers)).split_by.tolist() == [0, 1, 1, 0]
    assert Several((floats, floats), floats).split_by.dtype == np.float32


@pytest.mark.parametrize(("x", "y"), [((np.zeros((3, 1)), np.zeros((2, 1))), None), (np.zeros((3, 1)), (np.zeros(2),)),
                                      ((), None)])
def test_lengths_that_differ(x, y):
    with pytest.raises(DataError, match="mine: inputs and targets must be arrays of one length, got lengths"):
        Several(x, y, "mine")


class Sum(td.nn.Module):
    def forward(self, a, b):
        return a + b


def test_a_net_of_other_inputs():
    check_inputs(Sum(), (1, 2), "x")
    check_inputs(Sum(), {"b": 1, "a": 2}, "x")
    check_inputs(Sum(), np.zeros(3), "x")
    with pytest.raises(TypeError, match=r"x: got a tuple of 3, which Sum.forward\(a, b\) does not take"):
        check_inputs(Sum(), (1, 2, 3), "x")
    with pytest.raises(TypeError, match="x: got inputs named a, c, which .* argument: 'b'"):
        check_inputs(Sum(), {"a": 1, "c": 2}, "x")
