"""Upsample, Unfold and Fold."""

import pytest

import tinydl as td
from tinydl import nn


def test_each_is_its_operation():
    x = td.randn(2, 3, 4, 5)
    assert td.equal(nn.Upsample(scale_factor=2)(x), td.ops.interpolate(x, scale_factor=2))
    assert td.equal(nn.Upsample((3, 3), mode="bilinear", align_corners=True)(x),
                    td.ops.interpolate(x, (3, 3), mode="bilinear", align_corners=True))
    columns = nn.Unfold(2, stride=2)(x)
    assert td.equal(columns, td.ops.unfold(x, 2, stride=2)) and columns.shape == (2, 12, 4)
    assert td.equal(nn.Fold((4, 5), 2, stride=2)(columns)[..., :4], x[..., :4])
    assert repr(nn.Upsample(scale_factor=2)) == "Upsample(scale_factor=2.0, mode='nearest')"


def test_refused():
    with pytest.raises(ValueError, match="one of size and scale_factor, got None and None"):
        nn.Upsample()
