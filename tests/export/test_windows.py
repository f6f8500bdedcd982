"""Sums, maxima and means over windows, literal numbers."""

import numpy as np

from tinydl.export import windows
from tinydl.export.program import Step
from tinydl.ops.geometry import ConvGeometry, PoolGeometry

# One row of 5 entries and one channel; windows of 2 with stride 2, one entry of padding in front.
SIGNAL = np.array([[1.0, 2, 3, 4, 5]])


def pool(ceil, padding=1):
    return PoolGeometry.of((1, 1, 5), (2,), (2,), (padding,), (1,), ceil)


def test_a_convolution():
    geometry = ConvGeometry.of((1, 1, 5), (2, 1, 2), (2,), (1,), (2,), 1)
    weight = np.array([[1.0, 10], [0, 1]]).reshape(2, 1, 2, 1)
    # entries -1 and 1, 1 and 3, 3 and 5
    assert windows.convolved(SIGNAL, weight, geometry).tolist() == [[20, 2, 42, 4, 4, 0]]


def test_groups_and_depthwise():
    x = np.array([[1.0, 2, 3, 4]])  # one pixel of 4 channels
    grouped = ConvGeometry.of((1, 4, 1, 1), (2, 2, 1, 1), (1, 1), (0, 0), (1, 1), 2)
    assert windows.convolved(x, np.array([[1.0, 1], [1, -1]]).reshape(2, 1, 1, 2), grouped).tolist() == [[3, -1]]
    each = ConvGeometry.of((1, 4, 1, 1), (4, 1, 1, 1), (1, 1), (0, 0), (1, 1), 4)
    assert windows.convolved(x, np.arange(4.0).reshape(4, 1, 1, 1), each).tolist() == [[0, 2, 6, 12]]


def test_pools():
    assert windows.pooled(SIGNAL, pool(False), np.max, -np.inf).tolist() == [[1, 3, 5]]
    assert windows.pooled(SIGNAL, pool(True, 0), np.sum, 0).tolist() == [[3, 7, 5]]


def test_what_counts():
    assert windows.counts(pool(False), True).tolist() == [2, 2, 2]
    assert windows.counts(pool(False), False).tolist() == [1, 2, 2]
    assert windows.counts(pool(True, 0), True).tolist() == [2, 2, 1]


def test_a_copy():
    y = np.zeros((1, 8))
    step = Step("copy", 0, 1, axes=[(2, 1, 3), (2, 2, 1)], x_at=0, y_at=1)
    windows.copied(np.array([[1.0, 2, 3, 4]]), y, step)
    assert y.tolist() == [[0, 1, 3, 0, 2, 4, 0, 0]]
