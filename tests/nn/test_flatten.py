"""Flatten keeps the logical order whatever the memory; Unflatten undoes it."""

import numpy as np
import pytest

from tinydl import layout, nn

X = np.arange(24.0).reshape(2, 3, 4, 1)


def test_the_order_is_that_of_the_shape_not_of_memory():
    for x in (X, layout.channels_last(X)):
        assert nn.Flatten()(x).data.tolist() == [list(range(12)), list(range(12, 24))]


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.Flatten(), (2, 12)), (nn.Flatten(2), (2, 3, 4)), (nn.Flatten(0, 1), (6, 4, 1)), (nn.Flatten(0), (24,)),
    (nn.Flatten(-2, -1), (2, 3, 4)), (nn.Unflatten(1, (3, 1)), (2, 3, 1, 4, 1)),
    (nn.Unflatten(2, (2, 2)), (2, 3, 2, 2, 1)), (nn.Unflatten(2, (-1, 4)), (2, 3, 1, 4, 1))], ids=repr)
def test_shapes(layer, shape):
    assert layer(X).shape == shape
    assert np.array_equal(layer(X).data.reshape(-1), X.reshape(-1))


@pytest.mark.parametrize("layer", [nn.Flatten(2, 1), nn.Flatten(7), nn.Unflatten(1, (2, 2))], ids=repr)
def test_what_does_not_fit_is_refused(layer):
    with pytest.raises(ValueError, match=r"axis|shape|axes|length"):
        layer(X)
