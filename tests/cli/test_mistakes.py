"""The worst mistakes, by hand."""

import math

import numpy as np

from tinydl.cli.mistakes import most_wrong
from tinydl.data import ArrayDataset


def logit(p):
    return math.log(p / (1 - p))


def test_the_surest_wrong_class_is_first():
    test = ArrayDataset(np.arange(8.0).reshape(4, 2), [0, 1, 0, 1], class_names=["cat", "dog"])
    outputs = np.array([[0, logit(0.6)], [0, 5.0], [0, logit(0.9)], [5.0, 0]])
    head, rows = most_wrong({"about": {"columns": ["a", "b"]}}, test, outputs, most=2)
    assert head == ["sample", "true", "predicted", "sure", "a", "b"]
    assert rows == [["3", "dog", "cat", "99.3%", "6", "7"], ["2", "cat", "dog", "90.0%", "4", "5"]]
    assert most_wrong({}, test, np.eye(2)[[0, 1, 0, 1]])[1] == []


def test_a_wrong_label():
    test = ArrayDataset(np.zeros((3, 1, 2, 2)), np.array([[1, 0], [0, 1], [1, 1]], np.float32), class_names=["x", "y"])
    outputs = np.array([[logit(0.3), -1.0], [-1, 1], [2, logit(0.1)]])
    assert most_wrong({"task": "labels"}, test, outputs) == (
        ["sample", "label", "true", "sure"], [["2", "y", "yes", "90.0%"], ["0", "x", "yes", "70.0%"]])


def test_the_largest_error_of_a_regression():
    test = ArrayDataset(np.zeros((2, 1)), np.array([[1.0, 100.0], [2.0, 200.0]], np.float32))
    facts = {"task": "regression", "target_mean": [0.0, 0.0], "target_std": [1.0, 100.0]}
    head, rows = most_wrong(facts, test, np.array([[1.5, 1.0], [2.0, 2.9]]), most=1)
    assert (head, rows) == (["sample", "true", "predicted"], [["1", "2, 200", "2, 290"]])
