"""Steps on rows: what comes when, by hand."""

import numpy as np

from tinydl.export.program import Step
from tinydl.export.rows import Map, Shift, Windows
from tinydl.ops.geometry import ConvGeometry, PoolGeometry


def column(*numbers):
    return np.float32(numbers).reshape(-1, 1)


def filters(stride, dilation=1):
    """y[t] = x[s t] + 10 x[s t + d] + 0.5 of one channel, then ReLU."""
    geometry = ConvGeometry.of((1, 1, 9, 1), (1, 1, 2, 1), (stride, 1), (0, 0), (dilation, 1), 1)
    step = Step("conv", 0, 1, relu=True, weight=np.float32([1, 10]).reshape(1, 2, 1, 1), bias=np.float32([0.5]))
    return Windows(step, geometry, stride)


def test_a_convolution_keeps_what_it_needs():
    step = filters(1)
    assert step(column(1), None).shape == (0, 1)
    assert step(column(2, 3), None).tolist() == [[21.5], [32.5]]
    assert step(column(-9), None).tolist() == [[0]]
    step.reset()
    assert step(column(5), None).shape == (0, 1)


def test_rows_between_windows_are_left_out():
    step, found = filters(4), []
    for k in range(1, 12):  # windows are 1 2, 5 6, 9 10
        found += step(column(k), None).tolist()
    assert found == [[21.5], [65.5], [109.5]]
    step.reset()
    assert step(column(*range(1, 12)), None).tolist() == found


def test_a_sum_waits_for_both():
    step = filters(1)
    assert step(column(1, 1, 1), column()).shape == (0, 1)
    assert step(column(1), column(100, 200, 300, 400)).tolist() == [[111.5], [211.5], [311.5]]
    assert step(column(1), column()).tolist() == [[411.5]]


def test_pools():
    geometry = PoolGeometry.of((1, 1, 8, 2), (3, 2), (2, 2), (0, 0), (1, 1), False)
    rows = np.float32([[1, 2], [3, 4], [5, 6], [7, 8], [9, 0]])
    for kind, expected in (("max", [[6], [9]]), ("mean", [[3.5], [35 / 6]])):
        step = Windows(Step(kind, 0, 1, include=True), geometry, 2)
        assert step(rows[:2], None).shape == (0, 1)
        np.testing.assert_allclose(step(rows[2:], None), expected, rtol=1e-6)


def test_shifts_and_maps():
    before, after = Shift(2, 0, 7.0, 1), Shift(0, 2, 0.0, 1)
    assert before(column(), None).tolist() == [[7], [7]] and before(column(1), None).tolist() == [[1]]
    assert after(column(1), None).shape == (0, 1) and after(column(2, 3), None).tolist() == [[3]]
    assert Map(Step("map", 0, 1, name="relu6", parameter=0.0))(column(-1, 8), None).tolist() == [[0], [6]]
