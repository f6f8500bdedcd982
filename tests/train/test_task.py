"""What a run is trained for, and its data in the units of its net."""

import numpy as np
import pytest

from tinydl.data import ArrayDataset, DataError
from tinydl.train.task import output_names, scaled, split_parts, target_facts, task_of, unscaled

X = np.zeros((4, 2), np.float32)
Y = np.array([[2.0], [4], [4], [6]], np.float32)
CLASSES = ArrayDataset(X, [0, 1, 0, 1], class_names="ab")
LABELS = ArrayDataset(X, np.array([[1, 0], [1, 1], [0, 0], [0, 1]], np.float32), class_names="ab")
VALUES = ArrayDataset(X, Y)


def test_the_task_follows_from_the_labels():
    assert [task_of(data) for data in (CLASSES, LABELS, VALUES)] == ["classes", "labels", "regression"]
    with pytest.raises(DataError, match="no labels"):
        task_of(ArrayDataset(X))


def test_targets_are_scaled_and_outputs_unscaled():
    """Mean 4, variance (4 + 0 + 0 + 4) / 4 = 2."""
    facts = target_facts(VALUES)
    assert facts == {"task": "regression", "target_mean": [4.0], "target_std": [pytest.approx(2**0.5)]}
    assert scaled(VALUES, facts).labels == pytest.approx((Y - 4) / 2**0.5)
    assert unscaled(np.array([[0.0], [1.0]]), facts) == pytest.approx(np.array([[4], [4 + 2**0.5]]))
    assert VALUES.labels.tolist() == Y.tolist()
    assert output_names(facts) == ["0"] and output_names({"class_names": ["a", "b"]}) == ["a", "b"]
    assert scaled(CLASSES, target_facts(CLASSES)) is CLASSES
    with pytest.raises(DataError, match="all targets in column 0 are 4"):
        target_facts(ArrayDataset(X, np.full((4, 1), 4.0)))


@pytest.mark.parametrize(("share", "sizes"), [(None, (20, 4)), (0, (20, None)), (0.2, (16, 4))])
def test_validation_is_the_test_data_none_or_a_share(share, sizes):
    data = ArrayDataset(np.zeros((20, 2)), np.arange(20) % 2)
    rest, valid = split_parts({"val_split": share, "seed": 0}, data, CLASSES)
    assert (len(rest), None if valid is None else len(valid)) == sizes


def test_too_few_to_validate_on():
    with pytest.raises(DataError, match="4 samples are too few to hold out 10% .*--val-split 0 does without"):
        split_parts({"val_split": 0.1, "seed": 0}, CLASSES, CLASSES)
