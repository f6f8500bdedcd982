import math

import numpy as np
import pytest

from tinydl.train import accuracy, confusion_matrix
from tinydl.train.metrics import count_right


def test_accuracy_of_logits_and_of_classes():
    logits = [[0.1, 0.9], [2, -1], [0, 0], [-3, -2]]
    assert accuracy(logits, [1, 0, 0, 0]) == 0.75  # the first one wins a tie
    assert accuracy([1, 0, 0, 1], [1, 0, 0, 0]) == 0.75
    assert math.isnan(accuracy(np.zeros((0, 3)), np.zeros(0, int)))


def test_accuracy_of_other_lengths():
    with pytest.raises(ValueError, match="3 predictions for labels of shape"):
        accuracy([1, 2, 3], [1, 2])


def test_one_column_of_scores_has_no_accuracy():
    p = np.array([[-3.0], [2.0], [4.0]])
    with pytest.raises(ValueError, match=r"one column of scores names no class, got predictions of shape \(3, 1\)"):
        accuracy(p, [0, 1, 1])
    assert accuracy(p[:, 0] > 0, [0, 1, 1]) == 1.0


def test_right_samples_of_a_batch():
    scores = np.array([[0.1, 0.9], [2, -1], [0, 0]])
    assert count_right(scores, np.array([1, 1, 0])) == 2
    # Maps: the first sample is right at 3 of 4 positions, the second at all.
    maps = np.zeros((2, 3, 2, 2))
    maps[:, 1] = 1.0
    labels = np.ones((2, 2, 2), int)
    labels[0, 0, 1] = 2
    assert count_right(maps, labels) == 1.75
    for outputs in (np.zeros(3), np.zeros((3, 1)), np.zeros((3, 2, 4))):
        assert count_right(outputs, np.zeros(3, int)) is None


def test_confusion_matrix_rows_are_the_truth():
    got = confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 0, 2])
    assert got.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert confusion_matrix([0, 1], np.array([[1, 0, 0], [1, 0, 0]]), 4).tolist() == [
        [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert confusion_matrix(np.array([200, 1], np.uint8), [200, 1]).sum() == 2  # no overflow of small integers


@pytest.mark.parametrize(("labels", "predicted", "message"), [
    ([0, 3], [0, 0], r"label 3 of sample 1 is not in 0\.\.2"),
    ([0, 0], [0, -1], r"prediction -1 of sample 1"),
    ([0, 0], [0], "one length"),
])
def test_confusion_matrix_errors(labels, predicted, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(labels, predicted, 3)
