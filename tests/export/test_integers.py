"""Integers: scales, factors, and steps beside formulas in Python's own integers."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tinydl.export import integers
from tinydl.export.integers import Scale, integer_step
from tinydl.export.program import Program, Step
from tinydl.ops.geometry import ConvGeometry, PoolGeometry

rng = np.random.default_rng(0)


def test_scales():
    assert Scale.of(0, 255) == (1.0, -128) and Scale.of(-255, 0) == (1.0, 127) and Scale.of(0, 0) == (1.0, -128)
    scale = Scale.of(-1, 1.55)
    assert scale.scale == pytest.approx(0.01) and scale.zero == -28
    assert scale.integers(np.float32([0, 0.014, -5, 5, np.nan, np.inf])).tolist() == [-28, -27, -128, 127, -28, 127]
    assert scale.values(np.int8([-28, 72])) == pytest.approx([0, 1])


@pytest.mark.parametrize("numbers", [[0.3], [1.0], [1e-6, 0.999999999999], [1e-25], [12345.6, 3e-3]])
def test_factors(numbers):
    found, shift = integers._factors(*numbers)
    assert 1 <= shift <= 62 and max(found) < 2**31
    for integer, number in zip(found, numbers, strict=True):
        assert abs(integer - Fraction(number) * 2**shift) <= Fraction(1, 2)
    assert max(found) >= 2**29 or shift == 62


def result(v, step):
    """zero + floor(v / 2^shift + 1/2), clamped."""
    return min(127, max(step.low, step.y_zero + math.floor(Fraction(v, 2**step.shift) + Fraction(1, 2))))


@pytest.mark.parametrize("groups, relu", [(1, True), (2, False), (4, True)])
def test_a_convolution_in_pythons_integers(groups, relu):
    geometry = ConvGeometry.of((1, 4, 5, 4), (4, 4 // groups, 3, 2), (2, 1), (1, 1), (1, 2), groups)
    weight = rng.normal(size=(4, 3, 2, 4 // groups)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float32)
    step = Step("conv", 0, 2, 1, relu, geometry, weight=weight, bias=bias)
    made = integer_step(step, [Scale(0.02, 5), Scale(0.03, -7), Scale(0.05, -20)])
    x = rng.integers(-128, 128, (1, 80)).astype(np.int8)
    r = rng.integers(-128, 128, (1, geometry.P * geometry.Q * 4)).astype(np.int8)
    g, expected = geometry, []
    image = x.reshape(5, 4, 4).astype(int)
    for p in range(g.P):
        for q in range(g.Q):
            for o in range(4):
                total = int(made.bias[o])
                for i in range(3):
                    for j in range(2):
                        row, col = 2 * p - 1 + i, q - 1 + 2 * j
                        if 0 <= row < 5 and 0 <= col < 4:
                            for c in range(4 // groups):
                                channel = o // (4 // groups) * (4 // groups) + c
                                total += (image[row, col, channel] - 5) * int(made.weight[o, i, j, c])
                v = total * int(made.multiplier[o]) + (int(r[0, (p * g.Q + q) * 4 + o]) + 7) * made.residual_multiplier
                expected.append(result(v, made))
    got = with_residual(made, x, r)
    assert got.tolist() == expected and len(set(expected)) > 15


def with_residual(made, x, r):
    """The step's result where stores 0 and 1 hold x and r: both come out of one input."""
    both = np.concatenate([x, r], axis=1)
    n, m = x.shape[1], r.shape[1]

    def part(y, at, size):
        return Step("copy", 3, y, axes=[(size, 1, 1)], x_at=at, y_at=0, fill=None, plain=True)

    steps = Program([part(0, 0, n), part(1, n, m), made], [n, m, m, n + m], 3, 2, (n + m,), (m,), "net")
    return integers.run(steps, both)[0]


def test_means_in_pythons_integers():
    geometry = PoolGeometry.of((1, 2, 5, 5), (3, 3), (2, 2), (1, 1), (1, 1), False)
    made = integer_step(Step("mean", 0, 1, geometry=geometry, include=False), [Scale(0.02, 9), Scale(0.013, -30)])
    x = rng.integers(-128, 128, (1, 50)).astype(np.int8)
    image, expected = x.reshape(5, 5, 2).astype(int), []
    for p in range(3):
        for q in range(3):
            rows, cols = slice(max(2 * p - 1, 0), 2 * p + 2), slice(max(2 * q - 1, 0), 2 * q + 2)
            for c in range(2):
                taken = image[rows, cols, c]
                part = (made.multiplier + taken.size // 2) // taken.size
                expected.append(result(int((taken - 9).sum()) * part, made))
    steps = Program([made], [50, 18], 0, 1, (2, 5, 5), (2, 3, 3), "net")
    assert integers.run(steps, x)[0].tolist() == expected


def test_an_activation_is_a_table():
    made = integer_step(Step("map", 0, 1, name="sigmoid", parameter=0.0), [Scale(0.05, 0), Scale(1 / 256, -128)])
    assert made.table[[0, 128, 255]].tolist() == [-128, 0, 127]
    assert made.table[128 + 20] == round(256 / (1 + math.exp(-1.0))) - 128


def test_sums_that_are_no_int32_are_refused():
    K = 70_000
    geometry = ConvGeometry(1, K, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1)
    step = Step("conv", 0, 1, geometry=geometry, weight=np.ones((1, 1, 1, K), np.float32), bias=np.zeros(1, np.float32))
    with pytest.raises(ValueError, match="a layer of 70,000 inputs can sum up to .* no int32"):
        integer_step(step, [Scale(1.0, -128), Scale(1.0, 0)])


def test_a_channel_without_weights_keeps_its_bias():
    geometry = ConvGeometry(1, 1, 1, 1, 2, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1)
    step = Step("conv", 0, 1, geometry=geometry, weight=np.zeros((2, 1, 1, 1), np.float32), bias=np.float32([3.0, 0.0]))
    made = integer_step(step, [Scale(0.01, 0), Scale(0.1, -10)])
    steps = Program([made], [1, 2], 0, 1, (1,), (2,), "net")
    assert integers.run(steps, np.int8([[50]])).tolist() == [[20, -10]]
