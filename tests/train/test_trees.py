import numpy as np
import pytest

import tinydl as td
from tinydl.train.trees import arrays_of, called, joined, leaves, mapped, size_of


def test_a_tree_keeps_its_form():
    tree = {"a": (1, [2, 3]), "b": 4}
    assert mapped(lambda x: 10 * x, tree) == {"a": (10, [20, 30]), "b": 40}
    assert leaves(tree) == [1, 2, 3, 4] and leaves(5) == [5]


def test_the_size_is_that_of_the_first_leaf():
    assert size_of(np.zeros((3, 2))) == size_of(({"a": np.zeros(3)}, 7)) == 3


def test_a_tuple_is_inputs_in_order_and_a_dict_by_name():
    def net(a, b=100):
        return a - b

    assert called(net, (5, 3)) == called(net, {"b": 3, "a": 5}) == 2
    assert called(net, 5) == -95


def test_outputs_of_batches_are_joined():
    parts = [{"a": np.array([1, 2]), "b": (np.array([3]),)}, {"a": np.array([4]), "b": (np.array([5]),)}]
    assert {k: v[0].tolist() if k == "b" else v.tolist() for k, v in joined(parts).items()} == {
        "a": [1, 2, 4], "b": [3, 5]}


def test_arrays_of_an_output_are_copies():
    array = np.ones(2)
    (first, second), third = arrays_of([[array, td.tensor(array)], array])
    array[:] = 7
    assert first.tolist() == second.tolist() == third.tolist() == [1, 1]
    with pytest.raises(TypeError, match="a net returns a Tensor, or a tuple or dict of them, got str"):
        arrays_of(("no",))
