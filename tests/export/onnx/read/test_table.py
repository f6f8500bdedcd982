"""Op: the attributes of a node and what is said of it."""

import numpy as np
import pytest

import tinydl.export.onnx.read.shapes  # noqa: F401  (its rows)
from tinydl.export.onnx.read.table import Op, bounded, numbers_of
from tinydl.tensor import Tensor


def test_attributes_and_messages():
    op = Op("Conv", "", ["x", "w"], ["y"], {"group": 2}, 17)
    assert op["group"] == 2 and op.get("pads", [0]) == [0]
    with pytest.raises(ValueError, match=r"^from_onnx: Conv \(y\) is odd; leave it$"):
        op.refuse("is odd", "leave it")
    assert numbers_of(op, [1, 2], "axes") == [1, 2] and numbers_of(op, None, "axes") is None
    with pytest.raises(ValueError, match="takes axes from values that the network computes"):
        numbers_of(op, Tensor([1.0]), "axes")


def test_what_does_not_fit_and_what_is_too_large():
    with pytest.raises(ValueError, match=r"Concat \(y\) cannot be computed: KeyError: 'axis'"):
        Op("Concat", "", ["a"], ["y"], {}, 17).read([np.zeros(3, np.int64)])
    op = Op("ConstantOfShape", "", ["s"], ["y"], {}, 17)
    assert bounded(op, [2**28 - 1]) == [2**28 - 1]
    for lengths in ([2**28], [2**40, 2**40], [-1]):
        with pytest.raises(ValueError, match=r"makes a constant of shape .*; a file holds less than 2 GB"):
            bounded(op, lengths)
