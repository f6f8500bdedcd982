import math

import numpy as np
import pytest

import tinydl as td
from tinydl.train import accuracy, confusion_matrix
from tinydl.train.metrics import right_answers


def test_accuracy_of_logits_and_of_classes():
    logits = [[0.1, 0.9], [2, -1], [0, 0], [-3, -2]]
    assert accuracy([1, 0, 0, 0], logits) == 0.75  # the first one wins a tie
    assert accuracy([1, 0, 0, 0], [1, 0, 0, 1]) == 0.75
    assert math.isnan(accuracy(np.zeros(0, int), np.zeros((0, 3))))


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_accuracy_of_one_output_is_by_threshold(shape):
    logits = np.array([-3.0, 2.0, 4.0])
    assert accuracy([0, 1, 1], logits.reshape(shape)) == 1.0
    assert accuracy([1, 1, 1], td.tensor(logits.reshape(shape))) == pytest.approx(2 / 3)
    assert accuracy(np.array([0, 1, 1]).reshape(shape), logits.reshape(shape)) == 1.0
    probabilities = np.array([0.2, 0.7, 0.4]).reshape(shape)
    assert accuracy([0, 1, 0], probabilities, threshold=0.5) == 1.0
    assert accuracy([1, 1, 1], probabilities, threshold=0) == 1.0
    assert accuracy([0, 1, 1], np.array([0.0, 1.0, 1.0]).reshape(shape)) == 1.0  # class numbers as floats


def test_floats_that_may_be_probabilities_or_logits_need_a_threshold():
    with pytest.raises(ValueError, match=r"the first is 0.2\) may be a probability or a logit; pass threshold=0.5 for"):
        accuracy([0, 1], [0.2, 0.7])


@pytest.mark.parametrize(("predictions", "labels", "message"), [
    ([0.5, 3.0], [0, 2], "class 0 from class 1, but there is a label 2; class numbers must be integers"),
    ([0.5, 3.0], [-1, 1], "there is a label -1"),
    ([np.nan, 3.0], [0, 1], "prediction 0 is nan"),
    (np.zeros((3, 2)), np.eye(2, dtype=int)[[0, 1, 0]], r"one-hot rows; turn them into numbers with labels.argmax"),
    (np.zeros((3, 2)), [[0], [1], [0]], r"3 predictions for labels of shape \(3, 1\)"),
    (np.zeros((3, 2)), [0, 1], r"3 predictions for labels of shape \(2,\)"),
    (np.array(["a", "b"]), [0, 1], "2 predictions for labels"),
])
def test_predictions_that_are_no_answers(predictions, labels, message):
    with pytest.raises(ValueError, match=message):
        accuracy(labels, predictions)


def test_labels_that_are_no_class_numbers():
    with pytest.raises(TypeError, match="labels must be integers, got float64"):
        accuracy([0.5, 1], [0, 1])
    with pytest.raises(TypeError, match="labels must be integers, got float64"):
        confusion_matrix([0.5, 1], [0, 1])


def test_right_answers_of_maps():
    # The first sample is right at 3 of 4 positions, the second at all.
    maps = np.zeros((2, 3, 2, 2))
    maps[:, 1] = 1.0
    labels = np.ones((2, 2, 2), int)
    labels[0, 0, 1] = 2
    assert right_answers(maps, labels) == (7, 8)
    for outputs in (np.zeros(3), np.zeros((3, 1)), np.zeros((3, 2, 4))):
        assert right_answers(outputs, np.zeros(3, int)) is None


def test_accuracy_of_masks():
    scores = np.zeros((1, 3, 2, 2))
    scores[0, 2, 0] = 1
    assert accuracy([[[2, 2], [0, 1]]], scores) == 0.75
    assert accuracy([[[0, 0]]], np.array([[[-1.0, 2.0]]])) == 0.5


def test_right_answers():
    scores = np.array([[0.1, 0.9], [2, -1], [0, 0]])
    assert right_answers(scores, np.array([1, 1, 0])) == (2, 3)
    assert right_answers(scores, np.array([1, 1, 0]), ignore_index=1) == (1, 1)
    assert right_answers(scores[:, 0], np.array([1, 1, 0])) is None
    assert right_answers(scores[:, 0], np.array([1, 1, 0]), 0.5) == (2, 3)
    assert right_answers(np.array([np.nan, np.nan]), np.array([0, 1]), 0.0) == (0, 2)  # nan is never right
    assert right_answers(np.array([1.0, -1.0]), np.array([2, 2]), 0.0) == (0, 2)
    assert right_answers(np.array([1.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.5]), 0.0) == (1, 2)
    assert right_answers(np.zeros((3, 4)), np.zeros((3, 4, 2), int)) is None


def test_accuracy_of_other_lengths():
    with pytest.raises(ValueError, match="3 predictions for labels of shape"):
        accuracy([1, 2], [1, 2, 3])


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
    ([[0, 0]], [[0, 0]], "one length"),
])
def test_confusion_matrix_errors(labels, predicted, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(labels, predicted, 3)


@pytest.mark.parametrize("n", [2.5, np.nan, "2"])
def test_confusion_matrix_of_a_fraction_of_classes(n):
    with pytest.raises(TypeError, match="n_classes must be an integer"):
        confusion_matrix([0, 1], [0, 1], n)


def test_confusion_matrix_of_one_output():
    assert confusion_matrix([0, 1, 1], [[-3.0], [2.0], [-4.0]]).tolist() == [[1, 0], [1, 1]]
    assert confusion_matrix([0, 1, 1], [0.2, 0.6, 0.4], threshold=0.5).tolist() == [[1, 0], [1, 1]]
