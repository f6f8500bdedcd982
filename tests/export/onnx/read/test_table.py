"""Op: the attributes of a node and what is said of it."""

import pytest

from tinydl.export.onnx.read.table import Op, numbers_of
from tinydl.tensor import Tensor


def test_attributes_and_messages():
    op = Op("Conv", "", ["x", "w"], ["y"], {"group": 2}, 17)
    assert op["group"] == 2 and op.get("pads", [0]) == [0]
    with pytest.raises(ValueError, match=r"^from_onnx: Conv \(y\) is odd; leave it$"):
        op.refuse("is odd", "leave it")
    assert numbers_of(op, [1, 2], "axes") == [1, 2] and numbers_of(op, None, "axes") is None
    with pytest.raises(ValueError, match="takes axes from values that the network computes"):
        numbers_of(op, Tensor([1.0]), "axes")
