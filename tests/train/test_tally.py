import math

import numpy as np
import pytest

import tinydl as td
from tinydl import nn
from tinydl.train.tally import Tally


def tally(loss, batches, classify=True):
    """A tally of (value, output, y) batches."""
    result = Tally(classify)
    for value, output, y in batches:
        result.add(loss, value, output, np.array(y))
    return result


def test_means_count_by_the_number_of_samples():
    got = tally(nn.MSELoss(), [(1.0, None, [0, 0, 0]), (5.0, None, [0])], classify=False)
    assert got.result() == {"loss": 2.0}
    assert got.samples == 4


def test_sums_are_divided_by_all_samples():
    assert tally(nn.MSELoss("sum"), [(3.0, None, [0, 0, 0]), (5.0, None, [0])], False).result() == {"loss": 2.0}


def test_a_loss_says_what_its_mean_was_divided_by():
    class Half:
        def denominator(self, output, y):
            return 0.5 * len(y) + output

    assert tally(Half(), [(1.0, 1, [0, 0]), (4.0, 0, [0, 0])], False).result() == {"loss": (1 * 2 + 4 * 1) / 3}


def test_a_batch_without_labels_that_count_changes_nothing():
    scores = td.tensor(np.eye(2))
    loss = nn.CrossEntropyLoss(ignore_index=7)
    got = tally(loss, [(3.0, scores, [0, 7]), (math.nan, scores, [7, 7])])
    assert got.result() == {"loss": 3.0, "accuracy": 1.0}
    assert math.isnan(tally(loss, [(math.nan, scores, [7, 7])]).result()["loss"])


@pytest.mark.parametrize("output", [(td.tensor(np.eye(2)),), {"a": td.tensor(np.eye(2))}, np.eye(2), None])
def test_outputs_that_are_no_tensor_have_no_accuracy(output):
    assert tally(abs, [(1.0, output, [0, 1])]).result() == {"loss": 1.0}


def test_one_number_needs_a_threshold():
    outputs = td.tensor([-3.0, 2.0, 4.0])
    assert tally(abs, [(1.0, outputs, [0, 1, 0])]).result() == {"loss": 1.0}
    got = tally(nn.BCEWithLogitsLoss(), [(1.0, outputs, [0, 1, 0]), (1.0, outputs.reshape(3, 1), [0, 1, 1])])
    assert got.result() == {"loss": 1.0, "accuracy": 5 / 6}


@pytest.mark.parametrize(("classify", "whole", "floats"), [(True, 0.75, 0.75), (False, 0.75, None)])
def test_whether_labels_are_answers(classify, whole, floats):
    outputs, labels = td.tensor(np.array([[-1.0, 1], [2, 3]])), np.array([[0, 1], [1, 0]])
    for y, want in ((labels, whole), (labels.astype(float), floats)):
        assert tally(nn.BCEWithLogitsLoss(), [(1.0, outputs, y)], classify).result().get("accuracy") == want


def test_one_float_a_sample_is_an_answer_where_the_loss_has_a_threshold():
    outputs = td.tensor(np.array([[-3.0], [2.0], [4.0], [9.0]]))
    for y in ([[0.0], [1.0], [0.0], [0.7]], [0.0, 1.0, 0.0, 0.7]):  # 0.7 is no class
        assert tally(nn.BCEWithLogitsLoss(), [(1.0, outputs, y)], False).result() == {"loss": 1.0, "accuracy": 2 / 3}
        assert tally(nn.MSELoss(), [(1.0, outputs, y)], False).result() == {"loss": 1.0}


def test_the_state_comes_back():
    first = tally(nn.CrossEntropyLoss(), [(2.0, td.tensor(np.eye(2)), [0, 0])])
    second = Tally(True)
    second.load_state_dict(first.state_dict())
    assert second.result() == first.result() == {"loss": 2.0, "accuracy": 0.5}
    second.clear()
    assert second.samples == 0
