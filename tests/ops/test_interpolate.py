"""Images of another size: literal values, gradients, what is refused."""

import numpy as np
import pytest

import tinydl as td


def test_literal_values(gradcheck):
    x = td.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert td.ops.interpolate(x, scale_factor=2).tolist()[0][0][:2] == [[1, 1, 2, 2], [1, 1, 2, 2]]
    assert td.ops.interpolate(x, (1, 2)).tolist() == [[[[1, 2]]]]
    line = td.tensor([[[0.0, 4.0]]])
    # Places (k + 1/2) / 2 - 1/2: -1/4 -> 0, 1/4, 3/4, 5/4 -> 1; with corners 0, 1/3, 2/3, 1
    np.testing.assert_allclose(td.ops.interpolate(line, 4, mode="linear").data, [[[0, 1, 3, 4]]], rtol=1e-6)
    np.testing.assert_allclose(td.ops.interpolate(line, 4, mode="linear", align_corners=True).data,
                               [[[0, 4 / 3, 8 / 3, 4]]], rtol=1e-6)
    y = td.ops.interpolate(x, 3, mode="bilinear", align_corners=True)
    assert y.tolist() == [[[[1, 1.5, 2], [2, 2.5, 3], [3, 3.5, 4]]]]
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    gradcheck(lambda x: td.ops.interpolate(x, (7, 3)), images)
    gradcheck(lambda x: td.ops.interpolate(x, scale_factor=1.6, mode="bilinear"), images)


def test_what_is_infinite_stays_at_its_place():
    x = td.tensor([[[np.inf, 0.0, 1.0]]])
    assert td.ops.interpolate(x, 6).tolist() == [[[np.inf, np.inf, 0, 0, 1, 1]]]


@pytest.mark.parametrize(("options", "message"), [
    ({}, "one of size and scale_factor, got None and None"), ({"size": 3, "scale_factor": 2}, "one of size"),
    ({"size": 0}, "must be at least 1"), ({"size": 3, "mode": "linear"}, "'nearest' or 'bilinear', got 'linear'"),
    ({"scale_factor": 0.1}, "lengths must be positive"), ({"scale_factor": (1, 2, 3)}, "a number or 2 of them")])
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        td.ops.interpolate(td.zeros(1, 1, 4, 4), **options)
