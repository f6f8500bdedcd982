"""What labels mean: the table of `Targets`, row by row, and labels that mean nothing."""

import numpy as np
import pytest

from tinydl.data import DataError
from tinydl.data.targets import Targets


@pytest.mark.parametrize(("y", "names", "task", "class_names", "encoded"), [
    ([0, 1, 2, 1], None, "classes", ("0", "1", "2"), [0, 1, 2, 1]),
    ([1, 2, 1], None, "classes", ("1", "2"), [0, 1, 0]),
    ([10, 30, 20], None, "classes", ("10", "20", "30"), [0, 2, 1]),
    ([[1], [2], [1]], None, "classes", ("1", "2"), [0, 1, 0]),
    ([0, 2], ["a", "b", "c"], "classes", ("a", "b", "c"), [0, 2]),
    ([1, 3, 2], ["a", "b", "c"], "classes", ("a", "b", "c"), [0, 2, 1]),
    (["dog", "cat ", "dog"], None, "classes", ("cat", "dog"), [1, 0, 1]),
    ([b"dog", b"cat"], ["dog", "cat"], "classes", ("dog", "cat"), [0, 1]),
    ([True, False], None, "classes", ("False", "True"), [1, 0]),
    ([[0, 1, 0], [1, 0, 0]], None, "classes", ("0", "1", "2"), [1, 0]),
    ([[0, 1, 1], [1, 0, 0]], None, "labels", ("0", "1", "2"), [[0, 1, 1], [1, 0, 0]]),
    ([[0.0, 1.0], [1.0, 0.0]], ["a", "b"], "labels", ("a", "b"), [[0, 1], [1, 0]]),
    ([0.5, 1.5, 2.5], None, "regression", None, [[0.5], [1.5], [2.5]]),
    ([[0.5], [1.5]], None, "regression", None, [[0.5], [1.5]]),
    ([[0.5, 1], [1.5, 2]], None, "regression", None, [[0.5, 1], [1.5, 2]]),
])
def test_what_labels_are(y, names, task, class_names, encoded):
    y = np.array(y)
    targets = Targets(y, names)
    assert (targets.task, targets.class_names) == (task, class_names)
    got = targets.encode(y)
    assert got.tolist() == encoded and got.dtype == (np.int64 if task == "classes" else np.float32)


def test_what_is_said_goes_before_what_is_guessed():
    assert Targets(np.array([1.0, 2.0, 3.0]), task="regression").encode(np.array([4.0])).tolist() == [[4.0]]
    assert Targets(np.array([1.0, 2.0]), task="classes").class_names == ("1", "2")
    assert Targets(np.array([1, 2, 3]), task="regression").task == "regression"
    assert Targets(np.array([[0, 1], [1, 0]]), task="labels").task == "labels"


@pytest.mark.parametrize(("y", "options", "message"), [
    ([0.0, 1.0, 2.0, 1.0, 0.0, 1.0], {}, r"whole numbers as floats \(0\.0, 1\.0, 2\.0\).*astype\('int64'\)"),
    ([0.5, np.nan], {}, "of sample 1 is nan; leave out samples without a target"),
    ([[0.5, 1], [0.5, np.inf]], {}, "of sample 1 is inf in column 1"),
    ([3, 3, 3], {}, "all 3 labels are 3; a net needs two classes"),
    ([2.5, 2.5], {}, "all targets are 2.5; there is nothing to learn"),
    ([[0.5, 7], [0.25, 7]], {}, "all targets are .* in column 1"),
    ([0, -1], {}, "label -1 of image 1 .* is negative"),
    ([[0, 2], [1, 1]], {}, "rows of 0 and 1, or floats, got int64"),
    ([1 + 2j], {}, "got complex128"),
    ([0, 1], {"task": "words"}, "task must be one of classes, regression, labels, got 'words'"),
    ([0.5, 1.0], {"task": "classes"}, "integer class numbers or text, got 0.5"),
    (["a", "b"], {"task": "regression"}, "is text .'a'., the task regression needs numbers"),
    ([0, 1], {"task": "labels"}, "must be rows"),
    ([[0, 1, 1], [1, 0, 0]], {"class_names": ["a"]}, "has 3 columns, and there are 1 class names"),
])
def test_labels_that_cannot_be(y, options, message):
    with pytest.raises(DataError, match=message):
        Targets(np.array(y), **options)


@pytest.mark.parametrize(("train", "test", "message"), [
    ([0, 1], [0, 2], "label 2 of image 1 is not among the classes 0, 1"),
    (["a", "b"], ["b", "c"], "label c of image 1 is not among the classes a, b"),
    ([0, 1], ["a"], "the training labels were of another kind"),
    ([[0, 1], [1, 0]], [0, 1], "the training labels are rows of 2"),
])
def test_test_labels_that_training_labels_do_not_know(train, test, message):
    with pytest.raises(DataError, match=message):
        Targets(np.array(train)).encode(np.array(test))
